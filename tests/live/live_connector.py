"""The real `connector serve`, as a process between the live Odoo and a sandbox CallerDesk."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from connector.sandbox.callerdesk import SandboxCallerDesk

MAPPING = Path(__file__).parents[2] / "mappings" / "odoo.yaml"
#: Writing to stderr where it listens is the last thing `serve` does before it serves.
_SERVING = re.compile(r"serving on http://127\.0\.0\.1:(\d+)")

_MANIFEST = """\
name: live
database_url: sqlite:///live.db
callerdesk:
  base_url: "{callerdesk}"
  authcode: "${{CALLERDESK_AUTHCODE}}"
  deskphone: "{deskphone}"
  webhook_token: "${{CALLERDESK_WEBHOOK_TOKEN}}"
connections:
  odoo:
    crm: odoo
    mapping: "{mapping}"
    base_url: "{odoo}"
    database: "{database}"
    api_key: "${{ODOO_API_KEY}}"
    api: {api}
    login: "{login}"
    clicks: {{auth: token, secrets: ["${{ODOO_CLICK_SECRET}}"], source: rule}}
policy:
  quiet_hours: off
  workflow_dialling: "Only made-up numbers of a test are rung."
"""


def until(check: Callable[[], Any], timeout: float = 15.0) -> Any:
    """What `check` gives once that is true; fails after `timeout` seconds. For what changes silently."""
    rest, end = threading.Event(), time.monotonic() + timeout
    while not (found := check()):
        assert time.monotonic() < end, f"never came true: {check}"
        rest.wait(0.1)
    return found


class LiveConnector:
    """`connector serve` with a manifest, a database and secrets of its own, and the address Odoo is given."""

    def __init__(self, folder: Path, odoo: Any, callerdesk: SandboxCallerDesk, api: str = "json2") -> None:
        self.callerdesk = callerdesk
        self._manifest = folder / "manifest.yaml"
        self._log = folder / "serve.log"
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "CALLERDESK_AUTHCODE": callerdesk.authcode,
            "CALLERDESK_WEBHOOK_TOKEN": secrets.token_urlsafe(24),
            "ODOO_API_KEY": odoo.key,
            "ODOO_CLICK_SECRET": secrets.token_urlsafe(24),
        }
        self._manifest.write_text(
            _MANIFEST.format(
                callerdesk=callerdesk.base_url,
                deskphone=callerdesk.deskphones[0],
                mapping=MAPPING,
                odoo=odoo.url,
                database=odoo.db,
                api=api,
                login=odoo.login,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.door = Door()

    @property
    def hook(self) -> str:
        """The address an admin types into Odoo, by way of the door that takes the time."""
        return f"{self.door.url}/hooks/odoo/{self._environ['ODOO_CLICK_SECRET']}"

    def start(self) -> None:
        """Start, on the same port as before if there was one, and wait until it listens."""
        with self._log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                [*self._command("serve"), "--port", str(self._port)], env=self._environ, stderr=log
            )
        told = until(lambda: _SERVING.search(self._log.read_text()[begin:]))
        self._port = int(told.group(1))
        address = f"http://127.0.0.1:{self._port}"
        until(lambda: _answers(f"{address}/readyz"))
        self.door.behind = address
        webhook = f"{address}/callerdesk/{self._environ['CALLERDESK_WEBHOOK_TOKEN']}"
        self.callerdesk.webhook_url = self.callerdesk.live_webhook_url = webhook

    def stop(self) -> None:
        """End it as an operator would."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(30) == 0, self._log.read_text()[-2000:]
            self._process = None

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Another `connector` command with the same manifest and `--json`: exit code and what it printed."""
        done = subprocess.run(
            [*self._command(*arguments), "--json"],
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def calls(self) -> list[Any]:
        """`connector calls list`, the oldest first."""
        found: list[Any] = self.run("calls", "list")[1]
        return found[::-1]

    def settled(self) -> list[Any]:
        """The calls once nothing is left to do: none under way, none to write, no report to come."""
        assert self.callerdesk.wait_until_over(20)

        def done() -> list[Any]:
            calls = self.calls()
            under_way = [call for call in calls if call["state"] not in ("ended", "refused", "expired")]
            unwritten = [call for call in calls if call["state"] == "ended" and not call["on_record"]]
            return calls if not under_way and not unwritten else []

        found: list[Any] = until(done)
        return found

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "connector", *arguments, "--manifest", str(self._manifest)]


@contextmanager
def live_connector(
    folder: Path, odoo: Any, callerdesk: SandboxCallerDesk, *, started: bool = True, api: str = "json2"
) -> Iterator[LiveConnector]:
    """A connector for one test."""
    connector = LiveConnector(folder, odoo, callerdesk, api)
    with connector.door:
        threading.Thread(target=connector.door.serve_forever, args=(0.02,), daemon=True).start()
        try:
            if started:
                connector.start()
            yield connector
        finally:
            connector.stop()
            connector.door.shutdown()


class Door(ThreadingHTTPServer):
    """Stands where Odoo sends its webhooks, passes them on, and notes how long each sender had to wait."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _DoorHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.behind = "http://127.0.0.1:9"
        #: (model, record, status, milliseconds) of every webhook, as they came.
        self.passed: list[tuple[str, int, int, float]] = []


class _DoorHandler(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        came = time.perf_counter()
        body = self.rfile.read(int(self.headers["content-length"]))
        told = json.loads(body)
        try:
            answer = requests.post(
                self.server.behind + self.path,
                data=body,
                headers={"content-type": self.headers["content-type"]},
                timeout=5,
            )
            status, text = answer.status_code, answer.content
        except requests.ConnectionError:
            status, text = 502, b""
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()
        took = (time.perf_counter() - came) * 1000
        self.server.passed.append((told["_model"], told["_id"], status, took))

    def log_message(self, *args: Any) -> None:
        pass


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False
