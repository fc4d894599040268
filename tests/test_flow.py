"""One click's way: read, plan, the gate, one dial, the timeline; and everything that may stop it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest
from far_ends import MEMBER
from house_kit import DESKPHONE, Died, HouseKit, click, number_of, report, rule

from connector.errors import AdminNeeded, Gone, JournalDown, Refused, TryAgain
from connector.flow import READ_LEASE
from connector.model import Outcome, Phase, Source, State
from connector.policy import QuietHours
from connector.timeline import WRITE_LEASE

pytestmark = pytest.mark.both_engines

NIGHT = QuietHours(time(21), time(9))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


# -- The straight way ----------------------------------------------------------------------------------------


def test_it_rings_once_and_shows_the_call_on_the_record(house: HouseKit) -> None:
    call = house.press("1")
    assert house.desk.rung == [number_of("1")]
    assert house.states(call.id) == [
        State.ACCEPTED,
        State.READING,
        State.PLANNED,
        State.DIALLING,
        State.PLACED,
    ]
    (shown,) = house.shelf.shown(call.id)
    assert (shown.phase, shown.record_id) == (Phase.PLACED, "1")
    assert (call.written, call.wanted, call.activity_id) == (1, 1, "a1")


def test_it_tells_who_is_rung_by_the_last_four_digits_only(house: HouseKit) -> None:
    call = house.press("1")
    assert call.message == "Ringing the customer …0001 first, then you on …0101."
    told = " ".join(event.detail for event in house.journal.story(call.id))
    assert number_of("1")[-10:] not in told


def test_it_remembers_which_mapping_and_record_led_to_the_call(house: HouseKit) -> None:
    call = house.press("1")
    assert call.mapping_version == house.shop.mapping.current().version
    assert call.record is not None and call.record.record["name"] == "Asha"
    assert call.plan is not None and {choice.word for choice in call.plan.trace} >= {"calling_party_a"}


def test_it_ends_the_call_by_its_report_and_corrects_the_activity(house: HouseKit) -> None:
    call = house.press("1")
    house.hear(report(call, house.clock))
    ended = house.call(call.id)
    assert ended.ending is not None and ended.ending.outcome is Outcome.ANSWERED
    (shown,) = house.shelf.shown(call.id)
    assert (shown.phase, shown.fields["talk_seconds"]) == (Phase.ENDED, 35)


# -- Reading -------------------------------------------------------------------------------------------------


def test_it_reads_once_more_for_a_person_when_the_connection_was_lost(house: HouseKit) -> None:
    house.shelf.reads.append(TryAgain("crm_unreachable", "The shop could not be reached."))
    assert house.press("1").state is State.PLACED


def test_it_does_not_keep_a_person_waiting_for_a_second_time_out(house: HouseKit) -> None:
    house.shelf.reads.append(TryAgain("crm_timeout", "The shop did not answer in time.", status=504))
    call = house.press("1")
    assert (call.state, call.code, house.desk.rung) == (State.FAILED, "crm_timeout", [])
    assert call.message == "The shop did not answer in time. Nobody was rung."


def test_it_reads_a_rules_record_again_until_the_crm_is_back(house: HouseKit) -> None:
    house.shelf.reads.extend([TryAgain("crm_failed", "The shop answered 503.")] * 3)
    call = house.press("1", source=rule().source)
    assert call.state is State.ACCEPTED
    for _ in range(6):
        house.look(2)
    assert house.call(call.id).state is State.PLACED
    assert house.desk.rung == [number_of("1")]


def test_it_stops_reading_a_rules_record_when_the_click_expires(house: HouseKit) -> None:
    house.shelf.reads.extend([TryAgain("crm_failed", "The shop answered 503.")] * 50)
    call = house.press("1", source=rule().source)
    for _ in range(40):
        house.look(2)
    assert (house.call(call.id).state, house.desk.rung) == (State.FAILED, [])


@pytest.mark.parametrize(
    "failure",
    [
        AdminNeeded("crm_unauthorised", "The shop refused our credentials."),
        Gone("record_not_found", "The shop has no such record."),
    ],
)
def test_it_gives_up_at_once_what_will_not_come_back(house: HouseKit, failure: Exception) -> None:
    house.shelf.reads.append(failure)
    call = house.press("1", source=rule().source)
    assert (call.state, call.due_at, house.shelf.activities) == (State.FAILED, None, {})


def test_it_refuses_an_unmapped_object_before_it_leaves_a_row(house: HouseKit) -> None:
    with pytest.raises(Refused, match="no object 'Kontact'"):
        house.flow.accept(replace(click(), object="Kontact"))
    assert house.journal.latest() == []


def test_it_refuses_a_click_id_that_belongs_to_another_record(house: HouseKit) -> None:
    house.press("1", delivery="same")
    with pytest.raises(Refused) as caught:
        house.press("2", delivery="same")
    assert (caught.value.code, caught.value.status) == ("click_id_reused", 409)
    assert house.desk.rung == [number_of("1")]


def test_it_says_on_the_record_why_a_number_cannot_be_rung(house: HouseKit) -> None:
    house.shelf.contact("1")["mobile"] = "+1 202 555 0100"
    call = house.press("1")
    assert (call.state, call.code) == (State.REFUSED, "customer_number_unusable")
    (shown,) = house.shelf.shown(call.id)
    assert shown.phase is Phase.REFUSED


def test_it_keeps_a_name_that_was_cut_in_the_middle_of_a_character(house: HouseKit) -> None:
    house.shelf.contact("1")["name"] = "Asha \ud83d"
    assert house.press("1").state is State.PLACED


# -- Waiting -------------------------------------------------------------------------------------------------


def test_what_was_read_before_its_lease_ended_is_read_again_and_not_rung_by(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT)
    house.clock.advance(hours=10)
    call = house.press("1", source=Source.RULE)
    assert call.state is State.DEFERRED
    house.shelf.reads.append(lambda: house.clock.advance(READ_LEASE.total_seconds()))
    house.clock.advance(hours=11)
    house.dispatcher.look()
    assert (house.call(call.id).state, house.desk.rung) == (State.READING, [])
    house.look()
    assert (house.call(call.id).state, house.desk.rung) == (State.PLACED, [number_of("1")])
    assert house.states(call.id).count(State.DIALLING) == 1


def test_a_wait_that_would_end_after_its_call_is_over_at_once(house: HouseKit) -> None:
    house.change_policy(quiet_hours=NIGHT, deferred_for_at_most=600)
    house.clock.advance((timedelta(hours=9) - timedelta(seconds=1)).total_seconds())
    house.shelf.reads.append(TryAgain("crm_failed", "The shop answered 503."))
    call = house.press("1", source=Source.RULE)
    assert call.state is State.ACCEPTED
    house.look(2)  # night has begun
    late = house.call(call.id)
    assert (late.state, late.code, house.desk.rung) == (State.EXPIRED, "waited_too_long", [])
    assert late.message is not None and "it is only recorded" in late.message


# -- Fenced --------------------------------------------------------------------------------------------------


def test_it_drops_its_plan_when_the_call_was_cancelled_meanwhile(house: HouseKit) -> None:
    def cancelled() -> None:
        (call,) = house.journal.latest()
        with house.journal.transaction() as tx:
            assert tx.move(call, State.READING, State.CANCELLED, who="admin", detail="cancelled")

    house.shelf.reads.append(cancelled)
    call = house.press("1")
    assert (call.state, house.desk.rung) == (State.CANCELLED, [])


def test_it_drops_its_plan_when_its_lease_ran_out_and_another_process_took_over(house: HouseKit) -> None:
    other = house.another()
    house.shelf.reads.append(lambda: other.look(26))
    call = house.press("1")
    assert (call.state, house.desk.rung) == (State.PLACED, [number_of("1")])
    assert house.states(call.id).count(State.DIALLING) == 1
    other.close()


def test_it_tells_whoever_waits_even_when_the_step_fails(house: HouseKit) -> None:
    house.shelf.reads.append(ZeroDivisionError())
    accepted = house.flow.accept(click(), owner=house.flow.token())
    with house.flow.waiters.expecting(accepted.call.id) as waiting:
        with pytest.raises(ZeroDivisionError):
            house.flow.run(accepted.call)
        assert waiting.wait(0) is None


@pytest.mark.parametrize("source", list(Source))
def test_a_fault_of_ours_in_reading_is_told_and_not_read_again(house: HouseKit, source: Source) -> None:
    house.shelf.reads.append(ZeroDivisionError("9876500001"))
    call = house.press("1", source=source)
    assert (call.state, call.code, call.due_at) == (State.FAILED, "connector_fault", None)
    assert call.message == (
        "The connector failed with a fault of its own (ZeroDivisionError): see its log. Nobody was rung."
    )
    (fault,) = house.dispatcher.failures
    assert isinstance(fault, ZeroDivisionError)
    assert (house.journal.story(call.id)[-1].who, house.desk.rung) == ("connector", [])


def test_a_fault_of_ours_in_planning_is_told_too(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.flow.members, "number_of", {}.__getitem__)
    house.shelf.contact("1")["owner"]["phone"] = None
    assert house.press("1").code == "connector_fault"


def test_a_row_keeps_while_the_database_is_down(house: HouseKit) -> None:
    house.shelf.reads.append(JournalDown("journal_down", "The connector's database cannot be used just now."))
    call = house.press("1")
    assert call.state is State.READING
    house.look(26)
    assert (house.call(call.id).state, house.desk.rung) == (State.PLACED, [number_of("1")])


def test_a_call_whose_connection_was_removed_says_so(house: HouseKit) -> None:
    call = house.flow.accept(rule()).call
    del house.connections["shop"]
    house.look()
    now = house.call(call.id)
    assert (now.state, now.code, house.dispatcher.failures) == (State.FAILED, "connection_removed", [])


def test_a_fault_of_ours_at_the_gate_does_not_run_a_click_beyond_its_life(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.flow.members, "active", {}.__getitem__)
    call = house.press("1")
    for _ in range(8):
        house.look(timedelta(seconds=26).total_seconds())
    assert 1 <= len(house.dispatcher.failures) <= 4
    assert (house.call(call.id).state, house.desk.rung) == (State.EXPIRED, [])


def test_a_write_is_leased_longer_than_one_request_may_take() -> None:
    from connector.http import TIMEOUT

    assert WRITE_LEASE.total_seconds() > 3 * sum(TIMEOUT)


# -- What it hands on ----------------------------------------------------------------------------------------


def test_it_dials_just_what_was_planned(house: HouseKit) -> None:
    house.change_policy(call_limit=90)
    house.press("1")
    plain = {"customer": number_of("1"), "member": MEMBER, "deskphone": DESKPHONE, "call_limit": 90}
    assert house.desk.dialled == [plain | {"campid": None, "form_deskphone": None}]


def test_it_dials_with_everything_a_plan_may_hold(house: HouseKit) -> None:
    house.desk.next.append(Died())
    call = house.press("1")
    assert call.plan is not None
    plan = replace(call.plan, call_limit=60, campid="9995", form_deskphone="01200000002")
    house.flow.dial(call, plan)
    assert house.desk.dialled[-1] == {
        "customer": number_of("1"),
        "member": MEMBER,
        "deskphone": DESKPHONE,
        "call_limit": 60,
        "campid": "9995",
        "form_deskphone": "01200000002",
    }


def test_its_gate_gives_the_call_as_the_row_now_stands(house: HouseKit) -> None:
    house.shelf.reads.append(Died())
    call = house.press("1")
    record = house.flow.read(call)
    dialling = house.flow.gate(call, record, house.flow.plan(call, record))
    row = house.call(call.id)
    assert dialling is not None and row.state is State.DIALLING
    told = ("state", "record", "plan", "mapping_version", "dialled_at", "owner")
    assert [getattr(dialling, name) for name in told] == [getattr(row, name) for name in told]
    assert row.mapping_version == house.shop.mapping.current().version


def test_its_story_says_who_is_to_be_rung_and_that_every_guard_agreed(house: HouseKit) -> None:
    call = house.press("1")
    told = {event.to_state: event for event in house.journal.story(call.id)}
    planned, dialling = told[State.PLANNED], told[State.DIALLING]
    assert (planned.who, planned.detail) == (
        "mapping",
        f"customer …0001, member …0101, version {call.mapping_version}",
    )
    assert (dialling.who, dialling.detail) == ("gate", "every guard agrees")


def test_it_asks_the_policy_about_this_click(house: HouseKit) -> None:
    call = house.press("1", user="ravi", override=frozenset({"quiet_hours"}))
    assert call.plan is not None
    ask = house.flow.ask(call, call.plan, house.clock.now)
    assert (ask.connection, ask.object, ask.record) == ("shop", "Contact", "Contact 1")
    assert (ask.user, ask.source, ask.overrides) == ("ravi", Source.BUTTON, {"quiet_hours"})


def test_a_guards_refusal_is_on_the_timeline_at_once(house: HouseKit) -> None:
    house.change_policy(block=frozenset({number_of("1")}))
    call = house.press("1")
    assert (call.state, call.code) == (State.REFUSED, "number_blocked")
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.REFUSED]


@pytest.mark.parametrize(("seconds", "state"), [(59, State.PLACED), (60, State.EXPIRED)])
def test_a_click_is_too_old_from_the_moment_it_expires(house: HouseKit, seconds: int, state: State) -> None:
    house.shelf.reads.append(lambda: house.clock.advance(seconds))
    assert house.press("1").state is state
