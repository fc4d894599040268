"""One day compared: what CallerDesk reports, what the journal holds, what the CRM shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from connector.balance.comparing import Difference, compared, made_elsewhere
from connector.balance.matching import matched
from connector.balance.records import on_record
from connector.callerdesk import CallerDesk
from connector.connection import Connection
from connector.journal import Journal
from connector.journal.day import dialled_between
from connector.journal.privacy import is_forgotten
from connector.outcomes import INDIA, LATER


@dataclass(frozen=True, slots=True)
class Balance:
    """What a day came to: how many rows and calls there were, how many are one, and what differs."""

    day: date
    rows: int
    calls: int
    matched: int
    #: Calls of people who were forgotten: without numbers they are told apart by CallSid only.
    forgotten: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing needs a person."""
        return not any(each.needs_person for each in self.differences)


def of_day(
    journal: Journal,
    callerdesk: CallerDesk,
    connections: Mapping[str, Connection],
    day: date,
    *,
    live: bool = False,
) -> Balance:
    """Compare one day, India's; with `live` every activity is looked for in its CRM, where that can be.

    Raises TryAgain and AdminNeeded when CallerDesk's report cannot be had, JournalDown.
    """
    first = datetime.combine(day, time(), INDIA)
    last = first + timedelta(days=1)
    # A call around midnight may begin on the other day there: such neighbours are matched, not told.
    around = list(callerdesk.call_report(day - timedelta(days=1), day + timedelta(days=1)))
    near = dialled_between(journal, first - LATER, last + LATER)
    pairs = matched(near, around)
    ours = [pair for pair in pairs if pair.call.dialled_at and first <= pair.call.dialled_at < last]
    taken = {id(pair.row) for pair in pairs if pair.row}
    theirs = [row for row in around if row.started_at and first <= row.started_at < last]
    found = [made_elsewhere(row) for row in theirs if id(row) not in taken]
    for pair in ours:
        found += compared(pair)
        found += on_record(pair.call, connections, live)
    return Balance(
        day=day,
        rows=len(theirs),
        calls=len(ours),
        matched=sum(pair.row is not None for pair in ours),
        forgotten=sum(is_forgotten(pair.call) for pair in ours),
        differences=tuple(found),
    )
