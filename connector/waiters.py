"""Lets a button's request wait for the verdict that another thread of this process reaches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from connector.model import Call


class Waiting:
    """One person's wait for one call, ended by the verdict, with the call as it then stands if known."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self._over = threading.Event()

    def tell(self, call: Call | None) -> None:
        """The verdict is in; the first one counts."""
        if not self._over.is_set():
            self.call = call
            self._over.set()

    def wait(self, seconds: float) -> Call | None:
        """The call, when it was told within that time."""
        self._over.wait(seconds)
        return self.call

    @property
    def over(self) -> bool:
        """Whether the verdict is in; `call` may still be None then."""
        return self._over.is_set()


class Waiters:
    """Those who wait, by call; telling of a call nobody waits for does nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Waiting]] = {}

    @contextmanager
    def expecting(self, call_id: str) -> Iterator[Waiting]:
        """A wait that `tell` ends; enter before the work starts, so that no verdict is missed."""
        waiting = Waiting()
        with self._lock:
            self._waiting.setdefault(call_id, []).append(waiting)
        try:
            yield waiting
        finally:
            with self._lock:
                left = self._waiting[call_id]
                left.remove(waiting)
                if not left:
                    del self._waiting[call_id]

    def tell(self, call_id: str, call: Call | None = None) -> None:
        """End the wait of everybody who waits for this call's verdict."""
        with self._lock:
            for waiting in self._waiting.get(call_id, ()):
                waiting.tell(call)
