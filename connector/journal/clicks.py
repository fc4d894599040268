"""Clicks in: each made durable once, and told from those it repeats."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, not_, or_, select

from connector.journal import line
from connector.journal.opened import Opened
from connector.journal.rows import call_of, click_columns, press_key, stamp
from connector.journal.sql import one_of
from connector.journal.tables import calls, repeats
from connector.journal.transaction import Transaction
from connector.model import Call, Click, Source, State

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
_TOO_LATE = "The click came too late to ring anybody; it is only recorded."
_IN_LINE = "The call waits its turn: others are before it."


@dataclass(frozen=True, slots=True)
class Accepted:
    """The row a click led to: a new one, or the first one it repeats."""

    call: Call
    repeat: bool


def new_call_id(now: float) -> str:
    """A call's id: sorts by time, hard to guess, hex only (safe as a CRM's external id)."""
    return f"{int(now * 1000):012x}{secrets.token_hex(6)}"


class Clicks(Opened):
    """What a click becomes: a new row, or the one it repeats."""

    def accept(
        self,
        click: Click,
        *,
        lifetime: timedelta,
        repeat_window: timedelta,
        owner: str | None = None,
        lease: timedelta = timedelta(0),
        in_line: timedelta | None = None,
    ) -> Accepted:
        """Make a click durable once: the same delivery ever, or the same press in the window, is a repeat.

        With an `owner` the new row is claimed for reading in the same transaction. A click that names the
        time it was made expires `lifetime` after that, any other `lifetime` after now. With `in_line` it
        waits so long at the most, behind the others of its connection if there are any, or if nobody is
        free to own it.
        """
        try:
            return self._accept(click, lifetime, repeat_window, owner, lease, in_line)
        except self.database.collision:
            # The same delivery, with another press, was stored by another process just now: it is the first.
            return self._accept(click, lifetime, repeat_window, owner, lease, in_line)

    def _accept(
        self,
        click: Click,
        lifetime: timedelta,
        repeat_window: timedelta,
        owner: str | None,
        lease: timedelta,
        in_line: timedelta | None,
    ) -> Accepted:
        with self.transaction() as tx:
            first = self._first(tx, click, repeat_window)
            if first is not None:
                return Accepted(first, repeat=True)
            now = tx.now
            made = min(click.clicked_at, now) if click.clicked_at else now
            late = made + lifetime <= now
            waits = in_line is not None and not late and (not owner or line.anybody(tx, click.connection))
            owner = None if late or waits else owner
            state = State.EXPIRED if late else State.READING if owner else State.ACCEPTED
            due_at = None if late else now + lease if owner else now
            expires_at = made + lifetime
            if waits and in_line is not None:
                state, due_at, expires_at = State.DEFERRED, now + in_line, now + in_line
            call = Call(
                id=new_call_id(now.timestamp()),
                connection=click.connection,
                click=click,
                state=state,
                accepted_at=now,
                expires_at=expires_at,
                owner=owner,
                due_at=due_at,
                code="expired" if late else "in_line" if waits else None,
                message=_TOO_LATE if late else _IN_LINE if waits else None,
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
            if state in (State.ACCEPTED, State.DEFERRED):
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
