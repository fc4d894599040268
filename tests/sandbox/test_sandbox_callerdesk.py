"""The sandbox CallerDesk through the real client and a real listener: every scripted call, every quirk."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from connector.callerdesk import (
    CallerDesk,
    LiveWord,
    MemberInactive,
    ProviderEvent,
    WrongDeskphone,
    WrongKey,
    parse,
)
from connector.errors import AdminNeeded, Refused, Unclear
from connector.model import Outcome
from connector.sandbox import callerdesk_scripts as scripts
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.people import USERS

MEMBER, DESKPHONE = "+919876500101", "08060000001"


@dataclass
class Listener:
    """Where webhooks arrive; `status` is what it answers."""

    url: str = ""
    status: int = 200
    arrived: list[tuple[str, str, bytes]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def events(self) -> list[ProviderEvent]:
        return [
            parse(method, body, path.partition("?")[2], "application/json")
            for method, path, body in self.arrived
        ]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with found.came:
                found.arrived.append((self.command, self.path, body))
                found.came.notify_all()
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/callerdesk/token"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def desk(listener: Listener) -> Iterator[SandboxCallerDesk]:
    sandbox = SandboxCallerDesk(webhook_url=listener.url, speed=100.0).start()
    yield sandbox
    sandbox.stop()


def client(desk: SandboxCallerDesk, timeout: float = 5.0) -> CallerDesk:
    return CallerDesk(desk.authcode, desk.base_url, timeout=(2.0, timeout))


def customer(ending: str) -> str:
    return f"+9198765000{ending}"


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("01", Outcome.ANSWERED),
        ("11", Outcome.CUSTOMER_NO_ANSWER),
        ("12", Outcome.CUSTOMER_BUSY),
        ("13", Outcome.MEMBER_NO_ANSWER),
        ("14", Outcome.MEMBER_BUSY),
        ("18", Outcome.ANSWERED),
        ("20", Outcome.ANSWERED),
    ],
)
def test_a_call_ends_as_its_number_says(desk, listener, ending, outcome):
    placed = client(desk).reverse_c2c(customer(ending), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    (event,) = listener.events()
    assert (event.kind, event.campid) == ("report", placed.campid)
    assert event.matches(customer(ending), MEMBER)
    found = event.ending(customer(ending), MEMBER)
    assert found.outcome is outcome
    assert abs(found.started_at - datetime.now(UTC)) < timedelta(minutes=1)
    (row,) = client(desk).call_report(
        *[event.started_at.astimezone().date() + timedelta(days=n) for n in (-1, 1)]
    )
    assert row.matches(customer(ending), MEMBER)
    assert row.call_sid == event.call_sid
    assert len(desk.dials) == 1


@pytest.mark.parametrize("ending", ["16", "17"])
def test_a_call_may_be_placed_although_no_reply_comes(desk, listener, ending):
    with pytest.raises(Unclear):
        client(desk, timeout=0.2).reverse_c2c(customer(ending), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    (event,) = listener.events()
    assert event.ending(customer(ending), MEMBER).outcome is Outcome.ANSWERED
    assert len(desk.dials) == 1


def test_a_report_may_come_before_the_reply(desk, listener):
    client(desk).reverse_c2c(customer("20"), MEMBER, DESKPHONE)
    assert len(listener.arrived) == 1


def test_a_report_may_come_three_times_and_is_known_as_one(desk, listener):
    client(desk).reverse_c2c(customer("19"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    assert [method for method, _, _ in listener.arrived] == ["POST", "POST", "GET"]
    assert "n" in listener.events()[2].raw["starttime"]
    assert len({event.fingerprint for event in listener.events()}) == 1


def test_a_report_that_is_refused_by_post_is_repeated_by_get(desk, listener):
    listener.status = 500
    client(desk).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    assert [method for method, _, _ in listener.arrived] == ["POST", "GET"]


def test_a_report_nobody_listens_to_is_nobodys_error(desk):
    desk.webhook_url = "http://127.0.0.1:9/gone"
    client(desk).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()


@pytest.mark.parametrize(
    ("number", "member", "deskphone", "refusal"),
    [
        (customer("15"), MEMBER, DESKPHONE, WrongKey),
        (customer("21"), MEMBER, DESKPHONE, MemberInactive),
        (customer("01"), "+919876500109", DESKPHONE, MemberInactive),
        (customer("01"), "+919876500199", DESKPHONE, MemberInactive),
        (customer("01"), MEMBER, "8060000001", WrongDeskphone),
        (customer("99"), MEMBER, DESKPHONE, Refused),
    ],
)
def test_it_refuses_what_callerdesk_refuses(desk, listener, number, member, deskphone, refusal):
    client(desk).block(customer("99"))
    with pytest.raises(refusal):
        client(desk).reverse_c2c(number, member, deskphone)
    assert desk.wait_until_over()
    assert listener.arrived == []
    assert len(desk.dials) == 1


def test_it_refuses_numbers_with_a_prefix_a_missing_flag_and_an_empty_purse(desk):
    asked = {
        "authcode": desk.authcode,
        "calling_party_a": "9876500001",
        "calling_party_b": "9876500101",
        "deskphone": DESKPHONE,
        "call_from_did": "1",
    }

    def said(**change: str) -> str:
        return requests.get(f"{desk.base_url}click_to_call_v3", params=asked | change, timeout=5).json()[
            "message"
        ]

    assert said(calling_party_a="919876500001") == "Invalid Parameter value."
    assert said(calling_party_b="919876500101") == "Agent on break/Inactive. Call not allowed"
    assert said(call_from_did="0") == "Invalid Parameter value."
    assert said(authcode="wrong") == "Invalid Auth Code!"
    desk.account.coins = 0
    assert said() == "Insufficient coins"
    assert len(desk.dials) == 5
    assert desk.authcode not in repr(desk.dials)


def test_it_answers_as_html_with_a_numeric_campid_on_one_connection(desk):
    with requests.Session() as session:
        for _ in range(2):
            reply = session.get(
                f"{desk.base_url}click_to_call_v3",
                params={
                    "authcode": desk.authcode,
                    "calling_party_a": "9876500001",
                    "calling_party_b": "9876500101",
                    "deskphone": DESKPHONE,
                    "call_from_did": "1",
                },
                timeout=5,
            )
            assert reply.status_code == 200
            assert reply.headers["Content-Type"].startswith("text/html")
            assert isinstance(reply.json()["campid"], int)
        assert (
            requests.get(desk.base_url.replace("/api/", "/api_v9/") + "x", timeout=5).json()["type"]
            == "error"
        )


def test_its_webhooks_hold_texts_only_and_a_glued_type(desk, listener):
    desk.webhook_url = f"{listener.url}?shop=1"
    client(desk).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    ((_, path, body),) = listener.arrived
    assert path == "/callerdesk/token?shop=1?type=call_report"
    assert {type(value) for value in json.loads(body).values()} == {str}


def test_it_tells_live_how_far_a_call_has_come(desk, listener):
    desk.live_webhook_url = listener.url
    client(desk).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    assert [event.live_word for event in listener.events()] == [
        LiveWord.CUSTOMER_RINGING,
        LiveWord.CUSTOMER_PICKED,
        LiveWord.MEMBER_RINGING,
        LiveWord.BOTH_TALKING,
        LiveWord.ENDED,
    ]
    assert [event.kind for event in listener.events()] == ["live"] * 4 + ["report"]


def test_a_call_that_goes_on_is_listed_live_and_dropped_at_the_stop(listener):
    slow = SandboxCallerDesk(webhook_url=listener.url, speed=0.001).start()
    client(slow).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    (call,) = client(slow).live_calls()
    assert call.matches(customer("01"), MEMBER)
    assert not slow.wait_until_over(timeout=0.05)
    slow.stop()
    assert slow.wait_until_over()
    assert listener.arrived == []


def test_its_account_can_be_read(desk):
    desk.add_member("New", "new@example.test", "+919876500110", active=False)
    reader = client(desk)
    members = {member.email: member for member in reader.members()}
    assert len(members) == 5
    assert not members["new@example.test"].active
    assert all(members[user["email"]].active for user in USERS.values())
    assert [phone.deskphone for phone in reader.deskphones()] == desk.deskphones
    reader.reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over()
    assert reader.balance().coins["avail_clicktocall_coins"] == "998"
    reader.block("9876500009")
    assert reader.blocked_numbers() == ["9876500009"]
    reader.unblock("9876500009")
    assert reader.blocked_numbers() == []
    today = datetime.now(UTC).date()
    days = today - timedelta(days=1), today + timedelta(days=1)
    assert len(list(reader.call_report(*days, caller_num="9876500001"))) == 1
    assert list(reader.call_report(*days, caller_num="9876500002")) == []
    with pytest.raises(AdminNeeded):
        CallerDesk("another-key", desk.base_url).members()


def test_its_report_has_pages(desk):
    reader = client(desk)
    for _ in range(27):
        reader.reverse_c2c(customer("01"), MEMBER, DESKPHONE)
    assert desk.wait_until_over(30)
    today = datetime.now(UTC).date()
    assert (
        len(
            {row.call_sid for row in reader.call_report(today - timedelta(days=1), today + timedelta(days=1))}
        )
        == 27
    )


def test_it_documents_every_script():
    assert all(f"\n{digits}  " in scripts.__doc__ for digits in scripts.SCRIPTS)


def test_it_runs_alone():
    command = [sys.executable, "-m", "connector.sandbox.callerdesk", "--port", "0", "--speed", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as alone:
        try:
            base_url = alone.stdout.readline().strip()
            assert (
                CallerDesk("sandbox-authcode", base_url).reverse_c2c(customer("01"), MEMBER, DESKPHONE).campid
            )
        finally:
            alone.terminate()


def test_it_logs_no_request(desk, capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        client(desk).reverse_c2c(customer("01"), MEMBER, DESKPHONE)
        assert desk.wait_until_over()
    told = caplog.text + "".join(capfd.readouterr())
    assert desk.authcode not in told
    assert "98765000" not in told
