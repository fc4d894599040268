"""Halts a running process at each of its durable points, and kills it at one of them.

strace counts `when=N` for each thread by itself, and one click's commits are made by several threads. So
the whole process is stopped (SIGSTOP) after every write to the journal's WAL, every sync of it and every
release of the writers' lock; we count, and let it go on or kill it while it stands still. A commit has three
points: begun (its first bytes are written), synced (it is durable, nobody sees it yet) and done (everybody
sees it, and the process has not gone on).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO

from chaos.fleet import PATIENCE

_CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(pwrite64|fdatasync|fsync|flock)\b(.*)")
#: The WAL begins anew after a checkpoint: its header is no commit.
_HEADER = re.compile(r", 32, 0\) += 32")
#: Seconds strace has for its end before it is killed.
LETTING_GO = 5.0
_STOPPED = "--- stopped by SIGSTOP ---"


class CannotTrace(Exception):
    """strace may not look at the process here."""


class Stops:
    """Follows one process from now on; `kill_at` is the point it is killed at, None lets it run."""

    def __init__(self, pid: int, database: Path, kill_at: int | None) -> None:
        self.pid, self.kill_at = pid, kill_at
        #: Points passed so far, as `commit 2 begun`.
        self.points: list[str] = []
        self.killed = threading.Event()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        reading, writing = os.pipe()
        syscalls = "pwrite64,fdatasync,fsync,flock"
        self._strace = subprocess.Popen(
            [
                *("strace", "-f", "-p", str(pid), "-o", f"/dev/fd/{writing}"),
                *("-P", f"{database}-wal", "-P", f"{database}.lock"),
                *("-e", f"trace={syscalls}", "-e", f"inject={syscalls}:signal=SIGSTOP"),
            ],
            pass_fds=[writing],
            stderr=self._complaints,
        )
        os.close(writing)
        self._follower = threading.Thread(target=self._follow, args=(reading,), daemon=True)
        self._follower.start()
        self._wait_until_attached()

    def __enter__(self) -> Stops:
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go; a process that stands still goes on."""
        # Told to end while its process is dying, strace may wait for a thread for ever.
        if not self.killed.is_set():
            self._strace.terminate()
        try:
            self._strace.wait(LETTING_GO)
        except subprocess.TimeoutExpired:
            self._strace.kill()
            self._strace.wait(LETTING_GO)
        self._follower.join(LETTING_GO)
        self._complaints.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def _wait_until_attached(self) -> None:
        pause = threading.Event()
        for _ in range(int(PATIENCE / 0.02)):
            said = os.pread(self._complaints.fileno(), 65536, 0).decode()
            if f"Process {self.pid} attached" in said:
                return
            if self._strace.poll() is not None:
                raise CannotTrace(said)
            pause.wait(0.02)
        raise CannotTrace("strace did not attach in time")

    def _follow(self, reading: int) -> None:
        stopping, reached, header, commit = "", "", False, 1
        with os.fdopen(reading, encoding="utf-8", errors="replace") as told:
            for line in told:
                if called := _CALL.match(line):
                    thread, syscall, rest = called.groups()
                    stopping = thread
                    if "unfinished" in rest:
                        continue
                    before = reached
                    if syscall == "pwrite64":
                        header = _HEADER.search(rest) is not None
                        reached = reached if header else "begun"
                    elif syscall == "flock":
                        # Without anything begun it was a transaction that changed nothing.
                        reached = "done" if reached and "LOCK_UN" in rest else reached
                    elif not header:
                        reached = "synced"
                    if reached != before:
                        self.points.append(f"commit {commit} {reached}")
                    if reached == "done":
                        reached, commit = "", commit + 1
                elif stopping and line.startswith(f"{stopping} ") and _STOPPED in line:
                    stopping = ""
                    self._go_on_or_kill()

    def _go_on_or_kill(self) -> None:
        last = self.kill_at is not None and len(self.points) >= self.kill_at
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL if last else signal.SIGCONT)
        if last:
            self.killed.set()
