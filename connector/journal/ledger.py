"""What the policy may ask of the past, answered on the gate's own open transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select, text

from connector.journal.rows import moment
from connector.journal.sql import Connection, one_of
from connector.journal.tables import LIVE, PLANNED, calls, flags, reports
from connector.model import Source, State

#: Without any sign of life a placed call is taken to be over after this long: its report may never come.
SILENT_FOR = timedelta(seconds=120)
DEAF_FOR = timedelta(seconds=10)
HEARD_WITHIN = timedelta(days=1)
#: With a sign of life (a leg picked up) it may last this long.
TALKING_FOR = timedelta(hours=2)
#: Live words that mean somebody has picked up.
TALKING = ("customer_picked", "member_ringing", "both_talking")

_LIVE_STATES = [State.DIALLING.value, State.UNKNOWN.value, State.PLACED.value]
_on_a_call = and_(
    text(LIVE),
    calls.c.dialled_at > bindparam("talking"),
    or_(calls.c.dialled_at > bindparam("silent"), one_of(calls.c.live, TALKING)),
)
_LAST_DIALLED = select(func.max(calls.c.dialled_at)).where(
    calls.c.customer == bindparam("customer"), one_of(calls.c.state, [*_LIVE_STATES, "ended", "abandoned"])
)
_BUSY_SINCE = select(func.max(calls.c.dialled_at)).where(calls.c.member == bindparam("member"), _on_a_call)
_TALKING_SINCE = _BUSY_SINCE.where(one_of(calls.c.live, TALKING))
_HEARD = select(reports.c.fingerprint).where(reports.c.at >= bindparam("since")).limit(1)
_PERSON_WAITS = (
    select(calls.c.id)
    .where(text(PLANNED), calls.c.member == bindparam("member"), calls.c.source == Source.BUTTON.value)
    .limit(1)
)
# Not by the time they were dialled at: what goes on is little, what was dialled in two hours may be much.
_dialled_at = func.coalesce(calls.c.dialled_at, 0.0)
_CHANNELS = (
    select(func.count())
    .select_from(calls)
    .where(
        text(LIVE),
        _dialled_at > bindparam("talking"),
        or_(_dialled_at > bindparam("silent"), one_of(calls.c.live, TALKING)),
    )
)
_COINS = select(func.coalesce(func.sum(calls.c.coins), 0.0)).where(calls.c.dialled_at >= bindparam("since"))
FLAG = select(flags.c.value).where(flags.c.name == bindparam("name"))


@cache
def _dialled(columns: frozenset[str]) -> Select[Any]:
    counted = select(func.count()).select_from(calls).where(calls.c.dialled_at >= bindparam("since"))
    for column in sorted(columns):
        # The index of connections holds all of their history: what was dialled lately is found by its time.
        compared = func.coalesce(calls.c[column], "") if column == "connection" else calls.c[column]
        counted = counted.where(compared == bindparam(column))
    return counted


class Ledger:
    """Answers from the journal as it stands inside one transaction at `now`."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def last_dialled(self, customer: str) -> datetime | None:
        """When this customer (E.164) was last rung, or may have been."""
        return moment(self._connection.execute(_LAST_DIALLED, {"customer": customer}).scalar())

    def member_busy_since(self, member: str) -> datetime | None:
        """Since when this member (E.164) is on another call of ours, as far as we know; None when free.

        A call that shows no sign of life blocks its member for `SILENT_FOR`; where CallerDesk's webhooks
        have not come for a day, and so cannot tell of its end, for `DEAF_FOR` only.
        """
        asked = {"member": member, **self._bounds()}
        since = moment(self._connection.execute(_BUSY_SINCE, asked).scalar())
        if since is None or self._now - since < DEAF_FOR:
            return since
        if self._connection.execute(_TALKING_SINCE, asked).scalar() is not None:
            return since
        lately = (self._now - HEARD_WITHIN).timestamp()
        return since if self._connection.execute(_HEARD, {"since": lately}).first() else None

    def person_waits_for(self, member: str) -> bool:
        """Whether a person's own call waits until this member (E.164) is free."""
        return self._connection.execute(_PERSON_WAITS, {"member": member}).first() is not None

    def busy_bounds(self) -> dict[str, float]:
        """Since when a call must have been dialled to keep its member busy: `silent` so far, or `talking`."""
        lately = (self._now - HEARD_WITHIN).timestamp()
        heard = self._connection.execute(_HEARD, {"since": lately}).first() is not None
        silent = self._now - (SILENT_FOR if heard else DEAF_FOR)
        return {**self._bounds(), "silent": silent.timestamp()}

    def dialled_since(
        self,
        since: datetime,
        *,
        customer: str | None = None,
        member: str | None = None,
        connection: str | None = None,
        source: str | None = None,
    ) -> int:
        """How many calls were dialled since then, of those that match what is given."""
        named = {"customer": customer, "member": member, "connection": connection, "source": source}
        given = {column: value for column, value in named.items() if value is not None}
        statement = _dialled(frozenset(given))
        return int(self._connection.execute(statement, {"since": since.timestamp(), **given}).scalar())

    def channels_in_use(self) -> int:
        """Channels taken by calls under way; each call takes two, one a leg."""
        return 2 * (self._connection.execute(_CHANNELS, self._bounds()).scalar() or 0)

    def coins_since(self, since: datetime) -> float:
        """Coins that calls dialled since then have cost, as far as reported."""
        return float(self._connection.execute(_COINS, {"since": since.timestamp()}).scalar() or 0)

    def paused(self) -> bool:
        """Whether the kill switch is on."""
        return self._connection.execute(FLAG, {"name": "paused"}).scalar() is not None

    def _bounds(self) -> dict[str, float]:
        return {
            "silent": (self._now - SILENT_FOR).timestamp(),
            "talking": (self._now - TALKING_FOR).timestamp(),
        }
