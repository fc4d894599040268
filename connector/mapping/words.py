"""The words a mapping may read of a call, a click and an activity: closed lists, units in their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
    "talk_mmss": "talk time as MM:SS: 01:35; an hour and a second is 60:01",
    "talk_hours_part": "the hours of talk_hhmm as a number, for a CRM that keeps hours and minutes apart",
    "talk_minutes_part": "the minutes of talk_hhmm as a number, 0 to 59",
    "asked_at": "when the call was asked for, ISO 8601 UTC; it is known of every call",
    "started_at": "when dialling began, ISO 8601 UTC: 2026-01-31T09:05:00Z",
    "ended_at": "when the call ended, ISO 8601 UTC",
    "customer_picked_at": "when the customer picked up, ISO 8601 UTC",
    "member_picked_at": "when the member picked up, ISO 8601 UTC",
    "started_date": "date in India on which dialling began (of the click, when nobody was rung): 2026-01-31",
    "started_date_utc": "the same date in UTC, for a CRM that keeps date and time apart: 2026-01-31",
    "started_time_utc": "time of day in UTC on that date: 09:05",
    "started_at_space": "started_at as UTC text without zone: 2026-01-31 09:05:00",
    "ended_at_space": "ended_at as UTC text without zone",
    "asked_at_space": "asked_at as UTC text without zone",
    "started_at_epoch": "started_at as a number: whole seconds since 1970, UTC",
    "ended_at_epoch": "ended_at in whole seconds since 1970",
    "asked_at_epoch": "asked_at in whole seconds since 1970",
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

#: state of the call -> what the activity may say of it. What was abandoned is over, its outcome not known.
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
    State.ABANDONED: Phase.ENDED,
}


class CallWords(Mapping[str, Any]):
    """The words of one call, each worked out when it is first read: a mapping file uses a few of them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: dict[str, Any] = {}

    def __getitem__(self, word: str) -> Any:
        if word not in self._known:
            self._known[word] = _VALUES[word](self._call)
        return self._known[word]

    def __iter__(self) -> Iterator[str]:
        return iter(_VALUES)

    def __len__(self) -> int:
        return len(_VALUES)


def call_words(call: Call) -> Mapping[str, Any]:
    """Every word of `CALL_WORDS` for a call, None for what is not known (yet)."""
    return CallWords(call)


def _started(call: Call) -> datetime | None:
    return (call.ending.started_at if call.ending else None) or call.dialled_at


def _talk(call: Call) -> int | None:
    return call.ending.talk_seconds if call.ending else None


def _talk_minutes(call: Call) -> int | None:
    talk = _talk(call)
    return None if talk is None else -(-talk // 60)


def _talk_hhmm(call: Call) -> str | None:
    minutes = _talk_minutes(call)
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def _talk_mmss(call: Call) -> str | None:
    talk = _talk(call)
    return None if talk is None else f"{talk // 60:02d}:{talk % 60:02d}"


def _talk_part(call: Call, part: int) -> int | None:
    """Hours (0) or minutes (1) of the talk time, rounded up to the minute like all of it."""
    minutes = _talk_minutes(call)
    return None if minutes is None else divmod(minutes, 60)[part]


def _outcome_text(call: Call) -> str:
    outcome = outcome_of(call)
    return OUTCOME_TEXT[outcome] if outcome else STATE_TEXT[call.state]


def _asked(call: Call) -> datetime:
    return call.click.clicked_at or call.accepted_at


def _ended(call: Call) -> datetime | None:
    return call.ending.ended_at if call.ending else None


_VALUES: dict[str, Callable[[Call], Any]] = {
    "id": lambda call: call.id,
    "phase": lambda call: str(PHASE[call.state]),
    "outcome": lambda call: str(outcome_of(call) or "") or None,
    "outcome_text": _outcome_text,
    "state": lambda call: str(call.state),
    "code": lambda call: call.code,
    "message": lambda call: redact.scrub(call.message) if call.message else None,
    "talk_seconds": _talk,
    "total_seconds": lambda call: call.ending.total_seconds if call.ending else None,
    "talk_milliseconds": lambda call: None if _talk(call) is None else (_talk(call) or 0) * 1000,
    "talk_minutes": _talk_minutes,
    "talk_hhmm": _talk_hhmm,
    "talk_mmss": _talk_mmss,
    "talk_hours_part": lambda call: _talk_part(call, 0),
    "talk_minutes_part": lambda call: _talk_part(call, 1),
    "asked_at": lambda call: _iso(_asked(call)),
    "started_at": lambda call: _iso(_started(call)),
    "ended_at": lambda call: _iso(_ended(call)),
    "customer_picked_at": lambda call: _iso(call.ending.customer_leg.picked_at if call.ending else None),
    "member_picked_at": lambda call: _iso(call.ending.member_leg.picked_at if call.ending else None),
    "started_date": lambda call: (_started(call) or call.accepted_at).astimezone(INDIA).date().isoformat(),
    "started_date_utc": lambda call: (_started(call) or call.accepted_at).astimezone(UTC).date().isoformat(),
    "started_time_utc": lambda call: (_started(call) or call.accepted_at).astimezone(UTC).strftime("%H:%M"),
    "started_at_space": lambda call: _spaced(_started(call)),
    "ended_at_space": lambda call: _spaced(_ended(call)),
    "asked_at_space": lambda call: _spaced(_asked(call)),
    "started_at_epoch": lambda call: _epoch(_started(call)),
    "ended_at_epoch": lambda call: _epoch(_ended(call)),
    "asked_at_epoch": lambda call: _epoch(_asked(call)),
    "recording_url": lambda call: call.ending.recording_url if call.ending else None,
    "story": story,
    "story_html": story_html,
    "customer": lambda call: call.plan.customer if call.plan else None,
    "member": lambda call: call.plan.member if call.plan else None,
    "customer_last4": lambda call: call.plan.customer[-4:] if call.plan else None,
    "deskphone": lambda call: call.plan.deskphone if call.plan else None,
    "campid": lambda call: call.campid or (call.plan.campid if call.plan else None),
    "call_sid": lambda call: call.call_sid,
    "coins": lambda call: call.ending.coins if call.ending else None,
    "direction": lambda call: "Outbound",
    "mapping_version": lambda call: call.mapping_version,
    "source": lambda call: str(call.click.source),
    "user": lambda call: call.click.user,
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


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
