"""Clients that are slow: hundreds of them leave room for everybody else, and each is let go in its time."""

from __future__ import annotations

import os
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from counterparts import TestCrm
from running import Running, eventually

from connector import server
from connector.web import bounded
from connector.web.bounded import MAX_HEAD, MAX_HEADERS, BoundedServer

HEAD = b"GET /healthz HTTP/1.1\r\nHost: slow.example.com\r\nX-Slow: "
BODY = b"POST /hooks/shop HTTP/1.1\r\nHost: slow.example.com\r\nContent-Length: 200000\r\n\r\n{"
CHUNKS = b"POST /hooks/shop HTTP/1.1\r\nHost: slow.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Answers far larger together than a client takes that reads none of them.
UNREAD = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20


class SlowClients:
    """Hundreds of connections in one thread: each says a beginning at once, then a few bytes now and then."""

    def __init__(self, port: int, kinds: dict[str, tuple[int, bytes, bytes]], every: float = 0.5) -> None:
        self._kinds = [(first, drop) for number, first, drop in kinds.values() for _ in range(number)]
        self._port, self._every = port, every
        self._wires: list[tuple[socket.socket, bytes]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)

    def __enter__(self) -> SlowClients:
        for first, drop in self._kinds:
            wire = socket.socket()
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            wire.connect(("127.0.0.1", self._port))
            wire.sendall(first)
            wire.setblocking(False)
            self._wires.append((wire, drop))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        for wire, _ in self._wires:
            wire.close()

    def _drip(self) -> None:
        while not self._over.wait(self._every):
            for wire, drop in self._wires:
                try:
                    wire.send(drop)
                except OSError:
                    continue

    def connected(self) -> int:
        """How many the server has not let go."""
        return len(self._wires) - len([said for said in self._readable() if not said])

    def first_words(self) -> bytes:
        """What one of them was told first, waited for."""
        assert eventually(self._readable, 10)
        return self._readable()[0]

    def _readable(self) -> list[bytes]:
        """What those were told who have something to read: nothing, when that is the end."""
        said = []
        with selectors.DefaultSelector() as looking:
            for wire, _ in self._wires:
                looking.register(wire, selectors.EVENT_READ, wire)
            for key, _ in looking.select(0):
                try:
                    said.append(key.data.recv(2048, socket.MSG_PEEK))
                except OSError:
                    said.append(b"")
        return said


def seconds(ask: Callable[[], int]) -> float:
    started = time.monotonic()
    assert ask() == 200
    return time.monotonic() - started


def test_it_answers_everybody_while_four_hundred_are_slow(service: Running, crm: TestCrm) -> None:
    contacts = [crm.put(f"slow-{number}", f"98765 01{number:03}") for number in range(20)]
    assert service.click(crm.put("slow-first", "98765 01999")).status == 200
    kinds = {
        "heads": (100, HEAD, b"y"),
        "bodies": (100, BODY, b" "),
        "chunks": (50, CHUNKS, b"1\r\n \r\n"),
        "nothing at all": (50, b"", b""),
        "unread answers": (100, UNREAD, b""),
    }
    with SlowClients(service.port, kinds) as slow:
        taken = []
        for contact in contacts:
            taken.append(seconds(lambda contact=contact: service.click(contact).status))
            taken.append(seconds(lambda: service.send("GET", "/healthz").status))
        assert slow.connected() == 400
    assert len(taken) == 40
    assert max(taken) < 1.0, sorted(taken)[-5:]


# -- How long each may take, with small numbers --------------------------------------------------------------


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch, app: Any, *, threads: int = 2, **bounds: float) -> Iterator[int]:
    """The server with these bounds in this process; its port."""
    for name, value in bounds.items():
        monkeypatch.setattr(bounded, name, value)
    listening = server.listen("127.0.0.1", 0)
    running = BoundedServer(app, listening, threads=threads, connections=100)
    running.adj.cleanup_interval = 0.05
    running.adj.asyncore_loop_timeout = 0.05
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    running.accepting = False
    running.asyncore.close_all(running._map)
    thread.join(5)
    running.task_dispatcher.shutdown()


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """An application that answers with the size of the body it was given."""
    said = b"%d" % len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]


def lots(environ: Any, start_response: Any) -> list[bytes]:
    """An application that answers a megabyte."""
    start_response("200 OK", [("Content-Length", str(1 << 20))])
    return [b"x" * (1 << 20)]


def talk(port: int, *said: bytes, pause: float = 0.0) -> bytes:
    """Say this, with pauses, and hear all until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        heard = b""
        try:
            for part in said:
                wire.sendall(part)
                threading.Event().wait(pause)
            while more := wire.recv(65536):
                heard += more
        except OSError:
            pass
        return heard


@pytest.mark.parametrize("beginning", [b"", b"GET / HT", HEAD, BODY, CHUNKS])
def test_it_lets_go_of_a_request_that_never_ends(monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    with served(monkeypatch, hello, REQUEST_TIME=0.3) as port:
        started = time.monotonic()
        with SlowClients(port, {"one": (1, beginning, b"1" if beginning else b"")}, every=0.05) as slow:
            told = slow.first_words()
        assert 0.25 < time.monotonic() - started < 3
    # Who has said nothing is told nothing.
    assert told.startswith(b"HTTP/1.") == bool(beginning)
    if beginning:
        assert b" 408 Request Timeout\r\n" in told and b'"code": "request_too_slow"' in told


def test_a_slow_request_that_ends_in_time_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n",
        b"\r\nhe",
        b"l",
        b"lo",
    ]
    with served(monkeypatch, hello, REQUEST_TIME=5) as port:
        assert talk(port, *said, pause=0.1).endswith(b"\r\n\r\n5")


def test_the_time_begins_anew_with_each_request_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with served(monkeypatch, hello, REQUEST_TIME=0.5) as port:
        heard = talk(port, get, get, get, get[:-2] + b"Connection: close\r\n\r\n", pause=0.3)
    assert heard.count(b"HTTP/1.1 200 OK") == 4


def test_it_drops_a_connection_that_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(monkeypatch, hello, IDLE_TIME=1) as port:
        started = time.monotonic()
        assert talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n0")
        assert 0.9 < time.monotonic() - started < 5


def test_no_thread_waits_for_ever_for_clients_that_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    many = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 250
    with (
        served(monkeypatch, lots, threads=2, ANSWER_TIME=0.3) as port,
        SlowClients(port, {"unread": (4, many, b"")}),
    ):
        # Twice as many as there are threads, each with more answers than are kept for it.
        assert b"200 OK" in talk(port, b"GET / HTTP/1.0\r\n\r\n")


# -- How much each may send ----------------------------------------------------------------------------------


def header(number: int, size: int = 1) -> bytes:
    lines = b"".join(b"X-%d: %b\r\n" % (each, b"y" * size) for each in range(number))
    return b"GET / HTTP/1.1\r\nConnection: close\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (header(MAX_HEADERS - 1), 200),
        (header(MAX_HEADERS), 431),
        (header(1, MAX_HEAD - 100), 200),
        (header(1, MAX_HEAD), 431),
        (header(1, 5 * MAX_HEAD), 431),
        (header(3, 2 * MAX_HEAD), 431),
        (CHUNKS + b"1;x=" + b"y" * 5 * MAX_HEAD, 400),
        (CHUNKS + b"0\r\nX: " + b"y" * 5 * MAX_HEAD, 400),
    ],
    ids=[
        "headers",
        "a header too many",
        "long",
        "too long",
        "far too long",
        "in several",
        "chunk mark",
        "trailer",
    ],
)
def test_a_head_has_its_limits(monkeypatch: pytest.MonkeyPatch, said: bytes, status: int) -> None:
    with served(monkeypatch, hello) as port:
        assert talk(port, said).startswith(b"HTTP/1.%d %d " % (0 if status == 431 else 1, status))


def test_a_head_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(monkeypatch, hello) as port:
        # The connection is slammed; whether its client still reads why depends on who is quicker.
        assert b" 200 " not in talk(port, header(90, 2 * MAX_HEAD))
        assert b" 200 " in talk(port, header(1))


@pytest.mark.parametrize("chunked", [False, True])
def test_of_a_large_body_it_keeps_the_size_only(monkeypatch: pytest.MonkeyPatch, chunked: bool) -> None:
    kept = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        kept.append((int(environ["CONTENT_LENGTH"]), len(environ["wsgi.input"].read())))
        return hello(environ, start_response)

    with served(monkeypatch, app) as port:
        for size in (bounded.MAX_BODY, bounded.MAX_BODY + 1, 4 * bounded.MAX_BODY):
            head = b"POST / HTTP/1.1\r\nConnection: close\r\n"
            if chunked:
                said = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, b"z" * size)
            else:
                said = head + b"Content-Length: %d\r\n\r\n%b" % (size, b"z" * size)
            assert b"200 OK" in talk(port, said)
    assert [size for size, _ in kept] == [bounded.MAX_BODY, bounded.MAX_BODY + 1, 4 * bounded.MAX_BODY]
    assert kept[0][1] == bounded.MAX_BODY
    assert all(read <= bounded.MAX_BODY for _, read in kept)


# -- How many there may be -----------------------------------------------------------------------------------

ASK = """
import resource, sys, logging
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from connector import server
print(server.room_for(2000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [(256, 4096, 2000, 2512), (3000, 4096, 2000, 3000), (256, 1024, 512, 1024), (128, 600, 300, 600)],
)
def test_it_makes_room_for_its_connections_or_says_how_many_fit(
    soft: int, hard: int, connections: int, raised: int, tmp_path: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASK],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    ).stdout.splitlines()
    assert told[-1] == f"{connections} {raised}"
    assert bool(told[:-1]) == (connections < 2000)
    if told[:-1]:
        assert f"{connections} connections only: raise the limit to 2512" in told[0]
