"""The calls of a stretch of time, by the moment they were dialled at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from connector.journal.journal import Journal
from connector.journal.rows import call_of, stamp
from connector.journal.tables import calls
from connector.model import Call


def dialled_between(journal: Journal, first: datetime, last: datetime) -> list[Call]:
    """Calls that rang or may have rung somebody from `first` until just before `last`, oldest first."""
    wanted = (
        select(calls)
        .where(calls.c.dialled_at >= stamp(first), calls.c.dialled_at < stamp(last))
        .order_by(calls.c.dialled_at, calls.c.id)
    )
    with journal.database.read() as connection:
        return [call_of(row) for row in connection.execute_once(wanted)]
