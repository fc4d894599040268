"""A CRM that waits for a call is told how it came out, at least once, also when nobody was rung."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_kit import Died, HouseKit, Shelf, calm, report, rule

from connector.errors import ConnectorError, Gone, TryAgain
from connector.model import Call, Outcome, State

pytestmark = pytest.mark.both_engines


class Waiting(Shelf):
    """A CRM whose rules wait for the call's end."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Call] = []
        self.telling: deque[ConnectorError | Died] = deque()

    def conclude(self, call: Call) -> None:
        if self.telling:
            raise self.telling.popleft()
        self.told.append(call)


@pytest.fixture
def crm() -> Waiting:
    return Waiting()


@pytest.fixture
def house(tmp_path: Path, crm: Waiting) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, crm=crm)
    yield kit
    kit.close()


def fire(house: HouseKit) -> Call:
    call, _ = house.dispatcher.accept(rule("1", awaited=True))
    house.look(1)
    return house.call(call.id)


def test_it_is_told_once_the_activity_shows_the_end_and_not_before(house: HouseKit, crm: Waiting) -> None:
    call = fire(house)
    assert (call.state, crm.told) == (State.PLACED, [])
    house.hear(report(call, house.clock))
    (told,) = crm.told
    assert told.ending is not None and told.ending.outcome is Outcome.ANSWERED
    now = house.call(call.id)
    assert now.written == now.wanted and now.activity_id == "a1"


def test_it_is_told_again_until_it_has_heard(house: HouseKit, crm: Waiting) -> None:
    call = fire(house)
    crm.telling.extend(
        [TryAgain("crm_failed", "It answered 503."), TryAgain("crm_failed", "It answered 503.")]
    )
    house.hear(report(call, house.clock))
    assert crm.told == [] and house.call(call.id).written < house.call(call.id).wanted
    house.look(2)
    house.look(4)
    assert len(crm.told) == 1 and house.call(call.id).written == house.call(call.id).wanted
    assert len(crm.activities) == 1


def test_another_process_tells_it_when_the_first_dies_of_it(house: HouseKit, crm: Waiting) -> None:
    call = fire(house)
    crm.telling.append(Died())
    house.hear(report(call, house.clock))
    other = HouseKit(house.folder, like=house, worker="w2", crm=crm)
    other.look(92)
    assert [told.id for told in crm.told] == [call.id]
    other.close()


def test_it_is_told_of_a_refusal_that_the_timeline_does_not_show(tmp_path: Path, crm: Waiting) -> None:
    house = HouseKit(tmp_path, crm=crm, policy=calm(workflow_dialling=None))
    call = fire(house)
    assert (call.state, call.code, call.written) == (State.REFUSED, "workflow_dialling_off", call.wanted)
    assert [(told.id, told.code) for told in crm.told] == [(call.id, "workflow_dialling_off")]
    assert crm.activities == {} and call.activity_id is None
    house.close()


def test_it_is_told_of_a_refusal_that_the_timeline_shows(house: HouseKit, crm: Waiting) -> None:
    crm.contact("1")["mobile"] = None
    call = fire(house)
    assert [told.code for told in crm.told] == [call.code] == ["customer_number_missing"]
    assert len(crm.activities) == 1


def test_it_is_told_of_a_record_that_cannot_be_read(house: HouseKit, crm: Waiting) -> None:
    crm.reads.append(Gone("record_not_found", "There is no such contact."))
    call = fire(house)
    assert (call.state, [told.code for told in crm.told]) == (State.FAILED, ["record_not_found"])
    assert crm.activities == {}


def test_it_is_told_even_if_the_activity_can_never_be_written(house: HouseKit, crm: Waiting) -> None:
    call = fire(house)
    crm.writes.extend([Gone("record_not_found", "There is no such contact.")] * 2)
    crm.telling.append(TryAgain("crm_failed", "It answered 503."))
    house.hear(report(call, house.clock))
    assert crm.told == [] and not house.call(call.id).write_dead
    crm.writes.extend([Gone("record_not_found", "There is no such contact.")] * 2)
    house.look(2)
    assert len(crm.told) == 1 and house.call(call.id).write_dead


def test_nobody_is_told_of_a_call_that_nobody_waits_for(house: HouseKit, crm: Waiting) -> None:
    call = house.press("1")
    house.hear(report(call, house.clock))
    assert house.call(call.id).state is State.ENDED and crm.told == []
