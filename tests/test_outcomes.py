"""Evidence becomes the outcome: webhooks early, late and twice, the live list, the call report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import INDIA, HouseKit, live_call, live_event, number_of, report, report_row
from sqlalchemy import update

from connector import outcomes
from connector.errors import Refused, TryAgain, Unclear
from connector.journal import Transaction, reports
from connector.journal.tables import calls
from connector.model import Call, Outcome, Phase, State
from connector.outcomes import REPORT_OVERDUE
from connector.policy import MemberBusy

pytestmark = pytest.mark.both_engines

NO_ANSWER = Unclear("callerdesk_no_answer", "CallerDesk did not answer.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def placed(house: HouseKit) -> Call:
    return house.press("1")


@pytest.fixture
def unclear(house: HouseKit) -> Call:
    house.desk.next.append(NO_ANSWER)
    return house.press("1")


def outcome(house: HouseKit, call: Call) -> Outcome | None:
    ending = house.call(call.id).ending
    return ending.outcome if ending else None


# -- Webhooks ------------------------------------------------------------------------------------------------


def test_the_same_report_three_times_ends_the_call_once(house: HouseKit, placed: Call) -> None:
    heard = [house.hear(report(placed, house.clock)) is not None for _ in range(3)]
    assert heard == [True, False, False]
    assert house.states(placed.id).count(State.ENDED) == 1
    assert house.call(placed.id).written == 2


def test_a_report_that_is_days_late_still_counts(house: HouseKit, placed: Call) -> None:
    for _ in range(30):
        house.look(hours=1)
    assert (house.call(placed.id).state, outcome(house, placed)) == (State.ENDED, Outcome.UNKNOWN)
    house.hear(report(placed, house.clock))
    assert outcome(house, placed) is Outcome.ANSWERED
    assert [shown.fields["outcome"] for shown in house.shelf.shown(placed.id)] == ["answered"]


def test_a_later_report_may_add_the_recording(house: HouseKit, placed: Call) -> None:
    house.hear(report(placed, house.clock))
    url = "https://recordings.example.com/1.mp3"
    house.hear(report(placed, house.clock, CallRecordingUrl=url))
    ending = house.call(placed.id).ending
    assert ending is not None and ending.recording_url == url


def test_a_poorer_or_contrary_second_report_changes_nothing(house: HouseKit, placed: Call) -> None:
    house.hear(report(placed, house.clock, CallRecordingUrl="https://recordings.example.com/1.mp3"))
    before = house.call(placed.id)
    busy = {"LegA_Picked_time": "", "LegB_Picked_time": "", "LegB_Start_time": "", "TalkDuration": "0"}
    assert house.hear(report(placed, house.clock)) is None
    assert house.hear(report(placed, house.clock, Status="BUSY", hangup_cause="Busy(17)", **busy)) is None
    assert house.call(placed.id) == before


def test_a_live_event_moves_the_call_on_without_a_write(house: HouseKit, placed: Call) -> None:
    house.hear(live_event(placed, house.clock, CallSid="8400001"))
    now = house.call(placed.id)
    assert (now.state, now.live, now.call_sid) == (State.PLACED, "customer_picked", "8400001")
    assert now.wanted == placed.wanted
    assert now.due_at == house.clock.now + timedelta(seconds=300)  # they talk: give them time


def test_a_live_word_nobody_knows_changes_nothing(house: HouseKit, placed: Call) -> None:
    assert house.hear(live_event(placed, house.clock, "Gone Fishing")) is None
    assert house.call(placed.id) == placed


def test_a_live_event_after_the_end_changes_nothing(house: HouseKit, placed: Call) -> None:
    house.hear(report(placed, house.clock))
    before = house.call(placed.id)
    assert house.hear(live_event(placed, house.clock)) is None
    assert house.call(placed.id) == before


def test_a_live_event_proves_that_an_unclear_call_was_placed(house: HouseKit, unclear: Call) -> None:
    house.hear(live_event(unclear, house.clock, campid="45710001"))
    now = house.call(unclear.id)
    assert (now.state, now.campid) == (State.PLACED, "45710001")
    assert [shown.phase for shown in house.shelf.shown(now.id)] == [Phase.PLACED]


def test_a_report_finds_an_unclear_call_by_both_numbers(house: HouseKit, unclear: Call) -> None:
    house.hear(report(unclear, house.clock, campid="45710001"))
    now = house.call(unclear.id)
    assert (now.state, now.code, outcome(house, now)) == (State.ENDED, None, Outcome.ANSWERED)


def test_it_does_not_guess_between_two_calls_of_the_same_two_people(house: HouseKit) -> None:
    house.change_policy(recall_gap=0, member_busy=MemberBusy.IGNORE)
    house.desk.next.extend([NO_ANSWER, NO_ANSWER])
    first, second = house.press("1", user="ravi"), house.press("1", user="divya")
    assert house.hear(report(first, house.clock, campid="45710001")) is None
    assert [house.call(call.id).state for call in (first, second)] == [State.UNKNOWN, State.UNKNOWN]


def test_a_report_of_a_call_that_is_not_ours_is_kept_and_changes_nothing(
    house: HouseKit, placed: Call
) -> None:
    assert (
        house.hear(report(placed, house.clock, campid="99", CallSid="1", SourceNumber="09876500077")) is None
    )
    assert house.call(placed.id) == placed


def test_a_report_for_a_refused_call_cannot_bring_it_back(house: HouseKit) -> None:
    house.shelf.contact("1")["do_not_call"] = True
    refused = house.press("1")
    with house.journal.transaction() as tx:
        tx.connection.execute_once(update(calls).where(calls.c.id == refused.id).values(campid="45"))
    told = house.press("2")
    assert house.hear(report(told, house.clock, campid="45")) is None
    assert house.call(refused.id).state is State.REFUSED


def test_a_report_for_a_call_that_callerdesk_refused_cannot_bring_it_back(house: HouseKit) -> None:
    house.desk.next.append(Refused("callerdesk_low_coins", "The account has no coins left."))
    refused = house.press("1")
    assert refused.plan is not None
    with house.journal.transaction() as tx:
        tx.connection.execute_once(update(calls).where(calls.c.id == refused.id).values(campid="45"))
    assert house.hear(report(refused, house.clock, campid="45")) is None
    assert house.call(refused.id).state is State.REFUSED


def test_a_report_is_dropped_when_the_call_it_was_matched_to_has_just_moved_on(
    house: HouseKit, unclear: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = reports.candidates

    def overtaken(tx: Transaction, at: datetime) -> list[Call]:
        found = candidates(tx, at)
        given_up = {"who": "test", "detail": "", "write": False}
        assert [tx.move(call, State.UNKNOWN, State.ABANDONED, **given_up) for call in found] == [True]
        return found

    monkeypatch.setattr(reports, "candidates", overtaken)
    assert house.hear(report(unclear, house.clock, campid="45710001")) is None
    assert (house.call(unclear.id).state, outcome(house, unclear)) == (State.ABANDONED, None)


def test_a_report_that_does_not_know_either_still_ends_an_abandoned_call(
    house: HouseKit, unclear: Call
) -> None:
    test_an_unclear_call_nobody_ever_hears_of_is_given_to_a_person(house, unclear)
    silent = {"LegA_Picked_time": "", "LegB_Picked_time": "", "LegB_Start_time": "", "TalkDuration": "0"}
    house.hear(report(unclear, house.clock, campid="4571", Status="A NEW WORD", hangup_cause="", **silent))
    assert (house.call(unclear.id).state, outcome(house, unclear)) == (State.ENDED, Outcome.UNKNOWN)


# -- Looking up ----------------------------------------------------------------------------------------------


def test_the_call_report_resolves_an_unclear_call(house: HouseKit, unclear: Call) -> None:
    house.desk.reports = [report_row(unclear)]
    house.look(11)
    assert (house.call(unclear.id).state, outcome(house, unclear)) == (State.ENDED, Outcome.ANSWERED)
    assert [shown.phase for shown in house.shelf.shown(unclear.id)] == [Phase.ENDED]


def test_the_live_list_resolves_an_unclear_call(house: HouseKit, unclear: Call) -> None:
    house.desk.live = [live_call(unclear)]
    house.look(11)
    now = house.call(unclear.id)
    assert (now.state, now.code) == (State.PLACED, None)
    assert now.message is not None and "lists it as live" in now.message


@pytest.mark.parametrize("seconds", [-31, 181])
def test_a_row_of_another_time_is_another_call(house: HouseKit, unclear: Call, seconds: int) -> None:
    assert unclear.dialled_at is not None
    other = replace(unclear, dialled_at=unclear.dialled_at + timedelta(seconds=seconds))
    house.desk.reports = [report_row(other)]
    house.look(11)
    assert house.call(unclear.id).state is State.UNKNOWN


def test_one_row_ends_one_call_only(house: HouseKit, unclear: Call) -> None:
    house.change_policy(recall_gap=0, member_busy=MemberBusy.IGNORE)
    house.desk.next.append(NO_ANSWER)
    second = house.press("1", user="divya")
    assert second.state is State.UNKNOWN
    house.desk.reports = [report_row(unclear)]
    house.look(11)
    states = sorted(house.call(call.id).state for call in (unclear, second))
    assert states == [State.ENDED, State.UNKNOWN]


def test_a_report_that_never_came_is_asked_for(house: HouseKit, placed: Call) -> None:
    house.desk.reports = [report_row(placed)]
    house.look(149)
    assert house.call(placed.id).state is State.PLACED
    house.look(2)
    assert (house.call(placed.id).state, outcome(house, placed)) == (State.ENDED, Outcome.ANSWERED)


def test_callerdesk_out_of_reach_costs_nothing_but_time(
    house: HouseKit, unclear: Call, caplog: pytest.LogCaptureFixture
) -> None:
    house.desk.asked.extend([TryAgain("callerdesk_unreachable", "CallerDesk could not be reached.")] * 3)
    house.desk.reports = [report_row(unclear)]
    house.look(11)
    assert house.call(unclear.id).state is State.UNKNOWN
    assert "could not be asked about 1 calls" in caplog.text
    for _ in range(5):
        house.look(60)
    assert house.call(unclear.id).state is State.ENDED


def test_an_unclear_call_nobody_ever_hears_of_is_given_to_a_person(house: HouseKit, unclear: Call) -> None:
    for _ in range(7):
        house.look(minutes=59)
    assert house.call(unclear.id).state is State.ABANDONED
    now = house.call(unclear.id)
    assert (now.code, now.due_at) == ("never_confirmed", None)
    assert now.message is not None and "Look in CallerDesk's panel" in now.message
    assert house.desk.rung == [number_of("1")]


def test_an_abandoned_call_is_mended_by_a_report_after_all(house: HouseKit, unclear: Call) -> None:
    test_an_unclear_call_nobody_ever_hears_of_is_given_to_a_person(house, unclear)
    house.hear(report(unclear, house.clock, campid="45710001"))
    assert (house.call(unclear.id).state, outcome(house, unclear)) == (State.ENDED, Outcome.ANSWERED)


def rests(house: HouseKit, call: Call) -> list[float]:
    """Seconds between two looks for evidence of a call of which nobody ever hears."""
    found = []
    while (due_at := house.call(call.id).due_at) is not None:
        found.append((due_at - house.clock.now).total_seconds())
        house.look(found[-1])
    return found


def test_it_asks_for_an_unclear_call_less_and_less_often_for_six_hours(
    house: HouseKit, unclear: Call
) -> None:
    looked = rests(house, unclear)
    assert looked[:9] == [10, 10, 20, 40, 80, 160, 300, 600, 1800]
    assert set(looked[9:]) == {1800}
    assert timedelta(hours=6) <= timedelta(seconds=sum(looked)) < timedelta(hours=6, minutes=30)
    last = house.journal.story(unclear.id)[-1]
    assert (last.to_state, last.who) == (State.ABANDONED, "reconciler")


def test_it_asks_for_a_report_that_never_comes_less_and_less_often_for_a_day(
    house: HouseKit, placed: Call
) -> None:
    looked = rests(house, placed)
    assert looked[:6] == [150, 150, 300, 600, 1800, 1800]
    assert set(looked[6:]) == {3600}
    assert timedelta(days=1) <= timedelta(seconds=sum(looked)) < timedelta(hours=25)
    now, last = house.call(placed.id), house.journal.story(placed.id)[-1]
    assert now.ending is not None
    assert (now.state, now.ending.outcome, now.ending.their_status, last.who) == (
        State.ENDED,
        Outcome.UNKNOWN,
        "no report came",
        "reconciler",
    )


@pytest.mark.parametrize(("short_of", "state"), [(1, State.UNKNOWN), (0, State.ABANDONED)])
def test_it_gives_an_unclear_call_up_after_just_six_hours(
    house: HouseKit, unclear: Call, short_of: int, state: State
) -> None:
    house.look(hours=6, seconds=-short_of)
    assert house.call(unclear.id).state is state


def test_it_asks_for_the_days_around_a_call_by_indias_calendar(house: HouseKit) -> None:
    house.change_policy(recall_gap=0, member_busy=MemberBusy.IGNORE)
    # On the second of March at 23:55 and on the third at 00:05: in UTC both are on the second.
    house.clock.advance(hours=11, minutes=55)
    house.desk.next.extend([NO_ANSWER, NO_ANSWER])
    first = house.press("1")
    assert outcomes.look_up(house.journal, house.flow.callerdesk, [first]) == []
    house.clock.advance(minutes=10)
    second = house.press("2")
    assert outcomes.look_up(house.journal, house.flow.callerdesk, [second, first]) == []
    assert house.desk.days == [
        (date(2026, 3, 1), date(2026, 3, 3)),
        (date(2026, 3, 1), date(2026, 3, 4)),
    ]


def test_a_look_up_names_the_calls_it_changed(house: HouseKit) -> None:
    """Also those that somebody else ended meanwhile, for their activity may be behind."""
    house.change_policy(member_busy=MemberBusy.IGNORE)
    house.shelf.contact("3")["mobile"] = "not a number"
    placed = house.press("1")
    house.desk.next.append(NO_ANSWER)
    unclear, refused = house.press("2"), house.press("3")
    house.hear(report(placed, house.clock))
    house.desk.reports = [report_row(unclear)]
    looked_at = [placed, unclear, refused, replace(unclear, id="nobody")]
    assert outcomes.look_up(house.journal, house.flow.callerdesk, looked_at) == [placed, unclear]
    states = [house.call(call.id).state for call in (placed, unclear, refused)]
    assert states == [State.ENDED, State.ENDED, State.REFUSED]
    assert house.states(placed.id).count(State.ENDED) == 1


def test_what_a_look_up_finds_is_told_with_its_source(house: HouseKit, unclear: Call) -> None:
    house.desk.live = [live_call(unclear)]
    house.look(11)
    now, last = house.call(unclear.id), house.journal.story(unclear.id)[-1]
    assert (last.who, now.due_at) == ("live calls", house.clock.now + REPORT_OVERDUE)
    house.desk.reports = [report_row(unclear)]
    house.look(150)
    now, last = house.call(unclear.id), house.journal.story(unclear.id)[-1]
    assert (last.who, now.call_sid) == ("call report", report_row(unclear).call_sid)


@pytest.mark.parametrize(
    "changes", [{"member": "9876500999"}, {"started_at": datetime(2026, 3, 2, 11, 50, tzinfo=INDIA)}]
)
def test_a_live_call_of_others_or_of_another_time_proves_nothing(
    house: HouseKit, unclear: Call, changes: dict[str, Any]
) -> None:
    house.desk.live = [replace(live_call(unclear), **changes)]
    house.look(11)
    assert house.call(unclear.id).state is State.UNKNOWN


@pytest.mark.parametrize("seconds", [-30, 0, 180])
def test_a_row_that_begins_close_to_the_dial_is_the_calls(
    house: HouseKit, unclear: Call, seconds: int
) -> None:
    assert unclear.dialled_at is not None
    shifted = replace(unclear, dialled_at=unclear.dialled_at + timedelta(seconds=seconds))
    house.desk.reports = [report_row(shifted)]
    house.look(11)
    assert house.call(unclear.id).state is State.ENDED


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"StartTime": None}, True),
        ({"SourceNumber": "09876500077"}, False),
        ({"SourceNumber": "09876500077", "StartTime": None}, False),
        ({"StartTime": "2026-03-02 11:50:00"}, False),
    ],
)
def test_a_report_without_an_id_of_ours_is_a_calls_by_numbers_and_time(
    house: HouseKit, unclear: Call, changes: dict[str, str | None], found: bool
) -> None:
    heard = house.hear(report(unclear, house.clock, **{"campid": None, "CallSid": None, **changes}))
    assert (heard is not None) is found
    assert house.call(unclear.id).state is (State.ENDED if found else State.UNKNOWN)


def test_a_contrary_report_changes_nothing_though_neither_has_a_recording(
    house: HouseKit, placed: Call
) -> None:
    house.hear(report(placed, house.clock))
    before = house.call(placed.id)
    busy = {"LegA_Picked_time": "", "LegB_Picked_time": "", "LegB_Start_time": "", "TalkDuration": "0"}
    assert house.hear(report(placed, house.clock, Status="BUSY", hangup_cause="Busy(17)", **busy)) is None
    assert house.call(placed.id) == before


def test_a_look_up_that_failed_is_done_again_at_its_next_time(house: HouseKit, unclear: Call) -> None:
    house.desk.asked.append(TryAgain("callerdesk_unreachable", "CallerDesk could not be reached."))
    house.look(10)
    assert house.call(unclear.id).due_at == house.clock.now + timedelta(seconds=10)


def test_a_webhook_is_told_with_its_source_and_found_by_callerdesks_own_id(
    house: HouseKit, placed: Call
) -> None:
    house.hear(live_event(placed, house.clock, CallSid="8400001"))
    assert house.journal.story(placed.id)[-1].who == "webhook"
    strangers = {"SourceNumber": "09876500077", "DialWhomNumber": "09876500078"}
    house.hear(report(placed, house.clock, campid=None, CallSid="8400001", **strangers))
    now, last = house.call(placed.id), house.journal.story(placed.id)[-1]
    assert (now.state, now.call_sid, now.live, last.who) == (State.ENDED, "8400001", "ended", "webhook")


def test_a_report_brings_callerdesks_own_id_and_says_how_it_ended(house: HouseKit, placed: Call) -> None:
    house.hear(report(placed, house.clock, CallSid="8400002"))
    assert house.call(placed.id).call_sid == "8400002"
    assert house.journal.story(placed.id)[-1].detail.startswith("answered: ")
