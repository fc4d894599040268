"""Through the whole service: one click is one GET, whatever clients and CallerDesk do."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import counterparts
import pytest
from counterparts import FakeCallerDesk, Manners, TestCrm
from databases import new_database
from running import Answer, Running

# -- What CallerDesk may do ----------------------------------------------------------------------------------

UNCLEAR: dict[str, Manners] = {
    "closes": counterparts.closes,
    "resets": counterparts.resets,
    "hangs": counterparts.hangs,
    "302": counterparts.redirects,
    "500": counterparts.fails("500 Internal Server Error"),
    "502": counterparts.fails("502 Bad Gateway"),
    "503": counterparts.fails("503 Service Unavailable"),
    "401": counterparts.fails("401 Unauthorized"),
    "429": counterparts.fails("429 Too Many Requests"),
    "HTML": counterparts.says(b"<html>It works!</html>"),
    "nothing": counterparts.says(b""),
    "half an answer": counterparts.says({"type": "success", "campid": 1}, cut=8),
    "a new type": counterparts.says({"type": "queued", "campid": 1}),
    "no type": counterparts.says({"campid": 1}),
    "a list": counterparts.says([{"type": "success"}]),
    "a drip": counterparts.drips,
    "far too much": counterparts.says(b'{"type":"success"}' + b" " * 100_000),
    "no text": counterparts.says(b"\xff\xfe\x00"),
    "deep": counterparts.says(b"[" * 5000),
}


@pytest.fixture(scope="module")
def unclear(service: Running, crm: TestCrm, desk: FakeCallerDesk) -> dict[str, tuple[str, Answer]]:
    """One click for each of CallerDesk's manners, all pressed at once: the customer and the answer."""
    customers = {manner: f"98765300{number:02}" for number, manner in enumerate(UNCLEAR)}
    for manner, customer in customers.items():
        desk.manners[customer] = UNCLEAR[manner]
        crm.put(f"unclear-{customer}", customer)
    with ThreadPoolExecutor(len(UNCLEAR)) as threads:
        answers = threads.map(
            lambda customer: service.click(f"unclear-{customer}", customer), customers.values()
        )
        return dict(zip(customers, zip(customers.values(), answers, strict=True), strict=True))


@pytest.mark.parametrize("manner", UNCLEAR)
def test_an_unclear_reply_is_said_to_be_unclear_and_not_asked_for_again(
    unclear: dict[str, tuple[str, Answer]], desk: FakeCallerDesk, crm: TestCrm, manner: str
) -> None:
    customer, told = unclear[manner]
    assert (told.status, told.json["state"]) == (202, "unknown")
    assert "may be ringing" in told.json["message"]
    assert customer[-4:] in told.json["message"]
    assert desk.rung(customer) == 1
    assert crm.wait_for_activity(told.json["call"], status="unknown")
    (activity,) = crm.of(told.json["call"])
    assert "may be ringing" in activity["text"]


# -- Fifty at once -------------------------------------------------------------------------------------------

_CLIENT = """
import http.client, json, sys, threading
told = json.loads(sys.stdin.readline())
answers, gate = [], threading.Barrier(told["number"])
def click():
    connection = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=30)
    gate.wait()
    connection.request("POST", "/hooks/shop", told["body"], told["headers"])
    answer = connection.getresponse()
    answers.append([answer.status, json.loads(answer.read())])
threads = [threading.Thread(target=click) for _ in range(told["number"])]
print("ready", flush=True)
sys.stdin.readline()
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps(answers))
"""


def press_fifty_times(service: Running, click: dict[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """The same click from twenty threads here and from three processes of ten threads each, all at once."""
    headers = {
        "Authorization": f"Bearer {service.secrets['CLICK_SECRET']}",
        "Content-Type": "application/json",
    }
    told = json.dumps({"number": 10, "port": service.port, "body": json.dumps(click), "headers": headers})
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", _CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for client in clients:
        assert client.stdin and client.stdout
        client.stdin.write(told + "\n")
        client.stdin.flush()
        assert client.stdout.readline() == "ready\n"
    gate = threading.Barrier(20)

    def press(_: int) -> Answer:
        gate.wait()
        return service.post("/hooks/shop", click)

    with ThreadPoolExecutor(20) as threads:
        waiting = threads.map(press, range(20))
        printed = [client.communicate("go\n", timeout=60)[0] for client in clients]
        answers = [(each.status, each.json) for each in waiting]
    return answers + [(status, body) for each in printed for status, body in json.loads(each)]


@pytest.fixture(
    scope="module",
    params=[("sqlite", 1), ("sqlite", 2), ("postgres", 2)],
    ids=["sqlite-one worker", "sqlite-two workers", "postgres-two workers"],
)
def crowd(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    crm: TestCrm,
    desk: FakeCallerDesk,
) -> Iterator[Running]:
    engine, workers = request.param
    running = Running(
        tmp_path_factory.mktemp("crowd"),
        crm=crm.base_url,
        callerdesk=desk.base_url,
        crm_key=crm.api_key,
        database_url=new_database(engine),
    )
    running.start(workers=workers)
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("named", [True, False], ids=["with a click_id", "without"])
def test_fifty_equal_clicks_at_once_ring_once(
    crowd: Running, crm: TestCrm, desk: FakeCallerDesk, named: bool
) -> None:
    number = f"98765{len(desk.dials):03}77"
    record = crm.put(f"crowd-{number}", number)
    click = {"object": "Contact", "id": record, "user": "u1"}
    answers = press_fifty_times(crowd, {**click, "click_id": f"press-{number}"} if named else click)
    assert len(answers) == 50
    assert {status for status, _ in answers} <= {200, 202}
    (call,) = {body["call"] for _, body in answers}
    assert sum("repeat" not in body for _, body in answers) == 1
    assert all(body["repeat"] is True for _, body in answers if "repeat" in body)
    assert desk.rung(number) == 1
    assert crm.wait_for_activity(call, status="placed")
    assert len(crm.of(call)) == 1


def test_a_repeat_is_answered_as_soon_as_the_first_is_wherever_it_comes_in(
    crowd: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    number = f"98765{len(desk.dials):03}78"
    record = crm.put(f"crowd-{number}", number)
    with crm.holds.hold("read asked") as read, ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(crowd.click, record, f"slow-{number}") for _ in range(8)]
        assert read.reached.wait(10)
        read.let_go.set()
        # `wait` is 8 s: nobody is to sit through it once the verdict is in.
        answers = [each.result(timeout=4) for each in waiting]
    assert {answer.json["state"] for answer in answers} == {"placed"}
    assert desk.rung(number) == 1


# -- The same click again ------------------------------------------------------------------------------------


def test_the_same_click_id_for_another_record_rings_nobody(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    first, second = crm.put("reuse-1", "98765 20001"), crm.put("reuse-2", "98765 20002")
    assert service.click(first, "reused").status == 200
    told = service.click(second, "reused")
    assert (told.status, told.json["code"]) == (409, "click_id_reused")
    assert told.is_problem
    assert "Contact reuse-1" in told.json["detail"]
    assert desk.rung("9876520002") == 0
    by_rule = service.click(second, "reused", source="rule")
    assert (by_rule.status, by_rule.json["code"]) == (409, "click_id_reused")


def test_the_same_click_id_long_after_is_still_the_same_click(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("again", "98765 20003")
    first = service.click(record, "kept")
    service.stop()
    service.start()
    again = service.click(record, "kept")
    assert (again.status, again.json["call"], again.json["repeat"]) == (200, first.json["call"], True)
    assert desk.rung("9876520003") == 1


def test_a_click_that_took_its_time_is_recorded_and_rings_nobody(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("late", "98765 20004")
    told = service.click(record, clicked_at="0001-01-01T00:00:00Z")
    assert (told.status, told.json["code"]) == (410, "expired")
    assert told.is_problem
    by_rule = service.click(record, "late-rule", clicked_at="2026-01-01T00:00:00+05:30", source="rule")
    assert (by_rule.status, by_rule.json["state"]) == (200, "expired")
    assert desk.rung("9876520004") == 0


def test_a_body_without_a_content_type_is_taken_for_json(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("untyped", "98765 20005")
    bearer = ("Authorization", f"Bearer {service.secrets['CLICK_SECRET']}")
    body = json.dumps({"object": "Contact", "id": record}).encode()
    assert service.send("POST", "/hooks/shop", body, [bearer]).status == 200
    assert desk.rung("9876520005") == 1


def test_opening_a_call_link_rings_nobody_and_its_button_rings_once(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("linked", "98765 20006")
    path = f"/hooks/link/{service.secrets['LINK_TOKEN']}"
    assert service.send("HEAD", f"{path}?object=Contact&id={record}").status == 200
    page = service.send("GET", f"{path}?object=Contact&id={record}")
    assert page.content_type.startswith("text/html")
    assert service.send("GET", f"/hooks/link/wrong?object=Contact&id={record}").status == 401
    assert desk.rung("9876520006") == 0
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.body.decode()))
    form = "&".join(f"{name}={value}" for name, value in hidden.items()).encode()
    typed = [("Content-Type", "application/x-www-form-urlencoded")]
    first, second = (service.send("POST", path, form, typed) for _ in range(2))
    assert (first.status, second.status) == (200, 200)
    assert second.json["repeat"] is True
    assert second.json["call"] == first.json["call"]
    in_a_browser = service.send("POST", path, form, [*typed, ("Accept", "text/html")])
    assert in_a_browser.status == 303
    assert desk.rung("9876520006") == 1


# -- Numbers as people type them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "+91 98765-00001",
        "098765 00001",
        "0091 98765 00001",
        "00919876500001",
        "9876500001",
        9876500001,
        "919876500001",
        "(+91) 98765.00001",
        "98765\u00a000001",
        "\u200e+91\u202f98765\u202f00001\u200f",
        "９８７６５０００００１"[:5] + "００００１",
        "+９１ ９８７６５ ００００１",
        "९८७६५ ००००१",
        "tel:+919876500001",
        "'9876500001",
        " 98765 00001\n",
    ],
    ids=ascii,
)
def test_a_number_is_rung_as_ten_digits_however_it_is_typed(
    service: Running, crm: TestCrm, desk: FakeCallerDesk, typed: object
) -> None:
    before = len(desk.dials)
    record = crm.put(f"typed-{before}", typed, owner={"phone": "0091-98765 00101", "email": None})
    assert service.click(record).status == 200
    (dial,) = desk.dials[before:]
    assert dial == {
        "calling_party_a": "9876500001",
        "calling_party_b": "9876500101",
        "deskphone": "08060000001",
        "call_from_did": "1",
        "authcode": service.secrets["AUTHCODE"],
    }


@pytest.mark.parametrize(
    "typed",
    [
        "9876500001 ext 12",
        "98765 00001x12",
        "9876500001, 9876500002",
        "98765 00001 / 98765 00002",
        "9876500001 or 9876500002",
        "98765 0000l",
        "call Asha",
        "ask reception",
        "",
        "   ",
        None,
        True,
        ["9876500001"],
        {"number": "9876500001"},
        9876500001.5,
        "987650000",
        "98765000011",
        "+1 202 555 0123",
        "001 415 555 2671",
        "112",
        "100",
        "+91 108",
        "1900 123 4567",
        "1860 123 4567",
        "1800 123 4567",
        "140 1234567",
        "0000000000",
        "9876500001" * 3,
        "x" * 5000,
        "\ud800\x00",
        "98765²0001",
    ],
    ids=lambda typed: ascii(typed)[:30],
)
def test_a_doubtful_number_rings_nobody_and_the_field_and_record_are_named(
    service: Running, crm: TestCrm, desk: FakeCallerDesk, typed: object
) -> None:
    before = len(desk.dials)
    record = crm.put(f"doubtful-{len(crm.contacts())}", typed, phone="")
    told = service.click(record)
    assert told.status == 422
    assert told.is_problem
    assert "mobile" in told.json["detail"]
    assert record in told.json["detail"]
    assert len(desk.dials) == before
    assert crm.wait_for_activity(told.json["call"], status="refused")


def test_a_doubtful_number_of_the_member_rings_nobody(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("no-member", "98765 20007", owner={"phone": "112", "email": None})
    told = service.click(record)
    assert told.status == 422
    assert "phone" in told.json["detail"]
    assert record in told.json["detail"]
    assert desk.rung("9876520007") == 0


def test_text_that_no_database_keeps_does_not_stop_a_call(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("odd", "98765 20008", name="\ud800\x00 Asha \U0001f600")
    told = service.click(record)
    assert (told.status, told.json["state"]) == (200, "placed")
    assert crm.wait_for_activity(told.json["call"], status="placed")
    refused = crm.put("odd-refused", "98765 20008", name="\udfff\x00", do_not_call=True)
    assert service.click(refused).json["code"] == "refused_by_rule"


# -- Rules ---------------------------------------------------------------------------------------------------


def test_a_rule_is_answered_before_anybody_is_read_or_rung(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("by-rule", "98765 20009")
    with crm.holds.hold("read asked"):
        told = service.click(record, "rule-1", source="rule")
        assert (told.status, desk.rung("9876520009")) == (200, 0)
    assert service.wait_for_state(told.json["call"], "placed") == "placed"
    assert service.click(record, "rule-1", source="rule").json["repeat"] is True
    assert desk.rung("9876520009") == 1


def test_a_rule_is_answered_2xx_also_when_its_call_is_refused(service: Running, crm: TestCrm) -> None:
    record = crm.put("never-by-rule", "98765 20010", do_not_call=True)
    told = service.click(record, "rule-2", source="rule")
    assert told.status == 200
    assert service.wait_for_state(told.json["call"], "refused") == "refused"
    assert service.click(record, "rule-2", source="rule").status == 200
    assert crm.wait_for_activity(told.json["call"], status="refused")


def test_without_a_statement_rules_ring_nobody_and_leave_the_timeline_alone(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("manual", "98765 20011")
    told = service.post("/hooks/manual", {"object": "Contact", "id": record, "source": "rule"})
    assert told.status == 200
    assert service.wait_for_state(told.json["call"], "refused") == "refused"
    assert service.call(told.json["call"])["code"] == "workflow_dialling_off"
    by_hand = service.post("/hooks/manual", {"object": "Contact", "id": record, "click_id": "by hand"})
    assert (by_hand.status, by_hand.json["state"]) == (200, "placed")
    assert crm.wait_for_activity(by_hand.json["call"])
    assert crm.of(told.json["call"]) == []
    assert desk.rung("9876520011") == 1


# -- What else CallerDesk may do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ("Invalid Auth Code!", "200 OK", "callerdesk_wrong_key"),
        ("Agent on break/Inactive. Call not allowed", "200 OK", "callerdesk_member_inactive"),
        ("Something nobody has published", "500 Oops", "callerdesk_refused"),
        ("\ud800\x00", "200 OK", "callerdesk_refused"),
    ],
)
def test_a_refusal_of_callerdesk_is_final_and_in_words(
    service: Running, desk: FakeCallerDesk, crm: TestCrm, said: str, status: str, code: str
) -> None:
    customer = f"98765301{len(desk.manners):02}"
    desk.manners[customer] = counterparts.says({"type": "error", "message": said}, status)
    told = service.click(crm.put(f"no-{customer}", customer))
    assert (told.status, told.json["code"], told.json["state"]) == (422, code, "refused")
    assert told.is_problem
    assert desk.rung(customer) == 1
    assert crm.wait_for_activity(told.json["call"], status="refused")


def test_an_acceptance_counts_whatever_its_status_and_its_words(
    service: Running, desk: FakeCallerDesk, crm: TestCrm
) -> None:
    said = {"type": "success", "message": "\ud800\x00", "campid": "\ud800\x00"}
    desk.manners["9876530200"] = counterparts.says(said, "500 Internal Server Error")
    told = service.click(crm.put("accepted", "9876530200"))
    assert (told.status, told.json["state"]) == (200, "placed")


def test_it_looks_an_unclear_call_up_and_never_rings_again(
    service: Running, unclear: dict[str, tuple[str, Answer]], desk: FakeCallerDesk
) -> None:
    assert desk.wait_for_look_up()
    service.stop()
    service.start()
    for customer, told in unclear.values():
        again = service.click(f"unclear-{customer}", customer)
        assert (again.json["call"], again.json["repeat"]) == (told.json["call"], True)
        assert desk.rung(customer) == 1


def test_when_callerdesk_cannot_be_reached_a_person_is_told_and_a_rule_waits(
    tmp_path: Path, crm: TestCrm
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}/api/"
    running = Running(tmp_path, crm=crm.base_url, callerdesk=nobody, crm_key=crm.api_key).start()
    try:
        told = running.click(crm.put("not-reached", "98765 40001"))
        assert (told.status, told.json["code"]) == (502, "callerdesk_unreachable")
        assert told.is_problem
        assert told.json["state"] == "refused"
        assert crm.wait_for_activity(told.json["call"], status="refused")
        by_rule = running.click(crm.put("reached-later", "98765 40002"), source="rule")
        assert by_rule.status == 200
        assert running.wait_for_state(by_rule.json["call"], "planned") == "planned"
        with FakeCallerDesk(port) as back:
            assert back.wait_for_dial("9876540002")
            assert running.wait_for_state(by_rule.json["call"], "placed") == "placed"
            assert (back.rung("9876540001"), back.rung("9876540002")) == (0, 1)
    finally:
        running.stop()


def test_nothing_is_stuck_after_all_this(service: Running) -> None:
    assert service.doctor()["0 stuck calls"]
