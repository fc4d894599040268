"""The commands: each opens what it needs, prints text or JSON, and exits 0 fine, 1 not, 2 usage."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click as cli

from connector import __version__, redact, settings
from connector.assembly import House, build
from connector.cli import auditing, balancing, checking, personal, show
from connector.cli.opening import admin, fail, json_option, manifest_option, opened_house
from connector.errors import ConfigError, ConnectorError
from connector.forecast import Forecast
from connector.journal import audit, listening
from connector.model import Call, Click, State
from connector.server import PORT_PATIENCE, listen
from connector.server import serve as serve_forever


@cli.group()
@cli.version_option(__version__, prog_name="connector")
@cli.option("--log-level", default="INFO", show_default=True, help="DEBUG, INFO, WARNING or ERROR.")
def main(log_level: str) -> None:
    """One click in any CRM, one CallerDesk call, one activity on the record."""
    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise cli.UsageError(f"{log_level!r} is no log level: take DEBUG, INFO, WARNING or ERROR")
    redact.install(level)
    # Alembic tells of every look at the schema; only what changes matters here.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Waitress warns of every request that waits for a thread, however shortly.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


@main.command("demo")
@cli.option("--once", is_flag=True, help="Click once, print the story, end.")
@cli.option("--port", default=8080, show_default=True, help="Port of the sandbox CRM's pages.")
@json_option
def demo_command(once: bool, port: int, as_json: bool) -> None:
    """Run the connector between a sandbox CallerDesk and a sandbox CRM."""
    from connector.cli import demo  # only the demo needs the sandbox

    sys.exit(demo.run(once=once, port=port, as_json=as_json))


@main.command()
@manifest_option
@cli.option("--host", default="127.0.0.1", show_default=True)
@cli.option("--port", default=8000, show_default=True)
@cli.option("--workers", default=1, show_default=True, type=cli.IntRange(1, 64), help="Processes.")
def serve(manifest: Path, host: str, port: int, workers: int) -> None:
    """Serve clicks and CallerDesk's webhooks until told to stop."""
    try:
        loaded = settings.load(manifest)
        build(loaded).close()
    except ConnectorError as error:
        fail(error)
    try:
        listening = listen(host, port, patience=PORT_PATIENCE)
    except OSError as error:
        fail(ConnectorError("cannot_listen", f"Cannot listen on {host}:{port}: {error.strerror}."))
    address, bound = listening.getsockname()[:2]
    logging.getLogger("connector").info("serving on http://%s:%s", address, bound)
    try:
        sys.exit(serve_forever(loaded, listening, workers))
    except ConnectorError as error:
        fail(error)


@main.command()
@manifest_option
@cli.option("--live", is_flag=True, help="Also ask the CRMs and CallerDesk.")
@json_option
def check(manifest: Path, live: bool, as_json: bool) -> None:
    """Check the manifest and every mapping; with --live also credentials, fields and members."""
    try:
        loaded = settings.load(manifest)
        house = build(loaded)
    except ConfigError as error:
        if as_json:
            show.as_json({"ok": False, "problems": [str(problem) for problem in error.problems]})
            raise cli.exceptions.Exit(1) from None
        fail(error)
    findings = checking.warnings(house) + (checking.live(house) if live else [])
    if as_json:
        show.as_json(checking.plain(findings))
    else:
        checking.echo(house, findings)
    house.close()
    if not all(finding.ok for finding in findings):
        raise cli.exceptions.Exit(1)


@main.command()
@cli.argument("connection")
@cli.argument("object")
@cli.argument("id")
@cli.option("--user", help="Id, e-mail or login of the person who would click.")
@cli.option("--source", type=cli.Choice(["button", "rule"]), default="button", show_default=True)
@manifest_option
@json_option
def plan(
    connection: str, object: str, id: str, user: str | None, source: str, manifest: Path, as_json: bool
) -> None:
    """Show the whole call plan of a record without ringing anybody."""
    from connector.cli import planning

    with opened_house(manifest) as house:
        if connection not in house.connections:
            raise cli.UsageError(f"no connection {connection!r}; known: {', '.join(house.connections)}")
        found = planning.dry_run(house, connection, object, id, user, source)
        show.as_json(found) if as_json else planning.echo(found)
    if not found["would_ring"]:
        raise cli.exceptions.Exit(1)


@main.command()
@cli.argument("file", type=cli.Path(exists=True, dir_okay=False, path_type=Path))
@cli.option(
    "--last", default=200, show_default=True, type=cli.IntRange(1, 10_000), help="Clicks to look back."
)
@cli.option("--connection", help="Connection whose clicks are taken; needed when several use that CRM.")
@manifest_option
@json_option
def backtest(file: Path, last: int, connection: str | None, manifest: Path, as_json: bool) -> None:
    """Show what an edited mapping would have changed for the last clicks."""
    from connector.cli import planning

    with opened_house(manifest) as house:
        found = planning.backtest(house, file, last, connection)
        show.as_json(found) if as_json else planning.echo_backtest(found)


@main.group()
def calls() -> None:
    """List, explain, cancel and replay calls."""


@calls.command("list")
@cli.option("--last", default=50, show_default=True, type=cli.IntRange(1, 10_000))
@cli.option("--state", type=cli.Choice([state.value for state in State]))
@cli.option("--connection")
@manifest_option
@json_option
def list_calls(last: int, state: str | None, connection: str | None, manifest: Path, as_json: bool) -> None:
    """The newest calls first."""
    with opened_house(manifest) as house:
        found = house.journal.latest(last, connection=connection, state=State(state) if state else None)
        found = [house.recordings.shown(call) for call in found]
        forecast = Forecast(house.journal, house.connections)
        places = {call.id: place for call in found if (place := forecast.place(call)) is not None}
        if as_json:
            show.as_json([show.plain(call, places.get(call.id)) for call in found])
        else:
            show.table(found, places)


@calls.command("show")
@cli.argument("id")
@manifest_option
@json_option
def show_call(id: str, manifest: Path, as_json: bool) -> None:
    """The story of one call: who asked, how each number was chosen, what came of it."""
    with opened_house(manifest) as house:
        call = house.recordings.shown(_call(house, id))
        place = Forecast(house.journal, house.connections).place(call)
        events, listened = house.journal.story(id), listening.listened(house.journal, id)
        if as_json:
            told = {"events": [show.event(event) for event in events]}
            show.as_json(show.plain(call, place) | told | {"listened": [show.act(act) for act in listened]})
        else:
            show.story(call, events, listened, place)


@calls.command("cancel")
@cli.argument("id")
@manifest_option
def cancel(id: str, manifest: Path) -> None:
    """Cancel a call that has not been dialled yet."""
    with opened_house(manifest) as house:
        _call(house, id)
        how = "cancelled on the command line"
        house.flow.verdicts.cancel(id, who="admin", detail=how, on_behalf_of=admin())
        cli.echo(f"Call {id} is cancelled; nobody was rung.")


@calls.command("replay")
@cli.argument("id")
@manifest_option
def replay(id: str, manifest: Path) -> None:
    """Write a call's activity to the CRM again. This cannot ring anybody."""
    with opened_house(manifest) as house:
        call = _call(house, id)
        if call.wanted == 0:
            raise ConnectorError(
                "nothing_to_write", f"Call {id} is {call.state}: it has nothing for the CRM."
            )
        house.journal.want_write(call)
        audit.record(house.journal, admin(), "replay", id)
        house.flow.timeline.log(call.id)
        call = _call(house, id)
        if call.written < call.wanted:
            raise ConnectorError("not_written", f"The CRM did not take it: {call.write_error}")
        if call.activity_id is None:
            cli.echo(f"Call {id} is not on the CRM record yet: this CRM is told when the call is over.")
        else:
            cli.echo(f"Call {id} is on the CRM record as activity {call.activity_id}.")


def _call(house: House, call_id: str) -> Call:
    call = house.journal.get(call_id)
    if call is None:
        raise ConnectorError(
            "unknown_call", f"There is no call {call_id[:60]!r}: `connector calls list` shows them."
        )
    return call


@main.command()
@manifest_option
@json_option
def doctor(manifest: Path, as_json: bool) -> None:
    """Say what needs a person: stuck rows, dead letters, unknowns, broken edits; exit 1 if any."""
    with opened_house(manifest) as house:
        found = checking.doctor(house)
        show.as_json(checking.plain(found)) if as_json else checking.echo(house, found)
    if not all(finding.ok for finding in found):
        raise cli.exceptions.Exit(1)


@main.command()
@manifest_option
def pause(manifest: Path) -> None:
    """Stop all dialling, in every process, until `resume`."""
    with opened_house(manifest) as house:
        house.journal.set_flag("paused", "command line")
        audit.record(house.journal, admin(), "pause")
        cli.echo("Paused: clicks are answered with a refusal and nobody is rung.")


@main.command()
@manifest_option
def resume(manifest: Path) -> None:
    """Let calls be dialled again."""
    with opened_house(manifest) as house:
        house.journal.set_flag("paused", None)
        audit.record(house.journal, admin(), "resume")
        cli.echo("Resumed.")


for command in (
    auditing.audit_command,
    balancing.balance_command,
    personal.forget,
    personal.export,
    personal.erase,
):
    main.add_command(command)

__all__ = ["Click", "main"]
