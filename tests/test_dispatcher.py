"""What is due is taken up: at once here, and whatever another process left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from house_kit import Clock, Died, HouseKit, click, number_of, report, report_row, rule

from connector import dispatcher as module
from connector import outcomes
from connector.dispatcher import Dispatcher
from connector.errors import JournalDown
from connector.journal import Accepted
from connector.journal import line as lines
from connector.model import Call, Click, Source, State
from connector.policy import MemberBusy
from connector.turns import Turns
from connector.waiters import Waiting

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


# -- How it takes things up ----------------------------------------------------------------------------------


def test_what_it_takes_up_is_claimed_to_be_read_and_its_story_says_so(house: HouseKit) -> None:
    call = house.flow.accept(click()).call
    reading: list[Call] = []
    house.shelf.reads.append(lambda: reading.append(house.call(call.id)))
    house.look()
    (held,) = reading
    assert (held.state, held.attempts) == (State.READING, 1)
    assert (held.owner or "").startswith("w1.")
    assert held.due_at == house.clock.now + LEASE
    taken_up = house.journal.story(call.id)[1]
    assert (taken_up.to_state, taken_up.who, taken_up.detail) == (State.READING, "dispatcher", "taken up")


def test_it_takes_up_nothing_while_nobody_is_free(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIALLERS", 0)
    call, _ = house.dispatcher.accept(click())
    assert house.dispatcher.look() is False
    assert (house.call(call.id).state, house.desk.rung) == (State.ACCEPTED, [])


def test_it_takes_up_no_more_than_there_are_free(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIALLERS", 2)
    house.change_policy(member_busy=MemberBusy.IGNORE)
    waiting = [house.flow.accept(click(str(number))).call for number in range(2, 5)]
    meanwhile: list[State] = []

    def look() -> None:
        house.dispatcher.look()
        meanwhile.extend(sorted(house.call(call.id).state for call in waiting))

    house.shelf.reads.append(look)
    house.dispatcher.accept(click("1"))
    assert meanwhile == [State.ACCEPTED, State.ACCEPTED, State.PLACED]


@pytest.mark.parametrize(("diallers", "waiting"), [(80, 0), (0, 1)])
def test_it_begins_nothing_where_nothing_is_due_or_nobody_is_free(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, diallers: int, waiting: int
) -> None:
    monkeypatch.setattr(module, "DIALLERS", diallers)
    monkeypatch.setattr(module, "BATCH", 1)
    for number in range(waiting):
        house.flow.accept(click(str(number)))
    for work in ("_take", "_look_up"):
        monkeypatch.setattr(house.dispatcher, work, lambda *_: pytest.fail("there is nothing to do"))
    assert house.dispatcher.look() is False


def test_it_counts_what_it_runs_and_how_much_of_it_for_rules(house: HouseKit) -> None:
    at_work = house.dispatcher
    counted: list[tuple[int, int]] = []
    for each in (click("1"), rule("2")):
        house.shelf.reads.append(lambda: counted.append((at_work._running, at_work._by_rules)))
        at_work.accept(each)
    assert counted == [(1, 0), (1, 1)]
    assert (at_work._running, at_work._by_rules) == (0, 0)


def test_it_counts_those_that_run_at_the_same_time(house: HouseKit) -> None:
    at_work = house.dispatcher
    counted: list[tuple[int, int]] = []

    def another_comes() -> None:
        house.shelf.reads.append(lambda: counted.append((at_work._running, at_work._by_rules)))
        at_work.accept(rule("2"))
        counted.append((at_work._running, at_work._by_rules))

    house.shelf.reads.append(another_comes)
    at_work.accept(rule("1"))
    assert counted == [(2, 2), (1, 1)]


def test_it_counts_down_also_when_a_step_failed(house: HouseKit) -> None:
    house.shelf.reads.append(ZeroDivisionError("a fault of ours"))
    house.dispatcher.accept(rule())
    assert (house.dispatcher._running, house.dispatcher._by_rules) == (0, 0)


@pytest.mark.parametrize(("diallers", "looks"), [(1, True), (2, False)])
def test_it_looks_for_more_when_the_last_place_is_free_again(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, diallers: int, looks: bool
) -> None:
    monkeypatch.setattr(module, "DIALLERS", diallers)
    house.dispatcher.accept(click())
    assert (house.desk.rung, house.dispatcher._wake.is_set()) == ([number_of("1")], looks)


@pytest.mark.parametrize(
    ("source", "waits", "looks"), [("rule", True, True), ("rule", False, False), ("button", True, False)]
)
def test_it_looks_for_more_when_a_rules_place_is_free_and_somebody_waits(
    house: HouseKit, source: str, waits: bool, looks: bool
) -> None:
    house.dispatcher._turns.somebody_waits = waits
    house.dispatcher.accept(click(source=Source(source)))
    assert house.dispatcher._wake.is_set() is looks


@pytest.mark.parametrize(("accepted", "looks"), [([click()], True), ([click(), click()], False)])
def test_a_click_that_nobody_is_free_for_is_looked_for_and_its_repeat_is_not(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, accepted: list[Click], looks: bool
) -> None:
    monkeypatch.setattr(module, "DIALLERS", 0)
    for each in accepted:
        house.dispatcher._wake.clear()
        call, _ = house.dispatcher.accept(each)
    assert (call.state, house.dispatcher._wake.is_set()) == (State.ACCEPTED, looks)


@pytest.mark.parametrize(("brought", "state"), [(click("2"), State.ACCEPTED), (rule("2"), State.DEFERRED)])
def test_nobody_is_run_beyond_the_places_there_are(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, brought: Click, state: State
) -> None:
    monkeypatch.setattr(module, "DIALLERS", 1)
    meanwhile: list[Call] = []
    house.shelf.reads.append(lambda: meanwhile.append(house.dispatcher.accept(brought)[0]))
    house.dispatcher.accept(click("1"))
    assert [call.state for call in meanwhile] == [state]


def test_rules_leave_places_for_people(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BY_RULES", 1)
    at_work = house.dispatcher
    meanwhile: list[Call] = []

    def more_come() -> None:
        meanwhile.append(at_work.accept(rule("2"))[0])
        meanwhile.append(at_work.accept(click("3"))[0])

    house.change_policy(member_busy=MemberBusy.IGNORE)
    house.shelf.reads.append(more_come)
    at_work.accept(rule("1"))
    assert [call.state for call in meanwhile] == [State.DEFERRED, State.READING]
    assert house.desk.rung == [number_of("3"), number_of("1")]


@pytest.mark.parametrize(("left_behind", "more"), [(1, False), (2, True)])
def test_there_may_be_more_when_a_look_found_as_many_as_it_takes_left_behind(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, left_behind: int, more: bool
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    calls = [house.flow.accept(click(str(number)), owner="dead.1").call for number in range(left_behind)]
    house.clock.advance(25)
    assert house.dispatcher.look() is more
    assert all(len(house.journal.story(call.id)) > 2 for call in calls)


@pytest.mark.parametrize(("accepted", "more"), [(1, False), (2, True)])
def test_there_may_be_more_when_a_look_took_up_as_many_as_it_takes(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, accepted: int, more: bool
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(accepted):
        house.flow.accept(click(str(number)))
    assert house.dispatcher.look() is more


def test_there_may_be_more_when_somebody_was_let_out_of_the_line(house: HouseKit) -> None:
    house.flow.accept(rule())
    assert house.dispatcher.look() is True
    assert house.dispatcher.look() is False


def test_whoever_is_asked_about_is_claimed_for_a_minute(house: HouseKit) -> None:
    call = house.press("1")
    asked: list[Call] = []
    house.desk.asked.append(lambda: asked.append(house.call(call.id)))
    assert call.due_at is not None
    house.look((call.due_at - house.clock.now).total_seconds())
    (held,) = asked
    assert (held.owner or "").startswith("w1.")
    assert held.due_at == house.clock.now + timedelta(seconds=60)


def test_what_callerdesk_tells_when_asked_is_written_at_once(house: HouseKit) -> None:
    call = house.press("1")
    house.desk.reports = [report_row(call)]
    assert call.due_at is not None
    house.clock.advance((call.due_at - house.clock.now).total_seconds())
    house.dispatcher._look_up()
    now = house.call(call.id)
    assert (now.state, now.written) == (State.ENDED, 2)


def test_a_write_that_is_wanted_during_a_write_is_one_more_round(house: HouseKit) -> None:
    wanted: list[bool] = []
    house.shelf.writes.append(lambda: wanted.append(bool(house.dispatcher._to_write)))
    call = house.press("1")
    house.hear(report(call, house.clock))
    assert (wanted, house.dispatcher._to_write) == ([False], set())


# -- What other processes tell -------------------------------------------------------------------------------


class Ear:
    """Stands for the connection that hears the other processes, where there is one."""

    def __init__(self, hears: bool = True) -> None:
        self.listening = threading.Event()
        self.stopped = False
        if hears:
            self.listening.set()

    def stop(self) -> None:
        self.stopped = True


def test_it_listens_to_the_others_under_its_own_name_while_it_runs(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear: Any = Ear()
    given: list[tuple[object, ...]] = []

    def listen(*what: object) -> Any:
        given.append(what)
        return ear

    monkeypatch.setattr(house.journal, "listen", listen)
    real = Dispatcher(house.flow)
    real.start()
    heard_by: Any = real._listener
    assert (real._thread.name, real._thread.daemon) == ("dispatcher", True)
    real.stop()
    assert heard_by is ear
    assert (given, ear.stopped) == ([(real._heard, "w1")], True)


def test_it_begins_also_when_the_others_cannot_be_heard_yet(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.journal, "listen", lambda *_: Ear(hears=False))
    monkeypatch.setattr(module, "SLOW_POLL", 0.01)
    real = Dispatcher(house.flow)
    starting = threading.Thread(target=real.start, daemon=True)
    starting.start()
    starting.join(LONG)
    assert not starting.is_alive()
    real.stop()


def test_anothers_verdict_ends_the_wait_for_that_call_only(house: HouseKit) -> None:
    with house.flow.waiters.expecting("c1") as one, house.flow.waiters.expecting("c2") as other:
        house.dispatcher._heard("verdict", "c1")
        assert (one.over, other.over, house.dispatcher._wake.is_set()) == (True, False, False)


def test_what_another_says_is_due_is_looked_for_at_once(house: HouseKit) -> None:
    with house.flow.waiters.expecting("") as nobody:
        house.dispatcher._heard("due", "")
        assert (nobody.over, house.dispatcher._wake.is_set()) == (False, True)


class Patient(Waiting):
    """Notes how long somebody waits until the next look, and is told at the first."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> Call | None:
        self.waits.append(seconds)
        self.tell(None)
        return None


@pytest.mark.parametrize(
    ("ear", "ours", "between"),
    [
        (None, False, module.LOOK_FOR_VERDICT),
        (Ear(hears=False), False, module.LOOK_FOR_VERDICT),
        (Ear(), False, module.SLOW_POLL),
        (None, True, module.SLOW_POLL),
        (Ear(), True, module.SLOW_POLL),
    ],
)
def test_the_row_is_looked_at_more_often_where_nobody_tells_of_the_verdict(
    house: HouseKit, ear: Any, ours: bool, between: float
) -> None:
    house.dispatcher._listener = ear
    patient = Patient()
    house.dispatcher._awaited("c1", patient, LONG, ours)
    assert patient.waits == [between]
    house.dispatcher._listener = None


class Told(Waiting):
    """Is told, with this call or without, at the second look."""

    def __init__(self, call: Call | None = None) -> None:
        super().__init__()
        self.with_call, self.waits = call, 0

    def wait(self, seconds: float) -> Call | None:
        self.waits += 1
        if self.waits == 2:
            self.tell(self.with_call)
        return self.call


def test_a_verdict_that_stands_in_the_row_is_taken_from_there(house: HouseKit) -> None:
    call, told = house.press("1"), Told()
    assert house.dispatcher._awaited(call.id, told, LONG, ours=False) == call
    assert told.waits == 1


@pytest.mark.parametrize("known", [True, False])
def test_whoever_waits_goes_on_until_there_is_a_verdict(house: HouseKit, known: bool) -> None:
    call = house.flow.accept(click(), owner="w2.x").call
    told = Told(call)
    assert house.dispatcher._awaited(call.id if known else "none", told, LONG, ours=False) is call
    assert told.waits == 2


@pytest.mark.parametrize(
    ("comes_first", "diallers", "ours"), [(False, 80, True), (False, 0, False), (True, 80, False)]
)
def test_a_person_waits_for_their_own_call_and_it_is_known_who_runs_it(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch, comes_first: bool, diallers: int, ours: bool
) -> None:
    monkeypatch.setattr(module, "DIALLERS", diallers)
    monkeypatch.setattr(house.dispatcher, "_run", lambda call: None)
    if comes_first:
        house.flow.accept(click(), owner="w2.x")
    waited: list[tuple[object, ...]] = []

    def awaited(call_id: str, verdict: Waiting, seconds: float, run_here: bool) -> None:
        waited.append((house.flow.waiters._waiting[call_id], seconds, run_here))

    monkeypatch.setattr(house.dispatcher, "_awaited", awaited)
    call, repeat = house.dispatcher.accept_and_wait(click(), LONG)
    assert (call, repeat) == (house.call(call.id), comes_first)
    ((waiting, seconds, run_here),) = waited
    assert (isinstance(waiting, list), seconds, run_here) == (True, LONG, ours)


def test_a_rules_call_that_nobody_is_free_for_is_told_to_wait_at_once(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BY_RULES", 0)
    call, repeat = house.dispatcher.accept_and_wait(rule(), LONG)
    assert (call.state, repeat, house.desk.rung) == (State.DEFERRED, False, [])


def test_nobody_waits_beyond_their_time(house: HouseKit) -> None:
    patient = Patient()
    house.dispatcher._awaited("c1", patient, 0.2, ours=True)
    (waited,) = patient.waits
    assert 0 < waited <= 0.2


# -- How it rests --------------------------------------------------------------------------------------------


class Rest(threading.Event):
    """Notes how long the dispatcher would rest, and ends its work there."""

    def __init__(self, real: Dispatcher) -> None:
        super().__init__()
        self.real, self.rests = real, list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.rests.append(timeout)
        self.real._stopping.set()
        return True


@pytest.fixture
def resting(house: HouseKit) -> Iterator[Dispatcher]:
    """One that looks in the thread of the test until it first rests."""
    real = Dispatcher(house.flow)
    real._wake = Rest(real)
    yield real
    real.stop()


def rests(real: Dispatcher) -> list[float | None]:
    assert isinstance(real._wake, Rest)
    real._watch()
    return real._wake.rests


def test_it_rests_a_second_when_nothing_is_due(resting: Dispatcher) -> None:
    assert rests(resting) == [module.SLOW_POLL]


@pytest.mark.parametrize(("until_due", "rest"), [(0.1, 0.25), (0.6, 0.6), (20, module.SLOW_POLL)])
def test_it_rests_until_something_is_due_but_neither_too_short_nor_too_long(
    house: HouseKit, resting: Dispatcher, until_due: float, rest: float
) -> None:
    house.flow.accept(click(), owner="w1.a")
    house.clock.advance(25 - until_due)
    assert rests(resting) == [pytest.approx(rest, abs=0.001)]


def test_it_does_not_rest_while_there_may_be_more(
    resting: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [False, True, True]
    monkeypatch.setattr(resting, "look", more.pop)
    assert (rests(resting), more) == ([module.SLOW_POLL], [])


def test_it_says_why_it_waits_for_the_database(
    resting: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down() -> bool:
        raise JournalDown("journal_down", "The connector's database is gone.")

    monkeypatch.setattr(resting, "look", down)
    assert rests(resting) == [module.SLOW_POLL]
    assert caplog.messages == ["The connector's database is gone. The rows keep until it is back."]


def test_the_work_of_the_day_is_looked_at_every_ten_minutes_and_told_when_to_stop(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, now, done = Dispatcher(house.flow), [1000.0], threading.Semaphore(0)
    stops: list[Callable[[], bool]] = []
    by: list[str] = []

    def of_the_day(stop: Callable[[], bool]) -> None:
        stops.append(stop)
        by.append(threading.current_thread().name)
        done.release()

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    real._look_at_the_day()
    real.daily = of_the_day
    for at, times in ((1000.0, 1), (1599.9, 1), (1600.0, 2)):
        now[0] = at
        real._look_at_the_day()
        while len(stops) < times:
            assert done.acquire(timeout=LONG)
        assert (real._daily_at, len(stops)) == (1000.0 + 600.0 * times, times)
    assert (stops[0](), by[0].startswith("write")) == (False, True)
    real.stop()
    assert stops[0]() is True


def test_a_step_that_the_database_left_is_told_and_one_that_was_never_begun_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left, never = Future[None](), Future[None]()
    left.set_exception(JournalDown("journal_down", "The connector's database is gone."))
    never.cancel()
    for done in (left, never):
        module._report(done)
    assert caplog.messages == ["a step was left: The connector's database is gone."]


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
    dispatcher, daemons = Dispatcher(house.flow), list[bool]()

    def look() -> bool:
        daemons.append(threading.current_thread().daemon)
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
    assert set(daemons) == {True}  # neither keeps the process alive
    assert [str(each.exc_value) for each in told] == ["a row nobody can read"]


def test_a_rules_call_that_waits_is_let_out_as_soon_as_a_place_is_free(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BY_RULES", 1)
    monkeypatch.setattr(module, "SLOW_POLL", 10 * LONG)
    house.change_policy(member_busy=MemberBusy.IGNORE)
    real, taken = Dispatcher(house.flow), real_takes(monkeypatch)
    reading, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        reading.set()
        go_on.wait(LONG)

    house.shelf.reads.append(hold)
    house.desk.next.extend([lambda: None, over.set])
    real.accept(rule("1"))
    assert reading.wait(LONG)
    real.start()
    real.accept(rule("2"))
    assert taken.wait(LONG)
    go_on.set()
    assert over.wait(LONG)
    real.stop()
    assert house.desk.rung == [number_of("1"), number_of("2")]


def real_takes(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as the line was looked at while nobody was free."""
    taken, take = threading.Event(), Turns.take

    def watched(turns: Turns, limit: int) -> list[Call]:
        found = take(turns, limit)
        if limit <= 0:
            taken.set()
        return found

    monkeypatch.setattr(Turns, "take", watched)
    return taken


def test_each_kind_of_work_has_threads_of_its_own(house: HouseKit, running: Dispatcher) -> None:
    by: list[str] = []
    noted = threading.Semaphore(0)

    def note() -> None:
        by.append(threading.current_thread().name)
        noted.release()

    house.shelf.reads.append(note)
    call, _ = running.accept_and_wait(click(), LONG)
    house.shelf.writes.append(note)
    outcomes.receive(house.journal, report(call, house.clock))
    running.write_soon(call.id)
    assert noted.acquire(timeout=LONG) and noted.acquire(timeout=LONG)
    other, _ = running.accept_and_wait(click("2", user="divya"), LONG)
    house.desk.asked.append(note)
    assert other.state is State.PLACED
    house.clock.advance(hours=6)
    running.wake()
    assert noted.acquire(timeout=LONG)
    assert [name.rpartition("_")[0] for name in by] == ["dial", "write", "look-up"]


def test_many_are_run_and_written_at_the_same_time(house: HouseKit, running: Dispatcher) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    reading, writing = threading.Barrier(9), threading.Barrier(9)
    house.shelf.reads.extend([lambda: reading.wait(LONG)] * 8)
    house.shelf.writes.extend([lambda: writing.wait(LONG)] * 8)
    for number in range(8):
        running.accept(click(str(number)))
    reading.wait(LONG)
    writing.wait(LONG)


def test_when_it_stops_what_is_under_way_is_finished_and_the_rest_is_left(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITERS", 1)
    real, done = Dispatcher(house.flow), list[str]()
    writing, go_on = threading.Event(), threading.Event()

    def log(call_id: str) -> None:
        writing.set()
        go_on.wait(LONG)
        done.append(call_id)

    submit, handed = real._write_pool.submit, list[Future[Any]]()

    def hand(*work: Any) -> Future[Any]:
        handed.append(submit(*work))
        return handed[-1]

    monkeypatch.setattr(real._write_pool, "submit", hand)
    monkeypatch.setattr(house.flow.timeline, "log", log)
    for call_id in ("c1", "c2", "c3"):
        real.write_soon(call_id)
    assert writing.wait(LONG)
    stopping = threading.Thread(target=real.stop)
    stopping.start()
    until = time.monotonic() + LONG
    while not handed[-1].cancelled() and time.monotonic() < until:
        stopping.join(0.002)
    assert stopping.is_alive()  # it waits for what is under way
    go_on.set()
    stopping.join(LONG)
    assert done == ["c1"]


def test_callerdesk_is_asked_by_one_at_a_time(house: HouseKit, running: Dispatcher) -> None:
    second_began, both = threading.Event(), threading.Semaphore(0)
    beside: list[bool] = []

    def first() -> None:
        beside.append(second_began.wait(0.1))
        both.release()

    def second() -> None:
        second_began.set()
        both.release()

    for work in (first, second):
        running._submit(running._look_up_pool, work)
    assert both.acquire(timeout=LONG) and both.acquire(timeout=LONG)
    assert beside == [False]
