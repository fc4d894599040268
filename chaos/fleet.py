"""The connector as on several hosts: `connector serve` processes with ports of their own, one database."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAPPING = Path(__file__).parents[1] / "connector" / "sandbox" / "rest.yaml"
#: Longer than a start takes on a busy machine; reached only when something is wrong.
PATIENCE = 60.0

_MANIFEST = """\
name: chaos
database_url: sqlite:///calls.db
callerdesk:
  base_url: "{callerdesk}"
  authcode: "${{AUTHCODE}}"
  deskphone: "08060000001"
  webhook_token: "${{WEBHOOK_TOKEN}}"
  timeout: 1.5
connections:
  shop:
    crm: rest
    mapping: mapping.yaml
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    timeout: 3.0
    clicks: {{auth: bearer, secrets: ["${{CLICK_SECRET}}"], wait: 3}}
  link:
    crm: rest
    mapping: mapping.yaml
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    timeout: 3.0
    clicks: {{auth: token, secrets: ["${{LINK_TOKEN}}"], wait: 3}}
policy:
  quiet_hours: off
  member_busy: ignore
  recall_gap: 0          # what protects a customer here is the gate alone
  repeat_window: 600     # a press without an id is sent again for as long as a process may be down
  workflow_dialling: "The people of this run asked to be rung back."
"""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status and decoded body, {} when that was no JSON object."""

    status: int
    body: dict[str, Any]


class Process:
    """One `connector serve`, killed and started again on the same port."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.fleet, self.number = fleet, number
        self.port = 0
        self.log = fleet.folder / f"serve-{number}.log"
        #: How often it had listened before it was started last: one killed while it started never did.
        self._listened = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; returns before it listens."""
        self._listened = len(self._told())
        with self.log.open("ab") as log:
            self._process = self.fleet.spawn("serve", "--port", str(self.port), stderr=log)

    def wait_until_it_listens(self) -> None:
        """Needed once, to learn its port."""
        pause = threading.Event()
        for _ in range(int(PATIENCE / 0.05)):
            told = self._told()
            if len(told) > self._listened:
                self.port = int(told[-1])
                return
            pause.wait(0.05)
        raise RuntimeError(f"process {self.number} does not start: {self.log.read_text(encoding='utf-8')}")

    def _told(self) -> list[str]:
        """The port, as often as it has listened."""
        said = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return re.findall(r"serving on http://[0-9.]+:(\d+)", said)

    def end(self, how: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout: float = 10.0,
    ) -> Answer:
        """One request, one answer; OSError or HTTPException when it is not there, or dies meanwhile."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        try:
            found = json.loads(told)
        except ValueError:
            found = {}
        return Answer(answer.status, found if isinstance(found, dict) else {})

    def cut_off(self, path: str, body: bytes, headers: dict[str, str], after: float) -> None:
        """Send a request and go away without reading its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10.0)
        try:
            connection.request("POST", path, body, headers)
            threading.Event().wait(after)
        finally:
            connection.close()


class Fleet:
    """All processes of one database, and what they were told."""

    def __init__(
        self, folder: Path, size: int, *, crm: str, crm_key: str, callerdesk: str, database_url: str = ""
    ) -> None:
        self.folder = folder
        self.secrets = {
            "CRM_KEY": crm_key,
            **{
                name: secrets.token_urlsafe(24)
                for name in ("AUTHCODE", "WEBHOOK_TOKEN", "CLICK_SECRET", "LINK_TOKEN")
            },
        }
        (folder / "manifest.yaml").write_text(
            _MANIFEST.format(crm=crm, callerdesk=callerdesk), encoding="utf-8"
        )
        (folder / "mapping.yaml").write_text(MAPPING.read_text(encoding="utf-8"), encoding="utf-8")
        self.database_url = database_url or f"sqlite:///{folder / 'calls.db'}"
        self.processes = [Process(self, number) for number in range(size)]
        self.kills = 0

    def spawn(self, *words: str, **how: Any) -> subprocess.Popen[bytes]:
        """Run one command of the connector with this fleet's manifest and secrets."""
        environ = {
            **os.environ,
            **self.secrets,
            "CONNECTOR_MANIFEST": str(self.folder / "manifest.yaml"),
            "DATABASE_URL": self.database_url,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "connector", *words], env=environ, cwd=self.folder, **how
        )

    def start(self) -> Fleet:
        """Start every process; returns when all listen."""
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_until_it_listens()
        return self

    def stop(self) -> None:
        """Ask all to end, as an operator does."""
        for process in self.processes:
            process.end(signal.SIGTERM)

    def kill(self, victims: list[Process]) -> None:
        """Take these away at once and start them again."""
        for process in victims:
            process.end(signal.SIGKILL)
            self.kills += 1
        for process in victims:
            process.start()

    def somebody(self, rng: random.Random, other_than: Process | None = None) -> Process:
        """One process, as a load balancer would pick it."""
        return rng.choice([each for each in self.processes if each is not other_than] or self.processes)

    def webhook(self, process: Process, body: dict[str, str], kind: str) -> bool:
        """Post one of CallerDesk's webhooks; whether it was taken (the answer's body is no JSON)."""
        path = f"/callerdesk/{self.secrets['WEBHOOK_TOKEN']}?type={kind}"
        headers = {"Content-Type": "application/json"}
        try:
            return process.send("POST", path, json.dumps(body).encode(), headers).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def doctor(self) -> dict[str, int]:
        """`connector doctor --json`, its numbers by what they count (`stuck calls`, …)."""
        process = self.spawn("doctor", "--json", stdout=subprocess.PIPE)
        printed, _ = process.communicate(timeout=PATIENCE)
        found = [re.fullmatch(r"(\d+) (.+)", finding["what"]) for finding in json.loads(printed)["findings"]]
        return {each[2]: int(each[1]) for each in found if each}

    def faults(self) -> list[str]:
        """Every traceback in the logs, by its last line: the connector never means to write one."""
        found = []
        for process in self.processes:
            log = process.log.read_text(encoding="utf-8", errors="replace")
            for trace in re.split(r"^Traceback .*$", log, flags=re.MULTILINE)[1:]:
                ends = re.findall(r"^\S.*$", trace, flags=re.MULTILINE)
                found.append(ends[0] if ends else "cut short")
        return found
