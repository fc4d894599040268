"""The host's clock was set: the journal's times move with it, once for all processes, and back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from house_kit import click

from connector.journal import Journal
from connector.journal.erasing import erase_daily
from connector.journal.hostclock import LATELY, HostClock
from connector.model import Call, Source, State
from connector.retention import Retention

DAY = 86_400.0
T0 = 1_800_000_000.0


class Host:
    """A host whose clocks stand still until they are set."""

    def __init__(self) -> None:
        self.wall, self.steady, self.start = T0, 1000.0, "first"

    def passes(self, seconds: float) -> None:
        """Time passes."""
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def opened(tmp_path: Path, host: Host) -> Callable[[], Journal]:
    """Another process on the same database."""

    def opened() -> Journal:
        journal = Journal(f"sqlite:///{tmp_path / 'calls.db'}")
        journal._clock = lambda: host.wall
        journal._host = HostClock(lambda: host.wall, lambda: host.steady, lambda: host.start)
        journal.open()
        journal.follow_clock()
        return journal

    return opened


@pytest.fixture
def journal(opened: Callable[[], Journal]) -> Journal:
    return opened()


def accepted(journal: Journal, record: str = "1") -> Call:
    made = journal.accept(
        click(record),
        lifetime=timedelta(seconds=60),
        repeat_window=timedelta(seconds=5),
        owner="w.1",
        lease=timedelta(seconds=25),
    )
    return made.call


def at_rest(journal: Journal, record: str) -> Call:
    call = accepted(journal, record)
    with journal.transaction() as tx:
        tx.move(call, State.READING, State.FAILED, who="test", detail="for this test")
    return call


def ages(journal: Journal, host: Host, call: Call) -> tuple[float, float, float]:
    """How old a call is, and in how long it expires and comes due, in seconds."""
    now = journal.get(call.id)
    assert now is not None
    assert now.due_at is not None
    return (
        host.wall - now.accepted_at.timestamp(),
        now.expires_at.timestamp() - host.wall,
        now.due_at.timestamp() - host.wall,
    )


@pytest.mark.parametrize("step", [3 * DAY, -3 * DAY, 400 * DAY, -20_000 * DAY, -6.0])
def test_ages_stay_what_they_are(journal: Journal, host: Host, step: float) -> None:
    call = accepted(journal)
    host.passes(10)
    host.wall += step
    journal.follow_clock()
    assert ages(journal, host, call) == (10, 50, 15)
    host.passes(5)
    host.wall -= step
    journal.follow_clock()
    assert ages(journal, host, call) == (15, 45, 10)


def test_a_clock_that_is_put_right_by_and_by_moves_nothing_until_it_adds_up(
    journal: Journal, host: Host
) -> None:
    call = accepted(journal)
    host.wall -= 4
    journal.follow_clock()
    assert ages(journal, host, call)[0] == -4
    host.wall -= 4
    journal.follow_clock()
    assert ages(journal, host, call)[0] == 0


def test_of_two_processes_one_moves_them(journal: Journal, opened: Callable[[], Journal], host: Host) -> None:
    other = opened()
    call = accepted(journal)
    host.wall += 3 * DAY
    for each in (journal, other, journal, opened()):
        each.follow_clock()
    assert ages(journal, host, call) == (0, 60, 25)


def test_a_transaction_that_fails_leaves_it_to_the_next(journal: Journal, host: Host) -> None:
    call = accepted(journal)
    host.wall += 3 * DAY
    with pytest.raises(ZeroDivisionError), journal.transaction():
        raise ZeroDivisionError
    journal.follow_clock()
    assert ages(journal, host, call) == (0, 60, 25)


def test_a_step_while_no_process_ran_is_seen_at_the_start(
    journal: Journal, opened: Callable[[], Journal], host: Host
) -> None:
    call = accepted(journal)
    journal.close()
    host.passes(20)
    host.wall -= 3 * DAY
    assert ages(opened(), host, call) == (20, 40, 5)


def test_after_a_start_of_the_host_with_an_earlier_clock_nothing_is_fresh_enough_to_ring(
    journal: Journal, opened: Callable[[], Journal], host: Host
) -> None:
    call = accepted(journal)
    host.start, host.wall, host.steady = "second", 0.0, 30.0
    age, expires_in, due_in = ages(opened(), host, call)
    assert (age, expires_in) == (0, 0)
    assert due_in <= 25
    # And when the clock is right, it was accepted then.
    host.wall = T0 + 120
    again = opened()
    kept = again.get(call.id)
    assert kept is not None
    assert abs(kept.accepted_at.timestamp() - T0) <= 120


def test_after_a_start_of_the_host_with_a_later_clock_time_has_passed(
    journal: Journal, opened: Callable[[], Journal], host: Host
) -> None:
    call = accepted(journal)
    host.start, host.wall, host.steady = "second", T0 + 3600, 30.0
    assert ages(opened(), host, call) == (3600, -3540, -3575)


def test_what_has_come_to_rest_days_ago_stays_where_it_is_and_the_rest_comes_back(
    journal: Journal, host: Host
) -> None:
    old = at_rest(journal, "1")
    host.passes(LATELY + 100)
    new = at_rest(journal, "2")

    def moments() -> list[float]:
        found = [journal.get(call.id) for call in (old, new)]
        return [call.accepted_at.timestamp() for call in found if call]

    first, second = moments()
    host.wall += 3 * DAY
    journal.follow_clock()
    assert moments() == [first, second + 3 * DAY]
    # Mended after more than those days: exactly what was moved comes back.
    host.passes(LATELY * 2)
    host.wall -= 3 * DAY
    journal.follow_clock()
    assert moments() == [first, second]


def test_a_second_press_is_a_repeat_whatever_the_clock(journal: Journal, host: Host) -> None:
    pressed = click("7", source=Source.BUTTON)
    window = {"lifetime": timedelta(seconds=60), "repeat_window": timedelta(seconds=5)}
    first = journal.accept(pressed, **window)
    host.passes(2)
    host.wall += 3 * DAY
    second = journal.accept(pressed, **window)
    assert (second.repeat, second.call.id) == (True, first.call.id)
    host.passes(20)
    host.wall -= 3 * DAY
    assert not journal.accept(pressed, **window).repeat


def test_a_clock_that_runs_ahead_by_years_erases_nothing_for_a_day(journal: Journal, host: Host) -> None:
    call = at_rest(journal, "1")
    host.passes(3 * DAY)  # it is none of the last days' calls
    host.wall += 500 * DAY
    assert erase_daily(journal, Retention()) is None
    host.passes(DAY / 2)
    assert erase_daily(journal, Retention()) is None
    assert journal.get(call.id) is not None
    host.wall -= 500 * DAY
    host.passes(1.1 * DAY)
    journal.follow_clock()
    assert erase_daily(journal, Retention()) is None
    host.passes(1.1 * DAY)
    assert erase_daily(journal, Retention()) is not None
    assert journal.get(call.id) is not None
