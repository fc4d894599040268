"""CallerDesk as it really behaves, on loopback: the API, the phones, the webhooks, the quirks. Rings nobody.

Every API answer is HTTP 200 `text/html` with JSON text in it; a dial's campid is a number; webhooks hold
only texts and India's time, and have `?type=…` glued to their address. How a call goes is told by the last
two digits of the customer's number (`callerdesk_scripts`).

It runs alone by `python -m connector.sandbox.callerdesk`.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connector.sandbox import callerdesk_recordings
from connector.sandbox.callerdesk_account import Account, Dial, error
from connector.sandbox.callerdesk_call import SandboxCall, deliver
from connector.sandbox.callerdesk_scripts import Manner

ENDPOINT = "click_to_call_v3"
#: Longer than any client waits for a reply.
HANG = 60.0
_MOST_BYTES = 64 * 1024


class SandboxCallerDesk:
    """The sandbox and its server. `webhook_url` and `live_webhook_url` may be set at any time.

    `speed` 1 is for people (a whole call takes about two seconds), 100 for tests. `dials` counts every GET.
    """

    def __init__(
        self,
        webhook_url: str | None = None,
        live_webhook_url: str | None = None,
        authcode: str = "sandbox-authcode",
        speed: float = 1.0,
        *,
        port: int = 0,
    ) -> None:
        self.webhook_url = webhook_url
        self.live_webhook_url = live_webhook_url
        self.speed = speed
        self.account = Account(authcode)
        self.stopping = threading.Event()
        self._over = threading.Condition()
        self._running = 0
        self._server = _Server(self, port)
        self.account.recordings = f"http://{self.host}{callerdesk_recordings.PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> SandboxCallerDesk:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering; calls that are going on are dropped without a report."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://{self.host}/api/"

    @property
    def host(self) -> str:
        """Host and port, as `recordings.hosts` names them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def authcode(self) -> str:
        return self.account.authcode

    @property
    def dials(self) -> list[Dial]:
        """Every dial so far, refused ones included."""
        with self.account.lock:
            return list(self.account.dials)

    @property
    def deskphones(self) -> list[str]:
        return list(self.account.deskphones)

    def add_member(self, name: str, email: str, number: str, active: bool = True) -> None:
        """Put a member into the panel, or a second one with the same number."""
        self.account.add_member(name, email, number, active)

    def wait_until_over(self, timeout: float = 10.0) -> bool:
        """Wait until every call has ended and its webhooks are delivered; False when that took too long."""
        with self._over:
            return self._over.wait_for(lambda: not self._running, timeout)

    def dial(self, fields: dict[str, str]) -> tuple[dict[str, Any], Manner]:
        """Answer one dial and, if it is accepted, let the call begin."""
        placed = self.account.place(fields)
        if isinstance(placed, str):
            return error(placed), Manner.SAID
        with self._over:
            self._running += 1
        if placed.script.manner is Manner.AFTER_REPORT:
            self._run(placed)
        else:
            threading.Thread(target=self._run, args=(placed,), daemon=True).start()
        reply = {
            "type": "success",
            "message": "Call to Customer Initiate Successfully..",
            "campid": placed.campid,
            "callerid": f"0091{placed.deskphone[-10:]}",
        }
        return reply, placed.script.manner

    def has_recording(self, path: str) -> bool:
        """Whether an answered call's recording lies at this path."""
        with self.account.lock:
            return any(
                call.ended and call.report()["CallRecordingUrl"].endswith(f"{self.host}{path}")
                for call in self.account.calls
            )

    def _run(self, call: SandboxCall) -> None:
        try:
            if not call.run(self._rest, self._tell_live):
                return
            with self.account.lock:
                self.account.coins -= call.coins
            if self._rest(call.script.report_after):
                return
            for how in call.script.deliveries:
                if self.webhook_url:
                    deliver(self.webhook_url, "call_report", call.report(), how)
        finally:
            with self._over:
                self._running -= 1
                self._over.notify_all()

    def _tell_live(self, call: SandboxCall) -> None:
        if self.live_webhook_url:
            deliver(self.live_webhook_url, "live_call", call.live_event())

    def _rest(self, seconds: float) -> bool:
        return self.stopping.wait(seconds / self.speed)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, desk: SandboxCallerDesk, port: int) -> None:
        self.desk = desk
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: some of the scripts make them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the request line holds the key."""

    def _answer(self) -> None:
        path, fields = self._asked()
        if path.startswith(callerdesk_recordings.PATH):
            self._play(path)
            return
        manner = Manner.SAID
        if path == f"/api/{ENDPOINT}" and self.command == "GET":
            reply, manner = self.server.desk.dial(fields)
        else:
            reply = self.server.desk.account.answer(self.command, path.removeprefix("/api/"), fields)
        if manner is Manner.HANG:
            self.server.desk.stopping.wait(HANG)
            self.close_connection = True
        elif manner is Manner.RESET:
            # Lingering for no time turns the close into a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        else:
            self._say(200, {"Content-Type": "text/html; charset=UTF-8"}, json.dumps(reply).encode())

    def _asked(self) -> tuple[str, dict[str, str]]:
        target = urlsplit(self.path)
        size = self.headers.get("Content-Length", "0")
        body = self.rfile.read(min(int(size), _MOST_BYTES)) if size.isdecimal() else b""
        # The form comes first: `deskphone` stands in both, and the query's is the one that is dialled with.
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return target.path, dict(pairs + parse_qsl(target.query, keep_blank_values=True))

    def _play(self, path: str) -> None:
        if self.server.desk.has_recording(path):
            self._say(*callerdesk_recordings.served(self.headers.get("Range")))
        else:
            self._say(404, {"Content-Type": "text/html"}, b"<h1>Not Found</h1>")

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        close = self.headers.get("Connection", "").lower() == "close"
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"Content-Length: {len(body)}",
            *(["Connection: close"] if close else []),
        ]
        shown = b"" if self.command == "HEAD" else body
        # One write: two would wait for each other's acknowledgement (Nagle's algorithm), 40 ms a request.
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + shown)
        self.close_connection = close


def main(arguments: list[str] | None = None) -> None:
    """Run the sandbox until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m connector.sandbox.callerdesk", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--webhook-url", help="where call reports go")
    parser.add_argument("--live-webhook-url", help="where live call events go")
    parser.add_argument("--authcode", default="sandbox-authcode")
    parser.add_argument("--speed", type=float, default=1.0, help="1: a call takes two seconds; 10: a fifth")
    asked = parser.parse_args(arguments)
    desk = SandboxCallerDesk(
        asked.webhook_url, asked.live_webhook_url, asked.authcode, asked.speed, port=asked.port
    ).start()
    sys.stdout.write(f"{desk.base_url}\n")
    sys.stdout.flush()
    try:
        desk.stopping.wait()
    except KeyboardInterrupt:
        desk.stop()


if __name__ == "__main__":
    main()
