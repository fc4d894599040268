"""The line that rules' calls wait in: one a connection, in it one a member, by when their wait ends.

A row that waits is `deferred`. One that waits for a moment (the end of quiet hours) has that as its due time.
One that waits for its turn among others stands in line: it is due no sooner than its wait ends
(`due_at = expires_at`), and is taken out of the line when there is room. The indexes hold just these rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select, text, update

from connector.journal.opened import Opened
from connector.journal.rows import stamp
from connector.journal.sql import Row
from connector.journal.tables import ASLEEP, DUE, IN_LINE, PLANNED, WAITING, calls
from connector.journal.transaction import Transaction
from connector.model import Call

#: Rows whose moment has come are put into the line so many at a time.
BATCH = 500
#: The pace of a line is told by its latest calls: so many at most, of this time.
SAMPLE, SAMPLED_FOR = 50, timedelta(minutes=10)

# From one value to the next by the index, however many rows have the same one.
_NAMES = text(f"""
    WITH RECURSIVE lines(name) AS (
        SELECT (SELECT connection FROM calls WHERE {IN_LINE} ORDER BY connection, member LIMIT 1)
        UNION ALL
        SELECT (
            SELECT connection FROM calls WHERE {IN_LINE} AND connection > name
            ORDER BY connection, member LIMIT 1
        )
        FROM lines WHERE name IS NOT NULL
    )
    SELECT name FROM lines WHERE name IS NOT NULL
""")  # noqa: S608 - of constants only
_FIRSTS = text(f"""
    WITH RECURSIVE members(number) AS (
        SELECT (
            SELECT member FROM calls WHERE {IN_LINE} AND connection = :connection AND member IS NOT NULL
            ORDER BY member LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT member FROM calls WHERE {IN_LINE} AND connection = :connection AND member > number
            ORDER BY member LIMIT 1
        )
        FROM members WHERE number IS NOT NULL
    )
    SELECT calls.id, calls.expires_at,
        EXISTS (
            SELECT 1 FROM calls AS other
            WHERE other.member = number AND other.dialled_at > :talking
            AND other.state IN ('dialling', 'placed', 'unknown')
            AND (
                other.dialled_at > :silent
                OR other.live IN ('customer_picked', 'member_ringing', 'both_talking')
            )
        ) AS busy,
        EXISTS (
            SELECT 1 FROM calls AS theirs
            WHERE theirs.member = number AND theirs.state = 'planned' AND theirs.source = 'button'
        ) AS wanted
    FROM members JOIN calls ON calls.id = (
        SELECT first.id FROM calls AS first
        WHERE first.state = 'deferred' AND first.due_at = first.expires_at
        AND first.connection = :connection AND first.member = number
        ORDER BY first.expires_at, first.id LIMIT 1
    )
    WHERE number IS NOT NULL
""")  # noqa: S608 - of constants only
_UNREAD = text(f"""
    SELECT id, expires_at FROM calls WHERE {IN_LINE} AND connection = :connection AND member IS NULL
    ORDER BY expires_at, id LIMIT :limit
""")  # noqa: S608 - of constants only
_ANYBODY = text(f"""
    SELECT 1 FROM calls WHERE {IN_LINE} AND connection = :connection ORDER BY member LIMIT 1
""")  # noqa: S608 - of constants only
_AWAKE = (
    select(calls.c.id)
    .where(text(ASLEEP), calls.c.due_at <= bindparam("now"))
    .order_by(calls.c.due_at)
    .limit(literal_column(str(BATCH)))
)
_STAND_UP = (
    update(calls)
    # Rows that another transaction holds are left to the next look.
    .where(calls.c.id.in_(_AWAKE.with_for_update(skip_locked=True)))
    .values(due_at=calls.c.expires_at)
)
_OVER = text(f"""
    SELECT id FROM calls WHERE {IN_LINE} AND connection = :connection AND expires_at <= :now LIMIT {BATCH}
""")  # noqa: S608 - of constants only
_UNDER_WAY = text(f"""
    SELECT count(CASE WHEN connection = :connection THEN 1 END) FROM calls
    WHERE state IN ('accepted', 'reading', 'planned') AND source = 'rule' AND {DUE}
""")  # noqa: S608 - of constants only
_BEFORE = text(f"""
    SELECT count(*) AS ahead, count(CASE WHEN member = :member THEN 1 END) AS of_member FROM calls
    WHERE {WAITING} AND connection = :connection AND (expires_at, id) < (:expires_at, :id)
""")  # noqa: S608 - of constants only
_PEOPLE_BEFORE = text(f"""
    SELECT count(*) FROM calls WHERE {PLANNED} AND member = :member AND source = 'button' AND id < :id
""")  # noqa: S608 - of constants only

_SAMPLE = (
    select(calls.c.dialled_at, calls.c.ending)
    .where(
        calls.c.dialled_at >= bindparam("since"),
        # Not by the index of connections, in which all of their history lies.
        func.coalesce(calls.c.connection, "") == bindparam("connection"),
        calls.c.source == literal_column("'rule'"),
        # No click lives so long: policy has held this one back.
        calls.c.expires_at - calls.c.accepted_at > literal_column("300"),
    )
    .order_by(calls.c.dialled_at.desc())
    .limit(literal_column(str(SAMPLE)))
)


@dataclass(frozen=True, slots=True)
class First:
    """The first in line of a member, or of those whose member is not known yet."""

    call_id: str
    expires_at: float
    #: The member is in a call, as far as we know.
    busy: bool = False
    #: A person's own call waits for the member.
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """How many calls are before one: in its connection's line, and of these for the same member."""

    ahead: int
    of_member: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The latest calls that came out of a line: when each was dialled, and how long those took that ended."""

    dialled_at: Sequence[datetime] = ()
    seconds: Sequence[int] = ()


class Line(Opened):
    """Who waits, who is first, and how many are before whom."""

    def lines(self) -> list[str]:
        """Connections in whose lines somebody stands."""
        with self.database.read() as connection:
            return [row["name"] for row in connection.execute(_NAMES)]

    def somebody_awakes(self) -> bool:
        """Whether a moment has come that somebody waits for."""
        with self.database.read() as connection:
            return connection.execute(_AWAKE, {"now": self._clock()}).first() is not None

    def before(self, call: Call) -> Before:
        """How many calls that wait are before this deferred one; one small count of an index."""
        asked = {
            "connection": call.connection,
            "member": call.plan.member if call.plan else None,
            "expires_at": stamp(call.expires_at),
            "id": call.id,
        }
        with self.database.read() as connection:
            (row,) = connection.execute(_BEFORE, asked).all()
        return Before(row["ahead"], row["of_member"])

    def people_before(self, call: Call) -> int:
        """How many people's calls wait for the same member since before this planned one."""
        asked = {"member": call.plan.member if call.plan else None, "id": call.id}
        with self.database.read() as connection:
            return int(connection.execute(_PEOPLE_BEFORE, asked).scalar())

    def sample(self, name: str) -> Sample:
        """The latest calls out of a connection's line, newest first."""
        since = stamp(self.now() - SAMPLED_FOR)
        with self.database.read() as connection:
            found = connection.execute(_SAMPLE, {"since": since, "connection": name}).all()
        took = [json.loads(row["ending"])["total_seconds"] for row in found if row["ending"]]
        return Sample(
            [datetime.fromtimestamp(row["dialled_at"], UTC) for row in found],
            [seconds for seconds in took if seconds],
        )


def anybody(tx: Transaction, name: str) -> bool:
    """Whether somebody stands in this connection's line."""
    return tx.connection.execute(_ANYBODY, {"connection": name}).first() is not None


def stand_up(tx: Transaction) -> int:
    """Put those into the line whose moment has come; how many, `BATCH` at the most."""
    return tx.connection.execute(_STAND_UP, {"now": stamp(tx.now)}).rowcount


def over(tx: Transaction, name: str) -> list[str]:
    """Ids of those in this connection's line whose wait is over."""
    return [row["id"] for row in tx.connection.execute(_OVER, {"connection": name, "now": stamp(tx.now)})]


def under_way(tx: Transaction, name: str) -> int:
    """How many of this connection's rule calls are on their way from the line, or past it, to the gate."""
    return int(tx.connection.execute(_UNDER_WAY, {"connection": name}).scalar())


def firsts(tx: Transaction, name: str, unread: int) -> list[First]:
    """The first of each member, and the first `unread` ones whose member is not known, in their order."""
    asked = {"connection": name, **tx.ledger.busy_bounds()}
    found = [_first(row) for row in tx.connection.execute(_FIRSTS, asked)]
    for row in tx.connection.execute(_UNREAD, {"connection": name, "limit": unread}):
        found.append(First(row["id"], row["expires_at"]))
    return sorted(found, key=lambda first: (first.expires_at, first.call_id))


def _first(row: Row) -> First:
    return First(row["id"], row["expires_at"], bool(row["busy"]), bool(row["wanted"]))
