"""How many are before a call that waits, and when its turn is expected: from what really holds it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from house_kit import INDIA, HouseKit, calm, live_event, report, rule

from connector.errors import NotPlaced, TryAgain
from connector.forecast import Forecast, Place
from connector.model import Call, Source, State
from connector.policy import PRESETS, Caps, MemberBusy

pytestmark = pytest.mark.both_engines

RULE = Source.RULE


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, policy=calm(member_busy=MemberBusy.IGNORE, recall_gap=0))
    yield kit
    kit.close()


def place(house: HouseKit, call: Call) -> Place:
    found = Forecast(house.journal, house.connections).place(house.call(call.id))
    assert found is not None
    return found


def fire(house: HouseKit, *numbers: int) -> list[Call]:
    """One rule firing after the other, a hundredth of a second apart."""
    fired = []
    for number in numbers:
        house.clock.advance(0.01)
        fired.append(house.press(str(number), source=RULE))
    return fired


def told(house: HouseKit, calls: list[Call]) -> list[str]:
    return [place(house, call).text for call in calls]


def test_it_tells_each_its_minute_by_the_cap(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=2))
    calls = fire(house, *range(1, 8))
    assert [call.state for call in calls[:3]] == [State.PLACED, State.PLACED, State.DEFERRED]
    waiting = [place(house, call) for call in calls[2:]]
    assert [each.ahead for each in waiting] == [0, 1, 2, 3, 4]
    minutes = [each.expected_at.minute for each in waiting if each.expected_at]
    assert minutes == [31, 31, 32, 32, 33]  # 12:00 in India is half past six
    assert [each.wait_seconds for each in waiting] == [60, 60, 120, 120, 180]
    assert waiting[4].text == "5th in line, about 3 minutes."
    assert waiting[0].plain() == {
        "ahead": 0,
        "position": 1,
        "wait_seconds": 60,
        "expected_at": "2026-03-02T06:31:00+00:00",
        "not_before": None,
        "until": house.call(calls[2].id).expires_at.isoformat(),
        "text": "1st in line, about 60 seconds.",
    }


def test_what_it_tells_comes_true(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=2))
    calls = fire(house, *range(1, 8))
    expected = {call.id: place(house, call).expected_at for call in calls[2:]}
    for _ in range(12):
        house.look(20)
    dialled = {call.id: house.call(call.id).dialled_at for call in calls[2:]}
    for call_id, at in dialled.items():
        assert at is not None and timedelta(0) <= at - expected[call_id] < timedelta(seconds=20)


def test_it_tells_nothing_of_a_call_that_does_not_wait(house: HouseKit) -> None:
    assert Forecast(house.journal, house.connections).place(house.press("1")) is None


def test_it_tells_what_waits_for_the_morning_when_that_is_and_how_many_are_before(house: HouseKit) -> None:
    house.change_policy(quiet_hours=PRESETS["recovery"], caps=Caps(rule_per_minute=1))
    house.clock.advance(hours=10)
    calls = fire(house, 1, 2, 3)
    assert told(house, calls) == [
        "1st in line, not before 08:00 on Tue 03 Mar.",
        "2nd in line, not before 08:00 on Tue 03 Mar, expected at about 08:01 on Tue 03 Mar.",
        "3rd in line, not before 08:00 on Tue 03 Mar, expected at about 08:02 on Tue 03 Mar.",
    ]
    morning = datetime(2026, 3, 3, 8, 0, tzinfo=INDIA)
    assert (place(house, calls[0]).not_before, place(house, calls[0]).expected_at) == (morning, morning)


def test_it_counts_by_the_calls_of_the_member_who_talks(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    house.shelf.contact("7")["owner"] = {"phone": "+919876500102", "email": ""}
    house.shelf.contact("8")["owner"] = {"phone": "+919876500102", "email": ""}
    talking, _ = (house.press(each) for each in ("1", "7"))
    calls = fire(house, 2, 8, 3, 4)
    house.look()
    house.look(5)
    assert told(house, calls) == [
        "1st in line, any moment.",
        "2nd in line, any moment.",
        "3rd in line (2nd for this member), about 60 seconds.",
        "4th in line (3rd for this member), about 2 minutes.",
    ]
    house.hear(report(talking, house.clock))
    house.look()
    assert house.call(calls[0].id).state is State.PLACED
    assert told(house, calls[1:])[1] == "2nd in line, any moment."


def test_it_goes_by_how_long_calls_took_where_channels_are_short(house: HouseKit) -> None:
    house.change_policy(caps=Caps(channels=2))
    calls = fire(house, *range(1, 6))
    assert [place(house, call).wait_seconds for call in calls[1:]] == [60, 120, 180, 240]
    house.hear(report(calls[0], house.clock))
    house.look(1)
    house.hear(report(house.call(calls[1].id), house.clock))  # it took 50 seconds, says the report
    assert [place(house, call).wait_seconds for call in calls[2:]] == [0, 50, 100]


def test_it_goes_by_how_the_line_has_moved_once_that_is_known(house: HouseKit) -> None:
    house.change_policy(caps=Caps(channels=2))
    calls = fire(house, *range(1, 20))
    for number in range(7):
        house.clock.advance(10)
        house.hear(report(house.call(calls[number].id), house.clock))
        house.look()
    # Six came out of it in the last seventy seconds, the first of them ten seconds after it began.
    last = place(house, calls[-1])
    assert last.ahead == 10
    assert last.wait_seconds is not None and 70 <= last.wait_seconds <= 110


def test_it_says_when_the_turn_may_come_too_late(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1), deferred_for_at_most=600)
    calls = fire(house, *range(1, 15))
    assert told(house, calls[1:])[-1] == (
        "13th in line; its turn may not come before 12:10, when it is given up."
    )


def test_it_says_that_dialling_is_paused_and_forecasts_nothing(house: HouseKit) -> None:
    house.change_policy(caps=Caps(rule_per_minute=1))
    calls = fire(house, 1, 2, 3)
    house.journal.set_flag("paused", "operator")
    paused = place(house, calls[2])
    assert (paused.text, paused.expected_at, paused.wait_seconds) == (
        "Dialling is paused. 2nd in line.",
        None,
        None,
    )


def test_it_says_nothing_of_time_where_nothing_tells(house: HouseKit) -> None:
    calls = [house.flow.accept(rule(str(number))).call for number in range(2)]
    by_order = sorted(calls, key=lambda call: call.id)
    assert told(house, by_order) == ["1st in line, any moment.", "2nd in line."]


def test_it_tells_a_person_that_the_member_is_waited_for(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    house.hear(live_event(house.press("1"), house.clock))
    waiting = []
    for number in ("2", "3"):
        house.clock.advance(1)
        waiting.append(house.press(number, user=number))
    assert told(house, waiting) == [
        "Rings as soon as the member is free, until 12:01:01 at the latest.",
        "Rings as soon as the member is free, behind 1 more, until 12:01:02 at the latest.",
    ]


def test_it_tells_when_a_rules_call_is_tried_again(house: HouseKit) -> None:
    house.shelf.reads.append(TryAgain("crm_failed", "The CRM failed."))
    not_read = house.press("1", source=RULE)
    assert place(house, not_read).text == "Tried again at 12:00:01."
    house.desk.next.append(NotPlaced("callerdesk_unreachable", "CallerDesk could not be reached."))
    not_placed = house.press("2", source=RULE)
    assert place(house, not_placed).text == "Tried again at 12:00:05."
    house.clock.advance(7)
    assert place(house, not_placed).text == "Next, in a moment."


def test_ordinals_are_written_as_people_say_them(house: HouseKit) -> None:
    from connector.forecast import _ordinal

    spoken = [_ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 1003)]
    assert spoken == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th",
                      "1003rd"]  # fmt: skip
