"""CallerDesk's members, remembered for a few minutes: whose number has which e-mail, and who is a member."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from connector.callerdesk.fields import last_ten
from connector.callerdesk.rows import Member
from connector.errors import AdminNeeded, TryAgain


class MemberSource(Protocol):
    """Whatever can list the members: the CallerDesk client."""

    def members(self) -> Sequence[Member]: ...


class Listing(Enum):
    """Instead of a member: the list could not be had, so nobody knows."""

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Known:
    members: tuple[Member, ...]
    failure: TryAgain | AdminNeeded | None
    until: float


class Members:
    """The member list: fetched by one thread at a time, good for `ttl` seconds, failures for `ttl_failed`."""

    def __init__(
        self,
        source: MemberSource,
        *,
        ttl: float = 300.0,
        ttl_failed: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._ttl, self._ttl_failed = ttl, ttl_failed
        self._clock = clock
        self._fetching = threading.Lock()
        self._known = _Known((), None, float("-inf"))

    def number_of(self, email: str) -> str | None:
        """The number (E.164) of the active member with this e-mail, in any case of letters.

        None when there is none, or when two such members have different numbers: guessing would ring the
        wrong person. Raises TryAgain or AdminNeeded when the list cannot be had.
        """
        known = self._current()
        if known.failure:
            failure = known.failure
            # A new one each time: a shared exception would collect every caller's traceback.
            raise type(failure)(failure.code, failure.message, status=failure.status)
        wanted = email.strip().casefold()
        numbers = {
            member.number
            for member in known.members
            if wanted and member.active and member.number and member.email.strip().casefold() == wanted
        }
        return numbers.pop() if len(numbers) == 1 else None

    def find(self, number: str) -> Member | Literal[Listing.UNKNOWN] | None:
        """The member with this number (last ten digits), an active one first; None when there is none.

        `Listing.UNKNOWN` when the list cannot be had. Never raises.
        """
        known = self._current()
        if known.failure:
            return Listing.UNKNOWN
        wanted = last_ten(number)
        found = [member for member in known.members if wanted and last_ten(member.number) == wanted]
        return max(found, key=lambda member: member.active, default=None)

    def active(self, number: str) -> bool | None:
        """Whether the list names an active member with this number; None when that is not known right now.

        Never waits: a list that is out of date is used while a thread fetches the next one.
        """
        known = self._known
        if self._clock() >= known.until and self._fetching.acquire(blocking=False):
            threading.Thread(target=self._fetch_held, name="members", daemon=True).start()
        wanted = last_ten(number)
        if not known.members or not wanted:
            return None
        return any(member.active and last_ten(member.number) == wanted for member in known.members)

    def _fetch_held(self) -> None:
        """Fetch in a thread of its own; the lock was taken by whoever started it."""
        try:
            self._known = self._fetched()
        finally:
            self._fetching.release()

    def _current(self) -> _Known:
        if self._clock() < self._known.until:
            return self._known
        with self._fetching:
            if self._clock() >= self._known.until:
                self._known = self._fetched()
            return self._known

    def _fetched(self) -> _Known:
        try:
            members = tuple(self._source.members())
        except (TryAgain, AdminNeeded) as error:
            return _Known(
                (),
                type(error)(error.code, error.message, status=error.status),
                self._clock() + self._ttl_failed,
            )
        return _Known(members, None, self._clock() + self._ttl)
