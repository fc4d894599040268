"""The nouns every layer speaks: Click, Record, CallPlan, Call, Leg, Outcome, Activity.

Frozen values and enums only; standard library only. Ours are bare words, theirs stay under `raw`.
All times are aware UTC datetimes, all durations whole seconds, all numbers E.164 (`+919876500001`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a call stands; `journal.states` holds the legal ways between them."""

    ACCEPTED = "accepted"
    READING = "reading"
    PLANNED = "planned"
    DIALLING = "dialling"
    PLACED = "placed"
    UNKNOWN = "unknown"
    ENDED = "ended"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DEFERRED = "deferred"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Phase(StrEnum):
    """What a CRM's activity may say of a call: the closed list behind `call.phase`."""

    PLACED = "placed"
    ENDED = "ended"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How a customer-first call ended, with the role named (shaped like CAMARA Click to Dial's reasons)."""

    ANSWERED = "answered"
    CUSTOMER_NO_ANSWER = "customer_no_answer"
    CUSTOMER_BUSY = "customer_busy"
    CUSTOMER_UNREACHABLE = "customer_unreachable"
    MEMBER_NO_ANSWER = "member_no_answer"
    MEMBER_BUSY = "member_busy"
    MEMBER_UNREACHABLE = "member_unreachable"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Who asked for the call: a person's button or a workflow rule."""

    BUTTON = "button"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Click:
    """A verified request for a call. Carries no phone number: those come from the CRM record only."""

    connection: str
    object: str
    record_id: str
    source: Source = Source.BUTTON
    #: The CRM's id, e-mail or login of the person who clicked; None for most rules.
    user: str | None = None
    #: The sender's own id of this delivery; the same id again is the same click.
    delivery: str | None = None
    #: When the CRM says it was clicked; None when it does not say.
    clicked_at: datetime | None = None
    #: Names of guards a person chose to override, e.g. {"called_recently"}.
    override: frozenset[str] = frozenset()
    #: What the CRM sent along, redacted; readable in mappings as `click.*`.
    raw: Mapping[str, Any] = field(default_factory=dict)
    #: Whether the CRM waits to be told how the call came out, even if nobody was rung (`Crm.conclude`).
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What the CRM told us, as nested plain data under the three roots a mapping may read."""

    record: Mapping[str, Any]
    owner: Mapping[str, Any] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields a mapping reads, per root, as dotted paths without the root (`Account.Name`)."""

    record: Sequence[str] = ()
    owner: Sequence[str] = ()
    user: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One step of the trace: which word was filled from which path, and what became of it."""

    word: str
    path: str
    value: str
    verdict: str


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Decided: who is rung first, who second, through which deskphone, and why."""

    customer: str
    member: str
    deskphone: str
    call_limit: int | None = None
    campid: str | None = None
    form_deskphone: str | None = None
    #: The version of the mapping file that decided it.
    mapping_version: str | None = None
    trace: tuple[Choice, ...] = ()


class LegState(StrEnum):
    """How far one leg of the call came."""

    PENDING = "pending"
    RINGING = "ringing"
    PICKED = "picked"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    NOT_RUNG = "not_rung"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Leg:
    """One party's side of the call: how far it came, and when."""

    state: LegState = LegState.PENDING
    started_at: datetime | None = None
    picked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, as CallerDesk's report or our own deadline told it."""

    outcome: Outcome
    customer_leg: Leg = Leg()
    member_leg: Leg = Leg()
    talk_seconds: int | None = None
    total_seconds: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    recording_url: str | None = None
    coins: str | None = None
    #: Their own words for it, kept for the story (`Status`, `hangup_cause`).
    their_status: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the journal: the whole truth about one accepted click."""

    id: str
    connection: str
    click: Click
    state: State
    accepted_at: datetime
    expires_at: datetime
    owner: str | None = None
    attempts: int = 0
    record: Record | None = None
    plan: CallPlan | None = None
    mapping_version: str | None = None
    #: Stable code and sentence of a refusal, failure or doubt.
    code: str | None = None
    message: str | None = None
    dialled_at: datetime | None = None
    campid: str | None = None
    call_sid: str | None = None
    live: str | None = None
    ending: Ending | None = None
    due_at: datetime | None = None
    #: The write lane: the activity is to show version `wanted`, the CRM holds version `written`.
    wanted: int = 0
    written: int = 0
    wanted_since: datetime | None = None
    write_attempts: int = 0
    write_due_at: datetime | None = None
    write_error: str | None = None
    write_dead: bool = False
    activity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a call's story, written in the same transaction as the move it tells of."""

    at: datetime
    call_id: str
    from_state: State | None
    to_state: State
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class Activity:
    """What the CRM's timeline is to show: rendered fields, our key, and theirs once known."""

    #: Our call id: the idempotency key of every write.
    key: str
    connection: str
    object: str
    record_id: str
    #: The CRM's object for activities, as the mapping names it (`Task`); empty when the CRM has just one.
    kind: str
    #: Name of the CRM field that holds our key, when the mapping names one.
    key_field: str | None
    fields: Mapping[str, Any]
    phase: Phase
    #: Their id of the activity, once it has been created.
    id: str | None = None
    #: True from the second attempt on: an earlier create may have succeeded unheard, so look before creating.
    look_first: bool = False
    record: Record | None = None
    call: Mapping[str, Any] = field(default_factory=dict)
    click: Mapping[str, Any] = field(default_factory=dict)
