"""What may be asked about the calls at any time; nothing here changes a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, bindparam, func, not_, or_, select

from connector.journal.opened import Opened
from connector.journal.rows import call_of, stamp
from connector.journal.sql import one_of
from connector.journal.states import RESTING
from connector.journal.tables import calls, events
from connector.model import Call, Event, State

_COUNT = select(func.count()).select_from(calls)
_GET = select(calls).where(calls.c.id == bindparam("id"))


class Questions(Opened):
    """One call, many, their story, how many stand where, and what needs a look."""

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
