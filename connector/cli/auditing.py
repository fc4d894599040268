"""`audit`: what admins did, and who listened to recordings."""

from __future__ import annotations

from pathlib import Path

import click as cli

from connector.cli import show
from connector.cli.opening import json_option, manifest_option, opened_house
from connector.journal import audit


@cli.command("audit")
@cli.option("--last", default=50, show_default=True, type=cli.IntRange(1, 10_000))
@cli.option("--what", help="Only acts of this kind: listen, forget, replay…")
@manifest_option
@json_option
def audit_command(last: int, what: str | None, manifest: Path, as_json: bool) -> None:
    """What admins did and who listened, the newest first: who, when, about what."""
    with opened_house(manifest) as house:
        acts = audit.latest(house.journal, last, what)
    if as_json:
        show.as_json([show.act(act) for act in acts])
        return
    if not acts:
        cli.echo("Nothing was done yet.")
    for act in acts:
        cli.echo(f"{show.clock(act.at)}  {act.who}  {act.what:<8} {act.about:<24}  {act.detail}".rstrip())
