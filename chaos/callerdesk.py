"""A CallerDesk that counts every GET and plays a mix: says yes, says no, resets, closes, hangs, reports."""

from __future__ import annotations

import itertools
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from chaos.listening import Server
from connector.sandbox.callerdesk_call import INDIA, SandboxCall
from connector.sandbox.callerdesk_scripts import script_for

DIAL = "/api/click_to_call_v3"
#: Hands a webhook to some process; whether that took it.
Deliver = Callable[[dict[str, str], str, random.Random], bool]


class Manner(Enum):
    """What becomes of a dial: whether the phones ring, and what is said of it."""

    SAYS_YES = "says yes"
    REPORTS_FIRST = "reports the end before it says yes"
    SAYS_NO = "says no"
    RINGS_AND_RESETS = "rings, then resets the connection"
    RINGS_AND_HANGS = "rings, then says nothing"
    RINGS_AND_FAILS = "rings, then answers 502"
    RESETS = "rings nobody and resets the connection"
    CLOSES = "rings nobody and closes the connection"
    HANGS = "rings nobody and says nothing"


RINGS = frozenset(Manner) - {Manner.SAYS_NO, Manner.RESETS, Manner.CLOSES, Manner.HANGS}
#: How often each happens, in a hundred.
MIX = {
    Manner.SAYS_YES: 64,
    Manner.REPORTS_FIRST: 6,
    Manner.SAYS_NO: 10,
    Manner.RINGS_AND_RESETS: 5,
    Manner.RINGS_AND_HANGS: 4,
    Manner.RINGS_AND_FAILS: 4,
    Manner.RESETS: 2,
    Manner.CLOSES: 2,
    Manner.HANGS: 3,
}


@dataclass(frozen=True)
class Conduct:
    """How CallerDesk treats one customer, fixed before the run."""

    manner: Manner
    #: The last two digits that choose the sandbox's script: who picks up.
    script: str = "01"
    report_after: float = 0.5
    #: Deliveries of the report at the same time; 0: it is lost, and only the call report knows.
    reports: int = 1
    live: bool = False


class CallerDesk:
    """One HTTP server on loopback; conduct is looked up by the customer's ten digits."""

    def __init__(self, conduct: dict[str, Conduct], seed: object) -> None:
        self.conduct = conduct
        self.deliver: Deliver = lambda body, kind, rng: True
        self.over = threading.Event()
        self.rung: Counter[str] = Counter()
        #: Customers whose end a process has taken with `success`.
        self.acknowledged: set[str] = set()
        self._calls: list[SandboxCall] = []
        self._lock = threading.Lock()
        self._rng = random.Random(f"{seed} callerdesk")
        self._campids, self._sids = itertools.count(45_710_001), itertools.count(8_400_001)
        self._reporters = ThreadPoolExecutor(24, thread_name_prefix="report")
        self._server = Server(("127.0.0.1", 0), _handler(self))
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/api/"

    def __enter__(self) -> CallerDesk:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._reporters.shutdown(wait=True, cancel_futures=True)

    def dial(self, customer: str, member: str) -> tuple[Manner, dict[str, object]]:
        """Count one GET; how it is to be answered, and the answer."""
        conduct = self.conduct.get(customer, Conduct(Manner.SAYS_YES))
        with self._lock:
            self.rung[customer] += 1
            if conduct.manner is Manner.SAYS_NO:
                return conduct.manner, {
                    "type": "error",
                    "message": "Agent on break/Inactive. Call not allowed",
                }
            call = SandboxCall(
                customer,
                member,
                "Asha",
                "08060000001",
                next(self._campids),
                next(self._sids),
                script_for(conduct.script),
                recordings=f"{self.base_url}recordings/",
            )
            rng = random.Random(self._rng.random())
            if conduct.manner in RINGS:
                self._calls.append(call)
        if conduct.manner is Manner.REPORTS_FIRST:
            self._end(call, conduct, rng)
        elif conduct.manner in RINGS:
            self._reporters.submit(self._ring, call, conduct, rng)
        return conduct.manner, {
            "type": "success",
            "message": "Call to Customer Initiate Successfully..",
            "campid": call.campid,
            "callerid": "00918060000001",
        }

    def _ring(self, call: SandboxCall, conduct: Conduct, rng: random.Random) -> None:
        if conduct.live:
            call.customer_picked, call.live = datetime.now(INDIA), "Leg A Answer"
            self.deliver(call.live_event(), "live_call", rng)
        self.over.wait(conduct.report_after)
        self._end(call, conduct, rng)

    def _end(self, call: SandboxCall, conduct: Conduct, rng: random.Random) -> None:
        """The call is over; its report goes to whoever lives, until one takes it."""
        now = datetime.now(INDIA)
        if call.script.customer_picks:
            call.customer_picked = call.customer_picked or now
            call.member_rung = now
        if call.script.member_picks:
            call.member_picked = now
        call.ended, call.live = now + timedelta(seconds=1), ""
        if conduct.reports > 1:
            self._reporters.submit(self._tell, call, rng)
        if conduct.reports:
            self._tell(call, rng)

    def _tell(self, call: SandboxCall, rng: random.Random) -> None:
        while not self.deliver(call.report(), "call_report", rng):
            if self.over.wait(0.2):
                return
        with self._lock:
            self.acknowledged.add(call.customer)

    def answer(self, endpoint: str, fields: dict[str, str]) -> dict[str, object]:
        """A reading call: the call report, the live calls, no members."""
        with self._lock:
            if endpoint == "live_call_v2":
                live = [call.live_row() for call in self._calls if not call.ended]
                return {"type": "success", "total_live_calls": str(len(live)), "live_calls": live}
            ended = [call for call in reversed(self._calls) if call.ended]
            if endpoint != "call_list_v2" or not ended:
                return {"type": "error", "message": "No record found"}
            size, page = int(fields.get("per_page", "25")), int(fields.get("current_page", "1"))
            rows = [call.report_row() for call in ended[(page - 1) * size : page * size]]
            return {"type": "success", "result": rows, "total": str(len(ended))}


def _handler(desk: CallerDesk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            self._answer(self.rfile.read(size).decode())

        def _answer(self, encoded: str) -> None:
            fields = {name: values[-1] for name, values in parse_qs(encoded).items()}
            path = urlsplit(self.path).path
            if path != DIAL:
                self._say(200, json.dumps(desk.answer(path.rpartition("/")[2], fields)))
                return
            manner, told = desk.dial(fields["calling_party_a"], fields["calling_party_b"])
            match manner:
                case Manner.SAYS_YES | Manner.SAYS_NO | Manner.REPORTS_FIRST:
                    self._say(200, json.dumps(told))
                case Manner.RINGS_AND_FAILS:
                    self._say(502, "<h1>Bad Gateway</h1>")
                case Manner.RINGS_AND_HANGS | Manner.HANGS:
                    desk.over.wait(5)
                case Manner.RINGS_AND_RESETS | Manner.RESETS:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                case Manner.CLOSES:
                    self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    return Handler
