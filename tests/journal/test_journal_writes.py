"""The write lane: versions wanted and written, one writer at a time, dead letters that can come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from house_kit import HouseKit, report

from connector.errors import TryAgain
from connector.model import Call, State

pytestmark = pytest.mark.both_engines

LEASE = timedelta(seconds=30)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def behind(house: HouseKit) -> Call:
    """A placed call that the CRM does not show yet."""
    house.shelf.writes.append(TryAgain("crm_failed", "The shop answered 503."))
    return house.press("1")


def claim(house: HouseKit, call: Call, owner: str) -> bool:
    with house.journal.transaction() as tx:
        return tx.claim_write(call.id, owner, LEASE)


def test_of_twenty_threads_one_writes(house: HouseKit, behind: Call) -> None:
    start = threading.Barrier(20)

    def run(number: int) -> bool:
        start.wait(10)
        return claim(house, behind, f"w1.{number}")

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))).count(True) == 1


def test_a_writers_lease_ends(house: HouseKit, behind: Call) -> None:
    assert claim(house, behind, "w1.a")
    house.clock.advance(29.9)
    assert not claim(house, behind, "w2.b")
    house.clock.advance(0.1)
    assert [call.id for call in house.journal.due_writes(10)] == [behind.id]
    assert claim(house, behind, "w2.b")


def test_there_is_nothing_to_claim_when_all_is_written(house: HouseKit) -> None:
    call = house.press("1")
    assert (call.written, call.write_due_at) == (call.wanted, None)
    assert not claim(house, call, "w1.a")


def test_a_stale_writer_changes_nothing(house: HouseKit, behind: Call) -> None:
    claim(house, behind, "w1.slow")
    house.clock.advance(31)
    claim(house, behind, "w2.quick")
    before = house.call(behind.id)
    with house.journal.transaction() as tx:
        assert not tx.written(behind, "w1.slow", behind.wanted, "a-stale")
        tx.not_written(behind, "w1.slow", "stale", None)
    assert house.call(behind.id) == before


def test_a_version_that_comes_during_a_write_is_written_next(house: HouseKit, behind: Call) -> None:
    claim(house, behind, "w1.a")
    house.hear(report(behind, house.clock))  # its own writer finds the row taken
    with house.journal.transaction() as tx:
        assert tx.written(behind, "w1.a", behind.wanted, "a9")
    now = house.call(behind.id)
    assert (now.wanted, now.written, now.write_due_at) == (2, 1, house.clock.now)
    assert [call.id for call in house.journal.due_writes(10)] == [behind.id]


def test_a_version_that_comes_while_an_older_one_is_given_up_is_not_given_up_with_it(
    house: HouseKit, behind: Call
) -> None:
    claim(house, behind, "w1.a")
    house.hear(report(behind, house.clock))
    with house.journal.transaction() as tx:
        tx.not_written(behind, "w1.a", "The shop has no such record.", None)
    now = house.call(behind.id)
    assert (now.write_dead, now.write_due_at) == (False, house.clock.now)


def test_what_was_given_up_is_neither_due_nor_behind_but_dead(house: HouseKit, behind: Call) -> None:
    claim(house, behind, "w1.a")
    with house.journal.transaction() as tx:
        tx.not_written(behind, "w1.a", "The shop has no such record.", None)
    house.clock.advance(days=30)
    assert house.journal.due_writes(10) == []
    assert (house.journal.health()["dead"], house.journal.health()["behind"]) == (1, 0)


def test_a_dead_letter_that_is_asked_for_again_is_due_and_leaves_the_dial_lane_alone(
    house: HouseKit, behind: Call
) -> None:
    claim(house, behind, "w1.a")
    with house.journal.transaction() as tx:
        tx.not_written(behind, "w1.a", "The shop has no such record.", None)
    dead = house.call(behind.id)
    house.journal.want_write(dead)
    now = house.call(behind.id)
    assert (now.write_dead, now.write_due_at, now.wanted) == (False, house.clock.now, dead.wanted + 1)
    lane = ("state", "owner", "due_at", "attempts", "dialled_at", "campid", "plan")
    assert [getattr(now, name) for name in lane] == [getattr(dead, name) for name in lane]
    assert house.journal.story(now.id)[-1].who == "admin"


def test_a_new_version_wakes_a_dead_letter(house: HouseKit, behind: Call) -> None:
    claim(house, behind, "w1.a")
    with house.journal.transaction() as tx:
        tx.not_written(behind, "w1.a", "The shop has no such record.", None)
    house.hear(report(behind, house.clock))
    now = house.call(behind.id)
    assert (now.state, now.write_dead, now.written) == (State.ENDED, False, now.wanted)


def test_the_dead_end_their_writes_too(house: HouseKit, behind: Call) -> None:
    claim(house, behind, "dead.1")
    house.journal.release_dead("dead.")
    assert [call.id for call in house.journal.due_writes(10)] == [behind.id]
    assert claim(house, behind, "w2.b")
