"""The gate: expiry and every guard are decided in the transaction that lets a call ring, or does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from house_kit import INDIA, HouseKit, a_member, calm, live_event, number_of, report, rule

from connector.model import Call, State
from connector.policy import Caps, MemberBusy, QuietHours

pytestmark = pytest.mark.both_engines

NIGHT = QuietHours(time(21), time(9))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


# -- The gate ------------------------------------------------------------------------------------------------


def test_it_does_not_ring_when_the_click_expired_between_plan_and_gate(house: HouseKit) -> None:
    house.shelf.reads.append(lambda: house.clock.advance(61))
    call = house.press("1")
    assert (call.state, call.code, house.desk.rung) == (State.EXPIRED, "expired", [])


@pytest.mark.parametrize("late", [60, 61])
def test_it_does_not_ring_when_the_click_expired_between_gate_and_dial(house: HouseKit, late: int) -> None:
    gate = house.flow.gate

    def slow_commit(*args: Any) -> Call | None:
        passed = gate(*args)
        house.clock.advance(late)
        return passed

    house.flow.gate = slow_commit  # type: ignore[method-assign]
    call = house.press("1")
    assert (call.state, call.code, house.desk.rung) == (State.EXPIRED, "expired", [])
    assert call.dialled_at is None


def test_it_does_not_ring_while_paused_and_leaves_the_timeline_alone(house: HouseKit) -> None:
    house.shelf.reads.append(lambda: house.journal.set_flag("paused", "operator"))
    call = house.press("1")
    assert (call.state, call.code, house.shelf.activities) == (State.REFUSED, "paused", {})
    house.journal.set_flag("paused", None)
    assert house.press("2").state is State.PLACED


def test_it_rings_one_number_once_though_it_stands_on_two_records(house: HouseKit) -> None:
    house.shelf.contact("2")["mobile"] = number_of("1")
    house.press("1")
    second = house.press("2")
    assert (second.state, second.code) == (State.REFUSED, "called_recently")
    assert house.desk.rung == [number_of("1")]


def test_it_rings_again_at_once_when_a_person_insists(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    house.press("1")
    house.clock.advance(11)
    again = house.press("1", override=frozenset({"called_recently"}), user="ravi@example.test")
    assert (again.state, house.desk.rung) == (State.PLACED, [number_of("1")] * 2)


def test_it_does_not_let_a_rule_insist(house: HouseKit) -> None:
    house.press("1")
    house.clock.advance(11)
    again = house.press("1", source=rule().source, override=frozenset({"called_recently"}))
    assert (again.state, again.code) == (State.REFUSED, "called_recently")


def test_it_waits_for_a_busy_member_and_then_rings(house: HouseKit) -> None:
    first = house.press("1")
    waiting = house.press("2")
    assert (waiting.state, waiting.code) == (State.PLANNED, "member_busy")
    house.look(5)
    assert house.call(waiting.id).state is State.PLANNED
    house.hear(report(first, house.clock))
    house.look()  # no waiting: the end of a call is what the next one waits for
    placed = house.call(waiting.id)
    assert (placed.state, placed.code) == (State.PLACED, None)
    assert house.desk.rung == [number_of("1"), number_of("2")]


def test_it_does_not_wait_for_a_busy_member_beyond_the_clicks_life(house: HouseKit) -> None:
    first = house.press("1")
    house.hear(live_event(first, house.clock))
    waiting = house.press("2")
    for _ in range(20):
        house.look(5)
    assert house.call(waiting.id).state is State.EXPIRED
    assert house.desk.rung == [number_of("1")]


def test_it_keeps_a_rules_call_until_morning_and_rings_it_then(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT)
    house.clock.advance(hours=10)  # 22:00
    call = house.press("1", source=rule().source)
    morning = datetime(2026, 3, 3, 9, 0, tzinfo=INDIA)
    assert (call.state, call.code, call.due_at) == (State.DEFERRED, "quiet_hours", morning)
    assert call.message is not None and "09:00" in call.message
    house.look(hours=10, minutes=59)
    assert house.desk.rung == []
    house.look(minutes=1, seconds=1)
    placed = house.call(call.id)
    assert (placed.state, placed.code, house.desk.rung) == (State.PLACED, None, [number_of("1")])


def test_it_reads_the_record_again_in_the_morning(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT)
    house.clock.advance(hours=10)
    call = house.press("1", source=rule().source)
    house.shelf.contact("1")["do_not_call"] = True
    house.look(hours=11, seconds=1)
    refused = house.call(call.id)
    assert (refused.state, refused.code, house.desk.rung) == (State.REFUSED, "refused_by_rule", [])


def test_it_tells_a_person_at_night_and_rings_when_they_insist(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT)
    house.clock.advance(hours=10)
    refused = house.press("1")
    assert (refused.state, refused.code) == (State.REFUSED, "quiet_hours")
    assert house.press("1", override=frozenset({"quiet_hours"})).state is State.PLACED


def test_it_refuses_a_member_whom_the_panel_lists_as_inactive(house: HouseKit) -> None:
    house.desk.listed = [a_member(active=False)]
    house.flow.members.find("+919876500101")
    call = house.press("1")
    assert (call.state, call.code, house.desk.rung) == (State.REFUSED, "member_not_active", [])


def test_it_rings_nobody_for_rules_unless_somebody_stated_why(tmp_path: Path) -> None:
    house = HouseKit(tmp_path, policy=calm(workflow_dialling=None))
    call = house.press("1", source=rule().source)
    assert (call.state, call.code, house.shelf.activities) == (State.REFUSED, "workflow_dialling_off", {})
    house.close()


def test_it_lets_one_of_two_calls_of_the_same_member_through(house: HouseKit) -> None:
    """The second is judged inside its own gate, after the first one's commit: not by what it read before."""
    house.shelf.reads.append(lambda: house.press("2"))
    outer = house.press("1")
    assert (outer.state, outer.code) == (State.PLANNED, "member_busy")
    assert house.desk.rung == [number_of("2")]


# -- Caps ----------------------------------------------------------------------------------------------------


def test_a_customer_is_rung_so_often_a_day_and_no_more(house: HouseKit) -> None:
    house.change_policy(caps=Caps(customer_per_day=2))
    states = []
    for _ in range(3):
        states.append(house.press("1").state)
        house.clock.advance(minutes=10)
    assert states == [State.PLACED, State.PLACED, State.REFUSED]
    house.clock.advance(hours=12)  # past midnight in India
    assert house.press("1").state is State.PLACED


def test_a_member_has_so_many_calls_a_day_and_no_more(house: HouseKit) -> None:
    house.change_policy(caps=Caps(member_per_day=1), member_busy=MemberBusy.IGNORE)
    house.press("1")
    refused = house.press("2")
    assert (refused.state, refused.code) == (State.REFUSED, "cap_member_per_day")


def test_rules_are_paced_and_a_person_overtakes_them(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1), member_busy=MemberBusy.IGNORE)
    first, second = (house.press(each, source=rule().source) for each in ("1", "2"))
    person = house.press("3")
    assert (first.state, second.state, person.state) == (State.PLACED, State.DEFERRED, State.PLACED)
    assert second.message is not None and second.message.endswith("Contact 2 waits its turn.")
    house.look(minutes=1)
    assert house.call(second.id).state is State.PLACED
    assert house.desk.rung == [number_of(each) for each in ("1", "3", "2")]


def test_a_rules_call_waits_for_a_free_channel(house: HouseKit) -> None:
    house.change_policy(caps=Caps(channels=2), member_busy=MemberBusy.IGNORE)
    first = house.press("1")
    waiting = house.press("2", source=rule().source)
    assert (waiting.state, waiting.code) == (State.DEFERRED, "cap_channels")
    house.look(6)
    assert house.call(waiting.id).state is State.DEFERRED
    house.hear(report(first, house.clock))
    house.look(6)
    assert house.call(waiting.id).state is State.PLACED


def test_calling_stops_when_the_days_coins_are_spent(house: HouseKit) -> None:
    house.change_policy(daily_coins=Decimal(3), member_busy=MemberBusy.IGNORE)
    house.hear(report(house.press("1"), house.clock, coins="2.5"))
    house.hear(report(house.press("2"), house.clock, coins="none"))
    assert house.press("3").state is State.PLACED
    house.hear(report(house.press("4"), house.clock, coins="0.5"))
    refused = house.press("5")
    assert (refused.state, refused.code) == (State.REFUSED, "daily_coins")


def test_a_kind_of_number_nobody_allowed_is_not_rung(house: HouseKit) -> None:
    house.shelf.contact("1")["mobile"] = "1800 11 1109"
    refused = house.press("1")
    assert (refused.state, refused.code, house.desk.rung) == (State.REFUSED, "customer_number_unusable", [])
