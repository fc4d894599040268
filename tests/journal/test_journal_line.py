"""What may be asked of the line that rules' calls wait in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from house_kit import HouseKit, calm, click, report, rule

from connector.journal import line
from connector.model import Call, Source, State
from connector.policy import QuietHours

pytestmark = pytest.mark.both_engines


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, policy=calm(recall_gap=0))
    yield kit
    kit.close()


def test_it_tells_how_many_are_before_a_call_in_all_and_for_its_member(house: HouseKit) -> None:
    house.shelf.contact("3")["owner"] = {"phone": "+919876500102", "email": "divya@example.test"}
    house.press("9")  # both members talk
    house.shelf.contact("8")["owner"] = house.shelf.contact("3")["owner"]
    house.press("8")
    waiting = []
    for record_id in ("1", "2", "3", "4"):
        house.clock.advance(1)
        waiting.append(house.press(record_id, source=Source.RULE))
    assert {call.state for call in waiting} == {State.DEFERRED}
    assert [house.journal.before(call).ahead for call in waiting] == [0, 1, 2, 3]
    house.look()  # all are read, so that their members are known
    told = [house.journal.before(house.call(call.id)) for call in waiting]
    assert [(each.ahead, each.of_member) for each in told] == [(0, 0), (1, 1), (2, 0), (3, 2)]


def test_it_tells_how_many_people_wait_for_a_member_since_before_one(house: HouseKit) -> None:
    house.press("9")
    waiting = []
    for record_id in ("1", "2", "3"):
        house.clock.advance(1)
        waiting.append(house.press(record_id, user=record_id))
    assert {call.state for call in waiting} == {State.PLANNED}
    assert [house.journal.people_before(call) for call in waiting] == [0, 1, 2]


def test_its_pace_is_told_by_the_calls_that_came_out_of_it(house: HouseKit) -> None:
    talking = house.press("9")
    waiting = house.press("1", source=Source.RULE)
    empty = house.journal.sample("shop")
    assert (list(empty.dialled_at), list(empty.seconds)) == ([], [])
    house.hear(report(talking, house.clock))
    house.look()
    placed = house.call(waiting.id)
    assert placed.state is State.PLACED
    under_way = house.journal.sample("shop")
    assert (list(under_way.dialled_at), list(under_way.seconds)) == ([placed.dialled_at], [])
    house.hear(report(placed, house.clock))
    assert list(house.journal.sample("shop").seconds) == [50]
    assert list(house.journal.sample("odoo").dialled_at) == []


def test_who_has_no_plan_yet_waits_for_no_member(house: HouseKit) -> None:
    house.press("9")
    waiting = house.press("1")
    assert waiting.state is State.PLANNED
    assert house.journal.people_before(replace(waiting, id="z", plan=None)) == 0
    assert house.journal.people_before(replace(waiting, id="z")) == 1


def rules_in_line(house: HouseKit, number: int, connection: str = "shop") -> list[Call]:
    accepted = []
    for _ in range(number):
        house.clock.advance(1)
        record_id = str(len(house.journal.latest(1000)) + 1)
        accepted.append(house.flow.accept(replace(rule(record_id), connection=connection)).call)
    return accepted


def test_a_line_is_one_connections(house: HouseKit) -> None:
    house.connections["odoo"] = replace(house.shop, name="odoo")
    with house.journal.transaction() as tx:
        assert [line.anybody(tx, name) for name in ("shop", "odoo")] == [False, False]
    (first,) = rules_in_line(house, 1, "odoo")
    with house.journal.transaction() as tx:
        assert [line.anybody(tx, name) for name in ("shop", "odoo")] == [False, True]
        assert line.firsts(tx, "shop", 5) == []
        assert [each.call_id for each in line.firsts(tx, "odoo", 5)] == [first.id]
    assert house.journal.lines() == ["odoo"]


def test_those_whose_wait_is_over_are_found_from_that_moment_on(house: HouseKit) -> None:
    house.connections["odoo"] = replace(house.shop, name="odoo")
    first, second = rules_in_line(house, 2)
    rules_in_line(house, 1, "odoo")
    house.clock.advance((first.expires_at - house.clock.now).total_seconds() - 0.1)
    with house.journal.transaction() as tx:
        assert line.over(tx, "shop") == []
    house.clock.advance(0.1)
    with house.journal.transaction() as tx:
        assert line.over(tx, "shop") == [first.id]
    house.clock.advance(1)
    with house.journal.transaction() as tx:
        assert sorted(line.over(tx, "shop")) == sorted([first.id, second.id])


def test_it_counts_those_of_a_connection_on_their_way_to_the_gate(house: HouseKit) -> None:
    house.connections["odoo"] = replace(house.shop, name="odoo")
    with house.journal.transaction() as tx:
        assert line.under_way(tx, "shop") == 0
    house.flow.accept(rule("1"), owner="w1.a")
    house.flow.accept(rule("2"), owner="w1.b")
    house.flow.accept(replace(rule("3"), connection="odoo"), owner="w1.c")
    house.flow.accept(click("4"), owner="w1.d")
    rules_in_line(house, 1)
    with house.journal.transaction() as tx:
        assert [line.under_way(tx, name) for name in ("shop", "odoo")] == [2, 1]


def test_those_who_slept_stand_up_when_their_moment_has_come(house: HouseKit) -> None:
    house.change_policy(quiet_hours=QuietHours(time(11), time(13)))
    asleep = house.press("1", source=Source.RULE)
    assert asleep.due_at is not None
    house.clock.advance((asleep.due_at - house.clock.now).total_seconds() - 0.1)
    assert house.journal.somebody_awakes() is False
    with house.journal.transaction() as tx:
        assert line.stand_up(tx) == 0
    house.clock.advance(0.1)
    assert house.journal.somebody_awakes() is True
    with house.journal.transaction() as tx:
        assert (line.stand_up(tx), line.stand_up(tx)) == (1, 0)
    assert house.call(asleep.id).due_at == asleep.expires_at


def test_the_first_of_each_member_is_told_with_what_holds_it_back(house: HouseKit) -> None:
    house.shelf.contact("4")["owner"] = {"phone": "+919876500102", "email": "divya@example.test"}
    house.shelf.contact("8")["owner"] = house.shelf.contact("4")["owner"]
    talking, other = house.press("9"), house.press("8")
    waiting = []
    for record_id in ("1", "2", "4"):
        house.clock.advance(1)
        waiting.append(house.press(record_id, source=Source.RULE))
    house.look()  # all are read, so that their members are known
    house.press("3")  # a person waits for the first member
    (unread,) = rules_in_line(house, 1)
    until = [house.call(call.id).expires_at.timestamp() for call in waiting]
    with house.journal.transaction() as tx:
        found = line.firsts(tx, "shop", 5)
        assert line.firsts(tx, "shop", 0) == found[:-1]
    assert found == [
        line.First(waiting[0].id, until[0], busy=True, wanted=True),
        line.First(waiting[2].id, until[2], busy=True, wanted=False),
        line.First(unread.id, unread.expires_at.timestamp()),
    ]
    house.hear(report(other, house.clock))
    with house.journal.transaction() as tx:
        busy = {first.call_id: first.busy for first in line.firsts(tx, "shop", 0)}
    assert busy == {waiting[0].id: True, waiting[2].id: False}
    assert house.call(talking.id).state is State.PLACED
