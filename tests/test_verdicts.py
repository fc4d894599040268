"""What becomes of a dial: placed, refused, never connected, unclear, or the process that dialled is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import INDIA, Died, HouseKit, live_event, number_of, report, rule

from connector.callerdesk import Placed
from connector.errors import AdminNeeded, NotPlaced, Refused, TryAgain, Unclear
from connector.flow import DIAL_LEASE
from connector.model import Call, Outcome, Phase, State
from connector.outcomes import REPORT_OVERDUE, UNKNOWN_REST
from connector.policy import Caps, MemberBusy, QuietHours
from connector.timeline import WRITE_LEASE
from connector.verdicts import NOT_PLACED_REST, Planned, Verdicts

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
    assert call.message is not None and call.message.startswith("Ringing the customer …0001 first")
    assert house.journal.story(call.id)[-1].who == "callerdesk"
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


# -- Whose row it is -----------------------------------------------------------------------------------------


READ_LATER = TryAgain("crm_timeout", "The CRM did not answer in time.")
#: Every verdict on a call that is being dialled, brought by who holds it, or held it.
ON_DIALLING: dict[str, Callable[[Verdicts, Call], object]] = {
    "placed": lambda verdicts, call: verdicts.placed(
        call, Placed("45719999", None, "Accepted.", {}), "w9.write", WRITE_LEASE
    ),
    "refused": lambda verdicts, call: verdicts.refuse(call, Refused("bad", "No."), State.DIALLING),
    "too late": lambda verdicts, call: verdicts.too_late(call),
    "not placed": lambda verdicts, call: verdicts.not_placed(call, UNREACHABLE),
    "unclear": lambda verdicts, call: verdicts.unclear(call, NO_ANSWER),
    "lease ended": lambda verdicts, call: verdicts.lease_ended(call),
}
#: The same of one whose record is being read.
ON_READING: dict[str, Callable[[Verdicts, Call], object]] = {
    "refused": lambda verdicts, call: verdicts.refuse(call, Refused("bad", "No."), State.READING),
    "read later": lambda verdicts, call: verdicts.not_read(call, READ_LATER),
    "not readable": lambda verdicts, call: verdicts.not_read(call, AdminNeeded("crm_login", "No login.")),
    "lease ended": lambda verdicts, call: verdicts.lease_ended(call),
}


def left(house: HouseKit, state: State) -> Call:
    """A rule's call whose process died while it was in this state."""
    (house.desk.next if state is State.DIALLING else house.shelf.reads).append(Died())
    call = house.press("1", source=rule().source)
    assert call.state is state
    return call


def brought(house: HouseKit, state: State, verdict: str, call: Call) -> None:
    (ON_DIALLING if state is State.DIALLING else ON_READING)[verdict](house.flow.verdicts, call)


every_verdict = pytest.mark.parametrize(
    ("state", "verdict"),
    [(State.DIALLING, name) for name in ON_DIALLING] + [(State.READING, name) for name in ON_READING],
)


@every_verdict
def test_a_verdict_of_who_does_not_hold_the_row_moves_nothing(
    house: HouseKit, state: State, verdict: str
) -> None:
    call = left(house, state)
    brought(house, state, verdict, replace(call, owner="w9.somebody-else"))
    assert house.call(call.id) == call
    brought(house, state, verdict, call)
    assert house.call(call.id).state is not state


def test_a_gate_of_who_does_not_hold_the_row_moves_nothing(house: HouseKit) -> None:
    call = left(house, State.READING)
    for owner, state in (("w9.somebody-else", State.READING), (call.owner, State.EXPIRED)):
        planned = Planned(replace(call, owner=owner), by_way_of=(State.PLANNED, "mapping", "planned"))
        with house.journal.transaction() as tx:
            house.flow.verdicts.expired(tx, planned)
        assert house.call(call.id).state is state


def test_the_first_write_looks_for_nothing_and_is_soon_tried_again(house: HouseKit) -> None:
    house.shelf.writes.append(TryAgain("crm_busy", "The CRM is busy."))
    call = house.press("1")
    assert (call.written, call.wanted, call.write_attempts, house.shelf.found) == (0, 1, 1, 0)
    assert call.write_due_at is not None
    assert timedelta(seconds=0.5) <= call.write_due_at - house.clock.now <= timedelta(seconds=1)
    house.look(1)
    call = house.call(call.id)
    assert (call.written, call.wanted, house.shelf.found) == (1, 1, 1)


def test_whoever_waits_while_the_report_overtakes_the_reply_sees_the_end(house: HouseKit) -> None:
    def report_comes_first() -> None:
        (dialling,) = house.journal.latest()
        assert house.hear(report(dialling, house.clock, campid="45710001")) is None

    house.desk.next.append(report_comes_first)
    call, _ = house.dispatcher.accept_and_wait(rule(), 5)
    assert (call.state, call.ending is not None) == (State.ENDED, True)


@pytest.mark.parametrize("verdict", ["placed", "refused", "too late", "unclear", "lease ended"])
def test_whoever_waits_is_told_with_the_verdict_itself(house: HouseKit, verdict: str) -> None:
    call = left(house, State.DIALLING)
    with house.flow.waiters.expecting(call.id) as waiting:
        brought(house, State.DIALLING, verdict, replace(call, code="member_busy"))
        assert waiting.over
    if verdict == "placed":
        assert waiting.call is not None and waiting.call.message is not None
        assert waiting.call.code is None
        assert waiting.call.message.endswith("the customer …0001 first, then you on …0101.")


@pytest.mark.parametrize(
    ("state", "verdict", "to", "who"),
    [
        (State.DIALLING, "placed", State.PLACED, "callerdesk"),
        (State.DIALLING, "refused", State.REFUSED, "callerdesk"),
        (State.DIALLING, "too late", State.EXPIRED, "dial"),
        (State.DIALLING, "not placed", State.PLANNED, "callerdesk"),
        (State.DIALLING, "unclear", State.UNKNOWN, "callerdesk"),
        (State.DIALLING, "lease ended", State.UNKNOWN, "reaper"),
        (State.READING, "refused", State.REFUSED, "mapping"),
        (State.READING, "read later", State.ACCEPTED, "crm"),
        (State.READING, "not readable", State.FAILED, "crm"),
        (State.READING, "lease ended", State.ACCEPTED, "reaper"),
    ],
)
def test_the_story_says_who_decided(house: HouseKit, state: State, verdict: str, to: State, who: str) -> None:
    call = left(house, state)
    brought(house, state, verdict, call)
    last = house.journal.story(call.id)[-1]
    assert (last.from_state, last.to_state, last.who) == (state, to, who)


def test_a_click_that_is_too_old_is_told_by_the_gate(house: HouseKit) -> None:
    house.shelf.reads.append(lambda: house.clock.advance(61))
    call = house.press("1")
    last = house.journal.story(call.id)[-1]
    assert (call.state, call.code, last.who) == (State.EXPIRED, "expired", "gate")


def test_a_call_that_is_refused_keeps_the_record_it_was_refused_by(house: HouseKit) -> None:
    house.shelf.contact("1")["mobile"] = "not a number"
    call = house.press("1")
    assert (call.state, call.record and call.record.record["name"]) == (State.REFUSED, "Asha")


@pytest.mark.parametrize(("left_over", "again"), [(5.0, False), (5.5, True)])
def test_a_rules_call_is_not_tried_again_when_it_will_have_expired(
    house: HouseKit, left_over: float, again: bool
) -> None:
    call = left(house, State.DIALLING)
    house.clock.advance((call.expires_at - house.clock.now).total_seconds() - left_over)
    house.flow.verdicts.not_placed(call, UNREACHABLE)
    now = house.call(call.id)
    assert now.state is (State.PLANNED if again else State.REFUSED)
    assert not again or now.due_at == house.clock.now + NOT_PLACED_REST


@pytest.mark.parametrize(("left_over", "again"), [(1.0, False), (1.5, True)])
def test_a_rules_record_is_not_read_again_when_the_click_will_have_expired(
    house: HouseKit, left_over: float, again: bool
) -> None:
    call = left(house, State.READING)
    house.clock.advance((call.expires_at - house.clock.now).total_seconds() - left_over)
    house.flow.verdicts.not_read(call, READ_LATER)
    assert house.call(call.id).state is (State.ACCEPTED if again else State.FAILED)


def test_the_person_is_told_that_the_phone_may_be_ringing_when_the_dialling_process_died(
    house: HouseKit,
) -> None:
    call = left(house, State.DIALLING)
    house.flow.verdicts.lease_ended(call)
    message = house.call(call.id).message
    assert message is not None and "may be ringing: do not press again" in message


# -- Waiting for one's turn ----------------------------------------------------------------------------------


ONE_AT_A_TIME = {"caps": Caps(channels=2), "member_busy": MemberBusy.IGNORE, "deferred_for_at_most": 600}


def in_line(house: HouseKit, **policy: Any) -> tuple[Call, Call]:
    """A call that takes the only channels, and a rule's that waits for them for ten minutes at the most."""
    house.change_policy(**{**ONE_AT_A_TIME, **policy})
    first, waiting = house.press("1"), house.press("2", source=rule().source)
    assert (first.state, waiting.state, waiting.code) == (State.PLACED, State.DEFERRED, "cap_channels")
    assert waiting.due_at == waiting.expires_at == waiting.accepted_at + timedelta(minutes=10)
    return first, waiting


def test_a_call_that_waited_as_long_as_it_may_rings_nobody(house: HouseKit) -> None:
    first, waiting = in_line(house)
    house.hear(live_event(first, house.clock))
    house.look(minutes=9, seconds=59)
    assert house.call(waiting.id).state is State.DEFERRED
    house.look(1)
    over = house.call(waiting.id)
    assert (over.state, over.code, house.desk.rung) == (State.EXPIRED, "waited_too_long", [number_of("1")])
    assert over.message is not None and "waited for its turn as long as it may" in over.message
    last = house.journal.story(waiting.id)[-1]
    assert (last.who, last.detail) == ("gate", over.message)


def test_a_call_whose_turn_comes_in_quiet_hours_that_outlast_its_wait_rings_nobody(house: HouseKit) -> None:
    house.clock.advance(hours=8, minutes=55)
    first, waiting = in_line(house, quiet_hours=QuietHours(time(21), time(9)))
    house.clock.advance(minutes=6)
    house.hear(report(first, house.clock))
    house.look(1)
    over = house.call(waiting.id)
    assert (over.state, over.code, house.desk.rung) == (State.EXPIRED, "waited_too_long", [number_of("1")])
    assert over.message is not None and "between 21:00 and 09:00 nobody is rung" in over.message
    assert "waited for its turn as long as it may" in over.message
    last = house.journal.story(waiting.id)[-1]
    assert (last.who, over.expires_at) == ("quiet_hours", waiting.expires_at)


def test_a_call_that_came_in_quiet_hours_may_wait_after_them_too(house: HouseKit) -> None:
    house.change_policy(quiet_hours=QuietHours(time(21), time(9)), deferred_for_at_most=600)
    house.clock.advance(hours=10)
    call = house.press("1", source=rule().source)
    morning = datetime(2026, 3, 3, 9, tzinfo=INDIA)
    assert (call.state, call.due_at, call.expires_at) == (
        State.DEFERRED,
        morning,
        morning + timedelta(minutes=10),
    )


def test_a_call_in_another_zones_quiet_hours_waits_by_that_zones_clock(house: HouseKit) -> None:
    night = QuietHours(time(21), time(9))
    house.change_policy(quiet_hours=night, deferred_for_at_most=600, countries=frozenset({"IN", "US"}))
    house.shelf.contact("1")["mobile"] = "+1 202 555 0123"
    # In New York it is 08:00.
    house.clock.advance(hours=6, minutes=30)
    call = house.press("1", source=rule().source)
    nine = house.clock.now + timedelta(hours=1)
    assert (call.state, call.due_at, call.expires_at) == (State.DEFERRED, nine, nine + timedelta(minutes=10))


def test_a_call_whose_turn_a_person_takes_while_it_is_read_rests_a_little(house: HouseKit) -> None:
    first, waiting = in_line(house)
    house.hear(report(first, house.clock))
    house.shelf.reads.append(lambda: house.press("3"))
    house.look(1)
    again = house.call(waiting.id)
    assert (again.state, again.code) == (State.DEFERRED, "cap_channels")
    assert again.due_at == house.clock.now + timedelta(seconds=5)
    assert again.expires_at == waiting.expires_at
    assert house.desk.rung == [number_of("1"), number_of("3")]


def test_a_call_that_waited_is_read_again_before_it_is_tried_again(house: HouseKit) -> None:
    first, waiting = in_line(house)
    house.hear(report(first, house.clock))
    house.desk.next.append(UNREACHABLE)
    house.look(1)
    again = house.call(waiting.id)
    assert (again.state, again.due_at) == (State.ACCEPTED, house.clock.now + NOT_PLACED_REST)
    *_, planned, accepted = house.journal.story(waiting.id)
    assert (planned.to_state, planned.who, planned.detail) == (
        State.PLANNED,
        "callerdesk",
        UNREACHABLE.message,
    )
    assert (accepted.to_state, accepted.who, accepted.detail) == (
        State.ACCEPTED,
        "callerdesk",
        "the record is read again first",
    )
    house.shelf.contact("2")["do_not_call"] = True
    house.look(5)
    assert (house.call(waiting.id).code, house.desk.rung) == ("refused_by_rule", [number_of("1")])


def test_the_story_of_a_click_that_is_tried_again_says_why(house: HouseKit) -> None:
    call = left(house, State.DIALLING)
    house.flow.verdicts.not_placed(call, UNREACHABLE)
    last = house.journal.story(call.id)[-1]
    assert (last.to_state, last.detail) == (State.PLANNED, UNREACHABLE.message)
