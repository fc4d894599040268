"""The host's clock was set, forwards or backwards: what the journal still needs moves with it, on SQLite.

An age is what counts: how old a click is, how long a lease has run, when a customer was last rung. The
kernel's own seconds since its start, which nobody sets, tell by how much the clock was set, and the
first transaction after that moves the times of whatever is under way, and of the last days, by as much. So a
lease does not end early, a click does not come due in days, and a second press is still a second press.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import bindparam, delete, insert, or_, select, update

from connector.journal.sql import Connection, one_of
from connector.journal.tables import calls, flags
from connector.model import State

log = logging.getLogger("connector.journal")

#: Seconds. Less than a lease; more than what keeps a clock right by and by.
STEP = 5.0
#: Calls at rest count for guards and for presses without an id no longer than this.
LATELY = 2 * 86_400.0
#: A clock that is put right within this time takes the very same calls back again.
MENDED_WITHIN = 30 * 86_400.0
_FLAG = "clock"
_TIMES = ("accepted_at", "expires_at", "due_at", "dialled_at", "wanted_since", "write_due_at")
_KNOWN = select(flags.c.value).where(flags.c.name == _FLAG)
_UNFLAG = delete(flags).where(flags.c.name == bindparam("b_name"))
_SET_FLAG = insert(flags)
_NEWEST = select(calls.c.accepted_at).order_by(calls.c.id.desc()).limit(1)
_MOVE = (
    update(calls)
    .where(
        or_(
            calls.c.due_at.is_not(None),
            calls.c.write_due_at.is_not(None),
            calls.c.accepted_at >= bindparam("b_since"),
        )
    )
    .values({name: calls.c[name] + bindparam("b_step") for name in _TIMES})
)
_TOO_OLD = (
    update(calls)
    .where(one_of(calls.c.state, (State.ACCEPTED, State.READING, State.PLANNED)))
    .values(expires_at=bindparam("b_now"))
)


def _steady() -> float:
    """Seconds since this host's start, also those that it was asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _start() -> str:
    """A name for this start of the host's kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class HostClock:
    """Follows this host's clock for one process; what it did is noted in the journal, for all of them."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _steady,
        start: Callable[[], str] = _start,
    ) -> None:
        self._wall, self._steady, self._start = wall, steady, start
        self._followed: float | None = None
        self._noted: float | None = None

    def was_set(self) -> bool:
        """Whether the journal has to be brought in line: cheap enough for every transaction."""
        return self._followed is None or abs(self._wall() - self._steady() - self._followed) >= STEP

    def follow(self, connection: Connection) -> None:
        """Bring the journal in line within a write transaction; `settled` when that is committed."""
        now, start = self._wall(), self._start()
        offset = now - self._steady()
        noted = (connection.execute_once(_KNOWN).scalar() or "none 0 0").split(" ")
        known, since = float(noted[1]), float(noted[2])
        if noted[0] == start:
            if abs(offset - known) < STEP:
                # Not noted anew: a clock that is always wrong in the same direction adds up.
                self._noted = known
                return
            since = self._move(connection, offset - known, now, since)
        elif (newest := connection.execute_once(_NEWEST).scalar() or 0.0) >= now + STEP:
            # Set back while the host was down: nobody knows for how long, so nothing is fresh enough to ring.
            since = self._move(connection, now - newest, now, since)
            connection.execute(_TOO_OLD, {"b_now": now})
        self._set_flag(connection, _FLAG, f"{start} {offset!r} {since!r}", now)
        self._noted = offset

    def settled(self) -> None:
        """What `follow` did is committed."""
        self._followed = self._noted

    def _move(self, connection: Connection, step: float, now: float, since: float) -> float:
        """Move everything under way, and what was accepted `since`; where that is afterwards."""
        before = now - step
        if not before - MENDED_WITHIN <= since <= before:
            since = before - LATELY
        log.warning("the clock was set by %+.0f s: the times of the last days' calls move with it", step)
        connection.execute(_MOVE, {"b_step": step, "b_since": since})
        # Erasing waits a day: by then somebody may have seen that the clock is wrong.
        self._set_flag(connection, "erased", "the clock was set", now)
        return since + step

    def _set_flag(self, connection: Connection, name: str, value: str, now: float) -> None:
        connection.execute(_UNFLAG, {"b_name": name})
        connection.execute(_SET_FLAG, {"name": name, "value": value, "at": now})
