"""The sandbox's recordings: a real WAV file of two seconds, served as a plain store of files does."""

from __future__ import annotations

import io
import math
import re
import wave
from functools import cache

PATH = "/recordings/"
_RATE = 8000
_SECONDS = 2
#: Two tones in turn, as two people take turns.
_TONES = (440.0, 330.0)
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")


@cache
def wav() -> bytes:
    """16 kB of tones: 8000 samples a second, 8 bits each, one channel."""
    samples = bytes(
        round(128 + 60 * math.sin(2 * math.pi * _TONES[at * 4 // _RATE % 2] * at / _RATE))
        for at in range(_RATE * _SECONDS)
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(_RATE)
        out.writeframes(samples)
    return file.getvalue()


def served(asked: str | None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for a `Range` header, or for none."""
    body = wav()
    headers = {"Content-Type": "audio/x-wav", "Accept-Ranges": "bytes"}
    found = _RANGE.fullmatch(asked or "")
    if found is None:
        return 200, headers, body
    first, last = int(found[1]), min(int(found[2] or len(body)), len(body) - 1)
    if first > last:
        return 416, {**headers, "Content-Range": f"bytes */{len(body)}"}, b""
    return 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"}, body[first : last + 1]
