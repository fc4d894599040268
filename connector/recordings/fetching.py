"""Recordings from where they lie: from allowed hosts only, so many at a time, piece by piece.

No redirects, no cookies, no proxy, no retry; the address that was checked is the one that is connected to
(`pinned`). A recording passes through in pieces and is never held whole.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

import requests

from connector.addresses import Network
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import prepared, reach_of, timed_out
from connector.pinned import PinnedAdapter
from connector.recordings import ranges
from connector.recordings.audio import Audio, Part, audio_type
from connector.recordings.ranges import ByteRange
from connector.recordings.rules import RecordingRules, host_of

log = logging.getLogger("connector.recordings")

#: Recordings that one process passes on at a time: few enough to leave threads for clicks and webhooks.
LISTENERS = 16
#: Seconds a listener is asked to wait when all of these are in use.
BUSY_REST = 5.0
#: Seconds to connect and seconds between two bytes; all of it may take an hour.
TIMEOUT = (3.05, 10.0)
_WHOLE = 360.0
#: Four and a half hours of the largest kind in use, 16 bits 8000 times a second.
MAX_BYTES = 256 * 1024 * 1024
_MOST_HEAD = 64 * 1024
_HEADERS = {
    "Accept": "audio/*",
    # Compressed, the length and the ranges would be those of something else.
    "Accept-Encoding": "identity",
    "User-Agent": "callerdesk-connector",
}


class BeyondTheEnd(ConnectorError):
    """The part that was asked for lies behind the end; `length` is where that is, if it was told."""

    status = 416

    def __init__(self, length: int | None) -> None:
        super().__init__("range_not_satisfiable", "The recording ends before the part that was asked for.")
        self.length = length


class FarRecordings:
    """Fetches recordings for at most `listeners` at a time. `named` are private networks hosts may be in."""

    def __init__(
        self,
        rules: RecordingRules,
        named: Iterable[Network] = (),
        *,
        listeners: int = LISTENERS,
        timeout: tuple[float, float] = TIMEOUT,
        most: int = MAX_BYTES,
    ) -> None:
        self._rules, self._named = rules, tuple(named)
        self._listeners, self._timeout, self._most = listeners, timeout, most
        self._places = threading.BoundedSemaphore(listeners)
        self._adapters: dict[str, PinnedAdapter] = {}

    def open(self, url: str, wanted: ByteRange | None, about: str) -> Audio:
        """Ask for a recording, or a part of it, of the call `about`; whoever gets it closes it.

        Raises AdminNeeded (`recording_host_not_allowed`, `address_not_allowed`), Gone (`recording_missing`),
        BeyondTheEnd, or TryAgain: `recording_busy`, `recording_timeout`, `recording_unreachable`,
        `recording_failed`, `recording_not_audio`, `recording_too_large`.
        """
        place = self._rules.place(url)
        if place is None:
            log.warning("the recording of call %s is at %s, which may not be asked", about, host_of(url))
            raise AdminNeeded(
                "recording_host_not_allowed",
                "This recording lies at an address that the connector may not ask. Your admin finds it by "
                "`connector doctor` and allows its host in `recordings.hosts`.",
            )
        if not self._places.acquire(blocking=False):
            raise TryAgain(
                "recording_busy",
                "Too many recordings are being listened to. Try again in a few seconds.",
                status=503,
                retry_after=BUSY_REST,
            )
        try:
            answer = self._ask(place, wanted)
            try:
                part = self._part(answer, wanted)
            except BaseException:
                answer.close()
                raise
        except BaseException as error:
            self._places.release()
            if isinstance(error, ConnectorError):
                log.warning("the recording of call %s at %s: %s", about, place.netloc, error.message)
            raise
        return Audio(answer, part, self._places.release)

    def _ask(self, place: SplitResult, wanted: ByteRange | None) -> requests.Response:
        headers = {**_HEADERS, **({"Range": str(wanted)} if wanted else {})}
        request = prepared("GET", place.geturl(), headers)
        try:
            return self._adapter(place).send(request, timeout=self._timeout, stream=True)
        except AdminNeeded as error:
            # Which address it is, is for the log: whoever listens learns nothing of the network here.
            log.warning("%s", error.message)
            raise AdminNeeded(
                "address_not_allowed",
                "The recording's host leads to an address that is not public, so nothing was fetched. Your "
                "admin finds it in the connector's log.",
            ) from None
        except requests.RequestException as error:
            if timed_out(error):
                raise TryAgain(
                    "recording_timeout",
                    "CallerDesk's recordings did not answer in time. Try again later.",
                    status=504,
                ) from None
            raise TryAgain(
                "recording_unreachable",
                f"CallerDesk's recordings cannot be reached ({type(error).__name__}). Try again later.",
            ) from None

    def _adapter(self, place: SplitResult) -> PinnedAdapter:
        origin = f"{place.scheme}://{place.netloc}/"
        if origin not in self._adapters:
            self._adapters[origin] = PinnedAdapter(
                reach_of(origin, self._named),
                pool=self._listeners,
                block=False,
                whole=_WHOLE,
                most=self._most + _MOST_HEAD,
            )
        return self._adapters[origin]

    def _part(self, answer: requests.Response, wanted: ByteRange | None) -> Part:
        """What there is to be sent of an answer; the table of what may go wrong with one."""
        _refuse(answer)
        kind = audio_type(answer.headers.get("Content-Type", ""), urlsplit(answer.url or "").path)
        if kind is None:
            raise TryAgain(
                "recording_not_audio", "CallerDesk sent something that is no recording, so it is not shown."
            )
        part = _as_sent(answer, kind, wanted) if answer.status_code == 206 else _cut(answer, kind, wanted)
        if part.length > self._most:
            raise TryAgain(
                "recording_too_large",
                f"The recording is larger than {self._most / 2**20:.3g} MiB, more than is passed on.",
            )
        return part


def _refuse(answer: requests.Response) -> None:
    """Raise what a status means; 200 and 206 in plain are what we want."""
    status = answer.status_code
    if status in (404, 410):
        raise _missing()
    if status == 416:
        raise BeyondTheEnd(ranges.length_told(answer.headers.get("Content-Range", "")))
    if status not in (200, 206):
        raise _failed(f"{status}")
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _failed("a compressed recording, which was not asked for")


def _as_sent(answer: requests.Response, kind: str, wanted: ByteRange | None) -> Part:
    part = ranges.came(answer.headers.get("Content-Range", ""))
    if wanted is None or part is None or (wanted.first is not None and part[0] != wanted.first):
        raise _failed("another part than was asked for")
    first, last, length = part
    return Part(kind, length, first, last, partial=True)


def _cut(answer: requests.Response, kind: str, wanted: ByteRange | None) -> Part:
    """The part of a whole: that end does not know ranges, and players cannot do without."""
    told = answer.headers.get("Content-Length", "")
    if not told.isdecimal():
        # Nobody could tell a recording from the first half of one.
        raise _failed("a recording without its length")
    length = int(told)
    if length == 0:
        raise _missing()
    if wanted is None:
        return Part(kind, length, 0, length - 1, partial=False)
    cut = wanted.within(length)
    if cut is None:
        raise BeyondTheEnd(length)
    return Part(kind, length, *cut, partial=True, skip=cut[0])


def _missing() -> Gone:
    return Gone(
        "recording_missing",
        "CallerDesk has no such recording: not yet, or not any more. A new one can take some minutes.",
        status=404,
    )


def _failed(answered: str) -> TryAgain:
    return TryAgain("recording_failed", f"CallerDesk's recordings answered with {answered}. Try again later.")
