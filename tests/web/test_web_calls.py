"""One call, shown to whoever holds its link or its connection's secret: numbers masked, the story told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from far_ends import INDIA
from web_house import BEARER, TOKEN, WEBHOOK, WebHouse

from connector.model import State

JSON, HTML = {"Accept": "application/json"}, {"Accept": "text/html"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    running = WebHouse(tmp_path_factory.mktemp("calls"), public_url="https://calls.example.com")
    yield running
    running.close()


@pytest.fixture(scope="module")
def placed(house: WebHouse) -> dict[str, str]:
    answer: dict[str, str] = house.click("1").get_json()
    return answer


def target(answer: dict[str, str]) -> str:
    return answer["url"].removeprefix("https://calls.example.com")


def test_the_link_of_the_answer_begins_with_the_public_address(placed: dict[str, str]) -> None:
    assert re.fullmatch(
        r"https://calls\.example\.com/calls/[0-9a-f]{24}\?key=[0-9a-f]+\.[0-9a-f]{32}", placed["url"]
    )


def test_a_program_reads_the_call_and_its_story(house: WebHouse, placed: dict[str, str]) -> None:
    told = house.web.get(target(placed), headers=JSON).get_json()
    assert (told["call"], told["state"], told["object"], told["id"]) == (
        placed["call"],
        "placed",
        "Contact",
        "1",
    )
    assert [line["to"] for line in told["story"]][:5] == [
        "accepted",
        "reading",
        "planned",
        "dialling",
        "placed",
    ]
    assert told["customer"]["number"] == "…0001" and told["member"]["number"] == "…0101"
    assert told["activity"]["dead"] is False


def test_a_person_reads_a_page(house: WebHouse, placed: dict[str, str]) -> None:
    page = house.web.get(target(placed), headers=HTML)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "<script>" not in page.get_data(as_text=True)


def test_neither_shows_a_full_number(house: WebHouse, placed: dict[str, str]) -> None:
    for headers in (JSON, HTML):
        text = house.web.get(target(placed), headers=headers).get_data(as_text=True)
        assert "98765" not in text
        for secret in (BEARER, WEBHOOK, "authcode-0123456789", "crm-key-0123456789"):
            assert secret not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {BEARER}"},
        {"Authorization": f"bearer {BEARER}"},
    ],
)
def test_the_connections_secret_opens_its_calls(
    house: WebHouse, placed: dict[str, str], headers: dict[str, str]
) -> None:
    assert house.web.get(f"/calls/{placed['call']}", headers={**JSON, **headers}).status_code == 200


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?key=", {}),
        ("?key=ffffffff.0123456789abcdef0123456789abcdef", {}),
        (f"?key={BEARER}", {}),
        ("", {"Authorization": BEARER}),
        ("", {"Authorization": f"Bearer {BEARER}x"}),
        ("", {"Authorization": f"Basic {BEARER}"}),
        ("", {"Authorization": f"Bearer {TOKEN}"}),
        ("", {"Authorization": "Bearer \u00ff"}),
        ("?key=" + "f" * 5000 + ".x", {}),
    ],
)
def test_nothing_else_opens_a_call(
    house: WebHouse, placed: dict[str, str], query: str, headers: dict[str, str]
) -> None:
    answer = house.web.get(f"/calls/{placed['call']}{query}", headers={**JSON, **headers})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "call_closed")


def test_a_call_that_is_not_there_looks_like_one_that_is_closed(
    house: WebHouse, placed: dict[str, str]
) -> None:
    closed = house.web.get(f"/calls/{placed['call']}", headers=JSON)
    absent = house.web.get("/calls/" + "0" * 24, headers={**JSON, "Authorization": f"Bearer {BEARER}"})
    assert closed.get_data() == absent.get_data()


def test_the_key_of_one_call_opens_no_other(house: WebHouse, placed: dict[str, str]) -> None:
    other = house.click("8").get_json()
    key = placed["url"].partition("?key=")[2]
    assert house.web.get(f"/calls/{other['call']}?key={key}", headers=JSON).status_code == 401


def test_what_a_crm_calls_its_people_is_shown_as_text(house: WebHouse) -> None:
    house.crm.change("2", name="<script>alert(1)</script>", do_not_call=True)
    refused = house.click("2").get_json()
    page = house.web.get(target(refused), headers=HTML).get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


# -- CallerDesk's webhooks -----------------------------------------------------------------------------------


def report(house: WebHouse, call_id: str) -> dict[str, str]:
    call = house.house.journal.get(call_id)
    assert call is not None and call.plan is not None and call.dialled_at is not None
    at = f"{call.dialled_at.astimezone(INDIA):%Y-%m-%d %H:%M:%S}"
    return {
        "type": "call_report",
        "campid": call.campid or "",
        "SourceNumber": "0" + call.plan.customer[-10:],
        "DialWhomNumber": "0" + call.plan.member[-10:],
        "Status": "ANSWER",
        "TalkDuration": "35",
        "CallDuration": "50",
        "StartTime": at,
        "EndTime": at,
        "LegA_Picked_time": at,
        "LegB_Picked_time": at,
    }


def test_a_webhook_ends_the_call_and_is_answered_success_however_often_it_comes(house: WebHouse) -> None:
    told = house.click("3").get_json()
    body = report(house, told["call"])
    for _ in range(3):
        answer = house.web.post(f"/callerdesk/{WEBHOOK}?type=call_report", json=body)
        assert (answer.status_code, answer.get_data()) == (200, b"success")
    now = house.house.journal.get(told["call"])
    assert now is not None and now.state is State.ENDED
    assert now.ending is not None and now.ending.talk_seconds is not None


def test_a_webhook_of_no_call_of_ours_is_answered_success_too(house: WebHouse) -> None:
    answer = house.web.get(f"/callerdesk/{WEBHOOK}?campid=99&Status=ANSWER&SourceNumber=09876500099")
    assert (answer.status_code, answer.get_data()) == (200, b"success")


@pytest.mark.parametrize("token", ["x", WEBHOOK[:-1], WEBHOOK + "x", "%FF", WEBHOOK.upper()])
def test_a_webhook_at_another_address_changes_nothing(house: WebHouse, token: str) -> None:
    told = house.click("5").get_json()
    answer = house.web.post(f"/callerdesk/{token}", json=report(house, told["call"]))
    assert (answer.status_code, answer.get_json()["code"]) == (401, "signature_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff" * 20, json.dumps({"a": 1}).encode()])
def test_a_webhook_that_is_none_is_a_problem_and_no_failure(house: WebHouse, body: bytes) -> None:
    answer = house.web.post(f"/callerdesk/{WEBHOOK}", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["code"] in ("body_broken", "event_unrecognised")
