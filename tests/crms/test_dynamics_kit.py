"""The files in kits/dynamics: well-formed, run where they can be, and speaking what the adapter takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from contract_dynamics import CONTACT, CONTRACT, RAVI

from connector.crms.base import Hook
from connector.model import Click, Source

KIT = Path(__file__).parents[2] / "kits" / "dynamics"
NODE = shutil.which("node")
#: What the flows' expressions stand for, once a run fills them.
FILLED = {
    "triggerBody()?['object']": "contact",
    "triggerBody()?['id']": CONTACT,
    "triggerBody()?['user']": RAVI,
    "triggerBody()?['click_id']": "0b6f6c1e-aaaa-4bbb-8ccc-000000000001",
    "triggerBody()?['entity']?['contactid']": CONTACT,
    "triggerOutputs()?['headers']?['x-ms-user-email']": "ravi@example.test",
    "workflow()?['run']?['name']": "08584000000000000000000000001CU01",
}
#: As much of a model-driven app as the script uses, and two presses at once.
APP = """
globalThis.Xrm = {
  App: {addGlobalNotification: async (shown) => { console.log(JSON.stringify(shown)); return "1"; }},
  Utility: {getGlobalContext: () => ({userSettings: {userId: "{%(user)s}"}})},
  WebApi: {retrieveMultipleRecords: async (table, query) => ({entities: [{
    defaultvalue: null, environmentvariabledefinition_environmentvariablevalue: [{value: %(url)s}]}]})},
};
const form = {data: {entity: {getId: () => "%(record)s", getEntityName: () => "contact"}}};
Promise.all([CallerDesk.call(form), CallerDesk.call(form)]);
"""


def flow(name: str) -> Any:
    return json.loads((KIT / name).read_text("utf-8"))


def clicked(body: Any) -> Click:
    (click,) = CONTRACT.make().parse(Hook("POST", json.dumps(body).encode(), "application/json", {}, {}))
    return click


class Flow(ThreadingHTTPServer):
    """Stands in for the flow's address: keeps what comes, and answers as the connector would."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.answer, self.heard = status, answer, list[bytes]()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/flow"


class _Handler(BaseHTTPRequestHandler):
    server: Flow

    def do_POST(self) -> None:
        self.server.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def press() -> Iterator[Any]:
    flows: list[Flow] = []

    def make(
        status: int, answer: bytes, *, record: str = f"{{{CONTACT.upper()}}}", url: str | None = ""
    ) -> Any:
        flows.append(Flow(status, answer))
        told = {"user": RAVI.upper(), "record": record, "url": json.dumps(flows[0].url if url == "" else url)}
        script = (KIT / "callerdesk_call.js").read_text("utf-8") + APP % told
        ran = subprocess.run(
            [str(NODE), "-e", script], capture_output=True, text=True, timeout=30, check=True
        )
        return [json.loads(line) for line in ran.stdout.splitlines()], flows[0].heard

    if NODE is None:
        pytest.skip("there is no node to run the button's script with")
    yield make
    for each in flows:
        each.shutdown()
        each.server_close()


def test_two_presses_at_once_are_one_click_and_show_the_answer(press: Any) -> None:
    shown, heard = press(200, b'{"call": "1", "state": "placed", "message": "Ringing Asha, then you."}')
    assert [(each["level"], each["message"]) for each in shown] == [(1, "Ringing Asha, then you.")]
    (body,) = heard
    click = clicked({**json.loads(body), "source": "button"})
    assert (click.object, click.record_id, click.user, click.source) == (
        "contact",
        CONTACT,
        RAVI,
        Source.BUTTON,
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", click.delivery or "")


def test_a_refusal_is_shown_in_its_own_words(press: Any) -> None:
    shown, _ = press(403, b'{"code": "refused_by_rule", "detail": "Asha asked not to be called."}')
    assert [(each["level"], each["message"]) for each in shown] == [(2, "Asha asked not to be called.")]


def test_an_answer_without_a_sentence_names_its_status(press: Any) -> None:
    shown, _ = press(502, b"<html>bad gateway</html>")
    assert shown[0]["level"] == 2 and "(502)" in shown[0]["message"]


def test_a_record_that_was_never_saved_asks_nobody(press: Any) -> None:
    shown, heard = press(200, b"{}", record="")
    assert heard == [] and {each["message"] for each in shown} == {"Save the record first, then press Call."}


def test_without_an_address_the_variable_is_named(press: Any) -> None:
    shown, heard = press(200, b"{}", url=None)
    assert heard == [] and "cd_CallerDeskFlow" in shown[0]["message"]


@pytest.mark.parametrize("name", ["flow_button.json", "flow_selected_row.json"])
def test_what_a_flow_sends_is_a_click_with_an_id_that_its_next_try_repeats(name: str) -> None:
    call = flow(name)["actions"]["Call"]["inputs"]
    body = {key: FILLED.get(value[2:-1], value) for key, value in call["body"].items()}
    assert "@" not in json.dumps({**body, "user": ""})
    click = clicked(body)
    assert (click.object, click.record_id, click.source) == ("contact", CONTACT, Source.BUTTON)
    assert click.delivery and call["body"]["click_id"] != click.delivery
    assert call["headers"]["X-Api-Key"] == "@{parameters('callerdesk_secret')}"


@pytest.mark.parametrize("name", ["flow_button.json", "flow_selected_row.json"])
def test_no_flow_holds_or_shows_a_secret(name: str) -> None:
    made = flow(name)
    assert "defaultValue" not in made["parameters"]["callerdesk_secret"]
    assert made["actions"]["Call"]["runtimeConfiguration"]["secureData"]["properties"] == ["inputs"]


def test_the_buttons_flow_passes_refusals_on_to_the_person() -> None:
    answer = flow("flow_button.json")["actions"]["Answer"]
    assert answer["runAfter"] == {"Call": ["Succeeded", "Failed", "TimedOut"]}
