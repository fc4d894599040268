"""Quiet hours: when a customer's phone must not ring, by the customer's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector import phone


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` up to, not including, `end`; past midnight when `end` is the earlier of the two."""

    start: time
    end: time

    def holds(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether an aware moment is quiet on the clocks of `zone`."""
        clock = moment.astimezone(zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def over_at(self, moment: datetime, zone: tzinfo) -> datetime:
        """When the quiet that holds at `moment` ends, in UTC."""
        local = moment.astimezone(zone)
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        end = datetime.combine(day, self.end, tzinfo=zone)
        # Where clocks go back the hour comes twice, and the first of the two may be over already.
        if end.astimezone(UTC) <= moment:
            end = end.replace(fold=1)
        return end.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.start:%H:%M} and {self.end:%H:%M}"


#: Ready-made windows. `recovery`: lenders may call between 08:00 and 19:00 only (RBI, 12 August 2022).
PRESETS: dict[str, QuietHours] = {"recovery": QuietHours(time(19), time(8))}


def zone_of(e164: str, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone a number belongs to when its range lies in just one, else `otherwise`."""
    name = phone.zone_of(e164)
    if name is None:
        return otherwise
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # libphonenumber and the system's zone data are of different ages.
        return otherwise
