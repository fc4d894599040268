"""Who the connector talks to: a CallerDesk that misbehaves on the wire, and sandboxes that can be held."""

from __future__ import annotations

import itertools
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.callerdesk_scripts import Manner
from connector.sandbox.crm import SandboxCrm
from connector.sandbox.people import USERS

PATIENCE = 30.0
DIAL = "/api/click_to_call_v3"
#: What becomes of a dial once it has been counted.
Manners = Callable[["FakeCallerDesk", socket.socket, str], None]


class FakeCallerDesk:
    """A bare TCP server that counts every dial by its customer's ten digits and answers as it is told."""

    def __init__(self, port: int = 0) -> None:
        self.over = threading.Event()
        #: By ten digits; whoever is not named is answered properly.
        self.manners: dict[str, Manners] = {}
        self._dials: list[dict[str, str]] = []
        self._asked: list[str] = []
        self._changed = threading.Condition()
        self._campids = itertools.count(61_000_001)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._listening.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/api/"

    def __enter__(self) -> FakeCallerDesk:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    @property
    def dials(self) -> list[dict[str, str]]:
        """The query of every dial so far."""
        with self._changed:
            return list(self._dials)

    def rung(self, customer: str) -> int:
        """How often CallerDesk was asked to ring this customer."""
        return sum(dial["calling_party_a"] == customer[-10:] for dial in self.dials)

    def wait_for_dial(self, customer: str) -> bool:
        """Wait until this customer's dial has come."""
        return self._wait(lambda: any(dial["calling_party_a"] == customer[-10:] for dial in self._dials))

    def wait_for_look_up(self, more_than: int = 0) -> bool:
        """Wait until the call report has been asked for more than so often."""
        return self._wait(lambda: self._asked.count("/api/call_list_v2") > more_than)

    @property
    def look_ups(self) -> int:
        """How often the call report was asked for."""
        with self._changed:
            return self._asked.count("/api/call_list_v2")

    def _wait(self, true: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(true, PATIENCE)

    def new_campid(self) -> int:
        """An id for one more campaign."""
        return next(self._campids)

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        with wire:
            try:
                self._answer(wire)
            except OSError:
                return

    def _answer(self, wire: socket.socket) -> None:
        head = _request_head(wire)
        if not head:
            return
        target = urlsplit(head.split(" ")[1])
        if target.path != DIAL:
            with self._changed:
                self._asked.append(target.path)
                self._changed.notify_all()
            wire.sendall(http_answer({"type": "error", "message": "No record found"}))
            return
        dial = {name: values[-1] for name, values in parse_qs(target.query).items()}
        with self._changed:
            self._dials.append(dial)
            self._changed.notify_all()
        self.manners.get(dial["calling_party_a"], accepts)(self, wire, head)


def _request_head(wire: socket.socket) -> str:
    """The head of one request, its body read and dropped."""
    found = b""
    while b"\r\n\r\n" not in found:
        more = wire.recv(65536)
        if not more:
            return ""
        found += more
    head, _, body = found.partition(b"\r\n\r\n")
    size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    missing = int(size[1]) - len(body) if size else 0
    while missing > 0 and (more := wire.recv(missing)):
        missing -= len(more)
    return head.decode("latin-1")


def http_answer(
    body: Any, status: str = "200 OK", *, content_type: str = "text/html", extra: str = "", cut: int = 0
) -> bytes:
    """An answer as CallerDesk gives it: JSON text called HTML; the last `cut` bytes never come."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(sent)}\r\n"
        f"{extra}Connection: close\r\n\r\n"
    )
    return (head.encode() + sent)[: -cut or None]


# -- Manners -------------------------------------------------------------------------------------------------


def accepts(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """The call is placed."""
    wire.sendall(
        http_answer(
            {
                "type": "success",
                "message": "Call to Customer Initiate Successfully..",
                "campid": desk.new_campid(),
                "callerid": "00918060000001",
            }
        )
    )


def closes(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """The connection ends without a word."""


def resets(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """The connection is slammed: the other side sees ECONNRESET."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """Nothing is ever said."""
    desk.over.wait(PATIENCE)


def drips(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """A proper acceptance, at five bytes a second."""
    answer = http_answer({"type": "success", "campid": desk.new_campid()})
    start = answer.index(b"{")
    wire.sendall(answer[:start])
    for at in range(start, len(answer)):
        if desk.over.wait(0.2):
            return
        wire.sendall(answer[at : at + 1])


def redirects(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
    """302 to the very same address, so that whoever follows rings again."""
    wire.sendall(http_answer(b"", "302 Found", extra=f"Location: {head.split(' ')[1]}\r\n"))


def fails(status: str) -> Manners:
    """A server's error page."""
    return lambda desk, wire, head: wire.sendall(http_answer(b"<h1>Oops</h1>", status))


def says(body: Any, status: str = "200 OK", *, cut: int = 0) -> Manners:
    """This body, whatever it means."""
    return lambda desk, wire, head: wire.sendall(http_answer(body, status, cut=cut))


# -- Sandboxes that can be held ------------------------------------------------------------------------------


class Hold:
    """A moment somebody has come to and waits at until let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.let_go = threading.Event()


class Holds:
    """Named moments of a counterpart; a test may hold the first who comes to one."""

    def __init__(self) -> None:
        self._held: dict[str, Hold] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, moment: str) -> Iterator[Hold]:
        """Stop the next one at this moment until the block ends, or it is let go."""
        held = Hold()
        with self._lock:
            self._held[moment] = held
        try:
            yield held
        finally:
            held.let_go.set()
            with self._lock:
                self._held.pop(moment, None)

    def passing(self, moment: str) -> None:
        """Come to a moment: go on, or wait when it is held for the first who comes."""
        with self._lock:
            held = self._held.pop(moment, None)
        if held:
            held.reached.set()
            held.let_go.wait(PATIENCE)


class TestCrm(SandboxCrm):
    """The sandbox CRM with any contact a test needs, and moments to hold it at."""

    __test__ = False

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(api_key="a-made-up-crm-key-for-tests", port=port)
        self.holds = Holds()

    def start(self) -> TestCrm:
        """Listen, after a stop at the same address as before."""
        super().start()
        assert self._server is not None
        self._port = self._server.server_port
        return self

    def put(self, contact_id: str, mobile: object, *, owner: str | dict[str, Any] = "u1", **more: Any) -> str:
        """Add a contact, or change one; its id."""
        made = {"id": contact_id, "name": f"Person {contact_id}", "mobile": mobile, "phone": None}
        with self._changed:
            self._contacts[contact_id] = {
                **made,
                "do_not_call": False,
                "owner": owner if isinstance(owner, dict) else USERS[owner],
                **more,
            }
        return contact_id

    def contact(self, contact_id: str) -> dict[str, Any] | None:
        """Read a contact: by the connector, in these tests."""
        self.holds.passing("read asked")
        return super().contact(contact_id)

    def add_activity(self, fields: dict[str, Any], key: str | None) -> tuple[str, bool]:
        """Store an activity."""
        self.holds.passing("write asked")
        stored = super().add_activity(fields, key)
        self.holds.passing("written")
        return stored

    def change_activity(self, number: str, fields: dict[str, Any]) -> bool:
        """Change an activity."""
        self.holds.passing("change asked")
        changed = super().change_activity(number, fields)
        self.holds.passing("changed")
        return changed

    def of(self, call_id: str) -> list[dict[str, Any]]:
        """The activities of one call."""
        return [activity for activity in self.activities if activity["key"] == call_id]

    def wait_for_activity(self, call_id: str, **values: Any) -> bool:
        """Wait until this call's activity holds these values."""
        return self.wait_for(
            lambda found: any(
                each["key"] == call_id and all(each.get(name) == wanted for name, wanted in values.items())
                for each in found
            ),
            PATIENCE,
        )


class HeldCallerDesk(SandboxCallerDesk):
    """The sandbox CallerDesk with moments to hold it at."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.holds = Holds()

    def dial(self, fields: dict[str, str]) -> tuple[dict[str, Any], Manner]:
        """Take a dial."""
        self.holds.passing("dial asked")
        answered = super().dial(fields)
        self.holds.passing("dialled")
        return answered

    def rung(self, customer: str) -> int:
        """How often this customer was to be rung."""
        return sum(dial.customer == customer[-10:] for dial in self.dials)
