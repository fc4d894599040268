"""The words a mapping may read of a call, a click and an activity: closed lists, units in their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector import redact
from connector.mapping.story import INDIA, OUTCOME_TEXT, STATE_TEXT, story, story_html
from connector.model import Activity, Call, Click, Outcome, Phase, State

#: What right-hand sides read: root -> nested plain data.
Words = Mapping[str, Any]

#: word behind `call.` -> what it holds; the documentation, the lint and the editors' schema read this table.
CALL_WORDS: dict[str, str] = {
    "id": "our id of the call",
    "phase": "placed, ended, refused or unknown: what the activity's status is made from",
    "outcome": "how it ended: answered, customer_no_answer, member_busy…; empty until then and when refused",
    "outcome_text": "the outcome, or why nobody was rung, in a few words (fewer than 60 characters)",
    "state": "where the call stands in our own book: accepted, dialling, placed, ended, expired…",
    "code": "stable code of a refusal, failure or doubt; empty otherwise",
    "message": "the sentence that goes with the code",
    "talk_seconds": "seconds both parties were connected",
    "total_seconds": "seconds from the first ring to the end",
    "talk_milliseconds": "talk time in milliseconds",
    "talk_minutes": "talk time in whole minutes, rounded up",
    "talk_hhmm": "talk time as HH:MM, rounded up to the minute",
    "started_at": "when dialling began, ISO 8601 UTC: 2026-01-31T09:05:00Z",
    "ended_at": "when the call ended, ISO 8601 UTC",
    "customer_picked_at": "when the customer picked up, ISO 8601 UTC",
    "member_picked_at": "when the member picked up, ISO 8601 UTC",
    "started_date": "date in India on which dialling began (of the click, when nobody was rung): 2026-01-31",
    "started_at_space": "started_at as UTC text without zone: 2026-01-31 09:05:00",
    "ended_at_space": "ended_at as UTC text without zone",
    "recording_url": "link to the recording",
    "story": "what happened, in a few lines of plain text; numbers show their last four digits only",
    "story_html": "the story with its lines parted by <br/>, everything else escaped",
    "customer": "the customer's number, E.164: +919876500001",
    "member": "the member's number, E.164",
    "customer_last4": "the last four digits of the customer's number",
    "deskphone": "the deskphone the call was made through, as CallerDesk's panel lists it",
    "campid": "CallerDesk's id of the call request",
    "call_sid": "CallerDesk's id of the finished call",
    "coins": "coins CallerDesk took",
    "direction": "always Outbound",
    "mapping_version": "version of the mapping file that planned the call",
    "source": "who asked: button or rule",
    "user": "the CRM user who clicked; empty for most rules",
}

#: word behind `activity.` in `requests:` -> what it holds
ACTIVITY_WORDS: dict[str, str] = {
    "id": "the CRM's own id of the activity, once it has been created",
    "key": "our id of the call: the same on every write",
    "fields": "all fields of the activity, rendered",
    "kind": "the CRM's object for activities, as the mapping names it",
    "object": "the clicked record's object",
    "record_id": "the clicked record's id",
    "phase": "placed, ended, refused or unknown",
}

#: state of the call -> what the activity may say of it. What was abandoned is still not known.
PHASE: dict[State, Phase] = {
    State.ACCEPTED: Phase.UNKNOWN,
    State.READING: Phase.UNKNOWN,
    State.PLANNED: Phase.UNKNOWN,
    State.DEFERRED: Phase.UNKNOWN,
    State.DIALLING: Phase.UNKNOWN,
    State.PLACED: Phase.PLACED,
    State.UNKNOWN: Phase.UNKNOWN,
    State.ENDED: Phase.ENDED,
    State.REFUSED: Phase.REFUSED,
    State.EXPIRED: Phase.REFUSED,
    State.CANCELLED: Phase.REFUSED,
    State.FAILED: Phase.REFUSED,
    State.ABANDONED: Phase.UNKNOWN,
}


def call_words(call: Call) -> dict[str, Any]:
    """Every word of `CALL_WORDS` for a call, None for what is not known (yet)."""
    plan, ending = call.plan, call.ending
    started = (ending.started_at if ending else None) or call.dialled_at
    talk = ending.talk_seconds if ending else None
    minutes = None if talk is None else -(-talk // 60)
    outcome = outcome_of(call)
    return {
        "id": call.id,
        "phase": str(PHASE[call.state]),
        "outcome": str(outcome) if outcome else None,
        "outcome_text": OUTCOME_TEXT[outcome] if outcome else STATE_TEXT[call.state],
        "state": str(call.state),
        "code": call.code,
        "message": redact.scrub(call.message) if call.message else None,
        "talk_seconds": talk,
        "total_seconds": ending.total_seconds if ending else None,
        "talk_milliseconds": None if talk is None else talk * 1000,
        "talk_minutes": minutes,
        "talk_hhmm": None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}",
        "started_at": _iso(started),
        "ended_at": _iso(ending.ended_at if ending else None),
        "customer_picked_at": _iso(ending.customer_leg.picked_at if ending else None),
        "member_picked_at": _iso(ending.member_leg.picked_at if ending else None),
        "started_date": (started or call.accepted_at).astimezone(INDIA).date().isoformat(),
        "started_at_space": _spaced(started),
        "ended_at_space": _spaced(ending.ended_at if ending else None),
        "recording_url": ending.recording_url if ending else None,
        "story": story(call),
        "story_html": story_html(call),
        "customer": plan.customer if plan else None,
        "member": plan.member if plan else None,
        "customer_last4": plan.customer[-4:] if plan else None,
        "deskphone": plan.deskphone if plan else None,
        "campid": call.campid or (plan.campid if plan else None),
        "call_sid": call.call_sid,
        "coins": ending.coins if ending else None,
        "direction": "Outbound",
        "mapping_version": call.mapping_version,
        "source": str(call.click.source),
        "user": call.click.user,
    }


def outcome_of(call: Call) -> Outcome | None:
    """How the call ended; None while it runs and when nobody was rung."""
    if call.ending:
        return call.ending.outcome
    return Outcome.UNKNOWN if call.state in (State.UNKNOWN, State.ABANDONED) else None


def click_words(click: Click) -> dict[str, Any]:
    """What `click.*` reads: whatever the CRM sent along, with our own names on top."""
    return {
        **click.raw,
        "connection": click.connection,
        "object": click.object,
        "id": click.record_id,
        "user": click.user,
        "source": str(click.source),
        "click_id": click.delivery,
        "clicked_at": _iso(click.clicked_at),
    }


def activity_words(activity: Activity) -> dict[str, Any]:
    """Every word of `ACTIVITY_WORDS` for an activity."""
    return {
        "id": activity.id,
        "key": activity.key,
        "fields": dict(activity.fields),
        "kind": activity.kind,
        "object": activity.object,
        "record_id": activity.record_id,
        "phase": str(activity.phase),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spaced(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
