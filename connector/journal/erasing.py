"""Erasing what is older than it may be kept: in small batches, and never a row that is not at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, exists, func, insert, not_, or_, select

from connector.journal.audit import note
from connector.journal.journal import Journal
from connector.journal.listening import forget_listening
from connector.journal.privacy import FORGOTTEN
from connector.journal.rows import stamp
from connector.journal.sql import one_of
from connector.journal.states import RESTING
from connector.journal.tables import calls, events, flags, mapping_versions, repeats, reports
from connector.journal.transaction import Transaction
from connector.retention import Retention

#: Rows erased in one transaction.
BATCH = 100
EVERY = timedelta(days=1)
_FLAG = "erased"

_at_rest = and_(
    one_of(calls.c.state, [state.value for state in RESTING]),
    calls.c.due_at.is_(None),
    calls.c.write_due_at.is_(None),
    calls.c.write_owner.is_(None),
)
_forgotten = or_(calls.c.customer.startswith(FORGOTTEN), calls.c.member.startswith(FORGOTTEN))
# An id begins with the time it was made at, so the key finds the old rows without a look at the others.
_OLD = (
    select(calls.c.id)
    .where(
        calls.c.id < bindparam("newest"),
        or_(calls.c.accepted_at < bindparam("before"), _forgotten),
        calls.c.accepted_at < bindparam("forgotten_before"),
        _at_rest,
    )
    .order_by(calls.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_owner = select(calls.c.id)
# They are found by their own age, once their call is gone: looking for them by its id would be slow.
_OLD_REPORTS = (
    select(reports.c.fingerprint)
    .where(reports.c.at < bindparam("before"), not_(exists(_owner.where(calls.c.id == reports.c.call_id))))
    .limit(bindparam("limit"))
)
_OLD_REPEATS = (
    select(repeats.c.connection.label("b_connection"), repeats.c.delivery.label("b_delivery"))
    .where(repeats.c.at < bindparam("before"), not_(exists(_owner.where(calls.c.id == repeats.c.call_id))))
    .limit(bindparam("limit"))
)
_DELETE_REPEAT = delete(repeats).where(
    repeats.c.connection == bindparam("b_connection"), repeats.c.delivery == bindparam("b_delivery")
)
_OLD_VERSIONS = select(mapping_versions.c.connection, mapping_versions.c.version).where(
    mapping_versions.c.first_used_at < bindparam("before")
)
_USED = select(calls.c.id).where(calls.c.mapping_version == bindparam("version")).limit(1)
_NEWEST = select(
    mapping_versions.c.connection, func.max(mapping_versions.c.first_used_at).label("at")
).group_by(mapping_versions.c.connection)


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased; events and repeats go with their calls."""

    calls: int = 0
    reports: int = 0
    mapping_versions: int = 0

    def __str__(self) -> str:
        kept = f"{self.calls} calls, {self.reports} webhooks"
        return f"{kept} and {self.mapping_versions} versions of mapping files"


def erase_daily(
    journal: Journal, retention: Retention, stop: Callable[[], bool] = lambda: False
) -> Erased | None:
    """`erase` unless any process has begun it in the last day; then None."""
    with journal.transaction() as tx:
        tx.serialise(f"flag {_FLAG}")
        since = stamp(tx.now - EVERY)
        lately = select(flags.c.name).where(flags.c.name == _FLAG, flags.c.at > since)
        if tx.connection.execute_once(lately).first():
            return None
        tx.connection.execute_once(delete(flags).where(flags.c.name == _FLAG))
        tx.connection.execute_once(insert(flags).values(name=_FLAG, value="begun", at=stamp(tx.now)))
    return erase(journal, retention, "dispatcher", stop)


def erase(
    journal: Journal, retention: Retention, who: str, stop: Callable[[], bool] = lambda: False
) -> Erased:
    """Erase what is older than `retention` says, until nothing is left or `stop` says so."""
    now = journal.now()
    before = now - timedelta(days=retention.days)
    forgotten_before = now - timedelta(days=retention.days_forgotten)
    moments = {"before": stamp(before), "forgotten_before": stamp(forgotten_before)}
    found = [
        _in_batches(journal, one_batch, moments, stop)
        for one_batch in (_erase_calls, _erase_reports, _erase_repeats)
    ]
    versions = 0 if stop() else _erase_versions(journal, before)
    erased = Erased(found[0], found[1], versions)
    if erased != Erased():
        with journal.transaction() as tx:
            note(tx, who, "erase", detail=f"{erased} older than {retention.days} days")
    return erased


def _in_batches(
    journal: Journal,
    one_batch: Callable[[Transaction, Mapping[str, float | None]], int],
    moments: Mapping[str, float | None],
    stop: Callable[[], bool],
) -> int:
    found = 0
    while not stop():
        with journal.transaction() as tx, _overwriting(journal, tx):
            batch = one_batch(tx, moments)
        found += batch
        if batch < BATCH:
            break
    return found


@contextmanager
def _overwriting(journal: Journal, tx: Transaction) -> Iterator[None]:
    """SQLite fills what it deletes here with noughts; PostgreSQL reuses it after its vacuum."""
    if not journal.database.is_sqlite:
        yield
        return
    bare = tx.connection.bare
    # Some builds of SQLite do it always: they go on as before.
    (before,) = bare.execute("PRAGMA secure_delete").fetchone()
    bare.execute("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        bare.execute(f"PRAGMA secure_delete={before}")


def _erase_calls(tx: Transaction, moments: Mapping[str, float | None]) -> int:
    newest = int((moments["forgotten_before"] or 0.0) * 1000) + 1
    ids = [
        row["id"]
        for row in tx.connection.execute(_OLD, {**moments, "newest": f"{newest:012x}", "limit": BATCH})
    ]
    if ids:
        tx.connection.execute_once(delete(events).where(one_of(events.c.call_id, ids)))
        forget_listening(tx, ids)
        tx.connection.execute_once(delete(calls).where(one_of(calls.c.id, ids)))
    return len(ids)


def _erase_reports(tx: Transaction, moments: Mapping[str, float | None]) -> int:
    """Webhooks whose call is gone, or that never found one."""
    found = tx.connection.execute(_OLD_REPORTS, {"before": moments["before"], "limit": BATCH})
    prints = [row["fingerprint"] for row in found]
    if prints:
        tx.connection.execute_once(delete(reports).where(one_of(reports.c.fingerprint, prints)))
    return len(prints)


def _erase_repeats(tx: Transaction, moments: Mapping[str, float | None]) -> int:
    keys = tx.connection.execute(_OLD_REPEATS, {"before": moments["before"], "limit": BATCH}).all()
    if keys:
        tx.connection.execute_many(_DELETE_REPEAT, keys)
    return len(keys)


def _erase_versions(journal: Journal, before: datetime) -> int:
    """Mapping versions that no call was planned by any more; the newest of each connection stays."""
    with journal.database.read() as connection:
        newest = {row["connection"]: row["at"] for row in connection.execute_once(_NEWEST)}
        old = connection.execute_once(
            _OLD_VERSIONS.add_columns(mapping_versions.c.first_used_at), {"before": stamp(before)}
        ).all()
        unused = [
            row
            for row in old
            if row["first_used_at"] < newest[row["connection"]]
            and connection.execute(_USED, {"version": row["version"]}).first() is None
        ]
    for row in unused:
        with journal.transaction() as tx:
            tx.connection.execute_once(
                delete(mapping_versions).where(
                    mapping_versions.c.connection == row["connection"],
                    mapping_versions.c.version == row["version"],
                )
            )
    return len(unused)
