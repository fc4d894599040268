"""The balance of a day: every difference in a sentence with a code, and none where everything agrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import NOON, HouseKit, number_of, report, report_row
from sqlalchemy import update

from connector import balance
from connector.errors import Refused, TryAgain, Unclear
from connector.journal.numbers import OneNumber
from connector.journal.privacy import forget
from connector.journal.tables import calls
from connector.model import Call, State

TODAY = NOON.date()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def of(house: HouseKit, day: date = TODAY, *, live: bool = False) -> balance.Balance:
    return balance.of_day(house.journal, house.desk, house.connections, day, live=live)  # type: ignore[arg-type]


def ended(house: HouseKit, record_id: str = "1", **told: str | None) -> Call:
    call = house.press(record_id)
    house.hear(report(call, house.clock, **told))
    house.look()
    return house.call(call.id)


def only(found: balance.Balance) -> balance.Difference:
    (difference,) = found.differences
    return difference


def test_a_day_on_which_everything_agrees_needs_nobody(house: HouseKit) -> None:
    house.desk.reports = [report_row(ended(house, "1")), report_row(ended(house, "2"))]
    assert of(house) == balance.Balance(TODAY, rows=2, calls=2, matched=2, forgotten=0, differences=())


def test_a_day_without_calls_agrees(house: HouseKit) -> None:
    assert of(house).ok and of(house).calls == 0


# -- The report against the journal --------------------------------------------------------------------------


def test_what_was_made_elsewhere_is_told_with_masked_numbers_and_needs_nobody(house: HouseKit) -> None:
    call = ended(house)
    elsewhere = {"id": "x", "sid_id": "990001", "caller_num": "09876588888", "Flow_type": "IVR"}
    house.desk.reports = [report_row(call), report_row(call, **elsewhere)]
    found = of(house)
    difference = only(found)
    assert (difference.code, difference.needs_person, found.ok) == ("balance_made_elsewhere", False, True)
    assert "…8888" in difference.sentence and "IVR" in difference.sentence
    assert "9876588888" not in difference.sentence
    assert (found.rows, found.matched) == (2, 1)


def test_a_call_that_ended_here_and_is_not_in_the_report_needs_a_person(house: HouseKit) -> None:
    call = ended(house)
    difference = only(of(house))
    assert (difference.code, difference.call) == ("balance_not_in_report", call.id)
    assert not of(house).ok
    assert "answered" in difference.sentence and "12:00:00" in difference.sentence


def test_a_placed_call_nobody_reports_is_looked_up_by_itself_until_it_is_given_up(house: HouseKit) -> None:
    call = house.press("1")
    difference = only(of(house))
    assert (difference.code, difference.needs_person) == ("balance_without_report", False)
    for _ in range(30):
        house.look(hours=1)
    assert house.call(call.id).state is State.ENDED
    difference = only(of(house))
    assert (difference.code, difference.needs_person) == ("balance_without_report", True)


def test_an_outcome_that_only_the_report_knows_is_looked_up_by_itself(house: HouseKit) -> None:
    house.desk.reports = [report_row(house.press("1"))]
    difference = only(of(house))
    assert (difference.code, difference.needs_person) == ("balance_outcome_behind", False)


def test_a_call_that_was_given_up_and_rang_after_all_needs_a_person(house: HouseKit) -> None:
    house.desk.next.append(Unclear("callerdesk_no_answer", "CallerDesk did not answer."))
    call = house.press("1")
    assert of(house).differences == ()  # nobody knows of a call, and nobody claims one
    for _ in range(8):
        house.look(hours=1)
    assert house.call(call.id).state is State.ABANDONED
    house.desk.reports = [report_row(house.call(call.id))]
    assert only(of(house)).code == "balance_rang_after_all"
    assert "do not call again" in only(of(house)).sentence


def test_a_call_that_was_refused_at_the_dial_is_no_call_of_the_day(house: HouseKit) -> None:
    house.desk.next.append(Refused("member_inactive", "The member is on a break."))
    house.press("1")
    assert of(house).calls == 0


def test_another_outcome_in_the_report_needs_a_person(house: HouseKit) -> None:
    row = report_row(
        ended(house),
        callresult="NO ANSWER",
        talk_duration="0",
        LegA_Picked_time="0000-00-00 00:00:00",
        LegB_Picked_time="0000-00-00 00:00:00",
    )
    house.desk.reports = [row]
    difference = only(of(house))
    assert difference.code == "balance_outcome_differs"
    assert "is answered here and customer_no_answer in CallerDesk's report" in difference.sentence


@pytest.mark.parametrize(("talk", "codes"), [("36", []), ("37", ["balance_talk_time_differs"])])
def test_talk_times_may_differ_by_a_second_of_rounding(house: HouseKit, talk: str, codes: list[str]) -> None:
    house.desk.reports = [report_row(ended(house), talk_duration=talk)]
    assert [each.code for each in of(house).differences] == codes


def test_a_recording_that_only_the_report_has_is_missed(house: HouseKit) -> None:
    file = "https://rec.example.test/1.mp3"
    house.desk.reports = [report_row(ended(house, "1"), file=file)]
    assert only(of(house)).code == "balance_recording_missing"
    with_it = ended(house, "2", CallRecordingUrl=file)
    house.desk.reports = [report_row(with_it, file=file)]
    assert [each.call for each in of(house).differences if each.code == "balance_recording_missing"] == []


# -- One row is one call -------------------------------------------------------------------------------------


def test_without_a_callsid_the_nearest_in_time_is_the_call(house: HouseKit) -> None:
    first = ended(house, CallSid=None)
    house.clock.advance(minutes=2)
    second = ended(house, CallSid=None)
    rows = [
        report_row(first, id="1", sid_id="", talk_duration="35"),
        report_row(second, id="2", sid_id="", talk_duration="90"),
    ]
    for house.desk.reports in (rows, rows[::-1]):
        found = of(house)
        assert (found.matched, [each.call for each in found.differences]) == (2, [second.id])


def test_one_row_is_not_taken_for_two_calls(house: HouseKit) -> None:
    first = ended(house, CallSid=None)
    house.clock.advance(minutes=2)
    second = ended(house, CallSid=None)
    house.desk.reports = [report_row(second, sid_id="")]
    found = of(house)
    assert found.matched == 1
    assert only(found).call == first.id


def test_a_row_with_another_callsid_is_another_call(house: HouseKit) -> None:
    house.desk.reports = [report_row(ended(house), sid_id="990001")]
    assert sorted(each.code for each in of(house).differences) == [
        "balance_made_elsewhere",
        "balance_not_in_report",
    ]


def test_a_call_around_midnight_is_matched_across_it_and_counted_once(house: HouseKit) -> None:
    house.clock.advance((NOON.replace(hour=23, minute=59, second=58) - NOON).total_seconds())
    call = ended(house, CallSid=None)
    assert call.dialled_at is not None
    later = replace(call, dialled_at=call.dialled_at + timedelta(seconds=4))
    house.desk.reports = [report_row(later, sid_id="")]
    assert of(house).differences == of(house, TODAY + timedelta(days=1)).differences == ()
    assert (of(house).calls, of(house, TODAY + timedelta(days=1)).calls) == (1, 0)


def test_a_forgotten_call_is_counted_and_not_accused(house: HouseKit) -> None:
    known, unknown = ended(house, "1"), ended(house, "2", CallSid=None)
    house.desk.reports = [report_row(known)]
    for record_id in ("1", "2"):
        forget(house.journal, OneNumber(number_of(record_id)), lambda tx, detail: None)
    found = of(house)
    assert (found.calls, found.matched, found.forgotten, found.differences) == (2, 1, 2, ())
    assert house.call(unknown.id).state is State.ENDED


# -- The journal against the CRM -----------------------------------------------------------------------------


@pytest.fixture
def reported(house: HouseKit) -> Call:
    call = ended(house)
    house.desk.reports = [report_row(call)]
    return call


def change(house: HouseKit, call: Call, **columns: Any) -> None:
    with house.journal.transaction() as tx:
        tx.connection.execute_once(update(calls).where(calls.c.id == call.id).values(**columns))


@pytest.mark.parametrize(
    ("columns", "code", "needs_person"),
    [
        ({"written": 0, "activity_id": None}, "balance_activity_missing", False),
        ({"written": 1}, "balance_activity_behind", False),
        ({"written": 1, "write_dead": True, "write_error": "No."}, "balance_activity_given_up", True),
    ],
)
def test_an_activity_that_is_not_what_the_call_is(
    house: HouseKit, reported: Call, columns: dict[str, Any], code: str, needs_person: bool
) -> None:
    change(house, reported, **columns)
    difference = only(of(house))
    assert (difference.code, difference.needs_person, difference.call) == (code, needs_person, reported.id)


def test_only_when_live_is_the_crm_asked_whether_the_activity_is_still_there(
    house: HouseKit, reported: Call
) -> None:
    assert of(house, live=True).differences == ()
    asked = house.shelf.found
    house.shelf.activities.clear()
    assert of(house).differences == () and house.shelf.found == asked
    difference = only(of(house, live=True))
    assert difference.code == "balance_activity_gone"
    assert f"connector calls replay {reported.id}" in difference.sentence


def test_a_crm_that_does_not_answer_is_told(
    house: HouseKit, reported: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(activity: object) -> str | None:
        raise TryAgain("crm_unreachable", "shop cannot be reached.")

    monkeypatch.setattr(type(house.shelf), "find", lambda self, activity: down(activity))
    difference = only(of(house, live=True))
    assert (difference.code, difference.needs_person) == ("balance_crm_not_asked", True)
    assert "shop cannot be reached" in difference.sentence


def test_callerdesk_that_cannot_be_asked_is_an_error_not_an_empty_day(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(first: date, last: date) -> list[Any]:
        raise TryAgain("callerdesk_unreachable", "CallerDesk cannot be reached.")

    monkeypatch.setattr(house.desk, "call_report", down)
    with pytest.raises(TryAgain):
        of(house)
