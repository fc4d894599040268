"""Opens the database: SQLite on one host, PostgreSQL on many, the same statements on both.

SQLite runs in WAL with `synchronous=FULL`: with NORMAL a power cut may take back a committed `dialling`,
and the call would be made twice. Writers queue on an in-process lock and a lock file, in the kernel's order,
instead of polling against each other (https://www.sqlite.org/c3ref/busy_timeout.html).
"""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from connector.errors import JournalDown
from connector.journal.sql import Connection, Statements
from connector.redact import scrub

_BUSY_MILLISECONDS = 30_000
_ADVISORY = text("SELECT pg_advisory_xact_lock(:key)")


class Database:
    """Two ways in: `write()` one transaction at a time on SQLite, `read()` beside it."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and (not parsed.database or parsed.database == ":memory:"):
            raise ValueError("the journal needs a file: sqlite:///connector.db")
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.path = Path(parsed.database or "") if self.is_sqlite else None
        #: Opens connections and writes SQL; its own execution is used for migrations only.
        self.engine: Engine = create_engine(
            parsed, poolclass=NullPool, **({"paramstyle": "named"} if self.is_sqlite else {})
        )
        if self.is_sqlite:
            _begin_for_real(self.engine)
        dbapi = self.engine.dialect.loaded_dbapi
        self._failures = (dbapi.OperationalError, dbapi.InterfaceError)
        self._statements = Statements(self.engine.dialect)
        self._writer: Any = None
        self._idle: deque[Any] = deque()
        self._turn = threading.Lock()
        self._lock_file: IO[bytes] | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, durable at the end of the block, rolled back by an exception.

        Raises JournalDown when the database cannot be reached or written.
        """
        with self._told():
            if self.is_sqlite:
                with self._turn, self._flocked():
                    if self._writer is None:
                        self._writer = self._connect()
                    self._writer.execute("BEGIN IMMEDIATE")
                    with self._ended(self._writer):
                        yield Connection(self._writer, self._statements)
            else:
                with self._borrowed() as bare, self._ended(bare):
                    yield Connection(bare, self._statements)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries only; raises JournalDown as `write`."""
        with self._told(), self._borrowed() as bare:
            yield Connection(bare, self._statements)
            if not self.is_sqlite:
                bare.rollback()

    @contextmanager
    def migrating(self) -> Iterator[sqlalchemy.Connection]:
        """One transaction for Alembic, on SQLAlchemy's own connection, alone on the database."""
        with self._told(), self.engine.connect() as connection:
            if self.is_sqlite:
                with self._turn, self._flocked(), connection.begin():
                    yield connection
            else:
                with connection.begin():
                    connection.execute(_ADVISORY, {"key": 0})
                    yield connection

    def serialise(self, connection: Connection, key: str) -> None:
        """Let one transaction at a time act on `key` until it ends, as SQLite's writers do anyway."""
        if not self.is_sqlite:
            number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
            connection.execute(_ADVISORY, {"key": number})

    def beside(self, suffix: str) -> Path:
        """A file next to the SQLite database."""
        assert self.path is not None
        return self.path.with_name(self.path.name + suffix)

    def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        while self._idle:
            self._idle.pop().close()
        if self._lock_file:
            self._lock_file.close()
            self._lock_file = None

    def _connect(self) -> Any:
        if not self.is_sqlite:
            dialect = self.engine.dialect
            positional, named = dialect.create_connect_args(self.engine.url)
            return dialect.connect(*positional, **named)
        bare = self.engine.dialect.loaded_dbapi.connect(
            str(self.path), timeout=_BUSY_MILLISECONDS / 1000, check_same_thread=False, isolation_level=None
        )
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        return bare

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        try:
            bare = self._idle.pop()
        except IndexError:
            bare = self._connect()
        try:
            yield bare
        except self._failures:
            # Whatever broke it: the next one starts with a fresh connection.
            bare.close()
            raise
        self._idle.append(bare)

    @contextmanager
    def _ended(self, bare: Any) -> Iterator[None]:
        try:
            yield
            bare.commit()
        except BaseException:
            bare.rollback()
            raise

    @contextmanager
    def _flocked(self) -> Iterator[None]:
        if self._lock_file is None:
            self._lock_file = _open_lock(self.beside(".lock"))
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            sentence = f"The connector's database cannot be used just now: {scrub(str(error).strip())}."
            raise JournalDown("journal_down", sentence) from None
        except OSError as error:
            sentence = f"The connector's database cannot be used just now: {error.strerror}."
            raise JournalDown("journal_down", sentence) from None


def _begin_for_real(engine: Engine) -> None:
    """Make SQLite's migrations one transaction: the sqlite3 module would begin none for DDL."""

    @sqlalchemy.event.listens_for(engine, "connect")
    def _no_implicit_begin(bare: Any, _record: Any) -> None:
        bare.isolation_level = None

    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _open_lock(path: Path) -> IO[bytes]:
    return path.open("ab")


class Presence:
    """A shared lock held by every serving process of one SQLite database, for as long as it lives.

    Who gets it exclusively knows that nobody else is alive, so that claims of the dead can be taken over at
    once instead of after their lease.
    """

    def __init__(self, database: Database) -> None:
        self._file = _open_lock(database.beside(".serving")) if database.is_sqlite else None

    def alone(self) -> bool:
        """Join the serving processes; True when nobody else was there."""
        if self._file is None:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._file, fcntl.LOCK_SH)
            return False
        return True

    def share(self) -> None:
        """Let others in after `alone`."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Stop being present."""
        if self._file is not None:
            self._file.close()
