"""The table of legal transitions, looked at as a graph: what it cannot say, no code can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from house_kit import HouseKit, click

from connector.journal import PHASE, RESTING, VERDICT, IllegalMove
from connector.journal.states import LEGAL
from connector.model import State

#: The call may have rung: from here on nothing may ring it.
RANG = {State.PLACED, State.UNKNOWN, State.ENDED, State.ABANDONED}


def reached_from(start: State, without: tuple[State, State] | None = None) -> set[State]:
    seen: set[State] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        for there in LEGAL[here] - seen:
            if (here, there) != without:
                seen.add(there)
                ahead.append(there)
    return seen


def test_it_says_of_every_state_where_it_leads_and_what_the_timeline_shows() -> None:
    assert set(LEGAL) == set(PHASE) == set(State)


def test_there_is_one_way_into_dialling() -> None:
    assert [state for state in State if State.DIALLING in LEGAL[state]] == [State.PLANNED]


@pytest.mark.parametrize("state", sorted(RANG))
def test_nothing_leads_from_a_call_that_may_have_rung_to_another_dial(state: State) -> None:
    assert reached_from(state).isdisjoint(set(State) - RANG - {State.REFUSED})


def test_dialling_is_left_for_another_dial_only_when_no_connection_was_made() -> None:
    assert State.DIALLING not in reached_from(State.DIALLING, without=(State.DIALLING, State.PLANNED))


@pytest.mark.parametrize("state", sorted(RESTING - {State.ABANDONED}))
def test_what_rests_goes_nowhere_else(state: State) -> None:
    assert LEGAL[state] <= {state}


def test_every_state_can_come_to_rest() -> None:
    assert all(state in RESTING or reached_from(state) & RESTING for state in State)


def test_a_person_has_the_answer_in_every_state_that_rests() -> None:
    assert RESTING < VERDICT
    assert {State.ACCEPTED, State.READING, State.DIALLING}.isdisjoint(VERDICT)


def test_the_timeline_shows_whatever_may_have_rung() -> None:
    assert all(PHASE[state] is not None for state in RANG)


@pytest.fixture
def house(tmp_path: Path) -> HouseKit:
    return HouseKit(tmp_path)


@pytest.mark.parametrize("to", sorted(set(State) - LEGAL[State.ACCEPTED]))
def test_a_move_that_is_not_in_the_table_is_a_fault_of_ours(house: HouseKit, to: State) -> None:
    call = house.flow.accept(click()).call
    with pytest.raises(IllegalMove), house.journal.transaction() as tx:
        tx.move(call, State.ACCEPTED, to, who="test", detail="", due_at=tx.now)
    assert house.call(call.id).state is State.ACCEPTED


def test_a_state_on_the_way_must_be_legal_too(house: HouseKit) -> None:
    call = house.flow.accept(click(), owner="w1.a").call
    way = (State.PLACED, "test", "")
    with pytest.raises(IllegalMove), house.journal.transaction() as tx:
        tx.move(call, State.READING, State.ENDED, by_way_of=way, who="test", detail="")


@pytest.mark.parametrize(("to", "due"), [(State.EXPIRED, True), (State.READING, False)])
def test_a_row_has_a_due_time_exactly_while_it_does_not_rest(house: HouseKit, to: State, due: bool) -> None:
    call = house.flow.accept(click()).call
    with pytest.raises(IllegalMove, match="due time"), house.journal.transaction() as tx:
        tx.move(call, State.ACCEPTED, to, who="test", detail="", due_at=tx.now if due else None)


def test_a_move_and_its_event_are_committed_together_or_not_at_all(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    with pytest.raises(ZeroDivisionError), house.journal.transaction() as tx:
        assert tx.move(call, State.ACCEPTED, State.CANCELLED, who="admin", detail="cancelled")
        raise ZeroDivisionError
    assert house.call(call.id).state is State.ACCEPTED
    assert house.states(call.id) == [State.ACCEPTED]
