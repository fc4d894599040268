"""CallerDesk's webhooks at the running service: early, late, twice, unknown, forged, broken."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import counterparts
import pytest
from counterparts import FakeCallerDesk, TestCrm
from running import Answer, Running


@pytest.fixture(autouse=True)
def _webhooks_ring_nobody(service: Running, desk: FakeCallerDesk) -> Iterator[None]:
    yield
    rung = [dial["calling_party_a"] for dial in desk.dials]
    assert len(rung) == len(set(rung))


def report(customer: str, campid: object, **changes: str) -> dict[str, str]:
    """A call report of a reverse call that both answered."""
    return {
        "type": "call_report",
        "SourceNumber": f"0{customer}",
        "DestinationNumber": "00918060000001",
        "DialWhomNumber": "09876500101",
        "Status": "ANSWER",
        "hangup_cause": "ANSWER(16-customer)",
        "Direction": "WEBOBD",
        "CallSid": f"8{customer[-7:]}",
        "campid": str(campid),
        "StartTime": "2026-03-02 12:00:00",
        "LegA_Picked_time": "2026-03-02 12:00:05",
        "LegB_Start_time": "2026-03-02 12:00:06",
        "LegB_Picked_time": "2026-03-02 12:00:10",
        "EndTime": "2026-03-02 12:00:52",
        "CallDuration": "52",
        "TalkDuration": "42",
        "coins": "2",
        "CallRecordingUrl": "https://recordings.example.com/1.mp3",
        **changes,
    }


def placed(service: Running, crm: TestCrm, customer: str) -> tuple[str, str]:
    """A call under way: its id and CallerDesk's id of it."""
    told = service.click(crm.put(f"w{customer}", customer))
    assert (told.status, told.json["state"]) == (200, "placed")
    assert crm.wait_for_activity(told.json["call"], status="placed")
    return told.json["call"], service.call(told.json["call"])["campid"]


def is_success(answer: Answer) -> bool:
    return (answer.status, answer.body) == (200, b"success")


def by_get(service: Running, body: dict[str, str]) -> Answer:
    """As CallerDesk repeats it when a POST fails, its `?type=` glued on, `n` for the space in times."""
    fields = {name: value.replace(" ", "n") if "ime" in name else value for name, value in body.items()}
    return service.send(
        "GET", f"/callerdesk/{service.secrets['WEBHOOK_TOKEN']}?type=call_report&{urlencode(fields)}"
    )


@pytest.mark.parametrize("how", ["json", "form", "get"])
def test_a_report_ends_its_call_however_it_comes(service: Running, crm: TestCrm, how: str) -> None:
    customer = {"json": "9876550001", "form": "9876550002", "get": "9876550003"}[how]
    call, campid = placed(service, crm, customer)
    body = report(customer, campid)
    if how == "json":
        told = service.webhook(body)
    elif how == "form":
        path = f"/callerdesk/{service.secrets['WEBHOOK_TOKEN']}?type=call_report"
        typed = [("Content-Type", "application/x-www-form-urlencoded")]
        told = service.send("POST", path, urlencode(body).encode(), typed)
    else:
        told = by_get(service, body)
    assert is_success(told)
    ended = service.call(call)
    assert (ended["state"], ended["outcome"], ended["talk_seconds"]) == ("ended", "answered", 42)
    assert crm.wait_for_activity(call, status="ended", outcome="answered", talk_seconds=42)


def test_the_same_report_many_times_is_one_outcome(service: Running, crm: TestCrm) -> None:
    call, campid = placed(service, crm, "9876550010")
    body = report("9876550010", campid)
    assert all(map(is_success, [service.webhook(body), by_get(service, body), service.webhook(body)]))
    assert [line["to"] for line in service.call(call)["story"]].count("ended") == 1
    assert crm.wait_for_activity(call, status="ended")
    assert len(crm.of(call)) == 1


def test_a_live_event_after_the_report_does_not_reopen_the_call(service: Running, crm: TestCrm) -> None:
    call, campid = placed(service, crm, "9876550011")
    live = {**report("9876550011", campid), "Status": "Leg A Answer"}
    for name in ("type", "EndTime", "CallDuration", "TalkDuration", "hangup_cause"):
        del live[name]
    assert is_success(service.webhook(live, kind="live_call"))
    assert service.state(call) == "placed"
    assert is_success(service.webhook(report("9876550011", campid)))
    assert is_success(service.webhook({**live, "Status": "Leg B Answer"}, kind="live_call"))
    assert service.state(call) == "ended"


def test_a_report_may_come_before_the_reply_it_belongs_to(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    campid = desk.new_campid()

    def reports_then_accepts(desk: FakeCallerDesk, wire: socket.socket, head: str) -> None:
        assert is_success(service.webhook(report("9876550012", campid)))
        counterparts.says({"type": "success", "campid": campid})(desk, wire, head)

    desk.manners["9876550012"] = reports_then_accepts
    told = service.click(crm.put("w9876550012", "9876550012"))
    assert told.status == 200
    assert service.wait_for_state(told.json["call"], "ended") == "ended"
    assert crm.wait_for_activity(told.json["call"], status="ended", outcome="answered")


def test_a_report_resolves_a_call_whose_reply_never_came(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    desk.manners["9876550013"] = counterparts.resets
    told = service.click(crm.put("w9876550013", "9876550013"))
    assert told.json["state"] == "unknown"
    # No campid of ours is known: both numbers and the time have to do.
    assert is_success(service.webhook(report("9876550013", 4_000_000, StartTime="", EndTime="")))
    assert service.wait_for_state(told.json["call"], "ended") == "ended"
    assert crm.wait_for_activity(told.json["call"], status="ended")


def test_a_report_of_a_call_that_is_not_ours_is_thanked_for_and_changes_nothing(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    before, activities = service.rows(), crm.activities
    assert is_success(service.webhook(report("9876550099", 999_999_999)))
    assert service.rows() == before
    assert crm.activities == activities


@pytest.mark.parametrize("token", ["wrong", "{token}x", "%00", "%ff", "{secret}"])
def test_nobody_else_knows_the_address_of_the_webhooks(service: Running, crm: TestCrm, token: str) -> None:
    call, campid = placed(service, crm, f"98765502{len(crm.contacts()):02}")
    wrong = token.format(token=service.secrets["WEBHOOK_TOKEN"], secret=service.secrets["CLICK_SECRET"])
    posted = service.webhook(report("9876550020", campid), token=wrong)
    got = service.send("GET", f"/callerdesk/{wrong}?campid={campid}&TalkDuration=1")
    for told in (posted, got):
        assert (told.status, told.json["code"]) == (401, "signature_invalid")
        assert told.is_problem
    assert service.state(call) == "placed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "event_unrecognised"),
        (b"{", "body_broken"),
        (b"[]", "body_broken"),
        (b"null", "body_broken"),
        (b"\xff\xfe", "body_broken"),
        (b"[" * 100_000, "body_broken"),
        (b'{"a":' * 40_000, "body_broken"),
        (b"{}", "event_unrecognised"),
        (b'{"hello": "world"}', "event_unrecognised"),
    ],
    ids=range(9),
)
def test_it_says_what_is_wrong_with_a_webhook(service: Running, body: bytes, code: str) -> None:
    path = f"/callerdesk/{service.secrets['WEBHOOK_TOKEN']}?type=call_report"
    told = service.send("POST", path, body, [("Content-Type", "application/json")])
    assert (told.status, told.json["code"]) == (400, code)
    assert told.is_problem


@pytest.mark.parametrize(
    "odd", ["\x00", "\ud800", "x" * 10_000, "<script>alert(1)</script>", "9" * 40, "-1", "NaN"]
)
def test_odd_values_in_a_webhook_break_nothing(service: Running, crm: TestCrm, odd: str) -> None:
    customer = f"98765503{len(crm.contacts()):02}"
    call, campid = placed(service, crm, customer)
    fields = [name for name in report(customer, campid) if name not in ("campid", "type")]
    assert is_success(service.webhook({**report(customer, campid), **dict.fromkeys(fields, odd)}))
    assert is_success(service.webhook(report(customer, odd)))
    got = f"?campid={quote(odd, errors='replace')[:2000]}&Status={quote(odd, errors='replace')[:2000]}"
    assert service.send("GET", f"/callerdesk/{service.secrets['WEBHOOK_TOKEN']}{got}").status in (200, 400)
    assert service.state(call) == "ended"
    assert crm.wait_for_activity(call, status="ended")
    assert "script>" not in json.dumps(service.call(call)["recording_url"])


def test_a_webhook_may_not_be_larger_than_a_click(service: Running) -> None:
    told = service.webhook({"campid": "1", "x": "y" * 300_000})
    assert (told.status, told.json["code"]) == (413, "body_too_large")
