"""What may be asked of the line that rules' calls wait in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house_kit import HouseKit, calm, report

from connector.model import Source, State

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
