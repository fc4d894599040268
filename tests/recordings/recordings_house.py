"""A connector on a real socket with calls that were recorded: what a CRM's player meets."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence import report
from far_ends import Clock
from web_house import WebHouse

from connector import outcomes
from connector.journal import listening
from connector.journal.audit import Act
from connector.model import Call
from connector.recordings import FarRecordings
from connector.server import listen
from connector.web import app as web_app
from connector.web import recordings as web_recordings
from connector.web.bounded import BoundedServer

PATIENCE = 30.0
PLAYER = "Mozilla/5.0 (a made-up player)"


@dataclass(frozen=True)
class Heard:
    """One answer to a player."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self.body[:200]
        told = json.loads(self.body)
        assert told["status"] == self.status and told["detail"].endswith(".")
        return str(told["code"])


class Played:
    """The connector: `hosts` may be asked, by `far` if one is given."""

    def __init__(self, folder: Path, hosts: list[str], **far: Any) -> None:
        listening_at = listen("127.0.0.1", 0)
        self.port = listening_at.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        more = f"trusted_proxy: 127.0.0.1\nrecordings: {{hosts: {json.dumps(hosts)}}}\n"
        self.kit = WebHouse(folder, public_url=self.url, more=more)
        self.house = self.kit.house
        fetched = FarRecordings(self.house.settings.recordings, **{"timeout": (1.0, 0.5), **far})
        make, web_app.recordings.blueprint = web_recordings.blueprint, lambda house: make(house, fetched)
        try:
            application = web_app.create_app(self.house, self.kit.dispatcher)
        finally:
            web_app.recordings.blueprint = make
        self.server = BoundedServer(
            application,
            listening_at,
            threads=8,
            connections=100,
            proxy=self.house.settings.trusted_proxy,
        )
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.close()
        self.kit.close()

    def recorded(self, url: str | None) -> Call:
        """A call that was answered, and whose recording lies at this address."""
        answer = self.kit.click("1", user=f"{secrets.token_hex(4)}@example.test").get_json()
        call = self.call(answer["call"])
        told = {"CallSid": secrets.token_hex(8), "CallRecordingUrl": url}
        outcomes.receive(self.house.journal, report(call, Clock(), **told))
        return self.call(call.id)

    def call(self, call_id: str) -> Call:
        found = self.house.journal.get(call_id)
        assert found is not None
        return found

    def link(self, call: Call) -> str:
        """The path of the link that the CRM is given."""
        shown = self.house.recordings.shown(call)
        assert shown.ending is not None and shown.ending.recording_url is not None
        assert shown.ending.recording_url.startswith(self.url + "/recordings/")
        return shown.ending.recording_url.removeprefix(self.url)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Heard:
        """One request, its answer read to the end; IncompleteRead when that never comes."""
        wire = self.opened(path, method, **headers)
        try:
            return self.heard(wire)
        finally:
            wire.close()

    def opened(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPConnection:
        """A request whose answer is not read yet."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        told = {"User-Agent": PLAYER} | {name.replace("_", "-"): value for name, value in headers.items()}
        wire.request(method, path, headers=told)
        return wire

    def heard(self, wire: http.client.HTTPConnection) -> Heard:
        answer = wire.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Heard(answer.status, headers, answer.read())

    def listened(self, call: Call) -> list[Act]:
        return listening.listened(self.house.journal, call.id)
