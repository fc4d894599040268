"""The part of a recording that is asked for, and the part that came (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: One range: from a byte on, or to another one, or so many from the end. Several at once are nobody's need
#: here, and a server may send the whole instead.
_ASKED = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")
_CAME = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
_ONLY_LENGTH = re.compile(r"bytes \*/([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From byte `first` to byte `last`, or to the end; without `first` the last so many bytes."""

    first: int | None
    last: int | None

    def __str__(self) -> str:
        first = "" if self.first is None else self.first
        return f"bytes={first}-{'' if self.last is None else self.last}"

    def within(self, length: int) -> tuple[int, int] | None:
        """First and last byte of this in something so long; None when it lies beyond the end."""
        if self.first is None:
            found = (max(0, length - (self.last or 0)), length - 1)
        else:
            found = (self.first, length - 1 if self.last is None else min(self.last, length - 1))
        return found if found[0] <= found[1] else None


def wanted_range(header: str | None) -> ByteRange | None:
    """What a `Range` header asks for; None for the whole, also when it cannot be read."""
    found = _ASKED.fullmatch((header or "").replace(" ", "").lower())
    if found is None:
        return None
    first, last, from_the_end = found.groups()
    if first is None:
        return ByteRange(None, int(from_the_end))
    if last and int(last) < int(first):
        return None
    return ByteRange(int(first), int(last) if last else None)


def came(header: str) -> tuple[int, int, int] | None:
    """First byte, last byte and whole length of a `Content-Range`; None when it contradicts itself."""
    found = _CAME.fullmatch(header.strip())
    if found is None:
        return None
    first, last, length = map(int, found.groups())
    return (first, last, length) if first <= last < length else None


def length_told(header: str) -> int | None:
    """The whole length that the `Content-Range` of a 416 tells, if it does."""
    found = _ONLY_LENGTH.fullmatch(header.strip())
    return int(found[1]) if found else None
