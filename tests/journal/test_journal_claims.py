"""A claim is a lease: one owner at a time, and a row that is due is anybody's to take up again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from house_kit import NOON, HouseKit, click, rule

from connector.errors import JournalDown
from connector.model import Call, State

pytestmark = pytest.mark.both_engines

LEASE = timedelta(seconds=25)
LIFE = timedelta(seconds=60)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def claim(house: HouseKit, call: Call, owner: str) -> bool:
    with house.journal.transaction() as tx:
        return house.journal.claim(tx, call, owner, LEASE)


def test_of_twenty_threads_one_gets_the_row(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    start = threading.Barrier(20)

    def run(number: int) -> bool:
        start.wait(10)
        return claim(house, call, f"w1.{number}")

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(run, range(20)))
    assert won.count(True) == 1
    held = house.call(call.id)
    assert (held.owner, held.attempts) == (f"w1.{won.index(True)}", 1)
    assert held.due_at == NOON + LEASE


def test_a_row_is_not_taken_before_its_lease_has_ended(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    assert claim(house, call, "w1.a")
    house.clock.advance(24.9)
    assert not claim(house, call, "w2.b")
    house.clock.advance(0.1)
    assert claim(house, call, "w2.b")


def test_a_row_is_taken_only_in_the_state_it_was_seen_in(house: HouseKit) -> None:
    seen = house.flow.accept(click()).call
    with house.journal.transaction() as tx:
        tx.move(seen, State.ACCEPTED, State.READING, who="test", detail="", due_at=tx.now)
    assert not claim(house, seen, "w1.a")


def test_a_stale_owner_moves_nothing(house: HouseKit) -> None:
    """The slow worker comes back after another has taken the row over: whatever it holds is dropped."""
    slow = house.flow.accept(click(), owner="w1.slow").call
    house.clock.advance(26)
    assert claim(house, slow, "w2.quick")
    with house.journal.transaction() as tx:
        moved = tx.move(
            slow, State.READING, State.PLANNED, owner="w1.slow", who="test", detail="", due_at=tx.now
        )
    assert not moved
    now = house.call(slow.id)
    assert (now.state, now.owner) == (State.READING, "w2.quick")
    assert house.states(slow.id) == [State.ACCEPTED, State.READING]


def test_a_row_at_rest_is_never_due(house: HouseKit) -> None:
    call = house.press("1", clicked_at=NOON - timedelta(hours=1))
    house.clock.advance(days=30)
    assert house.journal.due(list(State), 10) == []
    assert not claim(house, call, "w1.a")


def test_a_person_goes_before_rules_and_then_the_oldest_goes_first(house: HouseKit) -> None:
    order = [rule("1"), rule("2"), click("3"), click("4")]
    ids = []
    for each in order:
        accepted = house.journal.accept(each, lifetime=LIFE, repeat_window=timedelta(0))
        ids.append(accepted.call.id)
        house.clock.advance(1)
    due = house.journal.due([State.ACCEPTED], 10)
    assert [call.id for call in due] == [ids[2], ids[3], ids[0], ids[1]]
    assert [call.id for call in house.journal.due([State.ACCEPTED], 3)] == [ids[2], ids[3], ids[0]]


def test_only_the_states_that_are_asked_for_are_due(house: HouseKit) -> None:
    house.flow.accept(click())
    assert house.journal.due([State.PLANNED, State.UNKNOWN], 10) == []


def test_it_knows_when_the_next_row_of_either_lane_is_due(house: HouseKit) -> None:
    assert house.journal.next_due() is None
    placed = house.press("1")
    assert house.journal.next_due() == placed.due_at
    house.journal.want_write(placed)
    assert house.journal.next_due() == house.clock.now


def test_the_leases_of_the_dead_end_at_once_and_those_of_others_stay(house: HouseKit) -> None:
    dead = house.flow.accept(click("1"), owner="dead.1").call
    alive = house.flow.accept(click("2"), owner="deaf.1").call
    free = house.flow.accept(click("3")).call
    assert house.journal.release_dead("dead.") == 1
    due = {call.id for call in house.journal.due(list(State), 10)}
    assert due == {dead.id, free.id}
    assert house.call(alive.id).due_at == alive.due_at


def test_a_prefix_is_no_pattern(house: HouseKit) -> None:
    house.flow.accept(click("1"), owner="w1.a")
    assert house.journal.release_dead("w_") == house.journal.release_dead("%") == 0


def test_it_counts_what_needs_a_look(house: HouseKit) -> None:
    house.flow.accept(click("1"))
    assert house.journal.health() == {"stuck": 0, "dead": 0, "behind": 0, "unknown": 0}
    house.clock.advance(10.1)
    assert house.journal.health()["stuck"] == 1
    assert house.journal.counts()[State.ACCEPTED] == 1
    assert set(house.journal.counts()) == set(State)


def test_a_row_that_lost_its_due_time_is_stuck_too(house: HouseKit) -> None:
    house.flow.accept(click("1"))
    with house.journal.transaction() as tx:
        tx.connection.bare.execute("UPDATE calls SET due_at = NULL")
    assert house.journal.health()["stuck"] == 1


def test_the_key_of_the_links_is_made_once_by_whoever_is_first(house: HouseKit) -> None:
    other = house.another()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda journal: journal.link_key(), [house.journal, other.journal] * 8))
    assert len(keys) == 1
    assert len(bytes.fromhex(keys.pop())) == 32
    other.close()


def test_a_flag_set_in_one_process_holds_in_the_other(house: HouseKit) -> None:
    other = house.another()
    house.journal.set_flag("paused", "command line")
    assert other.journal.flag("paused") == "command line"
    other.journal.set_flag("paused", None)
    assert house.journal.flag("paused") is None
    other.close()


def test_a_mapping_text_is_kept_once_for_each_version(house: HouseKit) -> None:
    for text in ("first", "second"):
        house.journal.keep_mapping("shop", "v1", text)
    with house.journal.database.read() as connection:
        rows = connection.bare.execute("SELECT text FROM mapping_versions WHERE version = 'v1'").fetchall()
    assert rows == [("first",)]


def test_a_mapping_text_is_kept_for_each_connection(house: HouseKit) -> None:
    house.clock.advance(5)
    for name in ("shop", "odoo"):
        house.journal.keep_mapping(name, "v1", f"of {name}")
    with house.journal.database.read() as connection:
        asked = "SELECT connection, version, text, first_used_at FROM mapping_versions ORDER BY connection"
        rows = [tuple(row) for row in connection.bare.execute(asked).fetchall()]
    at = house.clock.seconds
    assert rows == [("odoo", "v1", "of odoo", at), ("shop", "v1", "of shop", at)]


def test_a_flag_that_is_set_again_has_its_new_value_and_the_others_stay(house: HouseKit) -> None:
    house.journal.set_flag("paused", "admin")
    house.journal.set_flag("another", "one")
    house.clock.advance(5)
    house.journal.set_flag("paused", "operator")
    with house.journal.database.read() as connection:
        rows = connection.bare.execute("SELECT name, value, at FROM flags ORDER BY name").fetchall()
    at = house.clock.seconds
    assert [tuple(row) for row in rows] == [("another", "one", at - 5), ("paused", "operator", at)]


def test_the_key_of_the_links_that_another_has_just_made_is_taken(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, flag, asked = house.journal.link_key(), house.journal.flag, list[str]()

    def not_seen_yet(name: str) -> str | None:
        asked.append(name)
        return None if len(asked) == 1 else flag(name)

    monkeypatch.setattr(house.journal, "flag", not_seen_yet)
    assert (house.journal.link_key(), asked) == (key, ["link_key", "link_key"])


def test_it_lists_the_newest_calls_first_and_by_what_is_asked(house: HouseKit) -> None:
    ids = []
    for number in range(3):
        ids.append(house.flow.accept(click(str(number))).call.id)
        house.clock.advance(1)
    assert [call.id for call in house.journal.latest(2)] == [ids[2], ids[1]]
    assert house.journal.latest(connection="odoo") == house.journal.latest(state=State.PLACED) == []
    assert len(house.journal.latest(connection="shop", state=State.ACCEPTED)) == 3


@pytest.mark.sqlite
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    house = HouseKit(tmp_path)
    house.journal.close()
    for file in tmp_path.glob("journal.db*"):
        file.unlink()
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalDown, match="database cannot be used just now"):
        house.journal.get("x")
    with pytest.raises(JournalDown, match="database cannot be used just now"):
        house.flow.accept(click())


@pytest.mark.sqlite
def test_a_database_in_memory_is_refused() -> None:
    from connector.journal import Journal

    with pytest.raises(ValueError, match="needs a file"):
        Journal("sqlite://")
