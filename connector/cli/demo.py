"""`demo`: the connector between a sandbox CallerDesk and a sandbox CRM, for a person or by itself."""

from __future__ import annotations

import logging
import threading
from typing import Any

import click as cli

from connector.cli import show
from connector.model import Call
from connector.sandbox.stage import Stage

#: The contact who picks up and talks.
_CONTACT = "1"
#: A click's whole life takes two to three seconds at demo speed.
_PATIENCE = 12.0


def run(*, once: bool, port: int, as_json: bool) -> int:
    """Run the demo; the exit code."""
    if once:
        logging.getLogger().setLevel(logging.WARNING)
        with Stage() as stage:
            return _once(stage, as_json)
    try:
        stage = Stage(port=port)
    except OSError:
        stage = Stage()
    with stage:
        cli.echo(f"\n  The sandbox CRM is at {stage.crm.base_url} : open it and press Call on a contact.")
        cli.echo(f"  The connector is at {stage.url} ; nothing leaves this machine and no phone rings.")
        cli.echo("  Stop with Ctrl+C.\n")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            cli.echo("Stopped.")
    return 0


def _once(stage: Stage, as_json: bool) -> int:
    pressed = stage.crm.click(_CONTACT, "u1")
    done = stage.crm.wait_for(
        lambda found: len(found) == 1 and found[0].get("outcome") is not None, timeout=_PATIENCE
    )
    call_id = str(pressed.body.get("call"))
    # The CRM has the outcome a moment before the journal has noted so.
    for _ in range(100):
        call = stage.house.journal.get(call_id)
        if call is None or (call.wanted and call.written >= call.wanted):
            break
        threading.Event().wait(0.02)
    gets, activities = len(stage.callerdesk.dials), stage.crm.activities
    fine = done and call is not None and gets == 1 and len(activities) == 1
    if as_json:
        show.as_json(_plain(fine, pressed.sentence, call, gets, activities, stage))
    elif call is None:
        cli.echo(f"The click was answered with {pressed.status}: {pressed.sentence}")
    else:
        cli.echo(f"The CRM user pressed Call and read: {pressed.sentence}\n")
        show.story(call, stage.house.journal.story(call_id))
        cli.echo(f"\nCallerDesk was asked {gets} time(s); the CRM holds {len(activities)} activity:")
        for name, value in (activities[0] if activities else {}).items():
            cli.echo(f"  {name}: {show.masked(value)}")
    return 0 if fine else 1


def _plain(
    fine: bool,
    sentence: str,
    call: Call | None,
    gets: int,
    activities: list[dict[str, Any]],
    stage: Stage,
) -> dict[str, Any]:
    return {
        "ok": fine,
        "message": sentence,
        "gets": gets,
        "activities": len(activities),
        "activity": show.masked(activities[0]) if activities else None,
        "call": show.plain(stage.house.recordings.shown(call)) if call else None,
        "events": [show.event(event) for event in stage.house.journal.story(call.id)] if call else [],
    }
