"""Which row of CallerDesk's report is which call: one row is one call's at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.callerdesk import ReportRow
from connector.model import Call
from connector.outcomes import EARLIER, LATER


@dataclass(frozen=True, slots=True)
class Pair:
    """A call and its row, if the report has one."""

    call: Call
    row: ReportRow | None


def matched(calls: Sequence[Call], rows: Sequence[ReportRow]) -> list[Pair]:
    """Every call with its row: by CallSid first, then by both numbers, the nearest in time first."""
    by_sid = {row.call_sid: row for row in rows if row.call_sid}
    found: dict[str, ReportRow] = {}
    for call in calls:
        row = by_sid.pop(call.call_sid, None) if call.call_sid else None
        if row is not None:
            found[call.id] = row
    taken = {id(row) for row in found.values()}
    near = sorted(
        (
            (distance, call.id, number)
            for call in calls
            if call.id not in found
            for number, row in enumerate(rows)
            if id(row) not in taken and (distance := _distance(call, row)) is not None
        ),
    )
    for _, call_id, number in near:
        if call_id not in found and id(rows[number]) not in taken:
            found[call_id] = rows[number]
            taken.add(id(rows[number]))
    return [Pair(call, found.get(call.id)) for call in calls]


def _distance(call: Call, row: ReportRow) -> float | None:
    """Seconds between dial and row when the row can be this call's, else None."""
    if call.plan is None or call.dialled_at is None or row.started_at is None:
        return None
    if call.call_sid and row.call_sid and call.call_sid != row.call_sid:
        return None
    later = row.started_at - call.dialled_at
    if not -EARLIER <= later <= LATER or not row.matches(call.plan.customer, call.plan.member):
        return None
    return abs(later.total_seconds())
