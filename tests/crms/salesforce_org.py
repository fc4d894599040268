"""A small Salesforce org behind real HTTP, and the connector wired to it and to the sandbox CallerDesk."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from salesforce_stand_in import KEY, ORG, SECRET, listening, recorded
from waitress.server import create_server

from connector import settings
from connector.assembly import House, build
from connector.crms.salesforce_soql import full_id
from connector.dispatcher import Dispatcher
from connector.model import State
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.server import listen
from connector.web import create_app

MAPPING = Path(__file__).parents[2] / "mappings" / "salesforce.yaml"
_DATA = "/services/data/v62.0/"
_UPSERT = re.compile(r"sobjects/Task/CallerDesk_Call__c/(\w+)")
_TASK = re.compile(r"sobjects/Task/(\w{18})")

_MANIFEST = """\
name: salesforce-test
database_url: sqlite:///calls.db
callerdesk:
  base_url: "{callerdesk}"
  authcode: "${{AUTHCODE}}"
  deskphone: "{deskphone}"
  webhook_token: "${{WEBHOOK_TOKEN}}"
connections:
  salesforce:
    crm: salesforce
    mapping: "{mapping}"
    base_url: "{org}"
    consumer_key: "${{SF_KEY}}"
    consumer_secret: "${{SF_SECRET}}"
    clicks: {{auth: bearer, secrets: ["${{SF_CLICK_SECRET}}"]}}
  salesforce-rules:
    crm: salesforce
    mapping: "{mapping}"
    base_url: "{org}"
    consumer_key: "${{SF_KEY}}"
    consumer_secret: "${{SF_SECRET}}"
    clicks: {{auth: token, secrets: ["${{SF_RULE_SECRET}}"], organization_id: {organization}}}
policy:
  quiet_hours: off
  workflow_dialling: "They asked to be rung back on our form."
"""


class SmallOrg:
    """Contacts, their owners, and the Tasks that the connector makes; one token is good at a time."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        #: Tasks by id, with every body that was written to each, oldest first.
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.requests: list[tuple[str, str, int]] = []
        self.token = "00D!first"
        self.logins = 0
        #: How many answers to writes of Tasks get lost on their way; the write is done all the same.
        self.lose = 0
        self._changed = threading.Condition()

    def add_contact(
        self, record_id: str, mobile: str, owner_mobile: str, owner: str = "0055g00000AbCdE"
    ) -> str:
        """Put a contact in, under an owner who has this mobile number; its 18-character id."""
        found = full_id(record_id)
        assert found is not None
        owned = {"MobilePhone": owner_mobile, "Phone": None, "Email": None, "Department": "Sales"}
        row = {"Id": found, "Name": f"Contact {found[-6:-3]}", "MobilePhone": mobile, "Phone": None}
        self.contacts[found] = {**row, "DoNotCall": False, "OwnerId": full_id(owner), "Owner": owned}
        return found

    def answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """What the stand-in server asks for every request."""
        with self._changed:
            status, answer = self._answer(method, path, body, headers)
            self.requests.append((method, urlsplit(path).path, status))
            self._changed.notify_all()
            if method == "PATCH" and status < 300 and self.lose:
                self.lose -= 1
                raise ConnectionAbortedError("the answer is lost, as the test asked for")
            return status, json.dumps(answer).encode() if answer is not None else b""

    def wait_for(self, check: Callable[[], Any], timeout: float = 15.0) -> Any:
        """Wait until `check` is true after some request; it is asked under the lock."""
        with self._changed:
            assert self._changed.wait_for(check, timeout), (self.requests[-20:], self.tasks)
            return check()

    def about(self, record_id: str) -> list[str]:
        """Ids of the Tasks on a record."""
        return [key for key, bodies in self.tasks.items() if bodies[0].get("WhoId") == record_id]

    def _answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        if path == "/services/oauth2/token":
            self.logins += 1
            self.token = f"00D!token{self.logins}"
            return 200, {**json.loads(recorded("token.json")), "access_token": self.token}
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, json.loads(recorded("error_invalid_session.json"))
        if path.startswith(_DATA + "query/"):
            return 200, self._query(parse_qs(urlsplit(path).query)["q"][0])
        if method == "PATCH" and (upsert := _UPSERT.search(path)):
            return self._upsert(upsert[1], body)
        if method == "PATCH" and (task := _TASK.search(path)) and task[1] in self.tasks:
            self.tasks[task[1]].append(body)
            return 204, None
        return 404, json.loads(recorded("error_not_found.json"))

    def _query(self, soql: str) -> dict[str, Any]:
        wanted = soql.rpartition("= '")[2].partition("'")[0]
        if " FROM Contact " in soql:
            rows = [self.contacts[wanted]] if wanted in self.contacts else []
        else:
            rows = [{"Id": key} for key, bodies in self.tasks.items() if bodies[0]["CallObject"] == wanted]
        return {"totalSize": len(rows), "done": True, "records": rows}

    def _upsert(self, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        earlier = next((each for each, bodies in self.tasks.items() if bodies[0]["CallObject"] == key), None)
        task = earlier or full_id(f"00T5g{len(self.tasks):010}")
        assert task is not None
        self.tasks.setdefault(task, []).append(body)
        told = {"id": task, "success": True, "errors": [], "created": earlier is None}
        return 200 if earlier else 201, told


class Wired:
    """The connector on a real socket between a small org and the sandbox CallerDesk."""

    def __init__(self, org: SmallOrg, callerdesk: SandboxCallerDesk, house: House, url: str) -> None:
        self.org, self.callerdesk, self.house, self.url = org, callerdesk, house, url
        self.environ: dict[str, str] = {}

    @property
    def rules(self) -> str:
        """The address Outbound Messages and links are sent to."""
        return f"{self.url}/hooks/salesforce-rules/{self.environ['SF_RULE_SECRET']}"

    def states(self) -> list[State]:
        """The states of all calls, the oldest first."""
        return [call.state for call in reversed(self.house.journal.latest(1000))]

    def until_states(self, wanted: list[State], timeout: float = 20.0) -> None:
        """Wait until the calls stand so."""
        rest, end = threading.Event(), time.monotonic() + timeout
        while self.states() != wanted:
            assert time.monotonic() < end, [
                (call.state.value, call.code, call.message) for call in self.house.journal.latest(5)
            ]
            rest.wait(0.05)


@contextmanager
def wired(folder: Path, *, speed: float = 20.0, reports: bool = True, policy: str = "") -> Iterator[Wired]:
    """Everything running; `reports` off means a CallerDesk that never tells how a call went."""
    names = ("AUTHCODE", "WEBHOOK_TOKEN", "SF_CLICK_SECRET", "SF_RULE_SECRET")
    environ = {name: secrets.token_urlsafe(24) for name in names} | {"SF_KEY": KEY, "SF_SECRET": SECRET}
    org, callerdesk = SmallOrg(), SandboxCallerDesk(authcode=environ["AUTHCODE"], speed=speed)
    with listening(org.answer) as address:
        callerdesk.start()
        manifest = folder / "manifest.yaml"
        manifest.write_text(
            _MANIFEST.format(
                callerdesk=callerdesk.base_url,
                deskphone=callerdesk.deskphones[0],
                mapping=MAPPING,
                org=address,
                organization=ORG,
            )
            + policy
        )
        house = build(settings.load(manifest, environ))
        house.journal.open()
        dispatcher = Dispatcher(house.flow)
        listening_at = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening_at.getsockname()[1]}"
        server = create_server(create_app(house, dispatcher), sockets=[listening_at], threads=8, ident=None)
        thread = threading.Thread(target=server.run, name="connector", daemon=True)
        if reports:
            webhook = f"{url}/callerdesk/{environ['WEBHOOK_TOKEN']}"
            callerdesk.webhook_url = callerdesk.live_webhook_url = webhook
        running = Wired(org, callerdesk, house, url)
        running.environ = environ
        dispatcher.start()
        thread.start()
        try:
            yield running
        finally:
            server.close()
            dispatcher.stop()
            callerdesk.stop()
            house.close()
