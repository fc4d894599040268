"""The journal's database, opened: its clock, its transactions, and what other processes tell through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connector.journal.engine import Database
from connector.journal.hostclock import HostClock
from connector.journal.ledger import Ledger
from connector.journal.migrate import upgrade
from connector.journal.transaction import Transaction

if TYPE_CHECKING:
    from connector.journal.wake import Listener


class Opened:
    """One database, on its own clock or on a given one (seconds since the epoch). Shared between threads."""

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        self.database = Database(url)
        self._clock = clock or self.database.clock
        self._by_database = clock is None and not self.database.is_sqlite
        self._host = HostClock() if clock is None and self.database.is_sqlite else None

    def open(self) -> None:
        """Bring the schema up to date; ConfigError when the database is newer than this code."""
        upgrade(self.database)

    def close(self) -> None:
        """Give every connection back."""
        self.database.close()

    def now(self) -> datetime:
        """The moment by the journal's clock."""
        return datetime.fromtimestamp(self._clock(), UTC)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One write transaction, durable when the block has ended without an exception."""
        with self.database.write() as connection:
            followed = self._host if self._host is not None and self._host.was_set() else None
            if followed is not None:
                followed.follow(connection)
            began_at = connection.began_at if self._by_database else self._clock()
            now = datetime.fromtimestamp(began_at or 0.0, UTC)
            yield Transaction(self.database, connection, now, self._by_database)
        if followed is not None:
            followed.settled()

    def follow_clock(self) -> None:
        """Bring the journal's times in line with a clock that was set, before they are compared."""
        if self._host is not None and self._host.was_set():
            with self.transaction():
                pass

    def listen(self, hear: Callable[[str, str], None], worker: str = "") -> Listener | None:
        """Call `hear` with what other processes note (`Transaction.note`); None where they cannot tell.

        `("due", "")`: something is due that its writer does not run. `("verdict", call_id)`: a person may be
        waiting for it. They only make it quick: whoever misses one looks a moment later. While it listens,
        `release_gone` takes `worker` for alive.
        """
        return self.database.listen(hear, worker)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """What the policy may ask of the past, outside any gate: for a dry run."""
        with self.database.read() as connection:
            yield Ledger(connection, self.now())
