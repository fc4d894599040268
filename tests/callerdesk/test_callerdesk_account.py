"""The reading calls: pages, odd replies, secrets dropped, errors that say what to do."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses

from connector.callerdesk import CallerDesk, LiveWord, ending_of_row
from connector.errors import AdminNeeded, TryAgain
from connector.model import Outcome

KEY = "sample-authcode-77"
BASE = "https://app.callerdesk.io/api/"
DAY = date(2026, 3, 2)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mocked:
        yield mocked


def form_of(call: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(call.request.body).items()}


def html(
    mock: responses.RequestsMock, method: str, path: str, body: Path | str | bytes, **kwargs: Any
) -> None:
    text = body.read_text() if isinstance(body, Path) else body
    mock.add(method, BASE + path, body=text, content_type="text/html", **kwargs)


READS: dict[str, Callable[[CallerDesk], Any]] = {
    "getmemberlist_V2": lambda desk: desk.members(),
    "getdeskphone_v2": lambda desk: desk.deskphones(),
    "profile_billing_v2": lambda desk: desk.balance(),
    "call_list_v2": lambda desk: list(desk.call_report(DAY, DAY)),
    "live_call_v2": lambda desk: desk.live_calls(),
    "block_number": lambda desk: desk.block("+919876500009"),
    "unblock_number": lambda desk: desk.unblock("9876500009"),
    "getblocknumber": lambda desk: desk.blocked_numbers(),
}
LISTS = [name for name in READS if name not in ("profile_billing_v2", "block_number", "unblock_number")]


def method_of(path: str) -> str:
    return "GET" if path == "live_call_v2" else "POST"


def test_it_lists_all_members_of_all_pages_without_their_passwords(mock, bodies):
    for page in (1, 2):
        html(mock, "POST", "getmemberlist_V2", bodies / f"members-page-{page}.json")
    members = CallerDesk(KEY).members()
    assert [
        (member.id, member.email, member.number, member.active, member.extension) for member in members
    ] == [
        ("101", "Asha@Example.com", "+919876500002", True, "11"),
        ("102", "bela@example.com", "+919876500003", False, ""),
        ("103", "", "+919876500004", True, ""),
    ]
    assert [form_of(call) for call in mock.calls] == [
        {"authcode": KEY, "per_page": "100", "current_page": page} for page in ("1", "2")
    ]
    assert not any("hunter" in repr(member.__getstate__()) for member in members)


def test_it_knows_no_number_where_the_panel_holds_none(mock):
    html(
        mock,
        "POST",
        "getmemberlist_V2",
        '{"type":"success","getmember":[{"member_num":"123"},"odd"],"total_record":"1"}',
    )
    assert [member.number for member in CallerDesk(KEY).members()] == [""]


@pytest.mark.parametrize("total", ['"9999"', "null", '"many"'])
def test_it_stops_when_a_page_brings_nothing_new(mock, total):
    page = f'{{"type":"success","getmember":[{{"member_id":"1"}}],"total_record":{total}}}'
    html(mock, "POST", "getmemberlist_V2", page)
    assert len(CallerDesk(KEY).members()) == 1
    assert len(mock.calls) == 2


def test_it_lists_deskphones_as_the_panel_does(mock, bodies):
    html(mock, "POST", "getdeskphone_v2", bodies / "deskphones.json")
    assert [phone.deskphone for phone in CallerDesk(KEY).deskphones()] == ["08060000001", "01200000002"]


def test_it_reads_the_balance_and_nothing_secret(mock, bodies):
    html(mock, "POST", "profile_billing_v2", bodies / "balance.json")
    balance = CallerDesk(KEY).balance()
    assert balance.coins == {"clicktocall_coins": "120", "obd_coins": "0", "avail_clicktocall_coins": "96"}
    assert balance.expires_at == datetime(2027, 1, 30, 18, 30, tzinfo=UTC)


def test_it_says_so_when_there_is_no_balance(mock):
    html(mock, "POST", "profile_billing_v2", '{"type":"success"}')
    with pytest.raises(TryAgain, match="no balance"):
        CallerDesk(KEY).balance()


def test_it_reads_the_call_report_page_by_page(mock, bodies):
    for page in (1, 2):
        html(mock, "POST", "call_list_v2", bodies / f"call-report-page-{page}.json")
    rows = CallerDesk(KEY).call_report(DAY, date(2026, 3, 3), caller_num="9876500001", Flow_type=None)
    first = next(rows)
    assert len(mock.calls) == 1
    assert form_of(mock.calls[0]) == {
        "authcode": KEY,
        "start_date": "2026-03-02",
        "end_date": "2026-03-03",
        "current_page": "1",
        "per_page": "25",
        "caller_num": "9876500001",
    }
    assert (first.id, first.call_sid, first.deskphone, first.ringing_seconds, first.direction) == (
        "01",
        "8400001",
        "08060000001",
        7,
        "WEBOBD",
    )
    assert first.started_at == datetime(2026, 3, 2, 18, 29, 50, tzinfo=UTC)
    assert first.ended_at == datetime(2026, 3, 2, 18, 30, 40, tzinfo=UTC)
    assert first.matches("+919876500002", "9876500001")
    assert not first.matches("+919876500002", "+919876500003")
    assert "api_token" not in first.raw
    assert "98765" not in repr(first)
    ending = ending_of_row(first, "+919876500001", "+919876500002")
    assert (ending.outcome, ending.talk_seconds, ending.total_seconds) == (Outcome.ANSWERED, 35, 50)
    assert ending.recording_url == "https://recordings.example.com/01.mp3"
    assert ending.coins == "1"
    assert [row.id for row in rows] == ["02", "03"]


def test_it_knows_the_reports_filters():
    with pytest.raises(TypeError, match="colour"):
        CallerDesk(KEY).call_report(DAY, DAY, colour="red")


def test_it_lists_live_calls(mock, bodies):
    html(mock, "GET", "live_call_v2", bodies / "live-calls.json")
    (call,) = CallerDesk(KEY).live_calls()
    assert (call.call_sid, call.status, call.live_word) == (
        "8400001",
        "Leg A Answer",
        LiveWord.CUSTOMER_PICKED,
    )
    assert call.started_at == datetime(2026, 3, 2, 18, 29, 50, tzinfo=UTC)
    assert call.matches("+919876500001", "+919876500002")
    assert "98765" not in repr(call)
    assert parse_qs(mock.calls[0].request.url.split("?")[1]) == {"authcode": [KEY]}


def test_it_blocks_unblocks_and_lists(mock, bodies):
    html(mock, "POST", "block_number", bodies / "block-success.json")
    html(mock, "POST", "unblock_number", '{"type":"success"}')
    html(mock, "POST", "getblocknumber", bodies / "blocklist.json")
    desk = CallerDesk(KEY)
    assert desk.block("+919876500009") == "Number blocked successfully"
    assert desk.unblock("9876500009") == ""
    assert desk.blocked_numbers() == ["9876500009", "9876500008"]
    assert (
        form_of(mock.calls[0]) == form_of(mock.calls[1]) == {"authcode": KEY, "caller_number": "9876500009"}
    )


@pytest.mark.parametrize("number", ["", "12345", "09876500009", "919876500009", "98765 0009", "٩٨٧٦٥٠٠٠٠١"])
def test_it_blocks_no_number_it_would_have_to_cut(number):
    with pytest.raises(ValueError, match="ten digits"):
        CallerDesk(KEY).block(number)


# -- when it does not work ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("message", ["No record found", "no live calls", "Data not found", "List is empty"])
def test_nothing_to_list_is_an_empty_list(mock, path, message):
    html(mock, method_of(path), path, json.dumps({"type": "error", "message": message}))
    assert READS[path](CallerDesk(KEY)) == []


def test_an_empty_day_is_an_empty_report(mock, bodies):
    html(mock, "POST", "call_list_v2", bodies / "call-report-empty-day.json")
    assert list(CallerDesk(KEY).call_report(DAY, DAY)) == []


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("body", ["dial-wrong-key", "dial-old-api"])
def test_a_wrong_key_is_never_an_empty_list(mock, bodies, path, body):
    html(mock, method_of(path), path, bodies / f"{body}.json")
    with pytest.raises(AdminNeeded, match="API key") as caught:
        READS[path](CallerDesk(KEY))
    assert caught.value.code == "callerdesk_wrong_key"


def test_a_rejected_value_needs_an_admin(mock, bodies):
    html(mock, "POST", "call_list_v2", bodies / "dial-bad-parameter.json")
    with pytest.raises(AdminNeeded, match="rejected"):
        list(CallerDesk(KEY).call_report(DAY, DAY))


@pytest.mark.parametrize("path", READS)
def test_any_other_no_may_work_later(mock, path):
    html(
        mock,
        method_of(path),
        path,
        json.dumps({"type": "error", "message": f"Server melted {KEY} 09876500001"}),
    )
    with pytest.raises(TryAgain) as caught:
        READS[path](CallerDesk(KEY))
    assert caught.value.code == "callerdesk_said_no"
    assert "Server melted [secret] …0001" in caught.value.message


@pytest.mark.parametrize("body", ["", "<html>", "[1]", "null", "\xff", "[" * 100000])
def test_an_answer_that_is_not_json_may_work_later(mock, body):
    html(mock, "POST", "getdeskphone_v2", body.encode("latin-1"), status=502)
    with pytest.raises(TryAgain, match="502") as caught:
        CallerDesk(KEY).deskphones()
    assert caught.value.code == "callerdesk_unclear_answer"


def test_a_byte_order_mark_and_a_wrong_status_change_nothing(mock, bodies):
    html(
        mock,
        "POST",
        "getdeskphone_v2",
        b"\xef\xbb\xbf" + (bodies / "deskphones.json").read_bytes(),
        status=500,
    )
    assert len(CallerDesk(KEY).deskphones()) == 2


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    ("raised", "code"),
    [(requests.ReadTimeout(), "callerdesk_timeout"), (requests.ConnectionError(), "callerdesk_unreachable")],
)
def test_no_answer_may_work_later(mock, path, raised, code):
    mock.add(method_of(path), BASE + path, body=raised)
    with pytest.raises(TryAgain) as caught:
        READS[path](CallerDesk(KEY))
    assert caught.value.code == code
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_no_failure_shows_the_key(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(TryAgain) as caught:
        CallerDesk(KEY, "http://127.0.0.1:9/").live_calls()
    assert KEY not in caplog.text + "".join(traceback.format_exception(caught.value))
