"""Opens the database: SQLite on one host, PostgreSQL on many, the same statements on both.

SQLite runs in WAL with `synchronous=FULL`: with NORMAL a power cut may take back a committed `dialling`,
and the call would be made twice. Writers queue on an in-process lock and a lock file, in the kernel's order,
instead of polling against each other (https://www.sqlite.org/c3ref/busy_timeout.html).
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import URL, Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from connector.errors import ConfigError, JournalDown, Problem
from connector.journal.sql import Connection, Statements
from connector.redact import register_secret, scrub

if TYPE_CHECKING:
    from connector.journal.postgres import Postgres
    from connector.journal.wake import Listener

_BUSY_MILLISECONDS = 30_000
#: Held by who changes the schema; every other key is a hash.
_MIGRATING = text("SELECT pg_advisory_xact_lock(0)")
#: What SQLAlchemy's own connection, that of the migrations, makes of the driver's errors.
_WRAPPED = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.InternalError,
)


class Database:
    """Two ways in: `write()` one transaction at a time on SQLite, `read()` beside it."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database or "") if self.is_sqlite else None
        self._postgres: Postgres | None = None
        if self.is_sqlite:
            if not parsed.database or parsed.database == ":memory:":
                raise ValueError("the journal needs a file: sqlite:///connector.db")
            #: Opens connections and writes SQL; its own execution is used for migrations only.
            self.engine: Engine = create_engine(parsed, poolclass=NullPool, paramstyle="named")
            _begin_for_real(self.engine)
        else:
            self.engine, self._postgres = _postgres(parsed)
        dbapi = self.engine.dialect.loaded_dbapi
        self._failures = (dbapi.OperationalError, dbapi.InterfaceError, dbapi.InternalError, *_WRAPPED)
        #: Two transactions wanted to store the same thing: what the second one gets.
        self.collision: type[Exception] = dbapi.IntegrityError
        self._statements = Statements(self.engine.dialect)
        self._writer: Any = None
        self._idle: deque[Any] = deque()
        self._turn = threading.Lock()
        self._lock_file: IO[bytes] | None = None

    def clock(self) -> float:
        """Seconds since the epoch: this host's clock on SQLite, the server's on PostgreSQL."""
        if self._postgres is None:
            return time.time()
        with self._told():
            return self._postgres.clock()

    def listen(self, hear: Callable[[str, str], None], worker: str) -> Listener | None:
        """Hear other processes' notes, on PostgreSQL; None on SQLite, which has no way to tell."""
        if self._postgres is None:
            return None
        from connector.journal.wake import Listener

        return Listener(self._postgres, hear, worker)

    def is_gone(self, connection: Connection, worker: str) -> bool:
        """Whether this worker of whatever host is known not to live; never on SQLite, see `Presence`."""
        return self._postgres is not None and self._postgres.is_gone(connection.bare, worker)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, durable at the end of the block, rolled back by an exception.

        Raises JournalDown when the database cannot be reached or written.
        """
        with self._told():
            if self._postgres is None:
                with self._turn, self._flocked():
                    if self._writer is None:
                        self._writer = self._connect()
                    self._writer.execute("BEGIN IMMEDIATE")
                    with self._ended(self._writer):
                        yield Connection(self._writer, self._statements)
            else:
                with self._postgres.transaction() as (bare, began_at, notes):
                    yield Connection(bare, self._statements, began_at, notes)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries only; raises JournalDown as `write`."""
        with (
            self._told(),
            self._borrowed() if self._postgres is None else self._postgres.connection() as bare,
        ):
            yield Connection(bare, self._statements)

    @contextmanager
    def migrating(self) -> Iterator[sqlalchemy.Connection]:
        """One transaction for Alembic, on SQLAlchemy's own connection, alone on the database."""
        with self._told(), self.engine.connect() as connection:
            if self.is_sqlite:
                with self._turn, self._flocked():
                    # The change to WAL waits for nobody: made here, where nobody else is at work, it holds
                    # for every later connection of every process.
                    self._connect().close()
                    with connection.begin():
                        yield connection
            else:
                with connection.begin():
                    connection.execute(_MIGRATING)
                    yield connection

    def serialise(self, connection: Connection, key: str, shared: bool = False) -> float | None:
        """Let one transaction at a time act on `key` until it ends, as SQLite's writers do anyway.

        On PostgreSQL the server's time when the turn has come, for the wait may have been long.
        """
        return None if self._postgres is None else self._postgres.lock(connection.bare, key, shared)

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
        if self._postgres is not None:
            self._postgres.close()
        if self._lock_file:
            self._lock_file.close()
            self._lock_file = None

    def _connect(self) -> Any:
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
            error = getattr(error, "orig", error)
            said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            sentence = f"The connector's database cannot be used just now: {scrub(said)}."
            raise JournalDown("journal_down", sentence) from None
        except OSError as error:
            sentence = f"The connector's database cannot be used just now: {error.strerror}."
            raise JournalDown("journal_down", sentence) from None


def _postgres(url: URL) -> tuple[Engine, Postgres]:
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError("the journal keeps its calls in SQLite or PostgreSQL: sqlite:/// or postgresql://")
    try:
        from connector.journal.postgres import Postgres, for_migrations
    except ModuleNotFoundError:
        sentence = "DATABASE_URL names PostgreSQL and its driver is missing: pip install '.[postgres]'."
        raise ConfigError([Problem("database", 0, 0, sentence)]) from None
    register_secret(url.password)
    url = url.set(drivername="postgresql+psycopg")
    plain, reach = for_migrations(url)
    engine = create_engine(plain, poolclass=NullPool, connect_args=reach)
    return engine, Postgres(url, engine.dialect)


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
