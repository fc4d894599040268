"""What people did, when and about what: one line for each act, never changed, no full number in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from connector.journal.journal import Journal
from connector.journal.rows import moment, stamp
from connector.journal.sql import Row
from connector.journal.tables import audit
from connector.journal.transaction import Transaction
from connector.redact import scrub

_NOTE = insert(audit)


@dataclass(frozen=True, slots=True)
class Act:
    """One act of an admin or a listener: `about` is a call's id or a masked number, or empty."""

    at: datetime
    who: str
    what: str
    about: str
    detail: str


def note(tx: Transaction, who: str, what: str, about: str = "", detail: str = "") -> None:
    """Write an act down, in the transaction that does it; numbers and secrets are masked on the way."""
    told = {"who": who, "what": what, "about": scrub(about), "detail": scrub(detail)}
    tx.connection.execute(_NOTE, {"at": stamp(tx.now), **told})


def record(journal: Journal, who: str, what: str, about: str = "", detail: str = "") -> None:
    """Write an act down in a transaction of its own."""
    with journal.transaction() as tx:
        note(tx, who, what, about, detail)


def latest(journal: Journal, limit: int = 50, what: str | None = None) -> list[Act]:
    """The newest acts first, only those of one kind if it is named."""
    wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if what is not None:
        wanted = wanted.where(audit.c.what == what)
    with journal.database.read() as connection:
        return acts_of(connection.execute_once(wanted))


def acts_of(rows: Iterable[Row]) -> list[Act]:
    """Rows of the table as acts."""
    return [Act(_at(row["at"]), row["who"], row["what"], row["about"], row["detail"]) for row in rows]


def _at(seconds: float) -> datetime:
    found = moment(seconds)
    assert found is not None  # NOT NULL column
    return found
