"""A click becomes durable once: the same delivery for ever, the same press within its window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from databases import DATABASES
from house_kit import NOON, Clock, click, rule

from connector.journal import Accepted, Journal
from connector.model import Click, Source, State

pytestmark = pytest.mark.both_engines

LIFETIME, WINDOW = timedelta(seconds=60), timedelta(seconds=10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    opened = Journal(DATABASES.url_in(tmp_path), clock=clock)
    opened.open()
    yield opened
    opened.close()


def accept(journal: Journal, each: Click, **more: Any) -> Accepted:
    return journal.accept(each, lifetime=LIFETIME, repeat_window=WINDOW, **more)


def test_it_takes_the_same_delivery_once_for_as_long_as_the_row_lives(journal: Journal, clock: Clock) -> None:
    first = accept(journal, click(delivery="d1"))
    clock.advance(days=400)
    again = accept(journal, click(delivery="d1"))
    assert (first.repeat, again.repeat, again.call.id) == (False, True, first.call.id)


def test_it_knows_a_delivery_again_whatever_else_the_copy_says(journal: Journal) -> None:
    first = accept(journal, click("1", delivery="d1", user="ravi"))
    assert accept(journal, rule("2", delivery="d1")).call.id == first.call.id


def test_it_keeps_the_deliveries_of_two_connections_apart(journal: Journal) -> None:
    accept(journal, click(delivery="d1"))
    assert not accept(journal, replace(click(delivery="d1"), connection="odoo")).repeat


@pytest.mark.parametrize(("seconds", "repeat"), [(0, True), (10, True), (10.001, False), (3600, False)])
def test_it_takes_a_second_press_within_the_window_for_the_first(
    journal: Journal, clock: Clock, seconds: float, repeat: bool
) -> None:
    accept(journal, click(delivery="d1"))
    clock.advance(seconds)
    assert accept(journal, click(delivery="d2")).repeat is repeat


def test_a_delivery_that_was_folded_into_an_earlier_press_stays_its_repeat(
    journal: Journal, clock: Clock
) -> None:
    """The sender did not hear our answer, and sends it again hours after the window."""
    first = accept(journal, click(delivery="d1"))
    accept(journal, click(delivery="d2"))
    clock.advance(hours=8)
    again = accept(journal, click(delivery="d2"))
    assert (again.repeat, again.call.id) == (True, first.call.id)
    assert not accept(journal, click(delivery="d3")).repeat


@pytest.mark.parametrize(("user", "repeat"), [("RAVI@example.test", True), ("divya@example.test", False)])
def test_it_compares_who_pressed_without_case(journal: Journal, user: str, repeat: bool) -> None:
    accept(journal, click(user="ravi@example.test"))
    assert accept(journal, click(user=user)).repeat is repeat


@pytest.mark.parametrize("state", [State.REFUSED, State.FAILED])
def test_it_lets_a_person_press_again_when_the_first_press_was_refused(
    journal: Journal, state: State
) -> None:
    first = accept(journal, click(), owner="w1.a")
    with journal.transaction() as tx:
        tx.move(first.call, State.READING, state, owner="w1.a", who="mapping", detail="no number")
    assert not accept(journal, click()).repeat


def test_it_does_not_let_a_rule_fire_twice_for_a_refusal(journal: Journal) -> None:
    first = accept(journal, rule(), owner="w1.a")
    with journal.transaction() as tx:
        tx.move(first.call, State.READING, State.REFUSED, owner="w1.a", who="mapping", detail="no number")
    assert accept(journal, rule()).repeat


def test_it_claims_the_new_row_for_its_owner_in_the_same_transaction(journal: Journal) -> None:
    accepted = accept(journal, click(), owner="w1.a", lease=timedelta(seconds=25))
    stored = journal.get(accepted.call.id)
    assert stored == accepted.call
    assert stored is not None and (stored.state, stored.owner) == (State.READING, "w1.a")
    assert stored.due_at == NOON + timedelta(seconds=25)
    assert [event.to_state for event in journal.story(stored.id)] == [State.ACCEPTED, State.READING]


def test_without_an_owner_it_is_due_at_once(journal: Journal) -> None:
    call = accept(journal, click()).call
    assert (call.state, call.due_at, call.owner) == (State.ACCEPTED, NOON, None)


@pytest.mark.parametrize("owner", [None, "w1.a"])
def test_it_records_a_click_that_comes_too_late_and_never_runs_it(
    journal: Journal, clock: Clock, owner: str | None
) -> None:
    made = clock.now - LIFETIME
    call = accept(journal, click(clicked_at=made), owner=owner).call
    assert (call.state, call.code, call.due_at, call.owner) == (State.EXPIRED, "expired", None, None)
    assert journal.due(list(State), 10) == []


def test_it_does_not_let_a_click_from_the_future_live_longer(journal: Journal, clock: Clock) -> None:
    call = accept(journal, click(clicked_at=clock.now + timedelta(days=1))).call
    assert call.expires_at == NOON + LIFETIME


def test_it_gives_calls_ids_that_sort_by_time_and_cannot_be_guessed(journal: Journal, clock: Clock) -> None:
    ids = []
    for number in range(20):
        clock.advance(0.002)
        ids.append(accept(journal, click(str(number))).call.id)
    assert ids == sorted(ids)
    assert len({call_id[12:] for call_id in ids}) == 20
    assert all(len(call_id) == 24 and int(call_id, 16) for call_id in ids)


def test_it_gives_back_the_click_just_as_it_came(journal: Journal) -> None:
    came = click(
        user="Ravi",
        delivery="d1",
        clicked_at=NOON,
        override=frozenset({"called_recently", "quiet_hours"}),
        raw={"note": "नमस्ते \ud83d \x00", "deep": [1, {"two": None}]},
    )
    stored = journal.get(accept(journal, came).call.id)
    assert stored is not None
    assert (stored.click.override, stored.click.clicked_at) == (came.override, NOON)
    assert stored.click.raw == {"note": "नमस्ते ? \x00", "deep": [1, {"two": None}]}


# -- Who takes it up, and who waits in line ------------------------------------------------------------------

LEASE, WAIT = timedelta(seconds=25), timedelta(hours=12)
#: Whether somebody stands in the line before, what is brought by whom; what becomes of it.
FATES = [
    (False, rule("1"), None, State.DEFERRED, "in_line", WAIT, WAIT, 0),
    (False, rule("1"), "w1.a", State.READING, None, LEASE, LIFETIME, 1),
    (True, rule("1"), "w1.a", State.DEFERRED, "in_line", WAIT, WAIT, 0),
    (True, rule("1"), None, State.DEFERRED, "in_line", WAIT, WAIT, 0),
    (True, replace(rule("1"), connection="odoo"), "w1.a", State.READING, None, LEASE, LIFETIME, 1),
    (True, click("1"), "w1.a", State.READING, None, LEASE, LIFETIME, 1),
    (True, click("1"), None, State.ACCEPTED, None, timedelta(0), LIFETIME, 0),
    (True, rule("1", clicked_at=NOON - LIFETIME), "w1.a", State.EXPIRED, "expired", None, timedelta(0), 0),
    (False, rule("1", clicked_at=NOON - LIFETIME), None, State.EXPIRED, "expired", None, timedelta(0), 0),
]


@pytest.mark.parametrize(("others", "brought", "owner", "state", "code", "due", "expires", "attempts"), FATES)
def test_a_click_is_run_now_or_waits_its_turn_or_only_recorded(
    journal: Journal,
    others: bool,
    brought: Click,
    owner: str | None,
    state: State,
    code: str | None,
    due: timedelta | None,
    expires: timedelta,
    attempts: int,
) -> None:
    if others:
        accept(journal, rule("9"), in_line=WAIT)
    in_line = WAIT if brought.source is Source.RULE else None
    call = accept(journal, brought, owner=owner, lease=LEASE, in_line=in_line).call
    assert call == journal.get(call.id)
    assert (call.state, call.code, call.attempts) == (state, code, attempts)
    assert call.due_at == (None if due is None else NOON + due)
    assert (call.expires_at, call.owner) == (NOON + expires, owner if state is State.READING else None)
    told = {
        "in_line": "The call waits its turn: others are before it.",
        "expired": "The click came too late to ring anybody; it is only recorded.",
    }
    assert call.message == (told[code] if code else None)
    story = [(event.from_state, event.to_state, event.who, event.detail) for event in journal.story(call.id)]
    assert story[0] == (None, State.ACCEPTED, brought.source.value, "Contact 1")
    moved = [(State.ACCEPTED, state, "connector", call.message or "at once")]
    assert story[1:] == ([] if state is State.ACCEPTED else moved)


def test_a_delivery_that_another_process_stores_meanwhile_is_looked_for_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[tuple[Any, ...]] = []
    really = journal._accept

    def collides_once(*given: Any) -> Accepted:
        tries.append(given)
        if len(tries) == 1:
            raise journal.database.collision("stored by another")
        return really(*given)

    monkeypatch.setattr(journal, "_accept", collides_once)
    brought = rule("1", delivery="d1")
    accepted = accept(journal, brought, owner="w1.a", lease=LEASE, in_line=WAIT)
    assert tries == [(brought, LIFETIME, WINDOW, "w1.a", LEASE, WAIT)] * 2
    assert (accepted.repeat, accepted.call.owner) == (False, "w1.a")


@pytest.mark.parametrize(
    ("seconds_before", "state", "asked"),
    [
        (0, State.ACCEPTED, True),
        (10, State.ACCEPTED, True),
        (10.1, State.ACCEPTED, False),
        (-0.1, State.ACCEPTED, False),
        (5, State.EXPIRED, False),
        (5, State.CANCELLED, True),
    ],
)
def test_it_knows_whether_the_same_was_asked_for_just_before(
    journal: Journal, clock: Clock, seconds_before: float, state: State, asked: bool
) -> None:
    first = accept(journal, click("1")).call
    if state is not State.ACCEPTED:
        with journal.transaction() as tx:
            assert tx.move(first, State.ACCEPTED, state, who="test", detail="")
    moment = clock.now + timedelta(seconds=seconds_before)
    assert journal.asked_before(click("1"), moment, WINDOW) is asked
    assert journal.asked_before(click("2"), moment, WINDOW) is False


def test_a_delivery_that_repeats_a_press_is_remembered_for_its_connection(
    journal: Journal, clock: Clock
) -> None:
    first = accept(journal, click(delivery="d1"))
    clock.advance(3)
    accept(journal, click(delivery="d2"))
    with journal.database.read() as connection:
        rows = connection.bare.execute("SELECT connection, delivery, call_id, at FROM repeats").fetchall()
    assert [tuple(row) for row in rows] == [("shop", "d2", first.call.id, clock.seconds)]


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    start = threading.Barrier(number)

    def run(each: int) -> Any:
        start.wait(10)
        return work(each)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


@pytest.mark.parametrize(
    "same",
    [
        lambda number: click(delivery="d1"),
        lambda number: click(),
        lambda number: click(delivery=f"d{number}"),
        lambda number: click(str(number), delivery="d1"),
    ],
    ids=["delivery and press", "press", "press, other deliveries", "delivery, other presses"],
)
def test_twenty_threads_that_bring_one_click_make_one_row(
    journal: Journal, same: Callable[[int], Click]
) -> None:
    accepted = at_once(20, lambda number: accept(journal, same(number), owner=f"w1.{number}"))
    assert sum(not each.repeat for each in accepted) == 1
    assert len({each.call.id for each in accepted}) == 1
    assert len(journal.latest()) == 1


def _hammer(url: str, name: str, start: Any, told: Any) -> None:
    journal = Journal(url, clock=Clock())
    journal.open()
    start.wait(30)
    firsts = [
        number
        for number in range(60)
        if not accept(journal, click(str(number), delivery=f"d{number}"), owner=f"{name}.{number}").repeat
    ]
    journal.close()
    told.put(firsts)


def test_two_processes_that_bring_the_same_clicks_make_one_row_each(journal: Journal) -> None:
    spawn = get_context("spawn")
    start, told = spawn.Barrier(2), spawn.Queue()
    url = str(journal.database.engine.url)
    processes = [spawn.Process(target=_hammer, args=(url, name, start, told)) for name in ("a", "b")]
    for process in processes:
        process.start()
    first, second = told.get(timeout=60), told.get(timeout=60)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(first + second) == list(range(60))
    assert sum(journal.counts().values()) == 60
