"""Hears what other processes tell through PostgreSQL (LISTEN/NOTIFY): a wake-up only, never the truth.

Whoever misses one looks at the journal a moment later anyway.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from connector.journal.postgres import CHANNEL, Postgres

log = logging.getLogger("connector.journal")

#: Seconds between two tries to get the connection back, the last one repeated.
_RESTS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Listener:
    """One connection and one thread of this process that wait for notes.

    `hear` is called with each that is not our own: `("due", "")` or `("verdict", call_id)`. It is called with
    `("due", "")` whenever it begins to listen, too: notes may have been missed. The connection also shows to
    others that `worker` lives.
    """

    def __init__(self, postgres: Postgres, hear: Callable[[str, str], None], worker: str) -> None:
        self._postgres = postgres
        self._worker = worker
        self._hear = hear
        self._stopping = threading.Event()
        self._ended, self._end = os.pipe()
        #: Set while notes are heard.
        self.listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hear no more."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        os.close(self._end)
        self._thread.join()
        os.close(self._ended)

    def _run(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            try:
                with self._postgres.connect() as bare:
                    bare.execute(f"LISTEN {CHANNEL}")
                    self._postgres.be_present(bare, self._worker)
                    if failed:
                        log.info("the database is heard again")
                    failed = 0
                    self.listening.set()
                    self._hear("due", "")
                    self._listen(bare)
            except (psycopg.Error, OSError) as error:
                self.listening.clear()
                if not failed:
                    log.warning("wake-ups from other processes are lost for now (%s)", type(error).__name__)
                rest = _RESTS[min(failed, len(_RESTS) - 1)]
                failed += 1
                self._stopping.wait(rest * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads the load
        self.listening.clear()

    def _listen(self, bare: psycopg.Connection[Any]) -> None:
        waiting = select.poll()
        waiting.register(bare.fileno(), select.POLLIN)
        waiting.register(self._ended, select.POLLIN | select.POLLHUP)
        while True:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            if self._ended in ready:
                return
            for note in bare.notifies(timeout=0):
                kind, *about, process = note.payload.split(" ")
                if process != self._postgres.process:
                    self._hear(kind, "".join(about))
