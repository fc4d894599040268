"""The sandbox CRM: its API keeps its promises, its button is one signed POST, its pages escape."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from connector.sandbox.crm import SandboxCrm
from connector.sandbox.people import CONTACTS, USERS

KEY = "a-made-up-key"


class Receiver(ThreadingHTTPServer):
    """Stands where the connector will be: notes each press, answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.pressed: list[tuple[str, str | None, dict[str, Any]]] = []
        self.reply: tuple[int, bytes] = (
            200,
            b'{"message": "Ringing Asha, then you.", "url": "https://c.example/1"}',
        )


class ReceiverHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.pressed.append((self.path, self.headers["authorization"], body))
        status, reply = self.server.reply
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def connector() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def crm(connector: Receiver) -> Iterator[SandboxCrm]:
    url = f"http://127.0.0.1:{connector.server_port}/hooks/shop"
    with SandboxCrm(url, "a-made-up-secret", KEY) as running:
        yield running


def ask(crm: SandboxCrm, method: str, path: str, key: str = KEY, **kwargs: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", **kwargs.pop("headers", {})}
    return requests.request(method, crm.base_url + path, headers=headers, timeout=5, **kwargs)


def test_it_presses_the_button_with_one_signed_post(crm: SandboxCrm, connector: Receiver) -> None:
    pressed = crm.click("1", "ravi@example.test")
    ((path, authorization, body),) = connector.pressed
    assert (path, authorization) == ("/hooks/shop", "Bearer a-made-up-secret")
    assert body.pop("click_id")
    assert body == {"object": "Contact", "id": "1", "user": "ravi@example.test", "source": "button"}
    assert (pressed.sentence, pressed.url) == ("Ringing Asha, then you.", "https://c.example/1")


def test_it_gives_every_press_an_id_of_its_own(crm: SandboxCrm, connector: Receiver) -> None:
    crm.click("1")
    crm.click("1")
    first, second = (body["click_id"] for _, _, body in connector.pressed)
    assert first != second


def test_its_page_shows_the_connectors_sentence_and_the_live_page(crm: SandboxCrm) -> None:
    page = requests.post(
        f"{crm.base_url}/contacts/1/call", data={"user": "ravi@example.test"}, timeout=5
    ).text
    assert "Ringing Asha, then you." in page
    assert 'href="https://c.example/1"' in page


def test_its_page_shows_a_refusal(crm: SandboxCrm, connector: Receiver) -> None:
    connector.reply = (
        422,
        b'{"title": "Refused", "detail": "Meera Iyer asked not to be called.", "code": "x"}',
    )
    page = requests.post(f"{crm.base_url}/contacts/8/call", timeout=5).text
    assert "Meera Iyer asked not to be called." in page
    assert 'class="said bad"' in page


@pytest.mark.parametrize("reply", [(500, b"<html>"), (200, b"[1]"), (200, b'{"url": "javascript:alert(1)"}')])
def test_its_page_survives_an_odd_answer(
    crm: SandboxCrm, connector: Receiver, reply: tuple[int, bytes]
) -> None:
    connector.reply = reply
    answer = requests.post(f"{crm.base_url}/contacts/1/call", timeout=5)
    assert (answer.status_code, "javascript:" in answer.text) == (200, False)
    assert "without a word" in answer.text


def test_its_page_says_that_the_connector_is_down(crm: SandboxCrm) -> None:
    crm.hook_url = "http://127.0.0.1:9/hooks/shop"
    assert "did not answer" in crm.click("1").sentence


def test_a_page_of_another_site_cannot_press(crm: SandboxCrm, connector: Receiver) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    answer = requests.post(f"{crm.base_url}/contacts/1/call", headers=headers, timeout=5)
    assert (answer.status_code, connector.pressed) == (403, [])


def test_its_timeline_escapes_what_it_was_sent(crm: SandboxCrm) -> None:
    text = "<script>alert(1)</script>"
    fields = {"contact_id": "1", "subject": text, "text": text, "status": '"><b>', "outcome": text}
    crm.add_activity({**fields, "recording_url": "javascript:alert(1)"}, None)
    page = requests.get(f"{crm.base_url}/contacts/1", timeout=5).text
    assert "<script>alert" not in page
    assert '"><b>' not in page
    assert "javascript:" not in page


def test_its_contact_list_names_everybody(crm: SandboxCrm) -> None:
    page = requests.get(crm.base_url, timeout=5).text
    assert all(contact["name"] in page for contact in CONTACTS.values())


def test_the_same_key_again_is_the_same_activity(crm: SandboxCrm) -> None:
    made = [
        ask(crm, "POST", "/crm/activities", json={"contact_id": "1"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in made] == [201, 200]
    assert made[0].json() == made[1].json() == {"id": crm.activities[0]["id"]}


def test_it_tells_who_waits_that_the_timeline_changed(crm: SandboxCrm) -> None:
    number, _ = crm.add_activity({"contact_id": "1", "status": "placed"}, "k")
    end = threading.Timer(
        0.05, ask, (crm, "PATCH", f"/crm/activities/{number}"), {"json": {"status": "ended"}}
    )
    end.start()
    assert crm.wait_for(lambda entries: entries[0]["status"] == "ended", timeout=5)
    assert not crm.wait_for(lambda entries: len(entries) > 1, timeout=0.01)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/contacts/99", 404),
        ("GET", "/crm/users/99", 404),
        ("PATCH", "/crm/activities/a99", 404),
        ("POST", "/crm/activities", 422),
    ],
)
def test_it_says_what_is_not_there(crm: SandboxCrm, method: str, path: str, status: int) -> None:
    assert ask(crm, method, path, json={"contact_id": "99"}).status_code == status


def test_it_asks_for_its_key_before_anything_else(crm: SandboxCrm) -> None:
    assert ask(crm, "GET", "/crm/contacts/1", key="another").status_code == 401


def test_it_can_be_down(crm: SandboxCrm) -> None:
    crm.outage = 503
    assert ask(crm, "GET", "/crm/contacts/1").status_code == 503


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        SandboxCrm(host="0.0.0.0")


def test_its_people_are_made_up() -> None:
    numbers = [contact["mobile"] or contact["phone"] for contact in CONTACTS.values()]
    numbers += [user["phone"] for user in USERS.values()]
    digits = ["".join(filter(str.isdigit, number))[-10:] for number in numbers if number]
    assert all(number.startswith("9876500") for number in digits)
    assert len(set(digits)) == len(digits)
