"""The CRM's activity becomes equal to the row, however often that takes; nothing here can ring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from house_kit import Died, HouseKit, click, number_of, report
from sqlalchemy import update

from connector.connection import Connection
from connector.crms.base import Account
from connector.crms.rest import Rest
from connector.errors import AdminNeeded, Gone, Refused, TryAgain
from connector.journal.tables import calls
from connector.mapping import MappingFile
from connector.model import Call, Outcome, Phase, State
from connector.sandbox.crm import SandboxCrm
from connector.sandbox.stage import MAPPING

pytestmark = pytest.mark.both_engines

DOWN = TryAgain("crm_failed", "The shop answered 503.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def ended(house: HouseKit, call: Call) -> Call:
    house.hear(report(call, house.clock))
    return house.call(call.id)


def test_an_outcome_that_comes_during_the_create_is_written_after_it(house: HouseKit) -> None:
    def outcome_comes() -> None:
        (call,) = house.journal.latest()
        house.hear(report(call, house.clock))

    house.shelf.unheard.append(outcome_comes)
    call = house.press("1")
    assert (call.state, call.wanted, call.written) == (State.ENDED, 2, 2)
    (shown,) = house.shelf.shown(call.id)
    assert shown.phase is Phase.ENDED


def test_an_outcome_that_comes_during_a_later_try_is_written_after_it(house: HouseKit) -> None:
    house.shelf.writes.append(DOWN)
    call = house.press("1")
    house.shelf.unheard.append(lambda: house.hear(report(call, house.clock)))
    house.flow.timeline.log(call.id)
    now = house.call(call.id)
    assert (now.state, now.wanted, now.written) == (State.ENDED, 2, 2)
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.ENDED]


def test_a_create_nobody_heard_of_is_found_and_not_made_again(house: HouseKit) -> None:
    house.shelf.unheard.append(TryAgain("crm_timeout", "The shop did not answer in time.", status=504))
    call = house.press("1")
    assert (call.written, call.activity_id) == (0, None)
    house.look(5)
    now = house.call(call.id)
    assert (now.written, now.activity_id, house.shelf.found) == (now.wanted, "a1", 1)
    assert len(house.shelf.shown(call.id)) == 1


def test_a_create_whose_process_died_is_found_and_not_made_again(house: HouseKit) -> None:
    house.shelf.unheard.append(Died())
    call = house.press("1")
    other = house.another()
    other.look(89)
    assert house.call(call.id).written == 0
    other.look(2)
    assert house.call(call.id).activity_id == "a1"
    assert (len(house.shelf.shown(call.id)), house.desk.rung) == (1, [number_of("1")])
    other.close()


def test_the_first_create_does_not_look_first(house: HouseKit) -> None:
    house.press("1")
    assert house.shelf.found == 0


def test_an_activity_somebody_deleted_is_made_again(house: HouseKit) -> None:
    call = house.press("1")
    house.shelf.activities.clear()
    ended(house, call)
    assert [shown.phase for shown in house.shelf.shown(call.id)] == [Phase.ENDED]


def test_an_outcome_is_kept_while_the_crm_is_down_and_shown_when_it_is_back(house: HouseKit) -> None:
    house.shelf.writes.extend([DOWN] * 6)
    call = house.press("1")
    assert ended(house, call).state is State.ENDED
    for _ in range(8):
        house.look(600)
    now = house.call(call.id)
    assert (now.written, now.write_error, now.write_attempts) == (now.wanted, None, 0)
    assert [shown.fields["talk_seconds"] for shown in house.shelf.shown(call.id)] == [35]


def test_it_tries_for_seven_days_and_then_says_so(house: HouseKit) -> None:
    house.shelf.writes.extend([DOWN] * 1000)
    call = ended(house, house.press("1"))
    for _ in range(7 * 24 * 2):
        house.look(minutes=30)
    assert not house.call(call.id).write_dead
    house.look(hours=2)
    dead = house.call(call.id)
    assert (dead.write_dead, dead.write_due_at) == (True, None)
    assert dead.write_error == "The shop answered 503."
    assert house.journal.health()["dead"] == 1
    assert 150 < 1000 - len(house.shelf.writes) < 400
    house.look(days=3)
    assert house.call(call.id).write_attempts == dead.write_attempts


def test_a_fault_of_ours_rests_longer_each_time_too_and_is_a_dead_letter_after_seven_days(
    house: HouseKit,
) -> None:
    house.shelf.writes.extend([ZeroDivisionError("+919876500001")] * 1000)
    call = ended(house, house.press("1"))
    assert call.write_attempts == 2
    assert call.write_due_at is not None
    assert call.write_due_at <= house.clock.now + timedelta(seconds=3), "it rests, no lease has to run out"
    for _ in range(7 * 24 * 2):
        house.look(minutes=30)
    assert not house.call(call.id).write_dead
    house.look(hours=2)
    dead = house.call(call.id)
    assert (dead.write_dead, dead.write_due_at, dead.state) == (True, None, State.ENDED)
    assert dead.write_error == (
        "The connector failed with a fault of its own (ZeroDivisionError): see its log."
    )
    assert house.journal.health()["dead"] == 1
    assert {type(fault) for fault in house.dispatcher.failures} == {ZeroDivisionError}
    assert 150 < 1000 - len(house.shelf.writes) < 400
    assert house.desk.rung == [number_of("1")]


def test_a_write_waits_for_its_connection_to_be_put_back(house: HouseKit) -> None:
    house.shelf.writes.append(DOWN)
    call = house.press("1")
    shop = house.connections.pop("shop")
    house.look(2)
    said = house.call(call.id).write_error
    assert said == "The manifest has no connection 'shop' any more: put it back, and the call goes on."
    house.connections["shop"] = shop
    house.look(10)
    assert (house.call(call.id).written, house.dispatcher.failures) == (1, [])


@pytest.mark.parametrize("seconds", [1, 3, 10, 30, 120, 600, 1800, 3600])
def test_it_waits_longer_each_time_with_jitter(house: HouseKit, seconds: int) -> None:
    from connector.timeline import WRITE_RESTS

    rests = set()
    for record_id in map(str, range(1, 6)):
        house.shelf.writes.append(DOWN)
        call = house.press(record_id, user=record_id, override=frozenset({"called_recently"}))
        with house.journal.transaction() as tx:
            tries = WRITE_RESTS.index(seconds)
            tx.connection.execute_once(
                update(calls).where(calls.c.id == call.id).values(write_attempts=tries)
            )
        house.shelf.writes.append(DOWN)
        house.flow.timeline.log(call.id)
        due = house.call(call.id).write_due_at
        assert due is not None
        rests.add((due - house.clock.now).total_seconds())
        house.clock.advance(hours=3)
    assert all(seconds / 2 <= rest <= seconds for rest in rests)
    assert len(rests) > 1


def test_it_waits_as_long_as_the_crm_asks(house: HouseKit) -> None:
    house.shelf.writes.append(TryAgain("crm_rate_limited", "The shop asks us to slow down.", retry_after=90))
    call = house.press("1")
    assert call.write_due_at == house.clock.now + timedelta(seconds=90)
    house.look(89)
    assert house.call(call.id).written == 0
    house.look(1)
    assert house.call(call.id).written == 1


@pytest.mark.parametrize("asked", [10**9, float("inf")])
def test_it_does_not_wait_for_ever_because_a_crm_asks_so(house: HouseKit, asked: float) -> None:
    house.shelf.writes.append(TryAgain("crm_rate_limited", "Slow down.", retry_after=asked))
    assert house.press("1").write_due_at == house.clock.now + timedelta(hours=1)


def test_a_missing_right_is_tried_again_since_an_admin_may_give_it(house: HouseKit) -> None:
    house.shelf.writes.append(AdminNeeded("crm_forbidden", "The shop does not let our user do this."))
    call = house.press("1")
    assert (call.write_dead, call.write_error) == (False, "The shop does not let our user do this.")
    house.look(2)
    assert house.call(call.id).written == 1


@pytest.mark.parametrize(
    "final",
    [
        Gone("record_not_found", "The shop has no such record."),
        Refused("id_missing", "The shop answered without an id."),
    ],
)
def test_what_cannot_come_back_is_given_up_at_once(house: HouseKit, final: Exception) -> None:
    house.shelf.writes.append(final)
    call = house.press("1")
    assert (call.state, call.write_dead, call.write_error) == (State.PLACED, True, str(final))


def test_a_replay_writes_and_cannot_ring(house: HouseKit) -> None:
    house.shelf.writes.append(Gone("record_not_found", "The shop has no such record."))
    dead = house.press("1")
    house.journal.want_write(dead)
    for _ in range(3):
        house.look(1)
    now = house.call(dead.id)
    assert (now.written, now.write_dead, now.state) == (now.wanted, False, dead.state)
    assert (house.desk.rung, len(house.shelf.shown(dead.id))) == ([number_of("1")], 1)


def test_replaying_what_is_shown_already_changes_the_one_activity(house: HouseKit) -> None:
    call = ended(house, house.press("1"))
    house.journal.want_write(call)
    house.look(1)
    assert len(house.shelf.shown(call.id)) == 1
    assert house.call(call.id).written == call.wanted + 1


def test_a_call_that_left_nothing_for_the_timeline_is_not_written(house: HouseKit) -> None:
    accepted = house.flow.accept(click())
    house.flow.timeline.log(accepted.call.id)
    house.flow.timeline.log("no such call")
    assert house.shelf.activities == {}


# -- Against a CRM over a socket, by the real adapter --------------------------------------------------------


@pytest.fixture
def crm() -> Iterator[SandboxCrm]:
    with SandboxCrm(api_key="a-made-up-key") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, crm: SandboxCrm) -> Iterator[HouseKit]:
    mapping = MappingFile(MAPPING)
    settings = Rest.settings_schema().load({"base_url": crm.base_url, "auth": {"bearer": crm.api_key}})
    kit = HouseKit(tmp_path, crm=Rest(Account("shop", settings, requests=mapping.requests)))
    yield kit
    kit.close()


def test_a_crm_that_loses_its_answer_shows_one_activity(shop: HouseKit, crm: SandboxCrm) -> None:
    crm.lose_answers = 1
    call = shop.press("1")
    assert call.write_error is not None and "502" in call.write_error
    shop.hear(report(call, shop.clock))
    shop.look(5)
    (shown,) = crm.activities
    assert (shown["key"], shown["status"], shown["talk_seconds"]) == (call.id, "ended", 35)
    assert shop.call(call.id).ending is not None
    assert shown["outcome"] == Outcome.ANSWERED


def test_a_crm_that_is_out_for_an_hour_shows_the_outcome_afterwards(shop: HouseKit, crm: SandboxCrm) -> None:
    call = shop.press("1")
    crm.outage = 503
    shop.hear(report(call, shop.clock))
    for _ in range(6):
        shop.look(minutes=10)
    assert [shown["status"] for shown in crm.activities] == ["placed"]
    crm.outage = None
    shop.look(hours=1)
    assert [shown["status"] for shown in crm.activities] == ["ended"]
    assert isinstance(shop.shop, Connection) and len(shop.desk.rung) == 1
