"""Rules' calls wait in line: in order, behind people, for as long as they may and no longer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import INDIA, HouseKit, calm, live_event, number_of, report, rule

from connector.errors import NotPlaced, Refused, TryAgain
from connector.model import Call, Source, State
from connector.policy import Caps, MemberBusy, Policy, QuietHours, wait_ends
from connector.policy.hours import PRESETS
from connector.policy.pace import channels_for, for_rules

pytestmark = pytest.mark.both_engines

RULE = Source.RULE
NIGHT = Policy().quiet_hours
OTHER = "+919876500102"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, policy=calm(member_busy=MemberBusy.IGNORE, recall_gap=0))
    yield kit
    kit.close()


def fire(house: HouseKit, *numbers: int) -> list[Call]:
    fired = []
    for number in numbers:
        house.clock.advance(0.01)
        fired.append(house.press(str(number), source=RULE))
    return fired


def states(house: HouseKit, calls: list[Call]) -> Counter[State]:
    return Counter(house.call(call.id).state for call in calls)


# -- For as long as it may -----------------------------------------------------------------------------------


def test_a_night_of_firings_is_paced_out_in_the_morning_and_none_expires(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT, caps=Caps(rule_per_minute=2))
    house.clock.advance(hours=10)  # 22:00
    calls = fire(house, *range(1, 11))
    assert states(house, calls) == {State.DEFERRED: 10}
    house.look(hours=11)
    made = []
    for _ in range(5):
        made.append(len(house.desk.rung))
        house.look(60)
    assert made == [2, 4, 6, 8, 10]
    assert states(house, calls) == {State.PLACED: 10}
    assert house.desk.rung == [number_of(str(number)) for number in range(1, 11)]


def test_what_fires_by_day_and_has_no_turn_before_night_is_given_up_then(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT, caps=Caps(rule_per_minute=1))
    house.clock.advance(hours=8, minutes=58)  # 20:58
    calls = fire(house, *range(1, 6))
    house.look(60)
    assert states(house, calls) == {State.PLACED: 2, State.DEFERRED: 3}
    house.look(60)  # until 08:58 they may wait, and it is quiet until 09:00
    given_up = [house.call(call.id) for call in calls[2:]]
    assert {(call.state, call.code) for call in given_up} == {(State.EXPIRED, "waited_too_long")}
    assert len(house.desk.rung) == 2


def test_who_lets_calls_wait_longer_has_them_made_on_the_next_day(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT, caps=Caps(rule_per_minute=1), deferred_for_at_most=86_400)
    house.clock.advance(hours=8, minutes=59)
    calls = fire(house, 1, 2, 3)
    house.look(60)
    house.look(hours=12)
    house.look(60)
    assert states(house, calls) == {State.PLACED: 3}


@pytest.mark.parametrize(
    ("came", "ends"),
    [
        ("2026-03-02T12:00", "2026-03-03T00:00"),
        ("2026-03-02T22:00", "2026-03-03T21:00"),
        ("2026-03-03T03:00", "2026-03-03T21:00"),
        ("2026-03-03T09:00", "2026-03-03T21:00"),
    ],
)
def test_a_wait_is_counted_from_the_first_moment_the_call_might_have_rung(came: str, ends: str) -> None:
    def at(clock: str) -> datetime:
        return datetime.fromisoformat(clock).replace(tzinfo=INDIA)

    assert wait_ends(Policy(), "+919876500001", at(came)) == at(ends)
    assert wait_ends(Policy(), None, at(came)) == at(came) + timedelta(hours=12)
    assert wait_ends(Policy(quiet_hours=None), "+919876500001", at(came)) == at(came) + timedelta(hours=12)


def test_a_firing_that_comes_late_never_rings_however_long_others_may_wait(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    fire(house, 1, 2)
    late = house.press("3", source=RULE, clicked_at=house.clock.now - timedelta(seconds=60))
    just = house.press("4", source=RULE, clicked_at=house.clock.now - timedelta(seconds=59))
    assert (late.state, late.code) == (State.EXPIRED, "expired")
    assert (just.state, just.code) == (State.DEFERRED, "in_line")


def test_the_record_is_read_when_the_turn_comes_and_what_it_says_then_counts(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    calls = fire(house, 1, 2, 3)
    house.shelf.contact("2")["do_not_call"] = True
    house.shelf.contact("3")["mobile"] = number_of("33")
    house.look(60)
    house.look(60)
    house.look(60)
    assert house.call(calls[1].id).code == "refused_by_rule"
    assert house.desk.rung == [number_of("1"), number_of("33")]


def test_what_has_waited_is_not_dialled_long_after_its_gate(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    _, waiting = fire(house, 1, 2)
    gate = house.flow.gate

    def slow_commit(*args: Any) -> Call | None:
        passed = gate(*args)
        house.clock.advance(60)
        return passed

    house.flow.gate = slow_commit  # type: ignore[method-assign]
    house.look(60)
    assert house.call(waiting.id).state is State.EXPIRED
    assert house.desk.rung == [number_of("1")]


# -- In order ------------------------------------------------------------------------------------------------


def test_who_comes_while_others_wait_stands_behind_them(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    fire(house, 1, 2)
    house.clock.advance(60)  # there is room again, and nobody has looked yet
    newcomer = house.press("3", source=RULE)
    assert (newcomer.state, newcomer.code) == (State.DEFERRED, "in_line")
    house.look()
    house.look(60)
    assert house.desk.rung == [number_of(each) for each in ("1", "2", "3")]


def test_a_busy_member_holds_up_nobody_elses_calls(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    for number in range(20, 25):
        house.shelf.contact(str(number))["owner"] = {"phone": OTHER, "email": ""}
    house.hear(live_event(house.press("1"), house.clock))
    behind = fire(house, *range(2, 12))
    for number in range(20, 25):
        (call,) = fire(house, number)
        house.look()
        rung = house.call(call.id)
        assert rung.state is State.PLACED
        house.hear(report(rung, house.clock))
        house.clock.advance(1)
    assert states(house, behind) == {State.DEFERRED: 10}


def test_of_one_member_the_calls_follow_one_another(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    calls = fire(house, *range(1, 6))
    for number in range(5):
        assert len(house.desk.rung) == number + 1
        house.clock.advance(6)
        house.hear(report(house.call(calls[number].id), house.clock))
        house.look()
        house.look(6)
    assert house.desk.rung == [number_of(str(number)) for number in range(1, 6)]


def test_each_connections_line_moves_by_itself(house: HouseKit) -> None:
    from dataclasses import replace

    other = replace(house.shop, name="other")
    house.connections["other"] = other
    house.change_policy(caps=Caps(rule_per_minute=1))
    fire(house, 1, 2, 3)
    house.flow.accept(replace(rule("9"), connection="other"))
    house.look()
    assert house.desk.rung == [number_of("1"), number_of("9")]


def test_while_dialling_is_paused_nobody_leaves_the_line_and_then_it_goes_on(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    calls = fire(house, 1, 2, 3)
    house.journal.set_flag("paused", "operator")
    for _ in range(5):
        house.look(60)
    assert states(house, calls) == {State.PLACED: 1, State.DEFERRED: 2}
    house.journal.set_flag("paused", None)
    house.look()
    house.look(60)
    assert states(house, calls) == {State.PLACED: 3}


def test_a_call_in_line_can_be_cancelled_and_is_passed_over(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    calls = fire(house, 1, 2, 3)
    house.flow.verdicts.cancel(calls[1].id, who="link", detail="on its page", on_behalf_of="somebody")
    house.look(60)
    assert [house.call(call.id).state for call in calls] == [State.PLACED, State.CANCELLED, State.PLACED]
    for call in calls:
        with pytest.raises(Refused, match="only what was not dialled") as too_late:
            house.flow.verdicts.cancel(call.id, who="link", detail="", on_behalf_of="somebody")
        assert (too_late.value.code, too_late.value.status) == ("too_late", 409)


# -- Behind people -------------------------------------------------------------------------------------------


def test_rules_leave_people_channels_and_calls(house: HouseKit) -> None:
    house.change_policy(caps=Caps(channels=10))
    calls = fire(house, *range(1, 7))
    assert states(house, calls) == {State.PLACED: 4, State.DEFERRED: 2}
    assert house.press("20").state is State.PLACED
    assert house.press("21").code == "cap_channels"
    house.change_policy(caps=Caps(connection_per_minute=10))
    house.look(60)
    assert states(house, fire(house, *range(30, 40))) == {State.PLACED: 6, State.DEFERRED: 4}
    assert [house.press(str(number)).state for number in (40, 41)] == [State.PLACED, State.PLACED]
    assert house.press("42").code == "cap_connection_per_minute"


@pytest.mark.parametrize(
    ("kept", "cap", "calls"), [(20, 1, 1), (20, 2, 1), (20, 10, 8), (20, 11, 8), (0, 7, 7), (90, 7, 1)]
)
def test_what_is_kept_for_people_is_rounded_up_and_leaves_rules_one(kept: int, cap: int, calls: int) -> None:
    policy = Policy(kept_for_people=kept)
    assert for_rules(policy, cap) == calls
    assert channels_for(policy, 2 * cap + 1, RULE) == 2 * calls
    assert channels_for(policy, 2 * cap + 1, Source.BUTTON) == 2 * cap + 1


def test_a_person_who_waits_for_the_member_goes_before_the_rules_who_do(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    (talking, *_) = fire(house, 1, 2, 3)
    person = house.press("9", user="ravi@example.test")
    assert (person.state, person.code) == (State.PLANNED, "member_busy")
    house.hear(report(talking, house.clock))
    latecomer = house.press("4", source=RULE)
    assert latecomer.state is State.DEFERRED
    house.look()
    assert house.desk.rung == [number_of("1"), number_of("9")]


def test_a_rule_at_the_gate_gives_way_to_a_person_who_waits_for_the_member(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    talking = house.press("1")
    person = house.press("9", user="ravi@example.test")
    house.shelf.reads.append(lambda: house.hear(report(talking, house.clock)))
    by_rule = house.press("2", source=RULE)
    assert (by_rule.state, by_rule.code) == (State.DEFERRED, "member_busy")
    assert by_rule.message is not None and by_rule.message.startswith("A person's own call for the member")
    house.look()
    assert house.call(person.id).state is State.PLACED


# -- While the far ends are away -----------------------------------------------------------------------------


def test_while_the_crm_is_away_no_more_leave_the_line_than_may_be_under_way(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=3))
    calls = fire(house, *range(1, 13))
    asked = []

    def away() -> None:
        asked.append(house.clock.seconds)
        house.shelf.reads.append(away)
        raise TryAgain("crm_failed", "The CRM failed.")

    house.shelf.reads.append(away)
    for _ in range(20):
        house.look(30)
    assert states(house, calls) == {State.PLACED: 3, State.ACCEPTED: 3, State.DEFERRED: 6}
    assert len(asked) <= 3 * 21
    house.shelf.reads.clear()
    for _ in range(5):
        house.look(60)
    assert states(house, calls) == {State.PLACED: 12}


def test_what_has_waited_and_was_not_placed_is_read_again_before_it_is_tried_again(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    _, waiting = fire(house, 1, 2)
    house.desk.next.append(NotPlaced("callerdesk_unreachable", "CallerDesk could not be reached."))
    house.look(60)
    assert house.call(waiting.id).state is State.ACCEPTED
    house.shelf.contact("2")["mobile"] = number_of("22")
    house.look(5)
    assert house.call(waiting.id).state is State.PLACED
    assert house.desk.rung == [number_of("1"), number_of("22")]


def test_a_call_that_waits_keeps_its_place_over_a_restart(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    calls = fire(house, 1, 2, 3)
    next_day = house.another()
    next_day.journal.release_dead()
    next_day.look(60)
    assert [next_day.call(call.id).state for call in calls] == [State.PLACED, State.PLACED, State.DEFERRED]
    next_day.close()


def test_a_preset_window_is_waited_for_by_the_customers_clock(house: HouseKit) -> None:
    house.change_policy(quiet_hours=PRESETS["recovery"])
    house.clock.advance(hours=8)  # 20:00
    (call,) = fire(house, 1)
    assert call.due_at == datetime(2026, 3, 3, 8, 0, tzinfo=INDIA)
    assert call.expires_at == datetime(2026, 3, 3, 20, 0, tzinfo=INDIA)
    assert isinstance(house.policy.quiet_hours, QuietHours)
