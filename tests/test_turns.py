"""Who leaves the line: the first who came, a fair share of each, and no more than the caps let through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from far_ends import INDIA
from house_kit import HouseKit, calm, report, rule

from connector.flow import READ_LEASE
from connector.journal import line as lines
from connector.model import Call, Source, State
from connector.policy import Caps, MemberBusy, QuietHours
from connector.turns import Turns

pytestmark = pytest.mark.both_engines


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, policy=calm(caps=Caps(), member_busy=MemberBusy.IGNORE))
    kit.connections["odoo"] = replace(kit.shop, name="odoo")
    yield kit
    kit.close()


@pytest.fixture
def turns(house: HouseKit) -> Turns:
    return Turns(house.flow)


def stand(house: HouseKit, number: int, connection: str = "shop") -> list[Call]:
    """So many of a connection's rule calls stand in its line, one after the other."""
    standing = []
    for _ in range(number):
        house.clock.advance(1)
        record_id = str(len(house.journal.latest(1000)) + 1)
        standing.append(house.flow.accept(replace(rule(record_id), connection=connection)).call)
    assert {call.state for call in standing} == {State.DEFERRED}
    return standing


def ids(calls: list[Call]) -> list[str]:
    return [call.id for call in calls]


def test_who_came_first_is_let_out_first(house: HouseKit, turns: Turns) -> None:
    standing = stand(house, 3)
    assert ids(turns.take(2)) == ids(standing[:2])
    assert ids(turns.take(2)) == ids(standing[2:])
    assert turns.take(2) == []


def test_who_is_let_out_is_claimed_to_be_read_and_its_story_says_so(house: HouseKit, turns: Turns) -> None:
    stand(house, 1)
    (call,) = turns.take(1)
    assert call == house.call(call.id)
    assert (call.state, call.attempts, call.due_at) == (State.READING, 1, house.clock.now + READ_LEASE)
    assert call.owner is not None and call.owner.startswith("w1.")
    told = [(event.to_state, event.who, event.detail) for event in house.journal.story(call.id)[-2:]]
    assert told == [
        (State.ACCEPTED, "dispatcher", "its turn has come"),
        (State.READING, "dispatcher", "at once"),
    ]


def test_who_was_planned_before_is_read_again(house: HouseKit, turns: Turns) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    talking = house.press("1")
    waiting = house.press("2", source=Source.RULE)
    assert (waiting.state, waiting.plan is not None) == (State.DEFERRED, True)
    house.hear(report(talking, house.clock))
    (call,) = turns.take(1)
    assert (call.id, call.attempts) == (waiting.id, waiting.attempts + 1)
    assert house.journal.story(call.id)[-1].detail == "the record is read again"


def test_nobody_is_let_out_where_nobody_is_free_to_run_it(house: HouseKit, turns: Turns) -> None:
    (call,) = stand(house, 1)
    assert turns.take(0) == turns.take(-1) == []
    assert house.call(call.id).state is State.DEFERRED


def test_it_knows_whether_anybody_may_be_waiting(house: HouseKit, turns: Turns) -> None:
    assert turns.somebody_waits is False
    turns.take(1)
    assert turns.somebody_waits is False
    turns.take(0)
    assert turns.somebody_waits is True  # for all it knows
    turns.take(1)
    assert turns.somebody_waits is False
    stand(house, 1)
    turns.take(1)
    assert turns.somebody_waits is True


def test_every_line_has_its_share_and_another_one_is_first_each_time(house: HouseKit, turns: Turns) -> None:
    stand(house, 5)
    stand(house, 5, "odoo")
    taken = [[call.connection for call in turns.take(3)] for _ in range(3)]
    assert taken == [
        ["shop", "shop", "odoo"],
        ["odoo", "odoo", "shop"],
        ["shop", "shop", "odoo"],
    ]


def test_what_a_short_line_leaves_is_the_others(house: HouseKit, turns: Turns) -> None:
    stand(house, 1)
    stand(house, 5, "odoo")
    assert [call.connection for call in turns.take(4)] == ["shop", "odoo", "odoo", "odoo"]


def test_no_more_are_let_out_than_the_caps_have_room_for(house: HouseKit, turns: Turns) -> None:
    house.change_policy(caps=Caps(rule_per_minute=2))
    standing = stand(house, 4)
    assert ids(turns.take(10)) == ids(standing[:2])
    # These two are on their way to the gate: the room is theirs.
    assert turns.take(10) == []


def test_a_cap_counts_what_was_dialled(house: HouseKit, turns: Turns) -> None:
    house.change_policy(caps=Caps(rule_per_minute=2))
    assert house.press("9", source=Source.RULE).state is State.PLACED
    other, _ = house.dispatcher.accept(replace(rule("8"), connection="odoo"))
    assert house.call(other.id).state is State.PLACED  # its connection's cap is another
    standing = stand(house, 4)
    assert ids(turns.take(10)) == ids(standing[:1])


def test_who_waits_for_a_connection_that_was_removed_is_let_out_to_be_told(
    house: HouseKit, turns: Turns
) -> None:
    (call,) = stand(house, 1, "odoo")
    del house.connections["odoo"]
    assert ids(turns.take(5)) == [call.id]


@pytest.mark.parametrize(
    ("member_busy", "comes"), [(MemberBusy.DEFER, 0), (MemberBusy.REFUSE, 1), (MemberBusy.IGNORE, 1)]
)
def test_who_would_only_wait_for_a_member_stays_in_line(
    house: HouseKit, turns: Turns, member_busy: MemberBusy, comes: int
) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    house.press("1")
    assert house.press("2", source=Source.RULE).state is State.DEFERRED
    house.change_policy(member_busy=member_busy)
    assert len(turns.take(5)) == comes


@pytest.mark.parametrize(
    ("member_busy", "comes"), [(MemberBusy.DEFER, 0), (MemberBusy.REFUSE, 0), (MemberBusy.IGNORE, 1)]
)
def test_a_person_who_waits_for_the_member_goes_first(
    house: HouseKit, turns: Turns, member_busy: MemberBusy, comes: int
) -> None:
    house.change_policy(member_busy=MemberBusy.DEFER)
    talking = house.press("1")
    assert house.press("2", source=Source.RULE).state is State.DEFERRED
    assert house.press("3").state is State.PLANNED
    house.hear(report(talking, house.clock))
    house.change_policy(member_busy=member_busy)
    assert len(turns.take(5)) == comes


def test_whose_wait_is_over_expires_and_the_others_stay(house: HouseKit, turns: Turns) -> None:
    house.change_policy(deferred_for_at_most=3600)
    first, second = stand(house, 2)
    house.clock.advance((first.expires_at - house.clock.now).total_seconds())
    house.journal.set_flag("paused", "command line")
    assert turns.take(5) == []
    over = house.call(first.id)
    assert (over.state, over.code) == (State.EXPIRED, "waited_too_long")
    assert house.call(second.id).state is State.DEFERRED


def test_who_slept_until_a_moment_stands_in_line_when_it_has_come(house: HouseKit, turns: Turns) -> None:
    house.change_policy(quiet_hours=QuietHours(time(11), time(13)))
    asleep = house.press("1", source=Source.RULE)
    assert asleep.due_at is not None and asleep.due_at.astimezone(INDIA).time() == time(13)
    assert (turns.awake(), house.journal.lines()) == (False, [])
    house.clock.advance((asleep.due_at - house.clock.now).total_seconds())
    assert (turns.awake(), house.journal.lines()) == (False, ["shop"])
    assert house.call(asleep.id).due_at == asleep.expires_at


def test_when_as_many_awoke_as_are_put_in_line_at_once_there_may_be_more(
    house: HouseKit, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.change_policy(quiet_hours=QuietHours(time(11), time(13)))
    house.press("1", source=Source.RULE)
    house.clock.advance(hours=1)
    monkeypatch.setattr(lines, "BATCH", 1)
    assert turns.awake() is True
    assert turns.awake() is False


def test_of_many_lines_none_is_let_out_twice(house: HouseKit) -> None:
    standing = stand(house, 6)
    other = house.another()
    taken = ids(Turns(house.flow).take(4)) + ids(Turns(other.flow).take(4))
    assert sorted(taken) == sorted(ids(standing))
    other.close()


def test_those_who_let_out_take_turns(house: HouseKit, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(house, 1)
    keys: list[str] = []
    monkeypatch.setattr(house.journal.database, "serialise", lambda connection, key, shared: keys.append(key))
    assert len(turns.take(1)) == 1
    assert keys == ["line"]
