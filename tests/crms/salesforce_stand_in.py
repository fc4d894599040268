"""What the Salesforce tests share: the recorded bodies, one account, and a real HTTP server as the org."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from connector.crms.base import Account, Hook
from connector.crms.salesforce import Salesforce
from connector.model import Activity, Click, Phase

PAYLOADS = Path(__file__).parents[1] / "payloads" / "salesforce"
BASE = "https://acme.my.salesforce.com/"
API = BASE + "services/data/v62.0/"
TOKEN = BASE + "services/oauth2/token"
KEY, SECRET = "consumer-key-canary", "consumer-secret-canary"
#: The same organisation and records in their short and long forms.
ORG = "00D5g000000aBcD"
CONTACT, CONTACT_18 = "0035g00000ABcDe", "0035g00000ABcDeAAL"
LEAD_18 = "00Q5g00000LeAdAEAV"
USER_18 = "0055g00000AbCdEAAV"
QUEUE_18 = "00G5g000000QuEuEAK"
TASK_18 = "00T5g00000XyZabEAF"
CALL = "4f0c1d2e3a4b"
SETTINGS = {"domain": "acme.my", "consumer_key": KEY, "consumer_secret": SECRET}


def recorded(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def salesforce(clicks: Mapping[str, Any] | None = None, **settings: Any) -> Salesforce:
    """An adapter with these settings on top of the usual ones; None leaves one out."""
    given = {name: value for name, value in {**SETTINGS, **settings}.items() if value is not None}
    loaded = Salesforce.settings_schema().load(given)
    return Salesforce(Account("sales", loaded, {"organization_id": ORG} if clicks is None else clicks))


def soap(body: bytes, content_type: str = "text/xml; charset=utf-8") -> Hook:
    return Hook("POST", body, content_type, {"content-type": content_type}, {})


def click(**changes: Any) -> Click:
    return Click(**{"connection": "sales", "object": "Contact", "record_id": CONTACT_18, **changes})


def activity(**changes: Any) -> Activity:
    given = {
        "key": CALL,
        "connection": "sales",
        "object": "Contact",
        "record_id": CONTACT_18,
        "kind": "Task",
        "key_field": "CallerDesk_Call__c",
        "fields": {"Subject": "Call with Asha Example", "WhoId": CONTACT_18, "OwnerId": USER_18},
        "phase": Phase.PLACED,
    }
    return Activity(**{**given, **changes})


#: (method, path with query, decoded body or None) -> status, body
Org = Callable[[str, str, Any, Mapping[str, str]], tuple[int, bytes]]


@contextmanager
def listening(org: Org) -> Iterator[str]:
    """Serve the org on a free port of the loopback; the address of it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            is_json = self.headers.get("content-type") == "application/json" and body
            told = json.loads(body) if is_json else body.decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = org(self.command, self.path, told, headers)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.send_header("content-type", "application/json;charset=UTF-8")
            self.send_header("sforce-limit-info", "api-usage=18/5000")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
