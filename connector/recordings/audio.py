"""What passes for audio, under which name, and how: in pieces, never whole, and nothing else does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import requests

log = logging.getLogger("connector.recordings")

_PIECE = 16 * 1024
#: media type (as IANA or habit has it) -> the type we send
_TYPES = {
    "audio/wav": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mpeg": "audio/mpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/mp4": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/aac": "audio/aac",
    "audio/ogg": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/webm": "audio/webm",
    "audio/amr": "audio/amr",
    "audio/flac": "audio/flac",
    "audio/x-flac": "audio/flac",
}
#: the type we send -> how its files are called
KINDS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "audio/amr": "amr",
    "audio/flac": "flac",
}
#: What stores of files say when nobody told them more: then the file's name decides.
_ANYTHING = ("", "application/octet-stream", "binary/octet-stream")
_BY_NAME = {ending: kind for kind, ending in KINDS.items()}


def audio_type(content_type: str, path: str) -> str | None:
    """The type to send a recording with; None when it is no audio we know."""
    told = content_type.partition(";")[0].strip().lower()
    if told in _ANYTHING:
        return _BY_NAME.get(path.rpartition(".")[2].lower())
    return _TYPES.get(told)


@dataclass(frozen=True, slots=True)
class Part:
    """What of a recording is to be sent: first and last byte of so many, as one of `KINDS`."""

    kind: str
    length: int
    first: int
    last: int
    #: Whether it was asked for as a part, so that it is sent as one.
    partial: bool
    #: Bytes that come before it and are dropped.
    skip: int = 0

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.last - self.first + 1


class Audio:
    """A part of a recording, about to be read once; `close` gives its place to the next listener."""

    def __init__(self, answer: requests.Response, part: Part, release: Callable[[], None]) -> None:
        self.part = part
        self._answer, self._release = answer, release
        self._closing = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        """The part in pieces; it ends early, and the log says so, when the far end does."""
        skip, left = self.part.skip, self.part.size
        try:
            for piece in self._answer.iter_content(_PIECE):
                kept = piece[skip : skip + left]
                skip, left = max(0, skip - len(piece)), left - len(kept)
                if kept:
                    yield kept
                if not left:
                    return
        except requests.RequestException as error:
            log.warning("a recording broke off %d bytes before its end: %s", left, type(error).__name__)

    def close(self) -> None:
        """Hang up; more than once is as good as once."""
        if self._closing.acquire(blocking=False):
            self._answer.close()
            self._release()
