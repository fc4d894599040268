"""One change that a CRM tells of twice, on two records, is one call: the first record's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house_kit import HouseKit, Shelf, number_of

from connector.model import Click, Record, Source, State
from connector.policy import MemberBusy

FIRST, SECOND = "1", "2"
RULE = Source.RULE


class Pairs(Shelf):
    """A CRM that tells of record 1 just before it tells of record 2."""

    def same_change(self, click: Click, record: Record) -> Click | None:
        return replace(click, record_id=FIRST, delivery=None) if click.record_id == SECOND else None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    shelf = Pairs()
    kit = HouseKit(tmp_path, crm=shelf)
    kit.shelf = shelf
    yield kit
    kit.close()


def test_it_rings_for_the_first_record_only_and_writes_nothing_on_the_second(house: HouseKit) -> None:
    house.press(FIRST, source=RULE, delivery="a")
    second = house.press(SECOND, source=RULE, delivery="b")
    assert (second.state, second.code) == (State.REFUSED, "told_twice")
    assert second.message == (
        "Contact 2 changed together with Contact 1, and the call is made for that one. "
        "Nobody was rung for this one."
    )
    assert house.desk.rung == [number_of(FIRST)]
    assert house.shelf.shown(second.id) == []


def test_it_rings_for_the_second_record_when_it_is_told_of_alone(house: HouseKit) -> None:
    assert house.press(SECOND, source=RULE).state is State.PLACED


def test_it_rings_for_the_second_record_when_the_first_was_refused(house: HouseKit) -> None:
    house.shelf.contact(FIRST)["do_not_call"] = True
    assert house.press(FIRST, source=RULE).state is State.REFUSED
    assert house.press(SECOND, source=RULE).state is State.PLACED


def test_it_takes_a_later_change_for_one_of_its_own(house: HouseKit) -> None:
    house.press(FIRST, source=RULE)
    house.clock.advance(house.policy.repeat_window + 1)
    house.change_policy(member_busy=MemberBusy.IGNORE)
    assert house.press(SECOND, source=RULE).state is State.PLACED
