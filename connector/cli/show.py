"""Calls in an admin's words, on a terminal or as JSON. Numbers are masked everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click as cli

from connector.forecast import Place
from connector.journal.audit import Act
from connector.mapping import call_words
from connector.model import Call, Event
from connector.redact import mask, scrub, scrub_value

INDIA = ZoneInfo("Asia/Kolkata")


def as_json(value: Any) -> None:
    """Print plain data as JSON."""
    cli.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def clock(moment: datetime | None) -> str:
    """A time as people in India read it."""
    return moment.astimezone(INDIA).strftime("%d %b %Y %H:%M:%S") if moment else "—"


def party(number: str) -> str:
    """A number masked, or the word in the place of one that was forgotten."""
    return mask(number) or number


def plain(call: Call, place: Place | None = None) -> dict[str, Any]:
    """One call as plain data, and where it waits if it does."""
    plan, ending = call.plan, call.ending
    return {
        "call": call.id,
        "connection": call.connection,
        "object": call.click.object,
        "id": call.click.record_id,
        "user": call.click.user,
        "source": call.click.source.value,
        "state": call.state.value,
        "code": call.code,
        "message": call.message,
        "customer": party(plan.customer) if plan else None,
        "member": party(plan.member) if plan else None,
        "accepted_at": call.accepted_at.isoformat(),
        "dialled_at": call.dialled_at.isoformat() if call.dialled_at else None,
        "campid": call.campid,
        "outcome": ending.outcome.value if ending else None,
        "talk_seconds": ending.talk_seconds if ending else None,
        "recording_url": ending.recording_url if ending else None,
        "activity": call.activity_id,
        "on_record": call.activity_id is not None and call.written >= call.wanted,
        "write_error": call.write_error,
        "mapping_version": call.mapping_version,
        "line": place.plain() if place else None,
    }


def event(event: Event) -> dict[str, Any]:
    """One line of a story as plain data."""
    return {
        "at": event.at.isoformat(),
        "from": event.from_state.value if event.from_state else None,
        "to": event.to_state.value,
        "who": event.who,
        "detail": scrub(event.detail),
    }


def table(calls: Sequence[Call], places: Mapping[str, Place]) -> None:
    """One line a call; behind it where it waits, if it does."""
    if not calls:
        cli.echo("No calls yet.")
    for call in calls:
        ending = call.ending.outcome.value if call.ending else call.code or ""
        who = f"{call.click.object} {call.click.record_id}"
        waits = f"  {places[call.id].text}" if call.id in places else ""
        cli.echo(f"{call.id}  {clock(call.accepted_at)}  {call.state.value:<10} {ending:<22} {who}{waits}")


def act(act: Act) -> dict[str, str]:
    """One line of the audit as plain data."""
    return {
        "at": act.at.isoformat(),
        "who": act.who,
        "what": act.what,
        "about": act.about,
        "detail": act.detail,
    }


def story(
    call: Call, events: Sequence[Event], listened: Sequence[Act] = (), place: Place | None = None
) -> None:
    """Everything about one call, in the order it happened, and who listened to it."""
    click, plan = call.click, call.plan
    asked = f"{click.user} pressed the button" if click.user else f"a {click.source.value} asked"
    cli.echo(f"Call {call.id}: {call.state.value}" + (f" ({call.code})" if call.code else ""))
    cli.echo(
        f"  {clock(call.accepted_at)}  {asked} for {click.object} {click.record_id} of {call.connection}"
    )
    if call.message:
        cli.echo(f"  {scrub(call.message)}")
    if place:
        cli.echo(f"  {place.text}")
    if plan:
        cli.echo(f"\nHow it was decided (mapping version {call.mapping_version}):")
        for choice in plan.trace:
            cli.echo(f"  {choice.word:<16} {choice.path:<26} {scrub(choice.value):<16} {choice.verdict}")
        cli.echo(f"  so the customer is {party(plan.customer)} and the member {party(plan.member)}")
    cli.echo("\nWhat happened:")
    for each in events:
        cli.echo(f"  {clock(each.at)}  {each.to_state.value:<10} {each.who}: {scrub(each.detail)}")
    if call.ending:
        words = call_words(call)
        cli.echo(f"\nHow it ended: {words['outcome_text']}, talk time {call.ending.talk_seconds or 0} s")
    if listened:
        cli.echo("\nWho listened to the recording:")
    for heard in listened:
        cli.echo(f"  {clock(heard.at)}  {heard.who}  {heard.detail}")
    cli.echo(f"\nOn the CRM record: {on_record(call)}")


def on_record(call: Call) -> str:
    """Where the activity stands."""
    if call.wanted == 0:
        return "nothing was written"
    if call.written >= call.wanted and call.activity_id is None:
        return "nothing yet: this CRM is told when the call is over"
    if call.written >= call.wanted:
        return f"activity {call.activity_id} is up to date"
    if call.write_dead:
        return f"given up: {call.write_error} (`connector calls replay {call.id}` writes it; it cannot ring)"
    return f"behind, next try {clock(call.write_due_at)}" + (
        f": {call.write_error}" if call.write_error else ""
    )


def masked(value: Any) -> Any:
    """Plain data with every full number and secret taken out."""
    return scrub_value(value)
