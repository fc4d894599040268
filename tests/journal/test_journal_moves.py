"""What one transaction does to a row: what a move changes, who hears of it, and what takes turns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from far_ends import MEMBER
from house_kit import HouseKit, click, rule
from sqlalchemy import bindparam, select

from connector.errors import TryAgain
from connector.journal import Transaction, reports
from connector.journal.rows import press_key
from connector.journal.tables import calls
from connector.model import Call, Click, Source, State
from connector.policy import MemberBusy

pytestmark = pytest.mark.both_engines

LEASE = timedelta(seconds=25)
LATER = timedelta(minutes=5)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What other processes are told."""
    told: list[str] = []
    monkeypatch.setattr(Transaction, "note", lambda tx, what: told.append(what))
    return told


@pytest.fixture
def turns(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """By what transactions take turns, and whether they share their turn."""
    taken: list[tuple[str, bool]] = []

    def serialise(connection: Any, key: str, shared: bool = False) -> None:
        taken.append((key, shared))

    monkeypatch.setattr(house.journal.database, "serialise", serialise)
    return taken


def move(house: HouseKit, call: Call | str, state: State, to: State, **more: Any) -> bool:
    with house.journal.transaction() as tx:
        due_at = (
            tx.now + LATER if to in (State.READING, State.PLANNED, State.PLACED, State.DIALLING) else None
        )
        return tx.move(call, state, to, **{"who": "test", "detail": "as told", "due_at": due_at, **more})


# -- Moves ---------------------------------------------------------------------------------------------------


def test_a_row_that_has_moved_on_is_not_moved_also_where_nobody_owns_it(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    assert move(house, call, State.ACCEPTED, State.CANCELLED)
    assert not move(house, call, State.ACCEPTED, State.READING)
    assert house.states(call.id) == [State.ACCEPTED, State.CANCELLED]


def test_a_move_changes_its_own_row_only(house: HouseKit) -> None:
    one, other = house.flow.accept(click("1")).call, house.flow.accept(click("2")).call
    assert move(house, one, State.ACCEPTED, State.CANCELLED)
    assert house.call(other.id).state is State.ACCEPTED


def test_a_move_lets_the_row_go_unless_it_is_kept(house: HouseKit) -> None:
    call = house.flow.accept(click(), owner="w1.a").call
    assert move(house, call, State.READING, State.PLANNED, owner="w1.a", keep_owner=True)
    assert house.call(call.id).owner == "w1.a"
    assert move(house, call, State.PLANNED, State.PLANNED, owner="w1.a")
    assert house.call(call.id).owner is None


def test_a_story_says_from_where_to_where_when_and_by_whom(house: HouseKit) -> None:
    call = house.flow.accept(click(user="ravi")).call
    house.clock.advance(2)
    way = (State.READING, "dispatcher", "taken up")
    assert move(house, call, State.ACCEPTED, State.PLANNED, by_way_of=way)
    told = [(e.from_state, e.to_state, e.who, e.detail) for e in house.journal.story(call.id)]
    assert told == [
        (None, State.ACCEPTED, "ravi", "Contact 1"),
        (State.ACCEPTED, State.READING, "dispatcher", "taken up"),
        (State.READING, State.PLANNED, "test", "as told"),
    ]
    assert [event.at for event in house.journal.story(call.id)][1:] == [house.clock.now] * 2


def test_the_transaction_knows_a_call_as_it_stands_in_it(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    with house.journal.transaction() as tx:
        tx.move(call, State.ACCEPTED, State.CANCELLED, who="test", detail="")
        now = tx.call(call.id)
        assert now is not None and now.state is State.CANCELLED
        assert tx.call("no such call") is None


@pytest.mark.parametrize(
    ("to", "write", "wanted"),
    [
        (State.PLACED, None, 1),
        (State.PLACED, False, 0),
        (State.PLANNED, None, 0),
        (State.PLANNED, True, 1),
    ],
)
def test_a_move_asks_for_a_version_when_its_state_is_shown_or_when_told_to(
    house: HouseKit, to: State, write: bool | None, wanted: int
) -> None:
    call = house.flow.accept(click(), owner="w1.a").call
    move(house, call, State.READING, State.PLANNED)
    move(house, call, State.PLANNED, State.DIALLING)
    house.clock.advance(3)
    assert move(house, call, State.DIALLING, to, write=write)
    now = house.call(call.id)
    since = house.clock.now if wanted else None
    assert (now.wanted, now.wanted_since, now.write_due_at) == (wanted, since, since)


@pytest.mark.parametrize(
    ("awaited", "by_id", "to", "wanted"),
    [
        (True, False, State.CANCELLED, 1),
        (False, False, State.CANCELLED, 0),
        (True, True, State.CANCELLED, 0),
        (True, False, State.READING, 0),
    ],
)
def test_a_call_that_its_crm_waits_for_is_shown_when_it_comes_to_its_end(
    house: HouseKit, awaited: bool, by_id: bool, to: State, wanted: int
) -> None:
    call = house.flow.accept(click(awaited=awaited)).call
    assert move(house, call.id if by_id else call, State.ACCEPTED, to)
    assert house.call(call.id).wanted == wanted


def test_a_row_that_rests_a_while_is_nobodys_and_one_that_moved_on_is_left(house: HouseKit) -> None:
    call = house.flow.accept(click(), owner="w1.a").call
    until = house.clock.now + LATER
    with house.journal.transaction() as tx:
        tx.rest(call, due_at=until)
    now = house.call(call.id)
    assert (now.owner, now.due_at, now.state) == (None, until, State.READING)
    move(house, call, State.READING, State.CANCELLED)
    with house.journal.transaction() as tx:
        tx.rest(call, due_at=until)
    assert house.call(call.id).due_at is None


def test_when_a_member_is_free_who_waits_for_them_is_due_and_nobody_else(
    house: HouseKit, notes: list[str]
) -> None:
    house.shelf.contact("3")["owner"] = {"phone": "+919876500102", "email": "divya@example.test"}
    house.shelf.contact("8")["owner"] = house.shelf.contact("3")["owner"]
    for record_id in ("9", "8"):
        house.press(record_id)
    waits, other = house.press("1", user="a"), house.press("3", user="b")
    taken = house.press("2", user="c")
    assert {call.state for call in (waits, other, taken)} == {State.PLANNED}
    house.clock.advance(0.1)
    with house.journal.transaction() as tx:
        tx.connection.bare.execute("UPDATE calls SET owner = 'w2.x' WHERE record_id = '2'")
    notes.clear()
    with house.journal.transaction() as tx:
        tx.member_free(MEMBER)
    assert [house.call(call.id).due_at for call in (waits, other, taken)] == [
        house.clock.now,
        other.due_at,
        taken.due_at,
    ]
    assert notes == ["due"]


# -- The write lane ------------------------------------------------------------------------------------------


@pytest.fixture
def behind(house: HouseKit) -> Call:
    house.shelf.writes.append(TryAgain("crm_failed", "The shop answered 503."))
    return house.press("1")


def test_a_writer_holds_the_activity_for_its_lease_and_each_try_counts(house: HouseKit, behind: Call) -> None:
    with house.journal.transaction() as tx:
        assert tx.claim_write(behind.id, "w1.a", LEASE)
    now = house.call(behind.id)
    assert (now.write_due_at, now.write_attempts) == (house.clock.now + LEASE, behind.write_attempts + 1)


def test_what_was_written_is_known_with_its_activity_and_no_error_stays(
    house: HouseKit, behind: Call
) -> None:
    with house.journal.transaction() as tx:
        assert tx.claim_write(behind.id, "w1.a", LEASE)
        assert tx.written(behind, "w1.a", behind.wanted, "a7") is False
    now = house.call(behind.id)
    assert (now.written, now.activity_id) == (behind.wanted, "a7")
    assert (now.write_attempts, now.write_error, now.write_due_at, now.write_dead) == (0, None, None, False)


def test_what_could_not_be_written_is_tried_again_then_by_anybody(house: HouseKit, behind: Call) -> None:
    again_at = house.clock.now + LATER
    with house.journal.transaction() as tx:
        assert tx.claim_write(behind.id, "w1.a", LEASE)
        tx.not_written(behind, "w1.a", "The shop is closed.", again_at)
    now = house.call(behind.id)
    assert (now.write_error, now.write_due_at, now.write_dead) == ("The shop is closed.", again_at, False)
    with house.journal.transaction() as tx:
        assert tx.claim_write(behind.id, "w2.b", LEASE)


def test_what_was_given_up_says_why(house: HouseKit, behind: Call) -> None:
    with house.journal.transaction() as tx:
        assert tx.claim_write(behind.id, "w1.a", LEASE)
        tx.not_written(behind, "w1.a", "The shop is closed.", None)
    now = house.call(behind.id)
    assert (now.write_error, now.write_dead, now.write_due_at) == ("The shop is closed.", True, None)


# -- Who hears of it -----------------------------------------------------------------------------------------


def test_a_note_is_told_once_a_transaction(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        tx.connection.notes = told = list[str]()
        for what in ("due", "verdict c1", "due"):
            tx.note(what)
        tx.connection.notes = []
    assert told == ["due", "verdict c1"]


def test_nothing_is_told_where_nobody_can_hear(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        tx.connection.notes = None
        tx.note("due")
        tx.connection.notes = []


@pytest.mark.parametrize(
    ("brought", "owner", "told"),
    [
        (click(), None, ["due"]),
        (click(), "w1.a", []),
        (rule(), None, ["due"]),
        (rule(), "w1.a", []),
        (click(clicked_at=datetime(2020, 1, 1, tzinfo=UTC)), None, []),
    ],
)
def test_others_hear_of_a_click_that_waits_to_be_taken_up(
    house: HouseKit, notes: list[str], brought: Click, owner: str | None, told: list[str]
) -> None:
    house.flow.accept(brought, owner=owner)
    assert notes == told
    house.flow.accept(brought, owner=owner)
    assert notes == told


@pytest.mark.parametrize(
    ("due_in", "keep_owner", "told"),
    [(0, False, ["due"]), (-1, False, ["due"]), (1, False, []), (0, True, [])],
)
def test_others_hear_of_a_row_that_is_due_at_once_and_nobodys(
    house: HouseKit, notes: list[str], due_in: int, keep_owner: bool, told: list[str]
) -> None:
    call = house.flow.accept(click(), owner="w1.a").call
    due_at = house.clock.now + timedelta(seconds=due_in)
    assert move(house, call, State.READING, State.PLANNED, due_at=due_at, keep_owner=keep_owner)
    assert notes == told


@pytest.mark.parametrize(
    ("source", "by_id", "to", "is_told"),
    [
        (Source.BUTTON, False, State.CANCELLED, True),
        (Source.BUTTON, False, State.PLANNED, False),
        (Source.RULE, False, State.CANCELLED, False),
        (Source.RULE, True, State.CANCELLED, True),
        (Source.BUTTON, True, State.CANCELLED, True),
    ],
)
def test_others_hear_of_a_verdict_that_a_person_may_wait_for(
    house: HouseKit, notes: list[str], source: Source, by_id: bool, to: State, is_told: bool
) -> None:
    call = house.flow.accept(click(source=source), owner="w1.a").call
    assert move(house, call.id if by_id else call, State.READING, to)
    assert notes == ([f"verdict {call.id}"] if is_told else [])


def test_others_hear_that_the_leases_of_the_dead_have_ended(house: HouseKit, notes: list[str]) -> None:
    house.flow.accept(click(), owner="dead.1")
    assert (house.journal.release_dead("alive."), notes) == (0, [])
    assert (house.journal.release_dead("dead."), notes) == (1, ["due"])


# -- What takes turns ----------------------------------------------------------------------------------------


def test_clicks_take_turns_by_who_pressed_for_whom(house: HouseKit, turns: list[tuple[str, bool]]) -> None:
    house.flow.accept(click(user="Ravi"))
    assert turns == [(press_key(click(user="Ravi")), False)]


def test_facts_take_turns_by_their_names(house: HouseKit, turns: list[tuple[str, bool]]) -> None:
    house.journal.set_flag("paused", "admin")
    house.journal.link_key()
    house.journal.keep_mapping("shop", "v1", "text")
    assert turns == [("flag paused", False), ("flag link_key", False), ("mapping versions", False)]


@pytest.mark.parametrize(
    ("campid", "coming", "taken"),
    [
        ("45", True, [("reports", True), ("report 45", False)]),
        ("45", False, [("report 45", False)]),
        (None, True, [("reports", False)]),
        (None, False, [("reports", False)]),
        ("", False, [("reports", False)]),
    ],
)
def test_a_webhook_and_the_call_that_looks_for_it_take_turns(
    house: HouseKit,
    turns: list[tuple[str, bool]],
    campid: str | None,
    coming: bool,
    taken: list[tuple[str, bool]],
) -> None:
    with house.journal.transaction() as tx:
        reports.in_turn(tx, campid, coming=coming)
    assert turns == taken


@pytest.mark.parametrize(
    ("by_database", "held_at", "moves"), [(True, 4_000.5, True), (False, 4_000.5, False), (True, None, False)]
)
def test_it_is_later_when_the_turn_has_come_where_the_server_says_so(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, by_database: bool, held_at: float | None, moves: bool
) -> None:
    monkeypatch.setattr(house.journal.database, "serialise", lambda *_: held_at)
    with house.journal.transaction() as tx:
        tx._by_database, before, ledger = by_database, tx.now, tx.ledger
        tx.serialise("gate")
        assert tx.now == (datetime.fromtimestamp(4_000.5, UTC) if moves else before)
        assert (tx.ledger is not ledger) is moves
        assert tx.ledger.paused() is False
        assert tx.ledger._now == tx.now


def test_a_value_that_was_forgotten_is_no_null(house: HouseKit) -> None:
    wanted = select(calls.c.id).where(calls.c.id == bindparam("id"))
    refused = house.journal.database.engine.dialect.loaded_dbapi.ProgrammingError
    with house.journal.database.read() as connection, pytest.raises(refused):
        connection.execute(wanted, {"ID": "c1"})


# -- Who owns what -------------------------------------------------------------------------------------------


def test_what_is_taken_is_what_is_due_at_the_moment_of_the_transaction(house: HouseKit) -> None:
    ids = [house.flow.accept(click(str(number))).call.id for number in range(3)]
    house.flow.accept(click("9"), owner="w1.a")
    with house.journal.transaction() as tx:
        taken = house.journal.take_due(tx, [State.ACCEPTED, State.READING], 10)
        assert sorted(call.id for call in taken) == sorted(ids)
        assert len(house.journal.take_due(tx, [State.ACCEPTED], 2)) == 2
        assert house.journal.take_due(tx, [State.READING], 10) == []


def test_the_leases_of_workers_that_are_gone_end_and_only_theirs(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    house.shelf.writes.append(TryAgain("crm_failed", "The shop answered 503."))
    written_by_it = house.press("5")
    theirs = house.flow.accept(click("1"), owner="w.dead.1").call
    others = [
        house.flow.accept(click(str(n)), owner=owner).call for n, owner in ((2, "w.deaf.1"), (3, "w.dead2.1"))
    ]
    with house.journal.transaction() as tx:
        assert tx.claim_write(written_by_it.id, "w.dead.2", LEASE)
    asked: set[str] = set()

    def is_gone(connection: Any, worker: str) -> bool:
        asked.add(worker)
        return worker == "w.dead"

    house.clock.advance(1)
    with house.journal.transaction() as tx:
        tx.connection.bare.execute(f"UPDATE calls SET due_at = {house.clock.seconds + 9}")
    before = house.journal.latest()
    monkeypatch.setattr(house.journal.database, "is_gone", lambda *_: False)
    assert (house.journal.release_gone(), house.journal.latest()) == (0, before)
    monkeypatch.setattr(house.journal.database, "is_gone", is_gone)
    assert house.journal.release_gone() == 2
    assert asked == {"w.dead", "w.deaf", "w.dead2"}
    assert house.call(theirs.id).due_at == house.clock.now
    assert house.call(written_by_it.id).write_due_at == house.clock.now
    assert {house.call(call.id).due_at for call in others} == {house.clock.now + timedelta(seconds=9)}


def test_a_write_that_is_asked_for_again_is_told_without_a_move(house: HouseKit) -> None:
    call = house.press("1")
    house.journal.want_write(call)
    told = house.journal.story(call.id)[-1]
    assert (told.from_state, told.to_state, told.who) == (State.PLACED, State.PLACED, "admin")


# -- Webhooks ------------------------------------------------------------------------------------------------


def test_a_parked_webhook_is_given_back_just_as_it_came(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        told = {"kind": "live", "campid": "45", "call_sid": "s1", "payload": {"a": "ä"}}
        assert reports.keep(tx, fingerprint="f1", call_id=None, **told)  # type: ignore[arg-type]
        assert reports.parked(tx, "45", tx.now) == [
            reports.Parked("f1", tx.now, "live", "45", "s1", {"a": "ä"})
        ]


def test_a_call_with_a_campid_is_not_looked_at_by_number(house: HouseKit) -> None:
    call = house.press("1")
    assert call.state is State.PLACED and call.campid and call.dialled_at
    with house.journal.transaction() as tx:
        assert reports.candidates(tx, call.dialled_at) == []


def test_the_latest_of_the_calls_with_one_campid_is_meant(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    house.press("1")
    house.clock.advance(60)
    second = house.press("2")
    with house.journal.transaction() as tx:
        tx.connection.bare.execute("UPDATE calls SET campid = '45'")
        found = reports.by_ids(tx, "45", None)
    assert found is not None and found.id == second.id
