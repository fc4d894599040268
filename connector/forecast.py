"""How many calls are before one that waits, and when its turn is expected: worked out, not promised.

From what really holds it: the moment it waits for, the caps, its member's other calls, and how fast the line
has moved lately. Three small questions to the journal for each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from connector.connection import Connection
from connector.journal import Journal
from connector.journal.line import Sample
from connector.model import Call, Source, State
from connector.policy import MemberBusy, Policy, turn_comes

#: What a call takes from dial to end while none of the line has been told to have ended.
USUAL_CALL = timedelta(seconds=60)
#: Fewer calls than these tell no pace.
FEW = 5
INDIA = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call that waits stands, in numbers and in one sentence."""

    #: Calls that are before it.
    ahead: int
    text: str
    #: When it is expected to ring; None when nothing tells.
    expected_at: datetime | None = None
    #: Not before this moment.
    not_before: datetime | None = None
    #: If it has not rung by then, it rings nobody.
    until: datetime | None = None
    #: Seconds from now until it is expected to ring.
    wait_seconds: int | None = None

    def plain(self) -> dict[str, Any]:
        """The same as plain data; times as ISO 8601."""
        return {
            "ahead": self.ahead,
            "position": self.ahead + 1,
            "wait_seconds": self.wait_seconds,
            "expected_at": _iso(self.expected_at),
            "not_before": _iso(self.not_before),
            "until": _iso(self.until),
            "text": self.text,
        }


class Forecast:
    """Tells the place of calls as it is now; made anew for each time somebody asks."""

    def __init__(self, journal: Journal, connections: Mapping[str, Connection]) -> None:
        self._journal = journal
        self._connections = connections
        self._samples: dict[str, Sample] = {}

    @cached_property
    def _now(self) -> datetime:
        return self._journal.now()

    @cached_property
    def _paused(self) -> bool:
        return self._journal.flag("paused") is not None

    def place(self, call: Call) -> Place | None:
        """Where the call stands; None for one that does not wait."""
        if call.state is State.DEFERRED:
            return self._in_line(call)
        if call.state is State.PLANNED and call.click.source is Source.BUTTON:
            return self._for_member(call)
        if call.state in (State.ACCEPTED, State.PLANNED):
            return self._tried(call)
        return None

    def _in_line(self, call: Call) -> Place:
        connection = self._connections.get(call.connection)
        policy = connection.policy if connection else Policy()
        before = self._journal.before(call)
        asleep = call.due_at is not None and self._now < call.due_at < call.expires_at
        not_before = call.due_at if asleep else None
        expected = None
        if not self._paused:
            expected = self._turn(call, policy, before.ahead, before.of_member, not_before)
        clock = _Clock(self._now, policy.timezone)
        place = f"{_ordinal(before.ahead + 1)} in line"
        if before.of_member and before.of_member < before.ahead:
            place += f" ({_ordinal(before.of_member + 1)} for this member)"
        if self._paused:
            text = f"Dialling is paused. {place}."
        elif expected is not None and expected >= call.expires_at:
            text = f"{place}; its turn may not come before {clock.at(call.expires_at)}, when it is given up."
        elif not_before is not None:
            text = f"{place}, not before {clock.at(not_before)}"
            late = expected is not None and expected - not_before >= timedelta(minutes=1)
            text += f", expected at about {clock.at(expected)}." if late and expected else "."
        else:
            text = f"{place}{clock.about(expected)}."
        return self._place(before.ahead, text, expected, not_before, call.expires_at)

    def _turn(
        self, call: Call, policy: Policy, ahead: int, of_member: int, not_before: datetime | None
    ) -> datetime | None:
        sample, start = self._sample(call.connection), not_before or self._now
        takes = USUAL_CALL
        if sample.seconds:
            takes = timedelta(seconds=sum(sample.seconds) / len(sample.seconds))
        moves = not_before is None and len(sample.dialled_at) >= FEW
        with self._journal.ledger() as book:
            # What has been dialled this minute says nothing of tomorrow; how the line has moved lately says
            # more of free channels than how long calls take.
            told = [
                turn_comes(
                    policy,
                    call.connection,
                    None if not_before else book,
                    start,
                    ahead,
                    None if moves else takes,
                )
            ]
        if policy.member_busy is MemberBusy.DEFER and call.plan is not None:
            told.append(start + takes * of_member)
        if moves:
            each = (self._now - min(sample.dialled_at)) / len(sample.dialled_at)
            told.append(start + each * ahead)
        known = [moment for moment in told if moment is not None]
        if not known:
            return start if ahead == 0 else None
        return max(start, *known)

    def _for_member(self, call: Call) -> Place:
        ahead = self._journal.people_before(call)
        connection = self._connections.get(call.connection)
        clock = _Clock(self._now, connection.policy.timezone if connection else INDIA)
        others = f", behind {ahead} more" if ahead else ""
        latest = clock.exactly(call.expires_at)
        text = f"Rings as soon as the member is free{others}, until {latest} at the latest."
        return self._place(ahead, text, None, None, call.expires_at)

    def _tried(self, call: Call) -> Place:
        again = call.due_at if call.due_at is not None and call.due_at > self._now else None
        connection = self._connections.get(call.connection)
        clock = _Clock(self._now, connection.policy.timezone if connection else INDIA)
        text = f"Tried again at {clock.exactly(again)}." if again else "Next, in a moment."
        return self._place(0, text, again or self._now, again, call.expires_at)

    def _place(
        self,
        ahead: int,
        text: str,
        expected_at: datetime | None,
        not_before: datetime | None,
        until: datetime,
    ) -> Place:
        wait = None if expected_at is None else max(0, round((expected_at - self._now).total_seconds()))
        return Place(ahead, text, expected_at, not_before, until, wait)

    def _sample(self, name: str) -> Sample:
        if name not in self._samples:
            self._samples[name] = self._journal.sample(name)
        return self._samples[name]


@dataclass(frozen=True, slots=True)
class _Clock:
    """Moments as a person says them, who looks at the clock now."""

    now: datetime
    zone: ZoneInfo

    def at(self, moment: datetime) -> str:
        """`09:00`, and the day if it is not today."""
        local = moment.astimezone(self.zone)
        same_day = local.date() == self.now.astimezone(self.zone).date()
        return f"{local:%H:%M}" if same_day else f"{local:%H:%M on %a %d %b}"

    def exactly(self, moment: datetime) -> str:
        """`09:00:05`."""
        return f"{moment.astimezone(self.zone):%H:%M:%S}"

    def about(self, moment: datetime | None) -> str:
        """`, about 2 minutes`; nothing when nothing is known."""
        if moment is None:
            return ""
        seconds = (moment - self.now).total_seconds()
        if seconds < 10:
            return ", any moment"
        if seconds < 90:
            return f", about {round(seconds / 10) * 10} seconds"
        if seconds < 3600:
            return f", about {round(seconds / 60)} minutes"
        return f", expected at about {self.at(moment)}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
