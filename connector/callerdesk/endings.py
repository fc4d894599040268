"""How a customer-first call ended, told from what CallerDesk reported of it.

Leg A is the party we asked CallerDesk to ring first, the customer, whatever their labels say. Who answered is
decided by the legs' picked times, why not by the words; parties are recognised by their numbers only.

    reason             neither picked         only A picked        both picked   legs not told
    -----------------  ---------------------  -------------------  ------------  ------------------
    no answer          customer_no_answer     member_no_answer     answered      unknown
    busy               customer_busy          member_busy          answered      unknown
    unreachable        customer_unreachable   member_unreachable   answered      unknown
    cancelled          customer_no_answer     cancelled            answered      cancelled
    failed             failed                 failed               answered      failed
    member busy        member_busy            member_busy          answered      member_busy
    member unreachable member_unreachable     member_unreachable   answered      member_unreachable
    not connected      customer_no_answer     member_no_answer     answered      unknown
    answered           unknown                unknown              answered      unknown
    (none known)       unknown                unknown              answered      unknown

"Answered" with talk time is believed where no leg's time contradicts it. A report that names two other
numbers than ours tells nothing of our call: unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector.callerdesk.fields import Never, first, last_ten, leg_moment, link, moment, seconds
from connector.callerdesk.refusals import quotable
from connector.callerdesk.words import LIVE, LiveWord, Word, word_of
from connector.model import Ending, Leg, LegState, Outcome


class Stage(StrEnum):
    """Which of the two phones were picked up."""

    NEITHER = "neither"
    ONLY_A = "only_a"
    BOTH = "both"
    NOT_TOLD = "not_told"


#: Reasons in the order of what they say; a more telling one beats one further down.
_REASONS = (
    frozenset({Word.MEMBER_BUSY, Word.MEMBER_UNREACHABLE}),
    frozenset({Word.NO_ANSWER, Word.BUSY, Word.UNREACHABLE, Word.CANCELLED, Word.FAILED}),
    frozenset({Word.NOT_CONNECTED}),
    frozenset({Word.ANSWERED}),
)

#: The docstring's table: reason -> outcome when neither picked, only A picked, legs not told.
OUTCOMES: dict[Word, tuple[Outcome, Outcome, Outcome]] = {
    Word.NO_ANSWER: (Outcome.CUSTOMER_NO_ANSWER, Outcome.MEMBER_NO_ANSWER, Outcome.UNKNOWN),
    Word.BUSY: (Outcome.CUSTOMER_BUSY, Outcome.MEMBER_BUSY, Outcome.UNKNOWN),
    Word.UNREACHABLE: (Outcome.CUSTOMER_UNREACHABLE, Outcome.MEMBER_UNREACHABLE, Outcome.UNKNOWN),
    Word.CANCELLED: (Outcome.CUSTOMER_NO_ANSWER, Outcome.CANCELLED, Outcome.CANCELLED),
    Word.FAILED: (Outcome.FAILED, Outcome.FAILED, Outcome.FAILED),
    Word.MEMBER_BUSY: (Outcome.MEMBER_BUSY, Outcome.MEMBER_BUSY, Outcome.MEMBER_BUSY),
    Word.MEMBER_UNREACHABLE: (
        Outcome.MEMBER_UNREACHABLE,
        Outcome.MEMBER_UNREACHABLE,
        Outcome.MEMBER_UNREACHABLE,
    ),
    Word.NOT_CONNECTED: (Outcome.CUSTOMER_NO_ANSWER, Outcome.MEMBER_NO_ANSWER, Outcome.UNKNOWN),
    Word.ANSWERED: (Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.UNKNOWN),
    Word.UNKNOWN: (Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.UNKNOWN),
}
_COLUMN = {Stage.NEITHER: 0, Stage.ONLY_A: 1, Stage.NOT_TOLD: 2}

_CUSTOMER_LEG = {
    Outcome.CUSTOMER_NO_ANSWER: LegState.NO_ANSWER,
    Outcome.CUSTOMER_BUSY: LegState.BUSY,
    Outcome.CUSTOMER_UNREACHABLE: LegState.UNREACHABLE,
}
_MEMBER_LEG = {
    Outcome.MEMBER_NO_ANSWER: LegState.NO_ANSWER,
    Outcome.MEMBER_BUSY: LegState.BUSY,
    Outcome.MEMBER_UNREACHABLE: LegState.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a report, live event or call-report row says of the call's course; no word of it interpreted."""

    #: Their words in the order they are asked: `hangup_cause`, `Status` or `callresult`, `callstatus`.
    their_words: tuple[str, ...]
    a_picked: datetime | Never | None
    b_started: datetime | Never | None
    b_picked: datetime | Never | None
    talk_seconds: int | None
    total_seconds: int | None
    started_at: datetime | None
    ended_at: datetime | None
    recording_url: str | None
    coins: str | None

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word_of(word) for word in self.their_words)


def said_in(fields: Mapping[str, str]) -> Said:
    """Read the course of a call from a webhook's or a call-report row's fields, names in lower case."""
    words = (
        first(fields, "hangup_cause"),
        first(fields, "status", "callresult"),
        first(fields, "callstatus"),
    )
    return Said(
        their_words=tuple(word for word in words if word),
        a_picked=leg_moment(fields, "lega_picked_time"),
        b_started=leg_moment(fields, "legb_start_time"),
        b_picked=leg_moment(fields, "legb_picked_time"),
        talk_seconds=seconds(first(fields, "talkduration", "talk_duration")),
        total_seconds=seconds(first(fields, "callduration", "total_duration")),
        started_at=moment(first(fields, "starttime", "startdatetime", "entrydate")),
        ended_at=moment(first(fields, "endtime", "enddatetime")),
        recording_url=link(first(fields, "callrecordingurl", "file")),
        coins=first(fields, "coins", "coin_deducted")[:32] or None,
    )


def ending_of(said: Said, named: frozenset[str], customer: str, member: str) -> Ending:
    """The ending of the call between these two parties; never raises.

    `named` is the parties' numbers the report holds (last ten digits, the deskphone left out).
    """
    stage, reason = _stage(said), _reason(said.words)
    if _strangers(named, customer, member):
        stage, reason = Stage.NOT_TOLD, Word.UNKNOWN
    elif reason is Word.ANSWERED and said.talk_seconds and _uncontradicted(said):
        stage = Stage.BOTH
    outcome = Outcome.ANSWERED if stage is Stage.BOTH else OUTCOMES[reason][_COLUMN[stage]]
    return Ending(
        outcome=outcome,
        customer_leg=Leg(_customer_leg(stage, outcome), said.started_at, _told(said.a_picked)),
        member_leg=Leg(_member_leg(stage, outcome), _told(said.b_started), _told(said.b_picked)),
        talk_seconds=said.talk_seconds if outcome in (Outcome.ANSWERED, Outcome.UNKNOWN) else 0,
        total_seconds=said.total_seconds,
        started_at=said.started_at,
        ended_at=said.ended_at,
        recording_url=said.recording_url,
        coins=said.coins,
        their_status=quotable(" / ".join(dict.fromkeys(said.their_words))),
    )


def live_word_of(said: Said) -> LiveWord:
    """How far a call that is still going on has come."""
    live = [LIVE[word] for word in said.words]
    if LiveWord.ENDED in live or said.ended_at:
        return LiveWord.ENDED
    for picked, word in (
        (said.b_picked, LiveWord.BOTH_TALKING),
        (said.b_started, LiveWord.MEMBER_RINGING),
        (said.a_picked, LiveWord.CUSTOMER_PICKED),
    ):
        if _told(picked):
            return word
    return next((word for word in live if word is not LiveWord.UNKNOWN), LiveWord.UNKNOWN)


def _stage(said: Said) -> Stage:
    words = said.words
    b_picked = _told(said.b_picked) or (said.b_picked is None and Word.B_PICKED in words)
    # The second phone rings only after the first was picked up, so a missing time of A can be inferred.
    a_picked = _told(said.a_picked) or (
        said.a_picked is None and (b_picked or _told(said.b_started) or Word.A_PICKED in words)
    )
    if a_picked:
        return Stage.BOTH if b_picked else Stage.ONLY_A
    if said.a_picked is Never.NEVER and not b_picked and not _told(said.b_started):
        return Stage.NEITHER
    return Stage.NOT_TOLD


def _reason(words: tuple[Word, ...]) -> Word:
    for telling in _REASONS:
        for word in words:
            if word in telling:
                return word
    return Word.UNKNOWN


def _uncontradicted(said: Said) -> bool:
    """Whether talk is possible: no leg has a time, or A was picked up and of B nothing is said."""
    if _told(said.a_picked):
        return said.b_picked is None
    return not _told(said.b_started) and not _told(said.b_picked)


def _strangers(named: frozenset[str], customer: str, member: str) -> bool:
    ours = {last_ten(customer), last_ten(member)}
    return len([number for number in named if len(number) == 10]) >= 2 and not named & ours


def _told(when: datetime | Never | None) -> datetime | None:
    return when if isinstance(when, datetime) else None


def _customer_leg(stage: Stage, outcome: Outcome) -> LegState:
    if stage in (Stage.BOTH, Stage.ONLY_A):
        return LegState.PICKED
    return _CUSTOMER_LEG.get(outcome, LegState.UNKNOWN)


def _member_leg(stage: Stage, outcome: Outcome) -> LegState:
    if stage is Stage.BOTH:
        return LegState.PICKED
    found = _MEMBER_LEG.get(outcome)
    if found:
        return found
    return LegState.NOT_RUNG if stage is Stage.NEITHER else LegState.UNKNOWN
