"""What is due is taken up: at once here, and whatever another process left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import Clock, Died, HouseKit, click, number_of, report, rule

from connector import dispatcher as module
from connector.dispatcher import Dispatcher
from connector.errors import JournalDown
from connector.journal import Accepted
from connector.journal import line as lines
from connector.model import Call, Source, State
from connector.policy import MemberBusy

pytestmark = pytest.mark.both_engines

LONG = 10.0
LEASE = timedelta(seconds=25)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def running(house: HouseKit) -> Iterator[Dispatcher]:
    """The real one, with its threads."""
    real = Dispatcher(house.flow)
    real.start()
    yield real
    real.stop()


def rows_wait(house: HouseKit, number: int) -> list[Call]:
    return [house.flow.accept(rule(str(each))).call for each in range(1, number + 1)]


# -- Step by step --------------------------------------------------------------------------------------------


def test_it_takes_up_what_another_process_accepted(house: HouseKit) -> None:
    call = house.flow.accept(rule("1")).call
    house.look()
    assert (house.call(call.id).state, house.desk.rung) == (State.PLACED, [number_of("1")])


def test_it_takes_every_row_once_though_two_processes_look(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    other = house.another()
    calls = rows_wait(house, 40)
    for _ in range(3):
        house.dispatcher.look()
        other.dispatcher.look()
    assert sorted(house.desk.rung) == sorted(number_of(str(each)) for each in range(1, 41))
    assert {house.call(call.id).state for call in calls} == {State.PLACED}
    assert house.dispatcher.look() is False
    other.close()


def test_it_says_that_there_is_more_when_a_look_was_full(house: HouseKit) -> None:
    for number in range(module.BATCH + 1):
        house.flow.accept(click(str(number)))
    assert house.dispatcher.look() is True
    assert house.dispatcher.look() is False


def test_it_records_a_row_that_waited_too_long_without_reading_it(house: HouseKit) -> None:
    call = house.flow.accept(click("1")).call
    house.shelf.reads.append(AssertionError("nobody should ask the CRM"))
    house.look(60)
    now = house.call(call.id)
    assert (now.state, now.code, now.due_at, house.dispatcher.failures) == (
        State.EXPIRED,
        "expired",
        None,
        [],
    )


def test_it_leaves_a_row_that_another_was_quicker_to_take(house: HouseKit) -> None:
    other = house.another()
    house.flow.accept(rule("1"))
    other.look()
    assert house.dispatcher._take(10) == 0
    assert house.desk.rung == [number_of("1")]
    other.close()


def test_it_leaves_a_row_that_was_taken_since_it_was_seen(house: HouseKit) -> None:
    seen = house.flow.accept(click("1")).call
    with house.journal.transaction() as tx:
        assert house.journal.claim(tx, seen, "w2.a", LEASE)
        assert house.dispatcher._claimed(tx, seen) is None
    assert house.call(seen.id).owner == "w2.a"


def test_it_asks_nobody_about_a_call_that_another_is_asking_about(house: HouseKit) -> None:
    house.press("1")
    house.desk.asked.append(AssertionError("CallerDesk should not be asked"))
    house.dispatcher._look_up()
    assert (house.dispatcher.failures, len(house.desk.asked)) == ([], 1)


def test_it_writes_what_a_dead_writer_left(house: HouseKit) -> None:
    house.shelf.writes.append(Died())
    call = house.press("1")
    assert call.written == 0
    house.look(91)
    assert house.call(call.id).written == 1


def test_a_repeat_rings_nobody_and_gives_the_first_ones_row(house: HouseKit) -> None:
    first, again = house.dispatcher.accept(click()), house.dispatcher.accept(click())
    assert (again[1], again[0].id) == (True, first[0].id)
    assert house.desk.rung == [number_of("1")]


def test_a_message_of_many_is_durable_before_the_first_of_it_runs(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    taken = house.dispatcher.accept_all([rule("1"), rule("2"), rule("1")])
    assert [repeat for _, repeat in taken] == [False, False, True]
    assert {call.state for call, _ in taken} == {State.DEFERRED}
    assert house.desk.rung == []
    house.look()
    assert house.call(taken[0][0].id).state is State.PLACED


def test_a_press_that_came_too_late_is_told_at_once(house: HouseKit) -> None:
    late = click(clicked_at=house.clock.now.replace(year=2025))
    call, repeat = house.dispatcher.accept_and_wait(late, LONG)
    assert (call.state, repeat, house.desk.rung) == (State.EXPIRED, False, [])


def test_a_press_whose_first_ones_verdict_comes_just_before_the_wait_does_not_wait(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = house.another()
    house.flow.accept(click())
    accept = house.flow.accept

    def accepted_and_then(*args: Any, **more: Any) -> Accepted:
        accepted = accept(*args, **more)
        other.look()
        return accepted

    monkeypatch.setattr(house.flow, "accept", accepted_and_then)
    monkeypatch.setattr(house.dispatcher, "_awaited", lambda *_: pytest.fail("there is nothing to wait for"))
    call, repeat = house.dispatcher.accept_and_wait(click(), LONG)
    assert (call.state, repeat, house.desk.rung) == (State.PLACED, True, [number_of("1")])
    other.close()


def test_a_verdict_that_another_process_reaches_is_seen_in_the_row(house: HouseKit) -> None:
    """Where nobody can tell, and where the telling was missed."""
    other = house.another()
    house.flow.accept(click())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(house.dispatcher.accept_and_wait, click(), LONG)
        while not house.flow.waiters._waiting:
            assert not waiting.done()
            threading.Event().wait(0.002)
        other.look()
        call, repeat = waiting.result(LONG)
    assert (call.state, repeat) == (State.PLACED, True)
    other.close()


def test_it_leaves_the_rows_to_the_next_one_once_it_is_stopped(house: HouseKit) -> None:
    real = Dispatcher(house.flow)
    real.stop()
    call, _ = real.accept(click())
    assert (house.call(call.id).state, house.desk.rung) == (State.READING, [])


# -- The line that rules' calls wait in ----------------------------------------------------------------------


@pytest.fixture
def in_line(house: HouseKit) -> Call:
    """A rule's call that waits until its member's other call is over."""
    talking = house.press("9")
    waiting = house.press("1", source=Source.RULE)
    assert waiting.state is State.DEFERRED
    house.hear(report(talking, house.clock))
    return waiting


def test_nobody_is_let_out_of_the_line_while_all_is_paused(house: HouseKit, in_line: Call) -> None:
    house.journal.set_flag("paused", "command line")
    house.look(1)
    assert house.call(in_line.id).state is State.DEFERRED
    house.journal.set_flag("paused", None)
    house.look(1)
    assert house.call(in_line.id).state is State.PLACED


def test_a_wait_ends_also_while_all_is_paused(house: HouseKit, in_line: Call) -> None:
    house.journal.set_flag("paused", "command line")
    house.look((in_line.expires_at - house.clock.now).total_seconds())
    now = house.call(in_line.id)
    assert (now.state, now.code) == (State.EXPIRED, "waited_too_long")
    assert house.desk.rung == [number_of("9")]


def test_who_was_cancelled_in_line_is_neither_let_out_nor_expires(
    house: HouseKit, in_line: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "over", lambda tx, name: [in_line.id])
    with house.journal.transaction() as tx:
        assert tx.move(in_line, State.DEFERRED, State.CANCELLED, who="admin", detail="cancelled")
        # As it was found before that was committed.
        assert house.dispatcher._turns._let_out(tx, in_line.id) is None
        house.dispatcher._turns._end_waits(tx, "shop")
    assert house.call(in_line.id).state is State.CANCELLED


# -- With its threads ----------------------------------------------------------------------------------------


def test_a_person_has_the_verdict_as_soon_as_it_is_reached(house: HouseKit, running: Dispatcher) -> None:
    call, repeat = running.accept_and_wait(click(), LONG)
    assert (call.state, repeat) == (State.PLACED, False)


def test_a_person_who_cannot_wait_longer_is_told_how_far_it_is(house: HouseKit, running: Dispatcher) -> None:
    read_on = threading.Event()
    house.shelf.reads.append(lambda: read_on.wait(LONG))
    call, _ = running.accept_and_wait(click(), 0.05)
    assert call.state is State.READING
    read_on.set()


def test_a_second_press_waits_for_the_first_ones_verdict(house: HouseKit, running: Dispatcher) -> None:
    reading, read_on = threading.Event(), threading.Event()

    def slowly() -> None:
        reading.set()
        read_on.wait(LONG)

    house.shelf.reads.append(slowly)
    first = running.accept(click())[0]
    assert reading.wait(LONG)
    told: list[tuple[Call, bool]] = []
    second = threading.Thread(target=lambda: told.append(running.accept_and_wait(click(), LONG)))
    second.start()
    while not house.flow.waiters._waiting:
        assert second.is_alive()
        read_on.wait(0.002)
    read_on.set()
    second.join(LONG)
    ((call, repeat),) = told
    assert (call.id, call.state, repeat) == (first.id, State.PLACED, True)
    assert house.desk.rung == [number_of("1")]


def test_twenty_presses_at_once_ring_once(house: HouseKit, running: Dispatcher) -> None:
    told: list[tuple[Call, bool]] = []
    start = threading.Barrier(20)

    def press() -> None:
        start.wait(LONG)
        told.append(running.accept_and_wait(click(), LONG))

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len({call.id for call, _ in told}) == 1
    assert [repeat for _, repeat in told].count(False) == 1
    assert {call.state for call, _ in told} == {State.PLACED}
    assert house.desk.rung == [number_of("1")]


def test_clicks_beyond_what_it_can_run_wait_and_are_run_in_their_turn(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DIALLERS", 1)
    house.change_policy(member_busy=MemberBusy.IGNORE)
    real = Dispatcher(house.flow)
    real.start()
    busy, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        busy.set()
        go_on.wait(LONG)

    house.shelf.reads.append(hold)
    real.accept(rule("1"))
    assert busy.wait(LONG)
    waiting, _ = real.accept(rule("2"))
    assert waiting.state is State.DEFERRED
    house.desk.next.extend([lambda: None, lambda: over.set()])
    go_on.set()
    assert over.wait(LONG)
    real.stop()
    assert house.desk.rung == [number_of("1"), number_of("2")]


def test_it_looks_again_at_once_while_there_is_more(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_POLL", 10 * LONG)
    house.change_policy(member_busy=MemberBusy.IGNORE)
    calls = rows_wait(house, module.BATCH + 1)
    rung = threading.Semaphore(0)
    house.desk.next.extend([rung.release] * len(calls))
    real = Dispatcher(house.flow)
    real.start()
    assert all(rung.acquire(timeout=LONG) for _ in calls)
    real.stop()
    assert len(house.desk.rung) == len(calls)


def test_it_goes_on_when_the_database_is_back(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = Dispatcher(house.flow)
    failed, looked = threading.Event(), threading.Event()
    look = real.look

    def unlucky_once() -> bool:
        if not failed.is_set():
            failed.set()
            real.wake()
            raise JournalDown("journal_down", "The connector's database cannot be used just now.")
        looked.set()
        return look()

    monkeypatch.setattr(real, "look", unlucky_once)
    real.start()
    assert looked.wait(LONG)
    real.stop()
    assert "The rows keep until it is back." in caplog.text


def test_a_step_that_fails_is_told_and_logged(
    house: HouseKit, running: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    house.shelf.reads.append(ZeroDivisionError("a fault of ours"))
    call, _ = running.accept_and_wait(click(), LONG)
    running.stop()
    assert (call.state, call.code) == (State.FAILED, "connector_fault")
    assert "a fault of the connector's own; report it" in caplog.text
    assert "ZeroDivisionError: a fault of ours" in caplog.text


def test_a_write_asked_for_many_times_is_done_by_one(house: HouseKit, running: Dispatcher) -> None:
    call, _ = running.accept_and_wait(click(), LONG)
    house.hear(report(call, Clock()))
    for _ in range(20):
        running.write_soon(call.id)
    running.stop()
    assert len(house.shelf.shown(call.id)) == 1
    assert house.call(call.id).written == 2


def test_a_fault_of_ours_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, told, again = HouseKit(tmp_path), [], threading.Event()
    dispatcher = Dispatcher(house.flow)

    def look() -> bool:
        if not told:
            raise ValueError("a row nobody can read")
        again.set()
        return False

    monkeypatch.setattr(threading, "excepthook", told.append)
    monkeypatch.setattr(dispatcher, "look", look)
    dispatcher.start()
    assert again.wait(10)
    dispatcher.stop()
    house.close()
    assert [str(each.exc_value) for each in told] == ["a row nobody can read"]
