"""What differs between the journal and CallerDesk's report of one call, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.balance.matching import Pair
from connector.callerdesk import ReportRow, ending_of_row
from connector.journal.privacy import is_forgotten
from connector.model import Call, Outcome, State
from connector.outcomes import INDIA
from connector.redact import mask

#: Seconds by which two talk times may differ: either side rounds.
ROUNDING = 1
_OPEN = (State.PLACED, State.DIALLING, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree, in a sentence; numbers in it are masked."""

    code: str
    needs_person: bool
    sentence: str
    call: str | None = None


def made_elsewhere(row: ReportRow) -> Difference:
    """A row that is no call of ours."""
    at = row.started_at.astimezone(INDIA).strftime("%H:%M:%S") if row.started_at else "?"
    parties = f"{mask(row.caller) or 'nobody'} and {mask(row.member) or 'nobody'}"
    kind = f" ({row.direction[:20]})" if row.direction else ""
    return Difference(
        code="balance_made_elsewhere",
        needs_person=False,
        sentence=f"CallerDesk reports a call at {at} between {parties}{kind} that was not made here.",
    )


def compared(pair: Pair) -> Iterator[Difference]:
    """What differs between the journal and CallerDesk's report of one call."""
    call, row = pair.call, pair.row
    if row is None:
        if not is_forgotten(call):
            yield from _unreported(call)
        return
    name = name_of(call)
    if call.state in _OPEN:
        yield Difference(
            code="balance_outcome_behind",
            needs_person=False,
            sentence=f"{name} has ended in CallerDesk's report and is open here: it is being looked up.",
            call=call.id,
        )
    elif call.state is not State.ENDED:
        yield Difference(
            code="balance_rang_after_all",
            needs_person=True,
            sentence=f"{name} is {call.state} here, and CallerDesk's report holds it: somebody was rung. "
            "Put it on the CRM record by hand, and do not call again for it.",
            call=call.id,
        )
    elif not is_forgotten(call):
        yield from _ended_differently(call, row)


def _unreported(call: Call) -> Iterator[Difference]:
    name = name_of(call)
    silent = call.state is State.ENDED and call.call_sid is None and _outcome(call) is Outcome.UNKNOWN
    if call.state is State.PLACED or silent:
        yield Difference(
            code="balance_without_report",
            needs_person=silent,
            sentence=f"{name} was placed, and neither a webhook nor CallerDesk's report tells its end"
            + (": look in CallerDesk's panel." if silent else "; it is still being looked up."),
            call=call.id,
        )
    elif call.state is State.ENDED:
        yield Difference(
            code="balance_not_in_report",
            needs_person=True,
            sentence=f"{name} ended as {_outcome(call)} by a webhook, and is not in CallerDesk's report: "
            "look in CallerDesk's panel whether that webhook was theirs.",
            call=call.id,
        )


def _ended_differently(call: Call, row: ReportRow) -> Iterator[Difference]:
    assert call.plan is not None and call.ending is not None  # an ended call has both
    name, ours, told = name_of(call), call.ending, ending_of_row(row, call.plan.customer, call.plan.member)
    if told.outcome is not ours.outcome:
        yield Difference(
            code="balance_outcome_differs",
            needs_person=True,
            sentence=f"{name} is {ours.outcome} here and {told.outcome} in CallerDesk's report "
            f"(“{told.their_status}”): correct the CRM record by hand.",
            call=call.id,
        )
    elif (
        ours.talk_seconds is not None
        and told.talk_seconds is not None
        and abs(ours.talk_seconds - told.talk_seconds) > ROUNDING
    ):
        yield Difference(
            code="balance_talk_time_differs",
            needs_person=True,
            sentence=f"{name} has {ours.talk_seconds} s of talk here and {told.talk_seconds} s in "
            "CallerDesk's report: correct the CRM record by hand.",
            call=call.id,
        )
    if told.recording_url and not ours.recording_url:
        yield Difference(
            code="balance_recording_missing",
            needs_person=True,
            sentence=f"{name} has a recording in CallerDesk's report and none here: "
            "put its link on the CRM record by hand.",
            call=call.id,
        )


def name_of(call: Call) -> str:
    """A call as the sentences name it."""
    at = call.dialled_at.astimezone(INDIA).strftime("%H:%M:%S") if call.dialled_at else "?"
    return f"Call {call.id} ({at}, {call.click.object} {call.click.record_id})"


def _outcome(call: Call) -> Outcome | None:
    return call.ending.outcome if call.ending else None
