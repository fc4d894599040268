"""Stands between the connector and PostgreSQL, and kills the connector at one point of one of its commits.

A commit has three points here: asked (its message has come, and is kept from the server), committed (the
server has answered, and the answer is kept from us) and told (the answer has been passed on). Only those that
wrote something count. The protocol is told in PostgreSQL's documentation, "Message Formats": a letter, four
bytes of length, and the rest; only the first message of a connection has no letter.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

#: Letters of messages: SQL to be run at once, SQL to be prepared under a name, that name to be run.
_QUERY, _PARSE, _BIND = b"Q", b"P", b"B"
_READY = b"Z"
_WRITES = (b"INSERT", b"UPDATE", b"DELETE")


class Watch:
    """One process followed through its commits; `kill_at` is the point it is killed at, None lets it run."""

    def __init__(self, pid: int, kill_at: int | None) -> None:
        self.pid, self.kill_at = pid, kill_at
        #: Points passed so far, as `commit 2 asked`.
        self.points: list[str] = []
        self.killed = threading.Event()


class _Killed(Exception):
    """Nothing more is passed on over this connection."""


class Commits:
    """A proxy on a loopback port; `url` is the database's address by way of it."""

    def __init__(self, url: str) -> None:
        parted = urlsplit(url)
        assert parted.hostname is not None
        assert parted.port is not None
        self._server = (parted.hostname, parted.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        by_way_of_us = parted._replace(
            netloc=f"{parted.username}@127.0.0.1:{port}", query="sslmode=disable&gssencmode=disable"
        )
        self.url = by_way_of_us.geturl()
        self._watch: Watch | None = None
        self._commits = 0
        self._turn = threading.Lock()

    def __enter__(self) -> Commits:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    @contextmanager
    def watched(self, pid: int, kill_at: int | None) -> Iterator[Watch]:
        """Count the commits of this process from now on."""
        with self._turn:
            watch = self._watch = Watch(pid, kill_at)
            self._commits = 0
        try:
            yield watch
        finally:
            with self._turn:
                self._watch = None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            pair = _Pair(self, client, socket.create_connection(self._server))
            for way in (pair.to_server, pair.to_client):
                threading.Thread(target=pair.run, args=(way,), daemon=True).start()

    def begun(self) -> int:
        """The number of one more commit."""
        with self._turn:
            self._commits += 1
            return self._commits

    def reached(self, commit: int, how_far: str) -> None:
        """A commit has come so far; kills the process and raises _Killed when this is the point for it."""
        with self._turn:
            watch = self._watch
            if watch is None or watch.killed.is_set():
                return
            watch.points.append(f"commit {commit} {how_far}")
            if watch.kill_at is None or len(watch.points) < watch.kill_at:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(watch.pid, signal.SIGKILL)
            watch.killed.set()
        raise _Killed


class _Pair:
    """One connection of the connector's and the one to the server that goes with it."""

    def __init__(self, commits: Commits, client: socket.socket, server: socket.socket) -> None:
        self.commits, self.client, self.server = commits, client, server
        for wire in (client, server):  # messages go out one by one, and none may wait for the one before
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        #: The commit whose answer is awaited, or 0.
        self.awaited = 0
        self._wrote = False
        self._writes: dict[bytes, bool] = {}

    def run(self, way: Callable[[], None]) -> None:
        """Pass on in one direction until either side has gone."""
        with contextlib.suppress(OSError, EOFError, _Killed):
            way()
        for wire in (self.client, self.server):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def to_server(self) -> None:
        with self.client.makefile("rb") as told:
            size = _exactly(told, 4)
            self.server.sendall(size + _exactly(told, int.from_bytes(size) - 4))
            for letter, message in _messages(told):
                if self._commits(letter, message[5:]):
                    commit = self.commits.begun()
                    self.commits.reached(commit, "asked")
                    self.awaited = commit
                self.server.sendall(message)

    def _commits(self, letter: bytes, rest: bytes) -> bool:
        """Whether this message ends a transaction that has written something."""
        if letter == _PARSE:
            name, sql, _ = rest.split(b"\0", 2)
            self._writes[name] = sql.startswith(_WRITES)
        elif letter == _BIND:
            self._wrote |= self._writes[rest.split(b"\0", 2)[1]]
        if letter not in (_QUERY, _PARSE) or not (b"COMMIT" in rest or b"ROLLBACK" in rest):
            return False
        wrote, self._wrote = self._wrote, False
        return wrote and b"COMMIT" in rest

    def to_client(self) -> None:
        kept = b""
        with self.server.makefile("rb") as told:
            for letter, message in _messages(told):
                kept += message
                commit = self.awaited
                if commit and letter != _READY:
                    continue
                if commit:
                    self.commits.reached(commit, "committed")
                    self.awaited = 0
                self.client.sendall(kept)
                kept = b""
                if commit:
                    self.commits.reached(commit, "told")


def _messages(told: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head = _exactly(told, 5)
        yield head[:1], head + _exactly(told, int.from_bytes(head[1:]) - 4)


def _exactly(told: IO[bytes], size: int) -> bytes:
    found = told.read(size)
    if len(found) < size:
        raise EOFError
    return found
