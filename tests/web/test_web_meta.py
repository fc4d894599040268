"""Facts about the service: alive, ready, counted in a form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from web_house import WebHouse

from connector.model import State


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    running = WebHouse(tmp_path)
    yield running
    running.close()


def metrics(house: WebHouse) -> dict[tuple[str, str], float]:
    """(metric, its label's value) -> number."""
    text = house.web.get("/metrics").get_data(as_text=True)
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_is_alive_and_ready(house: WebHouse) -> None:
    assert house.web.get("/healthz").get_json() == {"status": "alive"}
    assert house.web.get("/readyz").get_json() == {"status": "ready"}


def test_it_tells_that_calling_is_paused(house: WebHouse) -> None:
    house.house.journal.set_flag("paused", "operator")
    assert house.web.get("/readyz").get_json() == {"status": "paused"}
    assert metrics(house)["connector_paused", ""] == 1


def test_it_counts_calls_in_every_state(house: WebHouse) -> None:
    house.click("8")
    counted = metrics(house)
    states = {label: number for (name, label), number in counted.items() if name == "connector_calls"}
    assert states == {state.value: float(state is State.REFUSED) for state in State}
    assert counted["connector_paused", ""] == 0


def test_it_counts_what_needs_a_look(house: WebHouse) -> None:
    found = {
        label: number for (name, label), number in metrics(house).items() if name == "connector_attention"
    }
    assert {"stuck", "dead", "behind", "unknown"} <= set(found)
    assert set(found.values()) == {0.0}


def test_its_numbers_hold_no_record_no_number_and_no_secret(house: WebHouse) -> None:
    house.click("1")
    text = house.web.get("/metrics").get_data(as_text=True)
    assert "0001" not in text and "Contact" not in text


def test_without_its_journal_it_is_alive_but_not_ready(house: WebHouse, tmp_path: Path) -> None:
    house.dispatcher.stop()
    house.house.journal.close()
    for file in tmp_path.glob("connector.db*"):
        file.unlink()
    (tmp_path / "connector.db").mkdir()
    assert house.web.get("/healthz").status_code == 200
    for path in ("/readyz", "/metrics"):
        answer = house.web.get(path)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "journal_down")
        assert answer.headers["Retry-After"] == "5"


def test_no_click_is_taken_without_its_journal(house: WebHouse, tmp_path: Path) -> None:
    house.dispatcher.stop()
    house.house.journal.close()
    for file in tmp_path.glob("connector.db*"):
        file.unlink()
    (tmp_path / "connector.db").mkdir()
    for source in ("button", "rule"):
        assert house.click("1", source=source).status_code == 503
    assert house.callerdesk.dials == []


@pytest.mark.parametrize("path", ["/", "/nothing", "/hooks", "/calls", "/calls/../healthz", "/callerdesk/"])
def test_an_address_that_is_not_there_is_a_problem(house: WebHouse, path: str) -> None:
    answer = house.web.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.get_json()["status"] == 404


@pytest.mark.parametrize("path", ["/healthz", "/calls/x", "/hooks/shop", "/nothing", "/static/call.css"])
def test_every_answer_forbids_what_a_page_of_ours_never_needs(house: WebHouse, path: str) -> None:
    headers = house.web.get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_body_that_is_too_large_is_refused_unread(house: WebHouse) -> None:
    answer = house.web.post("/hooks/shop", data=b"x" * (256 * 1024 + 1), content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/hooks/shop", "/healthz", "/calls/x"])
def test_a_method_that_is_not_taken_is_told_with_those_that_are(house: WebHouse, path: str) -> None:
    answer = house.web.delete(path)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
