"""Who listened to a recording: one line of the audit for each listening, erased together with its call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, delete, select

from connector.journal.audit import Act, acts_of, note
from connector.journal.journal import Journal
from connector.journal.rows import stamp
from connector.journal.sql import Row, one_of
from connector.journal.tables import audit
from connector.journal.transaction import Transaction
from connector.redact import scrub

LISTEN = "listen"
#: A player asks for a recording piece by piece: within this time it is the same listening.
ONE_LISTENING = timedelta(minutes=10)
#: Newest lines that are looked through for it: the column is in no index. Beyond them it is told again.
_LOOK_BACK = 200


def listens(journal: Journal, call_id: str, address: str, player: str, part: str) -> bool:
    """Write down that `address` listens with this `player`, beginning with `part`; False when it is known."""
    asked = (LISTEN, address, call_id, scrub(player))
    now = journal.now()
    with journal.database.read() as connection:
        if _known(connection.execute_once(_newest()).all(), asked, stamp(now - ONE_LISTENING) or 0.0):
            return False
    with journal.transaction() as tx:
        tx.serialise(f"listen {call_id}")
        since = stamp(tx.now - ONE_LISTENING) or 0.0
        if _known(tx.connection.execute_once(_newest()).all(), asked, since):
            return False
        note(tx, address, LISTEN, call_id, f"{part}, {player}")
    return True


def listened(journal: Journal, call_id: str) -> list[Act]:
    """Who listened to a call's recording, the first one first."""
    with journal.database.read() as connection:
        wanted = select(audit).where(audit.c.what == LISTEN, audit.c.about == call_id)
        return acts_of(connection.execute_once(wanted.order_by(audit.c.id)))


def forget_listening(tx: Transaction, call_ids: list[str]) -> None:
    """Erase the lines of these calls, which are being erased themselves."""
    told = delete(audit).where(audit.c.what == LISTEN, one_of(audit.c.about, call_ids))
    tx.connection.execute_once(told)


def _newest() -> Select[Any]:
    return select(audit).order_by(audit.c.id.desc()).limit(_LOOK_BACK)


def _known(lines: list[Row], asked: tuple[str, ...], since: float) -> bool:
    return any(
        (line["what"], line["who"], line["about"], line["detail"].partition(", ")[2]) == asked
        and line["at"] > since
        for line in lines
    )
