"""What becomes of a dial: placed, refused, never connected, unclear, or the process that dialled is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from house_kit import Died, HouseKit, number_of, report, rule

from connector.callerdesk import Placed
from connector.errors import NotPlaced, Refused, Unclear
from connector.flow import DIAL_LEASE
from connector.model import Call, Outcome, Phase, State
from connector.outcomes import REPORT_OVERDUE, UNKNOWN_REST

pytestmark = pytest.mark.both_engines

NO_ANSWER = Unclear("callerdesk_no_answer", "CallerDesk did not answer: the phone may be ringing.")
UNREACHABLE = NotPlaced("callerdesk_unreachable", "CallerDesk could not be reached.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def test_a_refusal_by_callerdesk_is_final_and_counts_as_no_call(house: HouseKit) -> None:
    house.desk.next.append(Refused("callerdesk_low_coins", "The account has no coins left."))
    call = house.press("1")
    assert (call.state, call.code, call.dialled_at) == (State.REFUSED, "callerdesk_low_coins", None)
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.REFUSED]
    assert house.press("1").state is State.PLACED  # nobody was called recently


def test_a_person_is_told_when_no_connection_was_made(house: HouseKit) -> None:
    house.desk.next.append(UNREACHABLE)
    call = house.press("1")
    assert (call.state, call.code, house.desk.rung) == (State.REFUSED, "callerdesk_unreachable", [])


def test_a_rules_call_is_tried_again_when_no_connection_was_made(house: HouseKit) -> None:
    house.desk.next.extend([UNREACHABLE, UNREACHABLE])
    call = house.press("1", source=rule().source)
    assert (call.state, call.dialled_at) == (State.PLANNED, None)
    for _ in range(4):
        house.look(5)
    assert (house.call(call.id).state, house.desk.rung) == (State.PLACED, [number_of("1")])


def test_a_rules_call_that_never_gets_a_connection_ends_with_the_click(house: HouseKit) -> None:
    house.desk.next.extend([UNREACHABLE] * 30)
    call = house.press("1", source=rule().source)
    for _ in range(20):
        house.look(5)
    assert house.call(call.id).state in (State.REFUSED, State.EXPIRED)
    assert house.desk.rung == []


def test_an_unclear_dial_is_never_repeated(house: HouseKit) -> None:
    house.desk.next.append(NO_ANSWER)
    call = house.press("1", source=rule().source)
    assert (call.state, call.code, call.due_at) == (
        State.UNKNOWN,
        "callerdesk_no_answer",
        house.clock.now + UNKNOWN_REST,
    )
    for _ in range(40):
        house.look(minutes=10)
    assert house.desk.rung == [number_of("1")]
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.ENDED]


def test_an_unclear_dial_is_on_the_timeline_at_once(house: HouseKit) -> None:
    house.desk.next.append(NO_ANSWER)
    call = house.press("1")
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.UNKNOWN]


def test_a_process_that_died_before_its_gate_costs_nothing_but_time(house: HouseKit) -> None:
    house.shelf.reads.append(Died())
    call = house.press("1")
    assert call.state is State.READING
    other = house.another()
    other.look(26)
    assert (house.call(call.id).state, house.desk.rung) == (State.PLACED, [number_of("1")])
    other.close()


def test_a_process_that_died_while_it_dialled_is_never_followed_by_a_second_dial(house: HouseKit) -> None:
    house.desk.next.append(Died())
    call = house.press("1", source=rule().source)
    assert call.state is State.DIALLING
    other = house.another()
    other.look(DIAL_LEASE.total_seconds() - 0.1)
    assert house.call(call.id).state is State.DIALLING
    other.look(0.1)
    unknown = house.call(call.id)
    assert (unknown.state, unknown.code) == (State.UNKNOWN, "connector_stopped")
    other.look(minutes=5)
    assert house.desk.rung == [number_of("1")]
    other.close()


def late(house: HouseKit, meanwhile: HouseKit) -> Placed:
    """CallerDesk takes the call, but says so only after the dial's lease has ended."""
    meanwhile.look(DIAL_LEASE.total_seconds() + 1)
    return Placed("45719999", None, "Call to Customer Initiate Successfully..", {})


def test_a_reply_that_comes_after_the_lease_resolves_the_doubt(house: HouseKit) -> None:
    other = house.another()
    house.desk.next.append(lambda: late(house, other))
    call = house.press("1")
    assert (call.state, call.campid, call.code) == (State.PLACED, "45719999", None)
    assert house.states(call.id)[-2:] == [State.UNKNOWN, State.PLACED]
    assert call.due_at == house.clock.now + REPORT_OVERDUE
    assert len(house.shelf.shown(call.id)) == 1
    other.close()


def test_a_reply_that_comes_after_the_report_changes_nothing_more(house: HouseKit) -> None:
    other = house.another()

    def reported_meanwhile() -> Placed:
        placed = late(house, other)
        (unknown,) = house.journal.latest()
        assert house.hear(report(unknown, house.clock, campid="45719999")) is not None
        return placed

    house.desk.next.append(reported_meanwhile)
    call = house.press("1")
    assert call.ending is not None
    assert (call.state, call.ending.outcome) == (State.ENDED, Outcome.ANSWERED)
    assert len(house.shelf.shown(call.id)) == 1
    other.close()


def test_a_report_that_came_while_the_dialling_process_died_is_found_by_the_look_up(house: HouseKit) -> None:
    def reported_then_dead() -> None:
        (dialling,) = house.journal.latest()
        assert house.hear(report(dialling, house.clock, campid="45710001")) is None
        raise Died

    house.desk.next.append(reported_then_dead)
    call = house.press("1")
    other = house.another()
    other.look(16)
    other.look(1)
    ended = house.call(call.id)
    assert ended.ending is not None
    assert (ended.state, ended.ending.talk_seconds, house.desk.rung) == (State.ENDED, 35, [number_of("1")])
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.ENDED]
    other.close()


@pytest.mark.parametrize("reply", [NO_ANSWER, Refused("bad", "CallerDesk said no."), UNREACHABLE])
def test_bad_news_that_comes_after_the_lease_changes_nothing(house: HouseKit, reply: Exception) -> None:
    other = house.another()

    def too_late() -> None:
        late(house, other)
        raise reply

    house.desk.next.append(too_late)
    call = house.press("1")
    assert (call.state, call.code) == (State.UNKNOWN, "connector_stopped")
    other.close()


def test_a_report_that_overtakes_the_reply_ends_the_call(house: HouseKit) -> None:
    def report_comes_first() -> None:
        (dialling,) = house.journal.latest()
        assert house.hear(report(dialling, house.clock, campid="45710001")) is None

    house.desk.next.append(report_comes_first)
    call = house.press("1")
    assert call.ending is not None
    assert (call.state, call.ending.outcome) == (State.ENDED, Outcome.ANSWERED)
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.ENDED]


def test_a_report_that_overtakes_an_unclear_reply_is_found_by_both_numbers(house: HouseKit) -> None:
    def report_comes_first() -> None:
        (dialling,) = house.journal.latest()
        house.hear(report(dialling, house.clock, campid="45710001"))
        raise NO_ANSWER

    house.desk.next.append(report_comes_first)
    call = house.press("1")
    assert call.ending is not None
    assert (call.state, call.code, call.ending.talk_seconds) == (State.ENDED, None, 35)


def test_a_parked_report_of_other_numbers_is_left_alone(house: HouseKit) -> None:
    def report_of_another() -> None:
        (dialling,) = house.journal.latest()
        house.hear(report(dialling, house.clock, campid="46", SourceNumber="09876500077"))
        raise NO_ANSWER

    house.desk.next.append(report_of_another)
    assert house.press("1").state is State.UNKNOWN


@pytest.mark.parametrize("state", [State.PLACED, State.UNKNOWN])
def test_somebody_who_waits_is_told_with_the_row_as_it_stands(house: HouseKit, state: State) -> None:
    if state is State.UNKNOWN:
        house.desk.next.append(NO_ANSWER)
    call, repeat = house.dispatcher.accept_and_wait(rule(), 5)
    stored = house.call(call.id)
    assert not repeat
    told = ("state", "code", "message", "campid", "plan", "dialled_at", "owner")
    assert [getattr(call, name) for name in told] == [getattr(stored, name) for name in told]


def test_reports_are_asked_for_when_they_are_overdue(house: HouseKit) -> None:
    call: Call = house.press("1")
    assert call.due_at == house.clock.now + timedelta(seconds=150)
