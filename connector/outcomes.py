"""Evidence of a call becomes its outcome: webhooks as they come, late or twice, and look-ups when none comes.

Nothing here can ring. A webhook is kept once; it finds its call by CallerDesk's own ids, else by both numbers
and the time, else it is parked until the call it belongs to is known.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connector.callerdesk import (
    CallerDesk,
    LiveCall,
    LiveWord,
    ProviderEvent,
    ReportRow,
    ending_of_row,
    event_of,
)
from connector.errors import ConnectorError
from connector.journal import Journal, Transaction, reports
from connector.journal.rows import ending_columns
from connector.model import Call, CallPlan, Ending, Outcome, State

log = logging.getLogger("connector.outcomes")

INDIA = ZoneInfo("Asia/Kolkata")
#: A report row is this call's when it starts this close to our dial, and its numbers are both parties'.
EARLIER, LATER = timedelta(seconds=30), timedelta(minutes=3)
#: Looked up after these many seconds (the last one repeated) until the deadline; then a person sees it.
UNKNOWN_RESTS = (10, 20, 40, 80, 160, 300, 600, 1800)
UNKNOWN_FOR = timedelta(hours=6)
UNKNOWN_REST = timedelta(seconds=UNKNOWN_RESTS[0])
REPORT_RESTS = (150, 300, 600, 1800, 3600)
REPORT_FOR = timedelta(hours=24)
REPORT_OVERDUE = timedelta(seconds=REPORT_RESTS[0])
#: A leg has picked up: give the talk time before the missing report is asked for.
TALKING = frozenset({LiveWord.CUSTOMER_PICKED, LiveWord.MEMBER_RINGING, LiveWord.BOTH_TALKING})


def receive(journal: Journal, event: ProviderEvent) -> Call | None:
    """Keep one webhook and move its call by it; the call when that changed something, else None."""
    with journal.transaction() as tx:
        reports.in_turn(tx, event.campid, coming=True)
        call = reports.by_ids(tx, event.campid, event.call_sid) or _by_numbers(tx, event, tx.now)
        kept = reports.keep(
            tx,
            fingerprint=event.fingerprint,
            kind=event.kind,
            campid=event.campid,
            call_sid=event.call_sid,
            payload=event.raw,
            call_id=call.id if call else None,
        )
        if not kept or call is None:
            return None
        return call if _apply(tx, call, event) else None


def claim_parked(tx: Transaction, known: Call, campid: str | None) -> bool:
    """Give a call that was placed, or may have been, the webhooks that came earlier; whether there were any.

    With a campid only those that name it; without one those that name both numbers at that time.
    """
    waiting_reports = reports.parked(tx, campid, (known.dialled_at or tx.now) - EARLIER)
    call = tx.call(known.id) if waiting_reports else None
    if call is None or call.dialled_at is None:
        return False
    found = False
    for waiting in waiting_reports:
        event = event_of(waiting.payload)
        theirs = event.campid == call.campid if event.campid and call.campid else _about(event, call)
        if theirs:
            reports.matched(tx, waiting.fingerprint, call.id)
            _apply(tx, call, event)
            call, found = tx.call(known.id) or call, True
    return found


def placed_after_all(tx: Transaction, call_id: str, campid: str | None, message: str) -> bool:
    """CallerDesk's reply came after its dial's lease had ended: evidence that resolves the `unknown`."""
    call = tx.call(call_id)
    if call is None or call.state is not State.UNKNOWN:
        return False
    return tx.move(
        call,
        State.UNKNOWN,
        State.PLACED,
        who="callerdesk",
        detail="the reply came late",
        due_at=tx.now + REPORT_OVERDUE,
        columns={"campid": campid, "code": None, "message": message},
    )


def look_up(journal: Journal, callerdesk: CallerDesk, calls: Sequence[Call]) -> list[Call]:
    """Ask CallerDesk about unclear and overdue calls; those that changed."""
    try:
        live = callerdesk.live_calls()
        rows = _rows(callerdesk, calls)
    except ConnectorError as failure:
        log.warning("CallerDesk could not be asked about %d calls: %s", len(calls), failure.message)
        live, rows = [], []
    changed = []
    taken: set[str] = set()
    for call in calls:
        with journal.transaction() as tx:
            if _resolve(tx, call, live, rows, taken):
                changed.append(call)
    return changed


def _resolve(
    tx: Transaction, call: Call, live: Iterable[LiveCall], rows: Iterable[ReportRow], taken: set[str]
) -> bool:
    claim_parked(tx, call, call.campid)
    now = tx.call(call.id)
    if now is None or now.state not in (State.UNKNOWN, State.PLACED) or now.plan is None:
        return now is not None and now.state is not call.state
    customer, member = now.plan.customer, now.plan.member
    for row in rows:
        if row.id not in taken and row.matches(customer, member) and _around(row.started_at, now):
            taken.add(row.id)
            ending = ending_of_row(row, customer, member)
            return _end(tx, now, now.plan, ending, "call report", row.call_sid)
    if now.state is State.UNKNOWN and any(
        on_air.matches(customer, member) and _around(on_air.started_at, now) for on_air in live
    ):
        return tx.move(
            now,
            State.UNKNOWN,
            State.PLACED,
            who="live calls",
            detail="CallerDesk lists it as live",
            due_at=tx.now + REPORT_OVERDUE,
            columns={"code": None, "message": "The call was placed after all: CallerDesk lists it as live."},
        )
    return _give_up_or_wait(tx, now, now.plan)


def _give_up_or_wait(tx: Transaction, call: Call, plan: CallPlan) -> bool:
    """Nothing was found: look again later, or after the deadline say so."""
    unclear = call.state is State.UNKNOWN
    age = tx.now - (call.dialled_at or call.accepted_at)
    if age < (UNKNOWN_FOR if unclear else REPORT_FOR):
        rests = UNKNOWN_RESTS if unclear else REPORT_RESTS
        rest = next((rest for rest in rests if age.total_seconds() < rest * 2), rests[-1])
        tx.rest(call, due_at=tx.now + timedelta(seconds=rest))
        return False
    ending = Ending(Outcome.UNKNOWN, their_status="no report came")
    if unclear:
        sentence = (
            "Nothing was ever heard of this call: neither a report nor a live call at CallerDesk. "
            "Look in CallerDesk's panel before calling again."
        )
        return tx.move(
            call,
            State.UNKNOWN,
            State.ABANDONED,
            who="reconciler",
            detail=sentence,
            columns=ending_columns(ending) | {"code": "never_confirmed", "message": sentence},
        )
    return _end(tx, call, plan, ending, "reconciler", None)


def _rows(callerdesk: CallerDesk, calls: Sequence[Call]) -> list[ReportRow]:
    days = sorted((call.dialled_at or call.accepted_at).astimezone(INDIA).date() for call in calls)
    return list(callerdesk.call_report(days[0] - timedelta(days=1), days[-1] + timedelta(days=1)))


def _around(started_at: datetime | None, call: Call) -> bool:
    dialled_at = call.dialled_at
    return (
        started_at is not None
        and dialled_at is not None
        and dialled_at - EARLIER <= started_at <= dialled_at + LATER
    )


def _about(event: ProviderEvent, call: Call) -> bool:
    return (
        call.plan is not None
        and event.matches(call.plan.customer, call.plan.member)
        and (event.said.started_at is None or _around(event.said.started_at, call))
    )


def _by_numbers(tx: Transaction, event: ProviderEvent, now: datetime) -> Call | None:
    """The last resort: one call without a campid, between these two numbers, at that time."""
    found = [call for call in reports.candidates(tx, event.said.started_at or now) if _about(event, call)]
    return found[0] if len(found) == 1 else None


def _apply(tx: Transaction, call: Call, event: ProviderEvent) -> bool:
    if event.kind == "report":
        if call.plan is None:
            return False
        ending = event.ending(call.plan.customer, call.plan.member)
        return _end(tx, call, call.plan, ending, "webhook", event.call_sid)
    word = event.live_word
    if call.state not in (State.PLACED, State.UNKNOWN) or word is LiveWord.UNKNOWN:
        return False
    rest = timedelta(seconds=REPORT_RESTS[1 if word in TALKING else 0])
    return tx.move(
        call,
        call.state,
        State.PLACED,
        who="webhook",
        detail=f"live: {word}",
        due_at=tx.now + rest,
        write=call.state is State.UNKNOWN,
        columns=_known(
            {"live": word.value, "call_sid": event.call_sid, "campid": call.campid or event.campid}
        ),
    )


def _end(tx: Transaction, call: Call, plan: CallPlan, ending: Ending, who: str, call_sid: str | None) -> bool:
    if call.state not in (State.PLACED, State.UNKNOWN, State.ABANDONED, State.ENDED):
        return False
    if call.state is State.ENDED and call.ending is not None and not _knows_more(ending, call.ending):
        return False
    moved = tx.move(
        call,
        call.state,
        State.ENDED,
        who=who,
        detail=f"{ending.outcome}: {ending.their_status}".rstrip(": "),
        columns=ending_columns(ending)
        | {"code": None, "message": None, "live": "ended"}
        | _known({"call_sid": call_sid}),
    )
    if moved:
        tx.member_free(plan.member)
    return moved


def _known(columns: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in columns.items() if value is not None}


def _knows_more(new: Ending, old: Ending) -> bool:
    """Whether a second report adds an outcome or a recording; a copy, or a poorer one, changes nothing."""
    if old.outcome is Outcome.UNKNOWN and new.outcome is not Outcome.UNKNOWN:
        return True
    return new.outcome is old.outcome and bool(new.recording_url) and not old.recording_url
