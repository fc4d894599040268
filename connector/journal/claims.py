"""What is due, and who takes it up: a claim is a lease under a fresh owner token, in either lane."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, bindparam, func, or_, select, text, update

from connector.journal.opened import Opened
from connector.journal.rows import call_of, moment, stamp
from connector.journal.states import RESTING
from connector.journal.tables import ASLEEP, DUE, calls
from connector.journal.transaction import ONE_MORE_VERSION, Transaction
from connector.model import Call, Source, State

_DUE = (
    select(calls)
    .where(calls.c.due_at <= bindparam("now"))
    .order_by(calls.c.source, calls.c.due_at)  # 'button' sorts before 'rule': a person goes first
    .limit(bindparam("limit"))
)


def _words(values: Iterable[StrEnum]) -> str:
    return ", ".join(sorted(f"'{value}'" for value in values))


@cache
def _due(states: frozenset[State], take: bool = False) -> Select[Any]:
    # All spelled out, so that a few ranges of one index are read however many rows stand elsewhere.
    due = _DUE.where(text(f"state IN ({_words(states)}) AND source IN ({_words(Source)})"))
    if State.DEFERRED not in states:
        due = due.where(text(DUE))
    # On SQLite there is nothing to skip: one transaction writes at a time.
    return due.with_for_update(skip_locked=True) if take else due


_DUE_WRITES = (
    select(calls)
    .where(calls.c.write_due_at <= bindparam("now"))
    .order_by(calls.c.write_due_at)
    .limit(bindparam("limit"))
)
_EARLIEST = [f"SELECT min(due_at) AS at FROM calls WHERE {ASLEEP}"] + [  # noqa: S608 - of constants only
    f"SELECT min(due_at) AS at FROM calls WHERE state = '{state}' AND source = '{source}' AND {DUE}"  # noqa: S608
    for state in sorted(set(State) - RESTING - {State.DEFERRED})
    for source in Source
]
_NEXT_DUE = text(f"SELECT min(at) FROM ({' UNION ALL '.join(_EARLIEST)}) AS earliest")  # noqa: S608
_NEXT_WRITE = select(func.min(calls.c.write_due_at)).where(calls.c.write_due_at.is_not(None))
_CLAIM = (
    update(calls)
    .where(
        calls.c.id == bindparam("b_id"),
        calls.c.state == bindparam("b_state"),
        calls.c.due_at <= bindparam("b_now"),
    )
    .values(owner=bindparam("owner"), due_at=bindparam("due_at"), attempts=calls.c.attempts + 1)
)
_WANT = update(calls).where(calls.c.id == bindparam("b_id")).values(ONE_MORE_VERSION)
# A row that is claimed has a due time, its lease's end: the partial indexes find these few.
_OWNERS = (
    select(calls.c.owner)
    .where(calls.c.due_at.is_not(None), calls.c.owner.is_not(None))
    .union(
        select(calls.c.write_owner).where(calls.c.write_due_at.is_not(None), calls.c.write_owner.is_not(None))
    )
)


class Claims(Opened):
    """Rows that are due, claimed by one, and taken from those that are gone."""

    def due(self, states: Collection[State], limit: int) -> list[Call]:
        """Calls in these states that are to be looked at now; a person's before a rule's, then the oldest."""
        with self.database.read() as connection:
            found = connection.execute(_due(frozenset(states)), {"now": self._clock(), "limit": limit})
            return [call_of(row) for row in found]

    def take_due(self, tx: Transaction, states: Collection[State], limit: int) -> list[Call]:
        """The same, held for this transaction; rows that another one is taking are left to it."""
        wanted = {"now": stamp(tx.now), "limit": limit}
        return [call_of(row) for row in tx.connection.execute(_due(frozenset(states), True), wanted)]

    def claim(self, tx: Transaction, call: Call, owner: str, lease: timedelta) -> bool:
        """Take up a due row as it was seen; False when another was quicker."""
        values = {
            "b_id": call.id,
            "b_state": call.state.value,
            "b_now": stamp(tx.now),
            "owner": owner,
            "due_at": stamp(tx.now + lease),
        }
        return tx.connection.execute(_CLAIM, values).rowcount == 1

    def due_writes(self, limit: int) -> list[Call]:
        """Calls whose activity is behind, or whose writer's lease has ended."""
        with self.database.read() as connection:
            found = connection.execute(_DUE_WRITES, {"now": self._clock(), "limit": limit})
            return [call_of(row) for row in found]

    def next_due(self) -> datetime | None:
        """When the earliest row of either lane is to be looked at; who stands in line waits for no time."""
        with self.database.read() as connection:
            found = [connection.execute(_NEXT_DUE).scalar(), connection.execute(_NEXT_WRITE).scalar()]
        return min((at for at in map(moment, found) if at is not None), default=None)

    def release_dead(self, prefix: str = "") -> int:
        """End the leases of owners that are known to be dead (their token starts with `prefix`)."""
        with self.transaction() as tx:
            return self._release(tx, [prefix])

    def release_gone(self) -> int:
        """End the leases of workers that hold no connection any more, on PostgreSQL.

        A worker that lives and has just lost its connection is taken for gone: what it dials then becomes
        `unknown` until its reply comes. It cannot be dialled again by that.
        """
        with self.transaction() as tx:
            found = [row["owner"] for row in tx.connection.execute_once(_OWNERS)]
            workers = {owner.rpartition(".")[0] for owner in found}
            gone = [worker for worker in workers if self.database.is_gone(tx.connection, worker)]
            return self._release(tx, [f"{worker}." for worker in gone]) if gone else 0

    def _release(self, tx: Transaction, prefixes: Collection[str]) -> int:
        def theirs(owner: Column[Any]) -> ColumnElement[bool]:
            return or_(*(owner.startswith(prefix, autoescape=True) for prefix in prefixes))

        # All are held first, by id, as whoever holds more than one row takes them: nobody waits in a circle.
        held = select(calls.c.id).where(or_(theirs(calls.c.owner), theirs(calls.c.write_owner)))
        tx.connection.execute_once(held.order_by(calls.c.id).with_for_update())
        ended = 0
        for owner, due in ((calls.c.owner, calls.c.due_at), (calls.c.write_owner, calls.c.write_due_at)):
            ended += tx.connection.execute_once(
                update(calls).where(theirs(owner)).values({due.name: stamp(tx.now)})
            ).rowcount
        if ended:
            tx.note("due")
        return ended

    def want_write(self, call: Call) -> None:
        """Ask for a call's activity to be written again, also after it was given up. It cannot ring."""
        with self.transaction() as tx:
            tx.connection.execute(_WANT, {"b_id": call.id, "b_now": stamp(tx.now)})
            tx.tell(call.id, call.state, (call.state, "admin", "the CRM write is asked for again"))
