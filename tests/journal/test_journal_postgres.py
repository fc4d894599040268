"""PostgreSQL between processes and hosts: one clock, shared work, wake-ups, a server that comes and goes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import DATABASES
from house_kit import HouseKit, calm, click, number_of, report, rule
from journal_process import bring_clicks, take_what_is_due
from postgres_server import WHY_NOT, PostgresServer, binaries, the_server

import connector.dispatcher as dispatcher_module
import connector.journal.postgres as postgres_module
from connector.dispatcher import Dispatcher
from connector.errors import JournalDown
from connector.journal import Journal, reports
from connector.model import State
from connector.policy import MemberBusy

pytestmark = pytest.mark.skipif(binaries() is None, reason=WHY_NOT)

LIFETIME, WINDOW, LEASE = timedelta(seconds=60), timedelta(seconds=10), timedelta(seconds=25)
#: Longer than anything here takes; reached only when a test fails.
LONG = 30.0
AT_ONCE = 0.2


@pytest.fixture
def url(tmp_path: Path) -> str:
    DATABASES.engine = "postgres"
    return DATABASES.url_in(tmp_path)


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, policy=calm(member_busy=MemberBusy.IGNORE))
    yield kit
    kit.close()


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """On the server's clock."""
    opened = Journal(url)
    yield opened
    opened.close()


def both(work: Callable[..., None], *args: Any) -> list[list[str]]:
    """Run this in two processes at once; whom each has rung."""
    spawn = get_context("spawn")
    start, told = spawn.Barrier(2), spawn.Queue()
    processes = [
        spawn.Process(target=work, args=(*args[:2], worker, *args[2:], start, told)) for worker in ("a", "b")
    ]
    for process in processes:
        process.start()
    rung = [told.get(timeout=LONG), told.get(timeout=LONG)]
    for process in processes:
        process.join(LONG)
        assert process.exitcode == 0
    return rung


# -- Several processes ---------------------------------------------------------------------------------------


def test_two_processes_share_what_is_due_and_ring_everybody_once(
    house: HouseKit, url: str, tmp_path: Path
) -> None:
    for number in range(100):
        house.flow.accept(rule(str(number)))
    one, other = both(take_what_is_due, url, tmp_path)
    assert sorted(one + other) == [number_of(str(number)) for number in range(100)]
    assert one and other


def test_two_processes_with_the_same_clicks_ring_everybody_once(url: str, tmp_path: Path) -> None:
    one, other = both(bring_clicks, url, tmp_path, 40, None)
    assert sorted(one + other) == [number_of(str(number)) for number in range(40)]


def test_two_processes_never_pass_a_cap_by_one(url: str, tmp_path: Path) -> None:
    one, other = both(bring_clicks, url, tmp_path, 60, 25)
    assert len(one + other) == len(set(one + other)) == 25


def test_a_row_that_is_being_taken_is_left_to_its_taker(house: HouseKit) -> None:
    for number in ("1", "2", "3"):
        house.flow.accept(click(number))
    other = house.another()
    states = (State.ACCEPTED,)
    with house.journal.transaction() as mine:
        taken = house.journal.take_due(mine, states, 2)
        with other.journal.transaction() as theirs:
            left = other.journal.take_due(theirs, states, 10)
    assert [call.click.record_id for call in taken] == ["1", "2"]
    assert [call.click.record_id for call in left] == ["3"]
    other.close()


def test_a_member_who_is_free_wakes_whatever_waits_and_waits_for_no_row_itself(house: HouseKit) -> None:
    """It holds a call already: were it to wait for another's row, that one might wait for its call."""
    house.change_policy(member_busy=MemberBusy.DEFER)
    talking = house.press("1")
    taken, waiting = house.press("2"), house.press("3")
    assert {taken.state, waiting.state} == {State.PLANNED}
    other = house.another()
    with other.journal.transaction() as theirs:
        assert theirs.call(taken.id) is not None
        house.hear(report(talking, house.clock))
        assert theirs.call(talking.id) is not None
    assert house.call(talking.id).state is State.ENDED
    assert (house.call(taken.id).due_at, house.call(waiting.id).due_at) == (taken.due_at, house.clock.now)
    other.close()


def test_leases_are_ended_in_the_order_in_which_rows_are_held_elsewhere(house: HouseKit) -> None:
    """Who holds one row and wants the next meets nobody who holds that one and wants his."""
    first = house.flow.accept(click("1"), owner="dead.1").call
    house.clock.advance(1)
    second = house.flow.accept(click("2"), owner="dead.2").call
    with house.journal.transaction() as tx:
        # PostgreSQL writes a changed row anew, behind the others, and would come to it last.
        assert tx.move(
            first,
            State.READING,
            State.ACCEPTED,
            owner=first.owner,
            who="test",
            detail="",
            due_at=first.due_at,
            keep_owner=True,
        )
    other = house.another()
    with ThreadPoolExecutor(1) as threads:
        with other.journal.transaction() as theirs:
            assert theirs.call(first.id) is not None
            releasing = threads.submit(house.journal.release_dead, "dead.")
            with pytest.raises(TimeoutError):
                releasing.result(0.3)
            assert theirs.call(second.id) is not None
        assert releasing.result(LONG) == 2
    other.close()


def test_a_webhook_waits_for_the_reply_it_overtakes(house: HouseKit) -> None:
    """Else it would find no call, be parked, and be looked for before it is there."""
    dialling: list[str] = []
    house.desk.next.append(lambda: dialling.append(house.journal.latest()[0].id))
    house.flow.verdicts.placed = lambda *args: None  # type: ignore[method-assign,assignment]
    house.press("1")
    call = house.call(dialling[0])
    event = report(call, house.clock, campid="45")
    with ThreadPoolExecutor(1) as threads:
        with house.journal.transaction() as tx:
            reports.in_turn(tx, "45")
            heard = threads.submit(house.hear, event)
            assert tx.move(
                call,
                State.DIALLING,
                State.PLACED,
                who="test",
                detail="",
                due_at=tx.now,
                columns={"campid": "45"},
            )
            assert reports.parked(tx, "45", tx.now) == []
            with pytest.raises(TimeoutError):
                heard.result(0.3)
        assert heard.result(LONG) is not None
    assert house.call(call.id).state is State.ENDED


def test_the_claims_of_a_worker_that_is_gone_are_free_at_once(house: HouseKit) -> None:
    call = house.flow.accept(click("1"), owner="dead.a").call
    other = house.flow.accept(click("2"), owner="alive.a").call
    listeners = [house.journal.listen(lambda *_: None, worker) for worker in ("dead", "alive")]
    for listener in listeners:
        assert listener is not None
        assert listener.listening.wait(LONG)
    assert house.journal.release_gone() == 0
    listeners[0].stop()  # type: ignore[union-attr]
    until = time.monotonic() + LONG
    while not (released := house.journal.release_gone()) and time.monotonic() < until:
        threading.Event().wait(0.01)  # the server tells nobody when it has noticed
    assert released == 1
    assert house.call(call.id).due_at == house.clock.now
    assert house.call(other.id).due_at == other.due_at
    listeners[1].stop()  # type: ignore[union-attr]


# -- The server's clock --------------------------------------------------------------------------------------


def test_a_host_whose_clock_is_wrong_by_days_changes_nothing(
    journal: Journal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = datetime.now(UTC)
    journal.accept(click("1"), lifetime=LIFETIME, repeat_window=WINDOW, owner="w1.a", lease=LEASE)
    monkeypatch.setattr(time, "time", lambda: true.timestamp() + 3 * 86400)
    other = Journal(url)
    assert abs(other.now() - true) < timedelta(seconds=10)
    assert other.due(list(State), 10) == [], "a lease that has not ended was taken for ended"
    made = journal.now()
    late = other.accept(
        click("2", clicked_at=made - timedelta(seconds=30)), lifetime=LIFETIME, repeat_window=WINDOW
    )
    assert (late.call.state, late.call.expires_at) == (State.ACCEPTED, made + timedelta(seconds=30))
    assert abs(late.call.accepted_at - true) < timedelta(seconds=10)
    other.close()


def test_the_moment_of_the_gate_is_when_its_turn_has_come(journal: Journal, url: str) -> None:
    other = Journal(url)
    waiting, held = threading.Event(), threading.Event()

    def hold() -> None:
        with other.transaction() as tx:
            tx.serialise("gate")
            held.set()
            waiting.wait(0.5)

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        assert held.wait(LONG)
        with journal.transaction() as tx:
            came = tx.now
            tx.serialise("gate")
            assert tx.now - came > timedelta(seconds=0.3)
        holding.result()
    other.close()


def test_between_transactions_its_clock_goes_on_with_the_servers(journal: Journal) -> None:
    first = journal.now()
    threading.Event().wait(0.05)
    with journal.transaction() as tx:
        assert timedelta(seconds=0.05) <= tx.now - first < timedelta(seconds=5)
        assert abs(journal.now() - tx.now) < timedelta(seconds=1)


# -- Wake-ups ------------------------------------------------------------------------------------------------


@pytest.fixture
def other_running(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatcher]:
    """A second process, whose own looks are too far apart to be what helps."""
    monkeypatch.setattr(dispatcher_module, "SLOW_POLL", LONG)
    other = house.another()
    real = Dispatcher(other.flow)
    real.start()
    assert real._listener is not None
    assert real._listener.listening.wait(LONG)
    yield real
    real.stop()
    other.journal.close()


def test_what_one_process_leaves_another_takes_up_at_once(house: HouseKit, other_running: Dispatcher) -> None:
    for number in range(5):
        threading.Event().wait(0.3)  # it has looked, and rests
        rung = threading.Event()
        house.desk.next.append(rung.set)
        began = time.monotonic()
        house.flow.accept(rule(str(number)))
        assert rung.wait(LONG)
        assert time.monotonic() - began < AT_ONCE


def test_a_person_has_a_verdict_that_another_process_reached_at_once(
    house: HouseKit, other_running: Dispatcher
) -> None:
    dialling, go_on = threading.Event(), threading.Event()

    def ring() -> None:
        dialling.set()
        go_on.wait(LONG)

    house.desk.next.append(ring)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(house.dispatcher.accept, click("1"))
        assert dialling.wait(LONG)
        second = threads.submit(other_running.accept_and_wait, click("1"), LONG)
        with pytest.raises(TimeoutError):
            second.result(0.3)
        go_on.set()
        first.result(LONG)
        began = time.monotonic()
        call, repeat = second.result(LONG)
        assert time.monotonic() - began < AT_ONCE
    assert (repeat, call.state) == (True, State.PLACED)


def test_nobody_is_woken_by_what_was_rolled_back(house: HouseKit) -> None:
    heard: list[tuple[str, str]] = []
    woken = threading.Event()

    def hear(what: str, call_id: str) -> None:
        heard.append((what, call_id))
        woken.set()

    other = house.another()
    listener = other.journal.listen(hear)
    assert listener is not None
    assert listener.listening.wait(LONG)
    heard.clear()
    woken.clear()
    with pytest.raises(ZeroDivisionError), house.journal.transaction() as tx:
        tx.note("due")
        raise ZeroDivisionError
    with house.journal.transaction() as tx:
        tx.note("verdict 1")
    assert woken.wait(LONG)
    assert heard == [("verdict", "1")]
    listener.stop()
    other.close()


# -- Connections ---------------------------------------------------------------------------------------------


def sessions(url: str) -> int:
    with psycopg.connect(url) as bare:
        found = bare.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'callerdesk-connector'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_many_threads_share_few_connections(house: HouseKit, url: str) -> None:
    start = threading.Barrier(40)

    def press(number: int) -> None:
        start.wait(LONG)
        house.flow.accept(click(str(number)))

    with ThreadPoolExecutor(40) as threads:
        list(threads.map(press, range(40)))
    assert sessions(url) <= postgres_module.POOL
    assert house.journal.counts()[State.ACCEPTED] == 40


def test_the_address_says_how_many_connections_and_whether_to_prepare(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "PATIENCE", 0.1)
    journal = Journal(f"{url}?pool_size=1&prepare_threshold=none")
    journal.open()
    for _ in range(7):
        with journal.transaction() as tx:
            assert tx.connection.bare.prepare_threshold is None
    with (
        journal.transaction(),
        pytest.raises(JournalDown, match="all 1 connections of this process are busy"),
    ):
        journal.get("x")
    journal.close()


def test_who_waits_too_long_for_a_turn_is_told(url: str) -> None:
    journal = Journal(f"{url}?options=-c%20lock_timeout%3D100")
    with journal.transaction() as tx:
        tx.serialise("gate")
        with pytest.raises(JournalDown, match="lock timeout"), journal.transaction() as second:
            second.serialise("gate")
    with journal.transaction() as tx:
        tx.serialise("gate")
    journal.close()


def test_a_transaction_that_failed_is_not_told_as_committed(journal: Journal) -> None:
    with (
        pytest.raises(JournalDown, match="had failed before"),
        journal.transaction() as tx,
        contextlib.suppress(psycopg.errors.UndefinedTable),
    ):
        tx.connection.bare.execute("SELECT * FROM nothing_of_ours")


def test_a_commit_is_on_disk_before_it_is_told(journal: Journal) -> None:
    with psycopg.connect(the_server().url(), autocommit=True) as bare:
        bare.execute("ALTER SYSTEM SET synchronous_commit = off")
        bare.execute("SELECT pg_reload_conf()")
    try:
        with journal.transaction() as tx:
            assert tx.connection.bare.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        with psycopg.connect(the_server().url(), autocommit=True) as bare:
            bare.execute("ALTER SYSTEM RESET synchronous_commit")
            bare.execute("SELECT pg_reload_conf()")


def test_a_database_that_is_not_there_is_told_in_a_sentence_without_its_password() -> None:
    journal = Journal("postgresql://connector:very-secret-word@127.0.0.1:1/connector")
    with pytest.raises(JournalDown, match="database cannot be used just now") as told:
        journal.get("x")
    assert "very-secret-word" not in told.value.message


# -- A server that comes and goes ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def fragile_house(fragile: PostgresServer, tmp_path: Path) -> Iterator[HouseKit]:
    DATABASES.use(fragile.create(), tmp_path)
    kit = HouseKit(tmp_path, policy=calm(member_busy=MemberBusy.IGNORE))
    yield kit
    kit.close()
    # Not to be used again by others: its server ends with this file.
    DATABASES.forget(tmp_path)


@pytest.mark.parametrize("how", [PostgresServer.stop, PostgresServer.kill], ids=["stopped", "killed"])
def test_it_goes_on_by_itself_when_the_server_is_back(
    fragile: PostgresServer, fragile_house: HouseKit, how: Callable[[PostgresServer], None]
) -> None:
    house = fragile_house
    running = Dispatcher(house.flow)
    running.start()
    listener = running._listener
    assert listener is not None
    assert listener.listening.wait(LONG)
    with ThreadPoolExecutor(8) as threads:  # several connections, to be lost all at once
        before = list(threads.map(lambda each: running.accept_and_wait(click(str(each)), LONG), range(8)))
    how(fragile)
    began = time.monotonic()
    with pytest.raises(JournalDown, match="database cannot be used just now"):
        running.accept(click("8"))
    assert time.monotonic() - began < 5
    fragile.start()
    with ThreadPoolExecutor(8) as threads:  # not one of them meets a connection of before
        after = list(threads.map(lambda each: running.accept_and_wait(click(str(each)), LONG), range(8, 16)))
    assert {call.state for call, _ in before + after} == {State.PLACED}
    assert listener.listening.wait(LONG)
    assert sorted(house.desk.rung) == [number_of(str(each)) for each in range(16)]
    running.stop()


def test_a_call_whose_server_dies_in_the_middle_of_the_dial_is_never_dialled_again(
    fragile: PostgresServer, fragile_house: HouseKit
) -> None:
    house = fragile_house
    house.desk.next.append(fragile.kill)
    call, _ = house.dispatcher.accept(click("1"))
    assert isinstance(house.dispatcher.failures.pop(), JournalDown)
    fragile.start()
    assert house.call(call.id).state is State.DIALLING
    house.look(16)
    assert house.call(call.id).state is State.UNKNOWN
    house.desk.live.clear()
    house.look(hours=7)
    assert house.call(call.id).state is State.ABANDONED
    assert house.desk.rung == [number_of("1")]
