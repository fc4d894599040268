"""What the sender of a click reads: a person a sentence and a status that fits, a rule always a 2xx."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from far_ends import NOON
from web_house import HUBSPOT, TOKEN, WebHouse

from connector.model import Call, Click, State
from connector.web.answers import STATUS_OF_CODE, answer_of, to_person, to_rule

CALL = Call("c1", "shop", Click("shop", "Contact", "1"), State.ACCEPTED, NOON, datetime.now(UTC))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    running = WebHouse(tmp_path_factory.mktemp("web"))
    yield running
    running.close()


def status(state: State, code: str | None = None) -> int:
    return answer_of(replace(CALL, state=state, code=code), False, "u").status


# -- The table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(State))
def test_every_state_has_a_status_and_a_sentence(state: State) -> None:
    answer = answer_of(replace(CALL, state=state), False, "u")
    assert answer.message
    expected = {"placed": 200, "ended": 200, "refused": 422, "expired": 410, "cancelled": 409, "failed": 502}
    assert answer.status == expected.get(state, 202)


@pytest.mark.parametrize("code", sorted(STATUS_OF_CODE))
def test_a_code_says_more_only_of_what_came_to_nothing(code: str) -> None:
    for state in (State.REFUSED, State.FAILED, State.EXPIRED):
        assert status(state, code) == STATUS_OF_CODE[code] >= 400
    for state in (State.PLACED, State.UNKNOWN, State.PLANNED, State.DEFERRED, State.ENDED, State.ABANDONED):
        assert status(state, code) < 300


def test_a_sentence_of_the_call_goes_before_one_of_its_state() -> None:
    assert answer_of(replace(CALL, message="Ringing."), False, "u").message == "Ringing."


def test_a_problem_names_the_call_and_leaves_out_what_is_not_known(house: WebHouse) -> None:
    refused = replace(
        CALL, state=State.REFUSED, code="refused_by_rule", message="Asha asked not to be called."
    )
    with house.app.test_request_context():
        problem = to_person(answer_of(refused, False, "http://x/calls/c1"))
    body = json.loads(problem.get_data())
    assert (problem.status_code, problem.content_type) == (403, "application/problem+json")
    assert body["code"] == "refused_by_rule" and body["detail"] == "Asha asked not to be called."
    assert (body["call"], body["state"], body["url"]) == ("c1", "refused", "http://x/calls/c1")
    assert "repeat" not in body


@pytest.mark.parametrize("state", sorted(State))
def test_a_rule_reads_success_whatever_became_of_it(house: WebHouse, state: State) -> None:
    answer = answer_of(replace(CALL, state=state), True, "u")
    with house.app.test_request_context():
        one, many = to_rule([answer]), to_rule([answer, answer])
    assert one.status_code == many.status_code == 200
    assert json.loads(one.get_data())["repeat"] is True
    assert len(json.loads(many.get_data())["calls"]) == 2


# -- Through the application ---------------------------------------------------------------------------------


def test_a_press_is_answered_with_who_is_rung(house: WebHouse) -> None:
    answer = house.click("1")
    told = answer.get_json()
    assert (answer.status_code, told["state"], "code" in told) == (200, "placed", False)
    assert told["message"] == "Ringing the customer …0001 first, then you on …0101."
    assert "98765" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("record_id", "status", "code"),
    [
        ("8", 403, "refused_by_rule"),
        ("9", 422, "customer_number_missing"),
        ("12", 422, "member_number_missing"),
        ("99", 422, "record_not_found"),
    ],
)
def test_a_press_that_rings_nobody_says_why(house: WebHouse, record_id: str, status: int, code: str) -> None:
    before = len(house.callerdesk.dials)
    answer = house.click(record_id)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.get_json()["detail"].endswith(".")
    assert len(house.callerdesk.dials) == before


def test_a_rule_is_answered_before_anything_is_known(house: WebHouse) -> None:
    answer = house.click("9", source="rule")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "reading")


def test_a_repeat_reads_the_first_ones_call(house: WebHouse) -> None:
    first, again = (house.click("2", click_id="the-same").get_json() for _ in range(2))
    assert (again["call"], again["repeat"]) == (first["call"], True)
    assert [dial.customer[-4:] for dial in house.callerdesk.dials].count("0011") == 1


def test_a_click_id_of_another_record_is_a_conflict(house: WebHouse) -> None:
    house.click("2", click_id="reused")
    answer = house.click("1", click_id="reused")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "click_id_reused")


def test_an_object_nobody_mapped_is_named(house: WebHouse) -> None:
    answer = house.click("1", object="Kontact")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_object")


# -- Signatures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/hooks/hub", "/hooks/hub?a=%C3%A4%20b&c=d+e", "/hooks/hub?a=b+c&x=~%7E"])
def test_a_signature_is_checked_over_the_address_exactly_as_it_came(house: WebHouse, target: str) -> None:
    body, stamp = '{"object": "Contact", "id": "1"}', str(int(time.time() * 1000))
    signed = f"POSThttp://localhost{target}{body}{stamp}".encode()
    made = base64.b64encode(hmac.new(HUBSPOT.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": stamp}
    answer = house.web.post(target, data=body, headers=headers, content_type="application/json")
    assert answer.status_code != 401, answer.get_data(as_text=True)
    forged = house.web.post(
        target + "&z=1" if "?" in target else target + "?z=1",
        data=body,
        headers=headers,
        content_type="application/json",
    )
    assert (forged.status_code, forged.get_json()["code"]) == (401, "signature_invalid")


@pytest.mark.parametrize("path", ["/hooks/shop", f"/hooks/form/{TOKEN}x", "/hooks/form", "/hooks/hub"])
def test_nobody_clicks_without_the_secret(house: WebHouse, path: str) -> None:
    before = len(house.house.journal.latest(1000))
    answer = house.web.post(path, data=b"\xff", content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "signature_invalid")
    assert len(house.house.journal.latest(1000)) == before


def test_opening_a_link_rings_nobody_and_its_button_rings_once(house: WebHouse) -> None:
    link = f"/hooks/form/{TOKEN}?object=Contact&id=3"
    before = len(house.callerdesk.dials)
    page = house.web.get(link)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert len(house.callerdesk.dials) == before
    form = {"object": "Contact", "id": "3", "click_id": "pressed", "source": "button"}
    for _ in range(2):
        answer = house.web.post(f"/hooks/form/{TOKEN}", data=form, headers={"Accept": "text/html"})
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/calls/")
    assert len(house.callerdesk.dials) == before + 1
    assert house.web.get(answer.headers["Location"]).status_code == 200


def test_a_connection_that_has_no_link_has_no_page(house: WebHouse) -> None:
    answer = house.web.get("/hooks/shop")
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")


def test_a_connection_nobody_has_is_not_there(house: WebHouse) -> None:
    assert house.web.post("/hooks/none").get_json()["code"] == "unknown_connection"
