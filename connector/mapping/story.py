"""A call told in a few lines for the CRM's timeline: never more than is known, and true to both roles.

The customer is rung first, so "the customer answered, the member did not" is the member's miss and reads so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from html import escape

from connector import redact
from connector.model import Call, Ending, Leg, LegState, Outcome, Source, State

#: The verdict, on a plan's trace, of the choice that was taken.
USED = "used"

#: India keeps one zone and no summer time.
INDIA = timezone(timedelta(hours=5, minutes=30), "IST")

OUTCOME_TEXT: dict[Outcome, str] = {
    Outcome.ANSWERED: "Answered",
    Outcome.CUSTOMER_NO_ANSWER: "Customer did not answer",
    Outcome.CUSTOMER_BUSY: "Customer was busy",
    Outcome.CUSTOMER_UNREACHABLE: "Customer could not be reached",
    Outcome.MEMBER_NO_ANSWER: "Customer answered, member did not",
    Outcome.MEMBER_BUSY: "Customer answered, member was busy",
    Outcome.MEMBER_UNREACHABLE: "Customer answered, member could not be reached",
    Outcome.CANCELLED: "Cancelled",
    Outcome.FAILED: "Failed",
    Outcome.UNKNOWN: "Not known",
}

#: What stands for the outcome while there is none.
STATE_TEXT: dict[State, str] = {
    State.ACCEPTED: "Waiting",
    State.READING: "Waiting",
    State.PLANNED: "Waiting",
    State.DEFERRED: "Waiting for a later time",
    State.DIALLING: "Dialling",
    State.PLACED: "In progress",
    State.UNKNOWN: "Not known",
    State.ENDED: "Ended",
    State.REFUSED: "Not called: refused",
    State.EXPIRED: "Not called: too late",
    State.CANCELLED: "Not called: cancelled",
    State.FAILED: "Not called: failed",
    State.ABANDONED: "Not known",
}

_ENDED: dict[Outcome, str] = {
    Outcome.ANSWERED: "Both were connected.",
    Outcome.CUSTOMER_NO_ANSWER: "The customer did not answer, so nobody was connected.",
    Outcome.CUSTOMER_BUSY: "The customer was busy, so nobody was connected.",
    Outcome.CUSTOMER_UNREACHABLE: "The customer could not be reached, so nobody was connected.",
    Outcome.MEMBER_NO_ANSWER: "The customer answered, but the member did not. Call the customer back.",
    Outcome.MEMBER_BUSY: "The customer answered, but the member was busy. Call the customer back.",
    Outcome.MEMBER_UNREACHABLE: (
        "The customer answered, but the member could not be reached. Call the customer back."
    ),
    Outcome.CANCELLED: "The call was cancelled before both were connected.",
    Outcome.FAILED: "The call failed.",
    Outcome.UNKNOWN: "How the call ended is not known.",
}

_STANDS: dict[State, str] = {
    State.ACCEPTED: "Nobody has been rung yet.",
    State.READING: "Nobody has been rung yet.",
    State.PLANNED: "Nobody has been rung yet.",
    State.DEFERRED: "Nobody has been rung yet: the call waits for a later time.",
    State.DIALLING: "The call is being handed to CallerDesk.",
    State.PLACED: "CallerDesk took the call: it rings the customer first, then the member.",
    State.UNKNOWN: "Whether anybody was rung is not known yet: CallerDesk gave no clear answer.",
    State.ENDED: "The call has ended; how is not known.",
    State.REFUSED: "Nobody was rung.",
    State.EXPIRED: "Nobody was rung: the click came or was read too late.",
    State.CANCELLED: "Nobody was rung: the call was cancelled.",
    State.FAILED: "Nobody was rung: the record could not be read.",
    State.ABANDONED: "Whether anybody was rung was never found out. It was not rung again.",
}

#: {who} is `customer` or `member`, {at} is ` at 14:35:10` or nothing.
_LEG: dict[LegState, str] = {
    LegState.PENDING: "",
    LegState.RINGING: "The {who} was rung{at}.",
    LegState.PICKED: "The {who} picked up{at}.",
    LegState.NO_ANSWER: "The {who} was rung{at} and did not pick up.",
    LegState.BUSY: "The {who} was rung{at} and was busy.",
    LegState.UNREACHABLE: "The {who} could not be reached.",
    LegState.NOT_RUNG: "The {who} was not rung.",
    LegState.UNKNOWN: "Whether the {who} picked up is not known.",
}


def story(call: Call) -> str:
    """The call in a few lines of plain text; times are India's, numbers show their last four digits."""
    return "\n".join(filter(None, _lines(call)))


def story_html(call: Call) -> str:
    """The story for a field that takes HTML: escaped, lines parted by `<br/>`."""
    return "<br/>".join(escape(line) for line in story(call).splitlines())


def _lines(call: Call) -> Iterator[str]:
    yield _asked(call)
    if call.plan:
        yield f"Customer: {_number(call, 'calling_party_a')}, to be rung first."
        yield f"Member: {_number(call, 'calling_party_b')}, to be rung second."
        yield f"Deskphone: {redact.mask(call.plan.deskphone)}."
    if call.dialled_at:
        yield f"Sent to CallerDesk on {_day(call.dialled_at)} at {_clock(call.dialled_at)} (India)."
    if call.ending:
        yield from _ending(call.ending)
    else:
        yield _STANDS[call.state]
    if call.message:
        yield redact.scrub(call.message) + (f" ({call.code})" if call.code else "")


def _asked(call: Call) -> str:
    by = "a workflow rule" if call.click.source is Source.RULE else "a click"
    who = f" of {redact.scrub(call.click.user)}" if call.click.user else ""
    at = call.click.clicked_at or call.accepted_at
    return f"Asked for by {by}{who} on {_day(at)} at {_clock(at)} (India)."


def _ending(ending: Ending) -> Iterator[str]:
    yield _leg("customer", ending.customer_leg)
    yield _leg("member", ending.member_leg)
    yield _ENDED[ending.outcome]
    if ending.ended_at:
        yield f"Ended at {_clock(ending.ended_at)}."
    if ending.talk_seconds is not None:
        yield f"Talk time: {_length(ending.talk_seconds)}."
    if ending.recording_url:
        yield f"Recording: {ending.recording_url}"
    if ending.their_status:
        yield f"CallerDesk's own words: {redact.scrub(ending.their_status)}"


def _leg(who: str, leg: Leg) -> str:
    moment = leg.picked_at if leg.state is LegState.PICKED else leg.started_at
    return _LEG[leg.state].format(who=who, at=f" at {_clock(moment)}" if moment else "")


def _number(call: Call, word: str) -> str:
    """The masked number and the path it came from: `…0001 (record.MobilePhone)`."""
    assert call.plan is not None
    number = call.plan.customer if word == "calling_party_a" else call.plan.member
    chosen = [choice.path for choice in call.plan.trace if choice.word == word and choice.verdict == USED]
    return redact.mask(number) + (f" ({chosen[-1]})" if chosen else "")


def _length(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _day(moment: datetime) -> str:
    return moment.astimezone(INDIA).strftime("%d %b %Y")


def _clock(moment: datetime) -> str:
    return moment.astimezone(INDIA).strftime("%H:%M:%S")
