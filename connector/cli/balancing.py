"""`balance`: a day of CallerDesk's call report against the journal and the CRMs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click as cli

from connector import balance
from connector.cli import show
from connector.cli.opening import json_option, manifest_option, opened_house
from connector.redact import scrub


@cli.command("balance")
@cli.argument("day", metavar="[DATE]", type=cli.DateTime(["%Y-%m-%d"]), required=False)
@cli.option("--live", is_flag=True, help="Also look for each activity in its CRM, where it can be searched.")
@manifest_option
@json_option
def balance_command(day: datetime | None, live: bool, manifest: Path, as_json: bool) -> None:
    """Compare a day (else yesterday) with CallerDesk's report and the CRMs; exit 1 if a person must look."""
    with opened_house(manifest) as house:
        wanted = day.date() if day else _yesterday(house.journal.now())
        found = balance.of_day(house.journal, house.callerdesk, house.connections, wanted, live=live)
    show.as_json(_plain(found)) if as_json else _echo(found)
    if not found.ok:
        raise cli.exceptions.Exit(1)


def _yesterday(now: datetime) -> date:
    return now.astimezone(show.INDIA).date() - timedelta(days=1)


def _plain(found: balance.Balance) -> dict[str, object]:
    return {
        "ok": found.ok,
        "day": found.day.isoformat(),
        "reported": found.rows,
        "calls": found.calls,
        "matched": found.matched,
        "forgotten": found.forgotten,
        "differences": [
            {
                "code": each.code,
                "needs_person": each.needs_person,
                "call": each.call,
                "sentence": scrub(each.sentence),
            }
            for each in found.differences
        ],
    }


def _echo(found: balance.Balance) -> None:
    cli.echo(
        f"{found.day}: CallerDesk reports {found.rows} calls, {found.calls} were dialled here, "
        f"{found.matched} of them are in the report."
    )
    for each in sorted(found.differences, key=lambda each: not each.needs_person):
        cli.echo(f"{'MEND' if each.needs_person else 'note'}  {each.code}: {scrub(each.sentence)}")
    if not found.differences:
        cli.echo("ok    everything agrees")
