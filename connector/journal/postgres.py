"""PostgreSQL's side of the journal's database: a bounded pool, the server's own clock, short waits.

Every process of every host asks the same clock, so that a host whose own is wrong neither takes over live
claims nor dials an expired click. The time comes with the BEGIN, in one round trip, and again with every
lock that was waited for.
"""

from __future__ import annotations

import hashlib
import secrets
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Dialect
from sqlalchemy.util import immutabledict

#: Connections of one process, besides the one that listens. A statement takes about a millisecond.
POOL = 8
#: Seconds to wait for one of them: longer means the database is far behind.
PATIENCE = 10.0
#: The estimate of the server's time is asked for anew after this many seconds without a transaction.
CLOCK_KEEPS = 10.0
#: The channel of NOTIFY, one for all processes on one database.
CHANNEL = "connector"

#: libpq's own words (PostgreSQL documentation, "Parameter Key Words"): a server that is gone without a word
#: is noticed in about ten seconds, whether something was sent to it or only awaited.
_REACH = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "utf8",
    "application_name": "callerdesk-connector",
}
#: Milliseconds. `synchronous_commit` for the reason SQLite has FULL: a crash must not take back a `dialling`.
_LIMITS = (
    "-c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000 "
    "-c synchronous_commit=on"
)
_TIME = "extract(epoch FROM clock_timestamp())::float8"
# READ COMMITTED by name: a database may have another default, and after a lock the newest rows must be seen.
_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT {_TIME}"
# The time is taken when the lock is held: a materialised row is complete before the outer SELECT sees it.
_LOCK = f"WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s)) SELECT {_TIME} FROM held"  # noqa: S608
_LOCK_SHARED = _LOCK.replace("xact_lock", "xact_lock_shared")
_OWN_WORDS = ("pool_size", "prepare_threshold")


def for_migrations(url: URL) -> tuple[URL, dict[str, Any]]:
    """The address without the words that are only ours, and how to connect: without limits on time."""
    return url.difference_update_query(_OWN_WORDS), {
        word: value for word, value in _REACH.items() if word not in url.query
    }


class Postgres:
    """The connections of one process to one PostgreSQL database."""

    def __init__(self, url: URL, dialect: Dialect) -> None:
        """`pool_size` and `prepare_threshold` (a number or `none`) may stand in the address's query."""
        size = int(_one(url.query, "pool_size") or POOL)
        prepare = _one(url.query, "prepare_threshold") or "5"
        plain = url.difference_update_query(_OWN_WORDS)
        named = dict(dialect.create_connect_args(plain)[1])
        options = f"{_LIMITS} {named.pop('options', '')}".strip()
        self._arguments = {
            **_REACH,
            **named,
            "options": options,
            "prepare_threshold": None if prepare == "none" else int(prepare),
            "autocommit": True,
        }
        #: Ends every note of ours, so that we need not listen to ourselves.
        self.process = secrets.token_hex(4)
        self._size = size
        self._slots = threading.BoundedSemaphore(size)
        self._idle: deque[psycopg.Connection[Any]] = deque()
        self._measured: tuple[float, float] | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of its own, outside the pool."""
        return psycopg.connect(**self._arguments)

    @contextmanager
    def transaction(self) -> Iterator[tuple[psycopg.Connection[Any], float, list[str]]]:
        """An open transaction, the server's time at its begin, and a list for notes to other processes.

        The notes travel with the commit: nobody is woken by what was rolled back.
        """
        with self._slot():
            bare, now = self._begun()
            notes: list[str] = []
            try:
                yield bare, now, notes
                _commit(bare, [f"{note} {self.process}" for note in notes])
            except BaseException:
                with suppress(psycopg.Error):
                    bare.rollback()
                raise
            finally:
                self._give_back(bare)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for queries, each a transaction by itself."""
        with self._slot():
            bare = self._taken()
            try:
                yield bare
            finally:
                self._give_back(bare)

    def lock(self, bare: psycopg.Connection[Any], key: str, shared: bool = False) -> float:
        """Hold `key` until the transaction ends; the server's time when it was got."""
        return self._now_is(bare.execute(_LOCK_SHARED if shared else _LOCK, (_number(key),)).fetchone())

    def be_present(self, bare: psycopg.Connection[Any], worker: str) -> None:
        """Show that this worker lives, for as long as this connection does."""
        bare.execute("SELECT pg_advisory_lock_shared(%s)", (_number(f"worker {worker}"),))

    def is_gone(self, bare: psycopg.Connection[Any], worker: str) -> bool:
        """Whether no connection shows that this worker lives."""
        row = bare.execute("SELECT pg_try_advisory_xact_lock(%s)", (_number(f"worker {worker}"),)).fetchone()
        return row is not None and bool(row[0])

    def clock(self) -> float:
        """The server's time, in seconds since the epoch, carried on by this host's steady clock.

        Good to tell what is worth a look; what is decided is decided by the time of a transaction.
        """
        known = self._measured
        if known is None or _elapsed() - known[1] > CLOCK_KEEPS:
            with self.connection() as bare:
                return self._now_is(bare.execute(f"SELECT {_TIME}").fetchone())
        return known[0] + _elapsed() - known[1]

    def close(self) -> None:
        """Close what is idle; what is in use comes back and is closed by the next call."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=PATIENCE):
            raise psycopg.OperationalError(f"all {self._size} connections of this process are busy")
        try:
            yield
        finally:
            self._slots.release()

    def _taken(self) -> psycopg.Connection[Any]:
        while True:
            try:
                bare = self._idle.pop()
            except IndexError:
                return self.connect()
            if _is_quiet(bare):
                return bare
            bare.close()

    def _begun(self) -> tuple[psycopg.Connection[Any], float]:
        bare = self._taken()
        try:
            return bare, self._begin(bare)
        except psycopg.OperationalError:
            # Lost without a sign. Nothing has been done on it yet, so a new one may try, once.
            bare.close()
        bare = self.connect()
        return bare, self._begin(bare)

    def _begin(self, bare: psycopg.Connection[Any]) -> float:
        begun = bare.execute(_BEGIN, prepare=False)  # two statements in one message cannot be prepared
        begun.nextset()
        return self._now_is(begun.fetchone())

    def _now_is(self, row: tuple[float] | None) -> float:
        assert row is not None  # a SELECT without FROM, or from one row
        self._measured = row[0], _elapsed()
        return row[0]

    def _give_back(self, bare: psycopg.Connection[Any]) -> None:
        if bare.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append(bare)
        else:
            bare.close()


def _number(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def _elapsed() -> float:
    """Seconds, also those that the machine was asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _commit(bare: psycopg.Connection[Any], notes: list[str]) -> None:
    if bare.info.transaction_status is not TransactionStatus.INTRANS:
        # COMMIT would end a failed transaction as a ROLLBACK, and call that a success.
        raise psycopg.OperationalError("the transaction had failed before it was committed")
    if notes:
        # One message, one round trip. Notes are words and ids of our own, never text from outside.
        told = ", ".join(f"pg_notify('{CHANNEL}', '{note}')" for note in notes)
        bare.execute(f"SELECT {told}; COMMIT".encode(), prepare=False)
    else:
        bare.commit()


def _is_quiet(bare: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection has nothing to say: a server that went away has said so, or hung up."""
    waiting = select.poll()
    waiting.register(bare.fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
    return not waiting.poll(0)


def _one(query: immutabledict[str, tuple[str, ...] | str], word: str) -> str | None:
    value = query.get(word)
    return value if isinstance(value, str) or value is None else value[-1]
