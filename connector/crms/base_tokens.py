"""Where access tokens are kept: in this process, or where every process of the connector sees them."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Tokens(Protocol):
    """One text per name, exchanged by one holder at a time; whoever keeps them cannot read them."""

    def get(self, name: str) -> str | None:
        """The text kept under `name`, or None."""

    def lease(self, name: str, seconds: float) -> bool:
        """Become the one who may renew it, for so many seconds; False while somebody else is."""

    def put(self, name: str, sealed: str) -> None:
        """Keep the text and give the lease back."""

    def release(self, name: str) -> None:
        """Give the lease back, nothing being new."""


class ProcessTokens:
    """Tokens of one process: enough for a command that ends, and wherever no journal is at hand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, str] = {}
        self._leased: dict[str, float] = {}

    def get(self, name: str) -> str | None:
        """See `Tokens.get`."""
        with self._lock:
            return self._kept.get(name)

    def lease(self, name: str, seconds: float) -> bool:
        """See `Tokens.lease`."""
        with self._lock:
            now = time.monotonic()
            free = self._leased.get(name, now) <= now
            if free:
                self._leased[name] = now + seconds
            return free

    def put(self, name: str, sealed: str) -> None:
        """See `Tokens.put`."""
        with self._lock:
            self._kept[name] = sealed
            self._leased.pop(name, None)

    def release(self, name: str) -> None:
        """See `Tokens.release`."""
        with self._lock:
            self._leased.pop(name, None)
