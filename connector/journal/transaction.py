"""One open transaction on the journal and the only ways a row moves in it.

`move` is a compare-and-set on id, state and owner: nought rows changed means somebody else has the row now
(fenced), and whatever the caller holds is dropped. The event is written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Update, bindparam, case, insert, not_, or_, select, text, update

from connector.journal.engine import Database
from connector.journal.ledger import Ledger
from connector.journal.rows import call_of, stamp
from connector.journal.sql import Connection
from connector.journal.states import LEGAL, PHASE, RESTING, VERDICT
from connector.journal.tables import PLANNED, calls, events
from connector.model import Call, Source, State


class IllegalMove(AssertionError):
    """The code asked for a transition that the table of `states` does not have: a fault of ours."""


#: A new version for the timeline: due at once, unless a writer is at it, who will see it when done.
ONE_MORE_VERSION: dict[str, Any] = {
    "wanted": calls.c.wanted + 1,
    "wanted_since": bindparam("b_now"),
    "write_dead": False,
    "write_due_at": case((calls.c.write_owner.is_(None), bindparam("b_now")), else_=calls.c.write_due_at),
}


@cache
def _update(columns: frozenset[str], owned: bool, bump: bool) -> Update:
    statement = (
        update(calls)
        .where(calls.c.id == bindparam("b_id"), calls.c.state == bindparam("b_state"))
        .values({name: bindparam(name) for name in columns})
    )
    if owned:
        statement = statement.where(calls.c.owner == bindparam("b_owner"))
    if bump:
        statement = statement.values(ONE_MORE_VERSION)
    return statement


_REST = (
    update(calls)
    .where(calls.c.id == bindparam("b_id"), calls.c.state == bindparam("b_state"))
    .values(due_at=bindparam("due_at"), owner=None)
)
# Who comes here holds a call already: were it to wait for another's row, that one might wait for this call.
_WAITS_FOR_MEMBER = (
    select(calls.c.id)
    .where(
        calls.c.member == bindparam("b_member"),
        text(PLANNED),
        calls.c.owner.is_(None),
        calls.c.due_at > bindparam("b_now"),
    )
    .order_by(calls.c.id)
    .with_for_update(skip_locked=True)
)
_MEMBER_FREE = update(calls).where(calls.c.id.in_(_WAITS_FOR_MEMBER)).values(due_at=bindparam("b_now"))
_EVENT = insert(events)
# Locked, so that what is decided by it still holds when it is written; SQLite has one writer anyway.
_CALL = select(calls).where(calls.c.id == bindparam("id")).with_for_update()
_WRITTEN = (
    update(calls)
    .where(calls.c.id == bindparam("b_id"), calls.c.write_owner == bindparam("b_owner"))
    .values(
        written=bindparam("written"),
        activity_id=bindparam("activity_id"),
        write_owner=None,
        write_due_at=case((calls.c.wanted > bindparam("written"), bindparam("b_now")), else_=None),
        write_attempts=0,
        write_error=None,
        write_dead=False,
    )
    .returning(calls.c.wanted)
)
_FAILED = (
    update(calls)
    .where(calls.c.id == bindparam("b_id"), calls.c.write_owner == bindparam("b_owner"))
    .values(write_owner=None, write_error=bindparam("write_error"))
)
_TRY_AGAIN = _FAILED.values(write_due_at=bindparam("write_due_at"), write_dead=False)
_newer = calls.c.wanted > bindparam("b_version")
#: What came meanwhile has not been tried yet: it is not given up together with this version.
_GIVE_UP = _FAILED.values(write_due_at=case((_newer, bindparam("b_now"))), write_dead=not_(_newer))
_WRITE_CLAIM = (
    update(calls)
    .where(
        calls.c.id == bindparam("b_id"),
        calls.c.wanted > calls.c.written,
        or_(calls.c.write_owner.is_(None), calls.c.write_due_at <= bindparam("b_now")),
    )
    .values(
        write_owner=bindparam("write_owner"),
        write_due_at=bindparam("write_due_at"),
        write_attempts=calls.c.write_attempts + 1,
    )
)


class Transaction:
    """Moves and questions on one open transaction at one moment of the journal's clock."""

    def __init__(
        self, database: Database, connection: Connection, now: datetime, by_database: bool = False
    ) -> None:
        self._database = database
        #: Whether `now` is the database server's time.
        self._by_database = by_database
        self.connection = connection
        self.now = now
        self.ledger = Ledger(connection, now)

    def call(self, call_id: str) -> Call | None:
        """The call as it stands; nobody else moves it until this transaction has ended."""
        row = self.connection.execute(_CALL, {"id": call_id}).first()
        return call_of(row) if row else None

    def move(
        self,
        call: Call | str,
        state: State,
        to: State,
        *,
        by_way_of: tuple[State, str, str] | None = None,
        owner: str | None = None,
        who: str,
        detail: str,
        due_at: datetime | None = None,
        keep_owner: bool = False,
        write: bool | None = None,
        columns: Mapping[str, Any] = MappingProxyType({}),
    ) -> bool:
        """Move a row from `state` to `to` if it still stands there and is still `owner`'s; False = fenced.

        `by_way_of` is a state passed through on the way, with who and detail for its own line of the story.
        `due_at` is when the row is next to be looked at: needed for every state that is not at rest.
        `write` asks for a new version on the CRM's timeline; by default whenever its state has a phase there,
        and always at the end of a call that its CRM waits for.
        """
        hops = [(to, who, detail)] if by_way_of is None else [by_way_of, (to, who, detail)]
        for before, (after, _, _) in zip([state, *(hop[0] for hop in hops)], hops, strict=False):
            if after not in LEGAL[before]:
                raise IllegalMove(f"{before} -> {after}")
        if (due_at is None) != (to in RESTING):
            raise IllegalMove(f"{state} -> {to} with due time {due_at}")
        call_id = call if isinstance(call, str) else call.id
        bump = PHASE[to] is not None if write is None else write
        bump = bump or (to in RESTING and not isinstance(call, str) and call.click.awaited)
        values = {**columns, "state": to.value, "due_at": stamp(due_at)}
        if not keep_owner:
            values["owner"] = None
        statement = _update(frozenset(values), owner is not None, bump)
        values.update(b_id=call_id, b_state=state.value)
        if bump:
            values["b_now"] = stamp(self.now)
        if owner is not None:
            values["b_owner"] = owner
        if self.connection.execute(statement, values).rowcount != 1:
            return False
        self.tell(call_id, state, *hops)
        if due_at is not None and due_at <= self.now and not keep_owner:
            self.note("due")
        if to in VERDICT and (isinstance(call, str) or call.click.source is Source.BUTTON):
            self.note(f"verdict {call_id}")
        return True

    def member_free(self, member: str) -> None:
        """The member (E.164) has ended a call: whatever waits for that may pass the gate now.

        A row that another transaction holds is left: its own due time is near.
        """
        self.connection.execute(_MEMBER_FREE, {"b_member": member, "b_now": stamp(self.now)})
        self.note("due")

    def rest(self, call: Call, *, due_at: datetime) -> None:
        """Leave a row where it stands and look at it again then; drops a claim on it."""
        self.connection.execute(
            _REST, {"b_id": call.id, "b_state": call.state.value, "due_at": stamp(due_at)}
        )

    def serialise(self, key: str, *, shared: bool = False) -> None:
        """Let one transaction at a time act on `key`, until it ends; `now` is then the end of the wait.

        Those that hold it `shared` do not wait for each other.
        """
        held_at = self._database.serialise(self.connection, key, shared)
        if held_at is not None and self._by_database:
            self.now = datetime.fromtimestamp(held_at, UTC)
            self.ledger = Ledger(self.connection, self.now)

    def note(self, what: str) -> None:
        """Tell the other processes with the commit, where the database can; told once a transaction."""
        notes = self.connection.notes
        if notes is not None and what not in notes:
            notes.append(what)

    def tell(self, call_id: str, state: State | None, *hops: tuple[State, str, str]) -> None:
        """Add a line to a call's story for each state it came to: the state, who moved it, a detail."""
        at = stamp(self.now)
        lines = []
        for to, who, detail in hops:
            before = state.value if state else None
            lines.append(
                {
                    "call_id": call_id,
                    "at": at,
                    "from_state": before,
                    "to_state": to.value,
                    "who": who,
                    "detail": detail,
                }
            )
            state = to
        self.connection.execute_many(_EVENT, lines)

    # -- The write lane -------------------------------------------------------------------------------------

    def claim_write(self, call_id: str, owner: str, lease: timedelta) -> bool:
        """Become the one writer of this call's activity; False when there is one or nothing to write."""
        values = {
            "b_id": call_id,
            "b_now": stamp(self.now),
            "write_owner": owner,
            "write_due_at": stamp(self.now + lease),
        }
        return self.connection.execute(_WRITE_CLAIM, values).rowcount == 1

    def written(self, call: Call, owner: str, version: int, activity_id: str | None) -> bool:
        """The CRM now shows `version`, perhaps without an activity; True when a newer one is wanted."""
        values = {
            "b_id": call.id,
            "b_owner": owner,
            "b_now": stamp(self.now),
            "written": version,
            "activity_id": activity_id,
        }
        wanted = self.connection.execute(_WRITTEN, values).scalar()
        return wanted is not None and wanted > version

    def not_written(self, call: Call, owner: str, error: str, again_at: datetime | None) -> None:
        """The write failed with `error`; it is tried again then, or never (a dead letter)."""
        values = {"b_id": call.id, "b_owner": owner, "write_error": error}
        if again_at is None:
            given_up = {"b_version": call.wanted, "b_now": stamp(self.now)}
            self.connection.execute(_GIVE_UP, values | given_up)
        else:
            self.connection.execute(_TRY_AGAIN, values | {"write_due_at": stamp(again_at)})
