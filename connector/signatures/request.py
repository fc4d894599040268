"""A request as its signature sees it, and what all schemes share: one header, one base64, one comparison."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.errors import BadRequest

#: Seconds a signed moment may lie before or after our clock.
WINDOW = 300


@dataclass(frozen=True, slots=True)
class Signed:
    """One request before anything is parsed."""

    method: str
    #: The exact address the sender used, as seen outside any proxy, query included.
    url: str = field(repr=False)
    #: The secret part of the path, if it has one.
    path_token: str | None = field(repr=False)
    #: Name and value as received, repeated ones included.
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good signature vouches for beside the request itself."""

    #: The sender's id of this delivery, to know a repeat by.
    delivery: str | None = None
    #: The claims of a token (`jwt`): all that it signs, for it covers neither query nor body.
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """What a connection may choose for the schemes `header` and `hmac-sha256`."""

    #: Name of the header; None for the scheme's own (`X-Api-Key`, `X-Signature`).
    header: str | None = None
    #: How `hmac-sha256` is written: `hex` or `base64`.
    encoding: Literal["hex", "base64"] = "hex"


def invalid(why: str) -> BadRequest:
    """The one refusal of this package; `why` names a header, never a value."""
    return BadRequest(
        "signature_invalid",
        f"This request is not signed as agreed: {why}. Check the secret and the scheme on both sides.",
        status=401,
    )


def optional_header(request: Signed, name: str) -> str | None:
    """The header's value or None; refused when it comes more than once, for two readers may then differ."""
    values = [value for key, value in request.headers if key.lower() == name.lower()]
    if len(values) > 1:
        raise invalid(f"the header {name} comes more than once")
    return values[0].strip(" \t") if values else None


def header(request: Signed, name: str) -> str:
    """The value of a header that must be there exactly once."""
    value = optional_header(request, name)
    if not value:
        raise invalid(f"the header {name} is missing")
    return value


def as_bytes(text: str) -> bytes:
    """Any text as bytes, even one that is no proper Unicode."""
    return text.encode("utf-8", "surrogatepass")


def base64_of(raw: bytes) -> bytes:
    """Base64 with padding, as ASCII bytes."""
    return base64.b64encode(raw)


def from_base64(text: str) -> bytes | None:
    """Decode base64 in its one proper spelling; None for any other."""
    try:
        raw = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """The 32 bytes of HMAC-SHA256."""
    return hmac.digest(key, message, "sha256")


def matches(given: bytes, expected: Iterable[bytes]) -> bool:
    """Whether `given` is one of `expected`, in a time that does not tell which or how nearly."""
    found = False
    for one in expected:
        found |= hmac.compare_digest(given, one)
    return found


def near(seconds: float, now: datetime) -> bool:
    """Whether a moment (seconds since 1970) is within the window around now, both ways."""
    # Compared, not subtracted: a whole number too large for a float must not raise.
    return now.timestamp() - WINDOW <= seconds <= now.timestamp() + WINDOW
