"""The journal: the row is the whole truth about a call, and the queue it waits in.

Every step that must not be lost or doubled is one committed transaction here. A claim is a lease: `owner` is
a fresh token, `due_at` the moment the lease ends, and a row that is due is anybody's to take up again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, bindparam, delete, func, insert, not_, or_, select, update

from connector.journal.engine import Database
from connector.journal.ledger import FLAG, Ledger
from connector.journal.migrate import upgrade
from connector.journal.rows import call_of, click_columns, moment, press_key, stamp
from connector.journal.sql import one_of
from connector.journal.states import RESTING
from connector.journal.tables import calls, events, flags, mapping_versions, repeats
from connector.journal.transaction import ONE_MORE_VERSION, Transaction
from connector.model import Call, Click, Event, Source, State

if TYPE_CHECKING:
    from connector.journal.wake import Listener

_FIRST = select(calls).order_by(calls.c.accepted_at).limit(1)
_SAME_DELIVERY = _FIRST.where(
    calls.c.connection == bindparam("connection"), calls.c.delivery == bindparam("delivery")
)
_SAME_REPEAT = _FIRST.join(repeats, repeats.c.call_id == calls.c.id).where(
    repeats.c.connection == bindparam("connection"), repeats.c.delivery == bindparam("delivery")
)
_REMEMBER = insert(repeats)
_MENDABLE = (State.REFUSED, State.FAILED, State.EXPIRED)
_LATELY = _FIRST.where(calls.c.press == bindparam("press"), calls.c.accepted_at >= bindparam("since"))
_HOLDS = not_(one_of(calls.c.state, _MENDABLE))
_SAME_PRESS = {
    # A rule that fires again for what it was refused is still the same firing.
    Source.RULE: _LATELY.where(or_(calls.c.source == Source.RULE.value, _HOLDS)),
    # A person may have mended the record, or may do what a rule may not: pressing again is a new click.
    Source.BUTTON: _LATELY.where(_HOLDS),
}
_ASKED_BEFORE = _FIRST.where(
    calls.c.press == bindparam("press"),
    calls.c.accepted_at >= bindparam("since"),
    calls.c.accepted_at <= bindparam("until"),
    not_(one_of(calls.c.state, _MENDABLE)),
)
_INSERT = insert(calls)
_DUE = (
    select(calls)
    .where(calls.c.due_at <= bindparam("now"))
    .order_by(calls.c.source, calls.c.due_at)  # 'button' sorts before 'rule': a person goes first
    .limit(bindparam("limit"))
)


@cache
def _due(states: frozenset[State], take: bool = False) -> Select[Any]:
    due = _DUE.where(one_of(calls.c.state, sorted(state.value for state in states)))
    # On SQLite there is nothing to skip: one transaction writes at a time.
    return due.with_for_update(skip_locked=True) if take else due


_DUE_WRITES = (
    select(calls)
    .where(calls.c.write_due_at <= bindparam("now"))
    .order_by(calls.c.write_due_at)
    .limit(bindparam("limit"))
)
_NEXT_DUE = select(func.min(calls.c.due_at)).where(calls.c.due_at.is_not(None))
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
_COUNT = select(func.count()).select_from(calls)
_UNFLAG = delete(flags).where(flags.c.name == bindparam("name"))
_SET_FLAG = insert(flags)
_GET = select(calls).where(calls.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The row a click led to: a new one, or the first one it repeats."""

    call: Call
    repeat: bool


def new_call_id(now: float) -> str:
    """A call's id: sorts by time, hard to guess, hex only (safe as a CRM's external id)."""
    return f"{int(now * 1000):012x}{secrets.token_hex(6)}"


class Journal:
    """All that this connector must never forget. Shared between threads.

    Without a `clock` (seconds since the epoch) it is the host's on SQLite, the server's on PostgreSQL.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        self.database = Database(url)
        self._clock = clock or self.database.clock
        self._by_database = clock is None and not self.database.is_sqlite

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
            began_at = connection.began_at if self._by_database else self._clock()
            now = datetime.fromtimestamp(began_at or 0.0, UTC)
            yield Transaction(self.database, connection, now, self._by_database)

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

    # -- Clicks in ------------------------------------------------------------------------------------------

    def accept(
        self,
        click: Click,
        *,
        lifetime: timedelta,
        repeat_window: timedelta,
        owner: str | None = None,
        lease: timedelta = timedelta(0),
    ) -> Accepted:
        """Make a click durable once: the same delivery ever, or the same press in the window, is a repeat.

        With an `owner` the new row is claimed for reading in the same transaction. A click that names the
        time it was made expires `lifetime` after that, any other `lifetime` after now.
        """
        try:
            return self._accept(click, lifetime, repeat_window, owner, lease)
        except self.database.collision:
            # The same delivery, with another press, was stored by another process just now: it is the first.
            return self._accept(click, lifetime, repeat_window, owner, lease)

    def _accept(
        self, click: Click, lifetime: timedelta, repeat_window: timedelta, owner: str | None, lease: timedelta
    ) -> Accepted:
        with self.transaction() as tx:
            first = self._first(tx, click, repeat_window)
            if first is not None:
                return Accepted(first, repeat=True)
            now = tx.now
            made = min(click.clicked_at, now) if click.clicked_at else now
            late = made + lifetime <= now
            state = State.EXPIRED if late else State.READING if owner else State.ACCEPTED
            due_at = None if late else now + lease if owner else now
            call = Call(
                id=new_call_id(now.timestamp()),
                connection=click.connection,
                click=click,
                state=state,
                accepted_at=now,
                expires_at=made + lifetime,
                owner=None if late else owner,
                due_at=due_at,
                code="expired" if late else None,
                message="The click came too late to ring anybody; it is only recorded." if late else None,
            )
            tx.connection.execute(
                _INSERT,
                {
                    "id": call.id,
                    "state": state.value,
                    "accepted_at": stamp(now),
                    "expires_at": stamp(call.expires_at),
                    "owner": call.owner,
                    "due_at": stamp(due_at),
                    "code": call.code,
                    "message": call.message,
                    "attempts": 1 if owner else 0,
                    "wanted": 0,
                    "written": 0,
                    "write_attempts": 0,
                    "write_dead": False,
                    **click_columns(click),
                },
            )
            who = click.user or click.source.value
            hops = [(State.ACCEPTED, who, f"{click.object} {click.record_id}")]
            if state is not State.ACCEPTED:
                hops.append((state, "connector", call.message or "at once"))
            tx.tell(call.id, None, *hops)
            if state is State.ACCEPTED:
                tx.note("due")
            return Accepted(replace(call, attempts=1 if owner else 0), repeat=False)

    def _first(self, tx: Transaction, click: Click, window: timedelta) -> Call | None:
        tx.serialise(press_key(click))
        named = {"connection": click.connection, "delivery": click.delivery}
        if click.delivery is not None:
            for same in (_SAME_DELIVERY, _SAME_REPEAT):
                row = tx.connection.execute(same, named).first()
                if row:
                    return call_of(row)
        since = stamp(tx.now - window)
        asked = {"press": press_key(click), "since": since}
        row = tx.connection.execute(_SAME_PRESS[click.source], asked).first()
        if row and click.delivery is not None:
            # Sent again when the window is over, it must not become a call of its own.
            tx.connection.execute(_REMEMBER, {**named, "call_id": row["id"], "at": stamp(tx.now)})
        return call_of(row) if row else None

    def asked_before(self, click: Click, moment: datetime, window: timedelta) -> bool:
        """Whether a click like this came in the window before `moment` and has not come to nothing."""
        asked = {"press": press_key(click), "since": stamp(moment - window), "until": stamp(moment)}
        with self.database.read() as connection:
            return connection.execute(_ASKED_BEFORE, asked).first() is not None

    # -- Claims ---------------------------------------------------------------------------------------------

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
        """When the earliest row of either lane is to be looked at."""
        with self.database.read() as connection:
            found = [connection.execute(_NEXT_DUE).scalar(), connection.execute(_NEXT_WRITE).scalar()]
        return min((at for at in map(moment, found) if at is not None), default=None)

    def release_dead(self, prefix: str = "") -> int:
        """End the leases of owners that are known to be dead (their token starts with `prefix`)."""
        with self.transaction() as tx:
            return self._release(tx, prefix)

    def release_gone(self) -> int:
        """End the leases of workers that hold no connection any more, on PostgreSQL.

        A worker that lives and has just lost its connection is taken for gone: what it dials then becomes
        `unknown` until its reply comes. It cannot be dialled again by that.
        """
        with self.transaction() as tx:
            found = [row["owner"] for row in tx.connection.execute_once(_OWNERS)]
            workers = {owner.rpartition(".")[0] for owner in found}
            gone = [worker for worker in workers if self.database.is_gone(tx.connection, worker)]
            return sum(self._release(tx, f"{worker}.") for worker in gone)

    def _release(self, tx: Transaction, prefix: str) -> int:
        ended = 0
        for owner, due in ((calls.c.owner, calls.c.due_at), (calls.c.write_owner, calls.c.write_due_at)):
            ended += tx.connection.execute_once(
                update(calls)
                .where(owner.is_not(None), owner.startswith(prefix, autoescape=True))
                .values({due.name: stamp(tx.now)})
            ).rowcount
        if ended:
            tx.note("due")
        return ended

    def want_write(self, call: Call) -> None:
        """Ask for a call's activity to be written again, also after it was given up. It cannot ring."""
        with self.transaction() as tx:
            tx.connection.execute(_WANT, {"b_id": call.id, "b_now": stamp(tx.now)})
            tx.tell(call.id, call.state, (call.state, "admin", "the CRM write is asked for again"))

    # -- Questions ------------------------------------------------------------------------------------------

    def get(self, call_id: str) -> Call | None:
        """The call as it stands, or None."""
        with self.database.read() as connection:
            row = connection.execute(_GET, {"id": call_id}).first()
            return call_of(row) if row else None

    def latest(
        self, limit: int = 50, *, connection: str | None = None, state: State | None = None
    ) -> list[Call]:
        """The newest calls first."""
        wanted = select(calls).order_by(calls.c.accepted_at.desc()).limit(limit)
        if connection is not None:
            wanted = wanted.where(calls.c.connection == connection)
        if state is not None:
            wanted = wanted.where(calls.c.state == state.value)
        with self.database.read() as opened:
            return [call_of(row) for row in opened.execute_once(wanted)]

    def story(self, call_id: str) -> list[Event]:
        """Every move of one call, oldest first."""
        wanted = select(events).where(events.c.call_id == call_id).order_by(events.c.id)
        with self.database.read() as connection:
            return [
                Event(
                    at=datetime.fromtimestamp(row["at"], UTC),
                    call_id=call_id,
                    from_state=State(row["from_state"]) if row["from_state"] else None,
                    to_state=State(row["to_state"]),
                    who=row["who"],
                    detail=row["detail"],
                )
                for row in connection.execute_once(wanted)
            ]

    def counts(self) -> dict[State, int]:
        """How many calls stand in each state."""
        wanted = select(calls.c.state, func.count().label("number")).group_by(calls.c.state)
        with self.database.read() as connection:
            found = {State(row["state"]): row["number"] for row in connection.execute_once(wanted)}
        return {state: found.get(state, 0) for state in State}

    def health(self) -> dict[str, int]:
        """Count what needs a look: `stuck` (due for over 10 s, or never), `dead`, `behind`, `unknown`."""
        overdue = stamp(self.now() - timedelta(seconds=10))
        resting = [state.value for state in RESTING]
        stuck = or_(
            calls.c.due_at < overdue, and_(calls.c.due_at.is_(None), not_(one_of(calls.c.state, resting)))
        )
        asked = {
            "stuck": stuck,
            "dead": calls.c.write_dead.is_(True),
            "behind": and_(calls.c.wanted > calls.c.written, calls.c.write_dead.is_(False)),
            "unknown": calls.c.state == State.UNKNOWN.value,
        }
        with self.database.read() as connection:
            return {
                name: connection.execute_once(_COUNT.where(clause)).scalar() for name, clause in asked.items()
            }

    # -- Small shared facts ---------------------------------------------------------------------------------

    def flag(self, name: str) -> str | None:
        """The value of a flag that all processes share, or None."""
        with self.database.read() as connection:
            value: str | None = connection.execute(FLAG, {"name": name}).scalar()
            return value

    def set_flag(self, name: str, value: str | None) -> None:
        """Set a shared flag, or clear it with None."""
        with self.transaction() as tx:
            tx.serialise(f"flag {name}")
            tx.connection.execute(_UNFLAG, {"name": name})
            if value is not None:
                tx.connection.execute(_SET_FLAG, {"name": name, "value": value, "at": stamp(tx.now)})

    def link_key(self) -> str:
        """The key that signs links to call pages: made once, kept with the calls."""
        while (key := self.flag("link_key")) is None:
            with self.transaction() as tx:
                tx.serialise("flag link_key")
                if tx.connection.execute(FLAG, {"name": "link_key"}).first():
                    continue
                made: dict[str, Any] = {
                    "name": "link_key",
                    "value": secrets.token_hex(32),
                    "at": stamp(tx.now),
                }
                tx.connection.execute(_SET_FLAG, made)
        return key

    def keep_mapping(self, connection_name: str, version: str, text: str) -> None:
        """Keep the text of a mapping version the first time a call is planned with it."""
        named = and_(mapping_versions.c.version == version, mapping_versions.c.connection == connection_name)
        with self.transaction() as tx:
            tx.serialise("mapping versions")
            if not tx.connection.execute_once(select(mapping_versions.c.version).where(named)).first():
                tx.connection.execute_once(
                    insert(mapping_versions).values(
                        version=version, connection=connection_name, text=text, first_used_at=stamp(tx.now)
                    )
                )
