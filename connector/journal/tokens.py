"""The CRMs' access tokens, sealed by their adapters, so that every process and host uses the same ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from connector.journal.journal import Journal
from connector.journal.tables import flags
from connector.journal.transaction import Transaction

_GET = select(flags.c.value, flags.c.at).where(flags.c.name == bindparam("name"))
_DELETE = delete(flags).where(flags.c.name == bindparam("name"))
_INSERT = insert(flags)


class KeptTokens:
    """Keeps one sealed text per name; the lease of whoever renews it ends by the database's clock."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._opening = threading.Lock()
        self._is_open = False

    def get(self, name: str) -> str | None:
        """The text kept under `name`, or None."""
        self._open()
        with self._journal.database.read() as connection:
            found = connection.execute(_GET, {"name": _token(name)}).first()
        return found["value"] if found else None

    def lease(self, name: str, seconds: float) -> bool:
        """Become the one who may renew it, for so many seconds; False while somebody else is."""
        with self._turn(name) as tx:
            found: Mapping[str, Any] | None = tx.connection.execute(_GET, {"name": _lease(name)}).first()
            # A lease from the future is one from before the clock was set back: it would hold for days.
            now = tx.now.timestamp()
            if found and found["at"] - seconds <= now < found["at"]:
                return False
            _set(tx, _lease(name), "", now + seconds)
            return True

    def put(self, name: str, sealed: str) -> None:
        """Keep the text and give the lease back."""
        with self._turn(name) as tx:
            _set(tx, _token(name), sealed, tx.now.timestamp())
            tx.connection.execute(_DELETE, {"name": _lease(name)})

    def release(self, name: str) -> None:
        """Give the lease back, nothing being new; one that is not given back ends by itself."""
        with self._turn(name) as tx:
            tx.connection.execute(_DELETE, {"name": _lease(name)})

    @contextmanager
    def _turn(self, name: str) -> Iterator[Transaction]:
        self._open()
        with self._journal.transaction() as tx:
            tx.serialise(_lease(name))
            yield tx

    def _open(self) -> None:
        """The commands that look at a CRM without a call to work on have not opened the journal."""
        with self._opening:
            if not self._is_open:
                self._journal.open()
                self._is_open = True


def _set(tx: Transaction, name: str, value: str, at: float) -> None:
    tx.connection.execute(_DELETE, {"name": name})
    tx.connection.execute(_INSERT, {"name": name, "value": value, "at": at})


def _token(name: str) -> str:
    return f"token {name}"


def _lease(name: str) -> str:
    return f"login {name}"
