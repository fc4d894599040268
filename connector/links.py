"""Signed links that run out: the moment they end and a signature over it and what they open."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable

#: Seconds since the epoch as hex.
_MOMENT = re.compile(r"[0-9a-f]{1,12}")


class Signer:
    """Signs with the one key of all processes, 32 bytes as hex, asked for when it is first needed."""

    def __init__(self, key: Callable[[], str]) -> None:
        self._ask = key
        self._key: bytes | None = None

    def sign(self, what: str, until: int) -> str:
        """A token for `what`: `until` (seconds since 1970) and a signature over both."""
        if self._key is None:
            self._key = bytes.fromhex(self._ask())
        made = hmac.new(self._key, f"{what}.{until}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"{until:x}.{made}"

    def until(self, what: str, token: str) -> int | None:
        """When this token for `what` runs out, or ran out; None when it was not signed here for that."""
        moment, _, _ = token.partition(".")
        if not _MOMENT.fullmatch(moment):
            return None
        until = int(moment, 16)
        good = hmac.compare_digest(self.sign(what, until).encode(), token.encode("utf-8", "replace"))
        return until if good else None

    def opens(self, what: str, token: str) -> bool:
        """Whether this token was signed for `what` and has not run out."""
        until = self.until(what, token)
        return until is not None and until >= time.time()
