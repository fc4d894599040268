"""The connector as its users meet it: a process started by the command line, spoken to over sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAPPING = Path(__file__).parents[2] / "connector" / "sandbox" / "rest.yaml"
#: Longer than anything here takes on a busy machine; reached only when a test fails.
PATIENCE = 30.0

_MANIFEST = """\
name: under-test
database_url: sqlite:///calls.db
callerdesk:
  base_url: "{callerdesk}"
  authcode: "${{AUTHCODE}}"
  deskphone: "08060000001"
  webhook_token: "${{WEBHOOK_TOKEN}}"
  timeout: 1.0
connections:
  shop:
    crm: rest
    mapping: mapping.yaml
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    timeout: 1.0
    clicks: {{auth: bearer, secrets: ["${{CLICK_SECRET}}"]}}
  link:
    crm: rest
    mapping: mapping.yaml
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    clicks: {{auth: token, secrets: ["${{LINK_TOKEN}}"]}}
  manual:
    crm: rest
    mapping: mapping.yaml
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    clicks: {{auth: bearer, secrets: ["${{CLICK_SECRET}}"]}}
    policy: {{workflow_dialling: off}}
policy:
  quiet_hours: off
  member_busy: ignore
  recall_gap: 0
  workflow_dialling: "The people of these tests asked to be rung back."
"""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    content_type: str
    body: bytes
    #: Its header; empty without one.
    retry_after: str = ""

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def is_problem(self) -> bool:
        """Whether it is problem+json with a code, a sentence and its own status."""
        if self.content_type != "application/problem+json":
            return False
        told = self.json
        return (
            re.fullmatch("[a-z0-9_]+", told["code"]) is not None
            and told["status"] == self.status
            and told["detail"].endswith((".", "?"))
            and len(told["detail"].split()) > 3
        )


def eventually(true: Callable[[], Any], within: float = PATIENCE) -> bool:
    """Ask again and again until it is true, for things that tell nobody when they change."""
    until = time.monotonic() + within
    pause = threading.Event()
    while time.monotonic() < until:
        if true():
            return True
        pause.wait(0.05)
    return bool(true())


class Running:
    """One `connector serve` with a manifest and a database of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        crm: str,
        callerdesk: str,
        crm_key: str = "",
        authcode: str = "",
        database_url: str = "",
    ):
        self.folder = folder
        #: Told by DATABASE_URL; without one it is the file that the manifest names.
        self._database_url = database_url
        self.database_url = database_url or f"sqlite:///{folder / 'calls.db'}"
        self.secrets = {
            "AUTHCODE": authcode or secrets.token_urlsafe(24),
            "CRM_KEY": crm_key or secrets.token_urlsafe(24),
            **{name: secrets.token_urlsafe(24) for name in ("WEBHOOK_TOKEN", "CLICK_SECRET", "LINK_TOKEN")},
        }
        self.manifest = folder / "manifest.yaml"
        self.manifest.write_text(_MANIFEST.format(crm=crm, callerdesk=callerdesk), encoding="utf-8")
        (folder / "mapping.yaml").write_text(MAPPING.read_text(encoding="utf-8"), encoding="utf-8")
        #: More of its environment.
        self.environ: dict[str, str] = {}
        self.port = 0
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    # -- The process ---------------------------------------------------------------------------------------

    def start(self, *, workers: int = 1, log_level: str = "INFO") -> Running:
        """Start it on the port it had before, or a free one; returns when it listens."""
        serve = ("serve", "--port", str(self.port), "--workers", str(workers))
        process = self._process = self._spawn(
            "--log-level", log_level, *serve, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        listens = threading.Event()

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                self.log.append(line)
                if found := re.search(r"serving on http://[0-9.]+:(\d+)", line):
                    self.port = int(found[1])
                    listens.set()
            listens.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        assert listens.wait(PATIENCE) and process.poll() is None, "".join(self.log)
        return self

    @property
    def pid(self) -> int:
        """Of the process that was started; its workers are others."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """Ask it to end, as an operator does; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away without a warning."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(PATIENCE)
        assert self._reader is not None
        self._reader.join(PATIENCE)
        self._process = None
        return code

    def _spawn(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "connector", *words]
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environ = {**kept, **self.environ, **self.secrets, "CONNECTOR_MANIFEST": str(self.manifest)}
        if self._database_url:
            environ["DATABASE_URL"] = self._database_url
        return subprocess.Popen(command, env=environ, text=True, cwd=self.folder, **how)

    def command(self, *words: str) -> tuple[int, str, str]:
        """Run one command of the connector beside the service: exit code, what it printed, its complaints."""
        process = self._spawn(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        printed, complained = process.communicate(timeout=PATIENCE)
        return process.returncode, printed, complained

    def doctor(self) -> dict[str, bool]:
        """`connector doctor --json`: each finding with whether it is fine."""
        _, printed, complained = self.command("doctor", "--json")
        assert printed, complained
        return {finding["what"]: finding["ok"] for finding in json.loads(printed)["findings"]}

    # -- Its HTTP side -------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        timeout: float = PATIENCE,
    ) -> Answer:
        """One request with exactly these headers (and a Content-Length), one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            if body and not any(name.lower() == "transfer-encoding" for name, _ in headers):
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def send_raw(self, request: bytes) -> Answer:
        """Bytes as they are, one answer."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as wire:
            wire.sendall(request)
            response = http.client.HTTPResponse(wire)
            response.begin()
            return _answer(response)

    def post(self, path: str, body: Any, *, secret: str | None = None, **headers: str) -> Answer:
        """POST bytes, or anything else as JSON, with the secret of connection `shop`."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = f"Bearer {self.secrets['CLICK_SECRET'] if secret is None else secret}"
        given = {"Authorization": bearer, "Content-Type": "application/json", **headers}
        return self.send(
            "POST", path, sent, [(name.replace("_", "-"), value) for name, value in given.items()]
        )

    def click(self, record: str, click_id: str | None = None, **more: Any) -> Answer:
        """Press Call on a contact of the CRM."""
        named = {"click_id": click_id} if click_id else {}
        return self.post("/hooks/shop", {"object": "Contact", "id": record, **named, **more})

    def webhook(
        self, body: Mapping[str, str], *, token: str | None = None, kind: str = "call_report"
    ) -> Answer:
        """Post one of CallerDesk's webhooks."""
        path = f"/callerdesk/{self.secrets['WEBHOOK_TOKEN'] if token is None else token}?type={kind}"
        return self.send("POST", path, json.dumps(body).encode(), [("Content-Type", "application/json")])

    def call(self, call_id: str) -> Any:
        """The call as the service tells it."""
        bearer = ("Authorization", f"Bearer {self.secrets['CLICK_SECRET']}")
        return self.send("GET", f"/calls/{call_id}", headers=[bearer, ("Accept", "application/json")]).json

    def state(self, call_id: str) -> str:
        """Where the call stands."""
        return str(self.call(call_id)["state"])

    def wait_for_state(self, call_id: str, *states: str) -> str:
        """Wait until the call stands in one of these states; where it stands."""
        eventually(lambda: self.state(call_id) in states)
        return self.state(call_id)

    def rows(self) -> dict[str, int]:
        """How many calls the journal holds, by state; empty states left out."""
        told = self.send("GET", "/metrics").body.decode()
        found = re.findall(r'^connector_calls\{state="(\w+)"\} ([0-9.]+)$', told, re.MULTILINE)
        return {state: int(float(number)) for state, number in found if float(number)}

    def end_leases(self) -> None:
        """Every claim on a call is over, as if its half minute had passed; on SQLite."""
        with sqlite3.connect(self.folder / "calls.db", timeout=10) as journal:
            journal.execute("UPDATE calls SET due_at = 0 WHERE state IN ('reading', 'dialling')")
        journal.close()


def _answer(response: http.client.HTTPResponse) -> Answer:
    kind, retry_after = (response.getheader(name, "") for name in ("Content-Type", "Retry-After"))
    return Answer(response.status, kind, response.read(), retry_after)
