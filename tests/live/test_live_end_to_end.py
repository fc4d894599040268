"""From a change in a real Odoo 19 to the finished call on its contact, by Odoo's own webhooks.

Only CallerDesk is a sandbox. Every number is made up; what a call to one does is told by its last two digits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_connector import LiveConnector, live_connector, until

from connector.sandbox.callerdesk import SandboxCallerDesk

pytestmark = pytest.mark.odoo

CONTACT, LEAD = "res.partner", "crm.lead"
#: Odoo gives up after 1000; its user waits for every copy in turn.
SOON_ENOUGH = 150.0
TALKS, NO_ANSWER, LATE_REPORT = "98765 00001", "98765 00011", "98765 00018"


@pytest.fixture
def callerdesk() -> Iterator[SandboxCallerDesk]:
    desk = SandboxCallerDesk(speed=10).start()
    yield desk
    desk.stop()


@pytest.fixture
def connector(tmp_path: Path, live_odoo: Any, callerdesk: SandboxCallerDesk) -> Iterator[LiveConnector]:
    with live_connector(tmp_path, live_odoo, callerdesk) as running:
        yield running


def done(odoo: Any, model: str, record: int) -> Callable[[], list[dict[str, Any]]]:
    """The record's activities, once there are some and all of them are done."""

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = odoo.activities(model, record)
        return found if all(each["state"] == "done" for each in found) else []

    return look


def assert_answered_soon(connector: LiveConnector, at_least: int) -> None:
    passed = connector.door.passed
    assert len(passed) >= at_least
    assert {status for _, _, status, _ in passed} == {200}
    slowest = max(took for *_, took in passed)
    print(f"\n{len(passed)} webhooks, the slowest answered in {slowest:.0f} ms")
    assert slowest < SOON_ENOUGH, passed


def test_a_new_contact_is_rung_once_and_the_finished_call_stands_on_it(
    connector: LiveConnector, live_odoo: Any
) -> None:
    with live_odoo.set_webhook(connector.hook):
        contact = live_odoo.create_contact(TALKS, "Asha")
    assert_answered_soon(connector, at_least=10)
    (activity,) = until(done(live_odoo, CONTACT, contact))
    connector.settled()
    (dial,) = connector.callerdesk.dials
    assert (dial.customer, dial.member) == ("9876500001", "9876500101")
    assert live_odoo.activities(CONTACT, contact) == [activity]
    assert activity["user_id"][0] == live_odoo.agent
    assert activity["activity_type_id"][1] == "Call"
    assert activity["summary"].startswith("Call with Asha")
    assert "Both were connected." in activity["note"]
    (message,) = live_odoo.messages(CONTACT, contact)
    assert "Answered" in message


@pytest.mark.parametrize("changed", [CONTACT, LEAD])
@pytest.mark.parametrize(
    ("rules", "shown_on"),
    [((CONTACT, LEAD), CONTACT), ((CONTACT,), CONTACT), ((LEAD,), LEAD)],
    ids=["rules on both", "rule on contacts", "rule on leads"],
)
def test_one_change_of_a_contact_with_a_lead_is_one_call_on_one_record(
    connector: LiveConnector, live_odoo: Any, rules: tuple[str, ...], shown_on: str, changed: str
) -> None:
    contact = live_odoo.create_contact("98765 00002", "Bina")
    records = {CONTACT: contact, LEAD: live_odoo.create_lead(contact)}
    with live_odoo.set_webhook(connector.hook, rules=rules):
        live_odoo.call(changed, "write", ids=[records[changed]], vals={"phone": TALKS})
    assert {(model, number) for model, number, *_ in connector.door.passed} == {
        (model, records[model]) for model in rules
    }
    assert_answered_soon(connector, at_least=len(rules))
    (activity,) = until(done(live_odoo, shown_on, records[shown_on]))
    connector.settled()
    (dial,) = connector.callerdesk.dials
    assert dial.customer == "9876500001"
    shown = {model: live_odoo.activities(model, number) for model, number in records.items()}
    assert shown == {CONTACT: [], LEAD: [], shown_on: [activity]}
    assert activity["user_id"][0] == live_odoo.agent


def test_a_customer_who_does_not_answer_is_told_on_the_contact(
    connector: LiveConnector, live_odoo: Any
) -> None:
    with live_odoo.set_webhook(connector.hook, rules=(CONTACT,)):
        contact = live_odoo.create_contact(NO_ANSWER, "Chitra")
    (activity,) = until(done(live_odoo, CONTACT, contact))
    assert "Customer did not answer" in "".join(live_odoo.messages(CONTACT, contact))
    assert "The customer did not answer, so nobody was connected." in activity["note"]
    assert len(connector.callerdesk.dials) == 1


def test_a_press_of_the_documented_button_rings_once_also_when_pressed_twice(
    connector: LiveConnector, live_odoo: Any
) -> None:
    contact = live_odoo.create_contact(TALKS, "Deepa")
    with live_odoo.set_webhook(connector.hook, rules=()):
        for _ in range(2):
            live_odoo.press(contact)
    assert len(connector.door.passed) == 2
    (activity,) = until(done(live_odoo, CONTACT, contact))
    (call,) = connector.settled()
    assert (call["source"], call["user"]) == ("button", str(live_odoo.integration))
    assert len(connector.callerdesk.dials) == 1
    assert "Answered" in "".join(live_odoo.messages(CONTACT, contact))
    assert activity["user_id"][0] == live_odoo.agent


def test_a_rule_and_a_press_go_the_whole_way_over_json_rpc(
    tmp_path: Path, live_odoo: Any, callerdesk: SandboxCallerDesk
) -> None:
    with live_connector(tmp_path, live_odoo, callerdesk, api="jsonrpc") as running:
        with live_odoo.set_webhook(running.hook):
            ruled = live_odoo.create_contact(TALKS, "Asha")
        until(done(live_odoo, CONTACT, ruled))
        pressed = live_odoo.create_contact("98765 00002", "Deepa")
        with live_odoo.set_webhook(running.hook, rules=()):
            live_odoo.press(pressed)
        until(done(live_odoo, CONTACT, pressed))
        calls = running.settled()
        assert [call["source"] for call in calls] == ["rule", "button"]
        assert running.run("check", "--live")[0] == 0
    assert [dial.customer for dial in callerdesk.dials] == ["9876500001", "9876500002"]
    for contact in (ruled, pressed):
        assert len(live_odoo.activities(CONTACT, contact)) == len(live_odoo.messages(CONTACT, contact)) == 1


def test_a_press_is_one_call_also_where_a_rule_fires_for_its_write(
    connector: LiveConnector, live_odoo: Any
) -> None:
    contact = live_odoo.create_contact(TALKS, "Esha")
    with live_odoo.set_webhook(connector.hook):
        live_odoo.press(contact)
    until(done(live_odoo, CONTACT, contact))
    connector.settled()
    assert len(connector.callerdesk.dials) == 1
    assert len(live_odoo.activities(CONTACT, contact)) == 1


def test_a_number_on_odoos_phone_blacklist_is_not_rung_and_the_record_says_so(
    connector: LiveConnector, live_odoo: Any
) -> None:
    (entry,) = live_odoo.call("phone.blacklist", "create", vals_list=[{"number": "+919876500099"}])
    try:
        with live_odoo.set_webhook(connector.hook, rules=(CONTACT,)):
            contact = live_odoo.create_contact("98765 00099", "Farida")
        (activity,) = until(done(live_odoo, CONTACT, contact))
    finally:
        live_odoo.call("phone.blacklist", "unlink", ids=[entry])
    assert "is on Odoo's phone blacklist" in activity["note"]
    (call,) = connector.settled()
    assert (call["state"], call["code"]) == ("refused", "refused_by_rule")
    assert connector.callerdesk.dials == []


def test_what_changes_while_the_connector_is_down_is_not_called_and_hinders_nobody(
    tmp_path: Path, live_odoo: Any, callerdesk: SandboxCallerDesk
) -> None:
    with live_connector(tmp_path, live_odoo, callerdesk, started=False) as connector:
        with live_odoo.set_webhook(connector.hook, rules=(CONTACT,)):
            missed = live_odoo.create_contact("98765 00003", "Geeta")
            assert connector.door.passed
            connector.start()
            rung = live_odoo.create_contact(TALKS, "Hema")
        until(done(live_odoo, CONTACT, rung))
        connector.settled()
        assert [dial.customer for dial in callerdesk.dials] == ["9876500001"]
        assert live_odoo.activities(CONTACT, missed) == []


def test_a_call_that_ends_while_odoo_is_down_is_completed_when_it_is_back(
    connector: LiveConnector, live_odoo: Any
) -> None:
    connector.callerdesk.speed = 1
    with live_odoo.set_webhook(connector.hook, rules=(CONTACT,)):
        contact = live_odoo.create_contact(LATE_REPORT, "Indu")
    (open_activity,) = until(lambda: live_odoo.activities(CONTACT, contact))
    assert open_activity["active"]
    with live_odoo.stopped():
        assert connector.callerdesk.wait_until_over(30)
        until(lambda: [call["state"] for call in connector.calls()] == ["ended"])
        assert not connector.calls()[0]["on_record"]
    (activity,) = until(done(live_odoo, CONTACT, contact), timeout=60)
    assert activity["id"] == open_activity["id"]
    assert "Both were connected." in activity["note"]
    assert len(connector.callerdesk.dials) == 1


def test_odoos_user_hardly_notices_the_rules(connector: LiveConnector, live_odoo: Any) -> None:
    contact = live_odoo.create_contact("98765 00004", "Jaya")
    live_odoo.create_lead(contact)

    def seconds(digits: int) -> float:
        begin = time.perf_counter()
        live_odoo.change_phone(f"98765 004{digits:02d}", contact)
        return time.perf_counter() - begin

    seconds(50)
    without = sorted(seconds(digits) for digits in range(51, 58))[3]
    with live_odoo.set_webhook(connector.hook):
        seconds(60)
        connector.door.passed.clear()
        ruled = sorted(seconds(digits) for digits in range(61, 68))[3]
    copies = len(connector.door.passed)
    figures = f"{without * 1000:.0f} ms, {ruled * 1000:.0f} ms with rules on both"
    print(f"\na write takes {figures} ({copies} webhooks for 7 writes)")
    assert_answered_soon(connector, at_least=14)
    assert ruled - without < 0.5


def test_check_live_finds_everything_in_order(connector: LiveConnector) -> None:
    status, findings = connector.run("check", "--live")
    assert status == 0, findings
    assert {"odoo: res.partner", "odoo: crm.lead", "odoo: key and database", "odoo: activity type Call"} <= {
        each["what"] for each in findings["findings"]
    }


def test_a_dry_run_shows_both_numbers_and_rings_nobody(connector: LiveConnector, live_odoo: Any) -> None:
    contact = live_odoo.create_contact(TALKS, "Kala")
    status, found = connector.run("plan", "odoo", CONTACT, str(contact))
    assert (status, found["would_ring"]) == (0, True)
    used = {(choice["word"], choice["path"]) for choice in found["trace"] if choice["verdict"] == "used"}
    assert {
        ("calling_party_a", "record.phone_sanitized"),
        ("calling_party_b", "owner.phone_sanitized"),
    } <= used
    assert connector.callerdesk.dials == []
    assert live_odoo.activities(CONTACT, contact) == []
