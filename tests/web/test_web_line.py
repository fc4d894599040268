"""Where a call waits, as its sender and whoever opens its page are told, and taking it out of the line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web_house import BEARER, WebHouse
from werkzeug.test import TestResponse

from connector.journal import audit
from connector.model import Click, Source, State

JSON, HTML = {"Accept": "application/json"}, {"Accept": "text/html"}
SECRET = {"Authorization": f"Bearer {BEARER}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    """Dialling is paused and somebody stands in line, so that every firing waits behind."""
    running = WebHouse(tmp_path_factory.mktemp("line"))
    running.house.journal.set_flag("paused", "a test")
    running.house.flow.accept(Click("shop", "Contact", "9", source=Source.RULE))
    yield running
    running.close()


def fire(house: WebHouse, record_id: str = "1", **more: str) -> TestResponse:
    return house.click(record_id, source="rule", **more)


def test_a_rule_is_told_where_its_call_waits(house: WebHouse) -> None:
    answer = fire(house)
    told = answer.get_json()
    assert (answer.status_code, told["state"], told["code"]) == (200, "deferred", "in_line")
    assert told["line"]["position"] == told["line"]["ahead"] + 1 >= 2
    assert told["line"]["text"].startswith("Dialling is paused. ")
    assert told["line"]["until"] is not None and told["line"]["expected_at"] is None


def test_a_firing_that_comes_again_is_told_the_same_place(house: WebHouse) -> None:
    first, again = (fire(house, "2", click_id="told-twice").get_json() for _ in range(2))
    assert again["repeat"] is True
    assert again["line"] == first["line"]


def test_what_does_not_wait_has_no_place(house: WebHouse) -> None:
    late = fire(house, "3", clicked_at="2026-01-01T00:00:00+05:30").get_json()
    assert late["state"] == "expired" and "line" not in late
    assert house.web.get(f"/calls/{late['call']}", headers={**JSON, **SECRET}).get_json()["line"] is None


def test_a_program_and_a_person_read_the_place_of_a_call(house: WebHouse) -> None:
    told = fire(house, "4").get_json()
    read = house.web.get(told["url"], headers=JSON).get_json()
    assert (read["line"], read["cancellable"]) == (told["line"], True)
    page = house.web.get(told["url"], headers=HTML).get_data(as_text=True)
    assert f'<p id="line">{told["line"]["text"]}</p>' in page
    assert "Yes, cancel the call" in page


def test_whoever_has_the_link_may_cancel_a_call_that_waits(house: WebHouse) -> None:
    told = fire(house, "5").get_json()
    path, _, key = told["url"].partition("?")
    answer = house.web.post(f"{path}/cancel?{key}", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/calls/{told['call']}?{key}"
    page = house.web.get(told["url"], headers=HTML).get_data(as_text=True)
    assert "The call was cancelled before anybody was rung." in page
    assert '<details id="cancel" hidden>' in page
    acts = audit.latest(house.house.journal, what="cancel")
    assert (acts[0].who, acts[0].about) == ("whoever opened the call", told["call"])
    again = house.web.post(f"{path}/cancel?{key}", headers=JSON)
    assert (again.status_code, again.get_json()["code"]) == (409, "too_late")


def test_a_program_cancels_by_the_connections_secret(house: WebHouse) -> None:
    told = fire(house, "6").get_json()
    answer = house.web.post(f"/calls/{told['call']}/cancel", headers={**JSON, **SECRET})
    assert (answer.status_code, answer.get_json()["state"]) == (200, "cancelled")


@pytest.mark.parametrize("key", ["", "?key=", "?key=ffffffff.0123456789abcdef0123456789abcdef"])
def test_nobody_else_cancels_anything(house: WebHouse, key: str) -> None:
    told = fire(house, "7").get_json()
    answer = house.web.post(f"/calls/{told['call']}/cancel{key}", headers=JSON)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "call_closed")
    now = house.house.journal.get(told["call"])
    assert now is not None and now.state is State.DEFERRED


def test_opening_the_address_of_cancelling_cancels_nothing(house: WebHouse) -> None:
    told = fire(house, "8").get_json()
    path, _, key = told["url"].partition("?")
    assert house.web.get(f"{path}/cancel?{key}", headers=HTML).status_code == 405
    now = house.house.journal.get(told["call"])
    assert now is not None and now.state is State.DEFERRED
