"""A real Odoo 19 for the tests marked `odoo`, and a listener that hears its webhooks. See README.md here."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

SERVER = Path(__file__).parent / "odoo_server.sh"
#: What `odoo_server.sh` exits with when this machine cannot run Odoo; the last line of its stderr says why.
CANNOT = 75
NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True)
class LiveOdoo:
    """The running Odoo, its seeded people, and the keys of an ordinary user and of an administrator."""

    url: str
    db: str
    key: str = field(repr=False)
    admin_key: str = field(repr=False)
    agent: int
    left: int
    integration: int
    partner: int
    lead: int
    rules: dict[str, int]
    button_hook: int
    button: int
    lab: str

    def call(self, model: str, method: str, *, key: str | None = None, **arguments: Any) -> Any:
        """Call a method over JSON-2 as the administrator, unless another key is given."""
        answer = requests.post(
            f"{self.url}/json/2/{model}/{method}",
            json=arguments,
            headers={"Authorization": f"bearer {key or self.admin_key}", "X-Odoo-Database": self.db},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()

    @cached_property
    def login(self) -> str:
        """The login of the ordinary user that `key` belongs to."""
        (user,) = self.call("res.users", "read", ids=[self.integration], fields=["login"])
        return str(user["login"])

    @contextmanager
    def set_webhook(self, url: str, *, rules: Sequence[str] = ("res.partner", "crm.lead")) -> Iterator[None]:
        """Point the button's webhook, and those of the rules on these models, at `url` for a while.

        Rules made over the API are seen at once; only those made in a shell beside a running server are not.
        """
        actions = [self.button_hook, *(self.rules[model] for model in rules)]
        self.call("ir.actions.server", "write", ids=actions, vals={"webhook_url": url})
        try:
            yield
        finally:
            self.call("ir.actions.server", "write", ids=actions, vals={"webhook_url": NOWHERE})

    def create_contact(self, phone: str, name: str = "New Customer") -> int:
        """Make a contact of the agent's in India; Odoo then sends about ten copies of one webhook."""
        (india,) = self.call("res.country", "search", domain=[["code", "=", "IN"]])
        values = {"name": f"{name} {uuid.uuid4().hex[:6]}", "phone": phone, "country_id": india}
        (made,) = self.call("res.partner", "create", vals_list=[{**values, "user_id": self.agent}])
        return int(made)

    def create_lead(self, partner: int) -> int:
        """Make a lead of the agent's for a contact; its phone and the contact's then follow each other."""
        values = {"name": f"Interested {uuid.uuid4().hex[:6]}", "partner_id": partner, "user_id": self.agent}
        (made,) = self.call("crm.lead", "create", vals_list=[values])
        return int(made)

    def change_phone(self, phone: str, partner: int | None = None) -> None:
        """Write a contact's phone, as somebody editing it would."""
        self.call("res.partner", "write", ids=[partner or self.partner], vals={"phone": phone})

    def press(self, partner: int | None = None) -> Any:
        """Run the contact's "Call with CallerDesk" action as the ordinary user; what the browser is told."""
        number = partner or self.partner
        context = {"active_model": "res.partner", "active_id": number, "active_ids": [number]}
        return self.call("ir.actions.server", "run", key=self.key, ids=[self.button], context=context)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Without Odoo and its database for a while."""
        run_server("down", self.lab)
        try:
            yield
        finally:
            assert run_server("up", self.lab).returncode == 0

    def activities(self, model: str, record: int) -> list[dict[str, Any]]:
        """All activities of a record, done ones too, oldest first."""
        found: list[dict[str, Any]] = self.call(
            "mail.activity",
            "search_read",
            domain=[["res_model", "=", model], ["res_id", "=", record]],
            fields=[
                "active",
                "state",
                "summary",
                "note",
                "feedback",
                "user_id",
                "activity_type_id",
                "date_deadline",
            ],
            order="id",
            context={"active_test": False},
        )
        return found

    def messages(self, model: str, record: int) -> list[str]:
        """The record's chatter about activities, oldest first, as HTML."""
        found = self.call(
            "mail.message",
            "search_read",
            domain=[["model", "=", model], ["res_id", "=", record], ["mail_activity_type_id", "!=", False]],
            fields=["body"],
            order="id",
        )
        return [message["body"] for message in found]


@pytest.fixture(scope="session")
def live_odoo(request: pytest.FixtureRequest) -> Iterator[LiveOdoo]:
    """Odoo, started from what is installed or from package registries; skipped when that cannot be."""
    chosen = "odoo" in str(request.config.getoption("-m"))
    if not chosen and "ODOO_LAB" not in os.environ:
        pytest.skip(
            "Run `pytest -m odoo`, or set ODOO_LAB to a folder: the first time installs 1.5 GB of Odoo."
        )
    lab = os.environ.get("ODOO_LAB") or str(Path(tempfile.gettempdir()) / "connector-odoo-lab")
    running = (Path(lab) / "run" / "odoo.pid").exists()
    try:
        started = run_server("up", lab)
    except subprocess.TimeoutExpired as slow:
        pytest.skip(f"Odoo was not installed within {slow.timeout:.0f} seconds.")
    if started.returncode == CANNOT:
        pytest.skip(started.stderr.strip().splitlines()[-1])
    assert started.returncode == 0, started.stderr[-2000:]
    yield LiveOdoo(**json.loads((Path(lab) / "odoo.json").read_text()), lab=lab)
    if not running:
        run_server("down", lab)


def run_server(command: str, lab: str) -> subprocess.CompletedProcess[str]:
    """`odoo_server.sh up` or `down`. The first `up` of a lab takes minutes."""
    return subprocess.run(
        [str(SERVER), command],
        env={**os.environ, "ODOO_LAB": lab},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


class Listener(ThreadingHTTPServer):
    """Hears webhooks on loopback and answers each at once."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ListenerHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.changed = threading.Condition()
        self.heard: list[bytes] = []

    def wait_for(self, check: Callable[[list[bytes]], bool], timeout: float = 10) -> list[bytes]:
        """The bodies heard so far, once they satisfy `check`; fails after `timeout` seconds."""
        with self.changed:
            assert self.changed.wait_for(lambda: check(self.heard), timeout), self.heard
            return list(self.heard)


class ListenerHandler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.changed:
            self.server.heard.append(body)
            self.server.changed.notify_all()
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
