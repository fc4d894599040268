"""Killed at every durable point of one click, one after the other, and started again."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from databases import new_database

from chaos.callerdesk import CallerDesk, Conduct, Manner
from chaos.clicks import Click, Kind, Sender
from chaos.commits import Commits, Watch
from chaos.crm import KEY, Crm
from chaos.fleet import Fleet
from chaos.invariants import Inquest, is_settled
from chaos.stops import CannotTrace, Stops
from connector.journal import Journal
from connector.model import Call

#: accept, gate, placed, written, report, claimed for writing, written.
COMMITS = 7
STAGES = {"sqlite": ("begun", "synced", "done"), "postgres": ("asked", "committed", "told")}
#: How far a commit was, and what of the row was to be seen when its process was dead.
STATES = {
    engine: {
        (before,),
        *(
            (how_far, state)
            for how_far in (before, after)
            for state in ("reading", "dialling", "placed", "ended")
        ),
    }
    for engine, before, after in (("sqlite", "begun", "done"), ("postgres", "asked", "committed"))
}
#: More clicks than a click has points.
MOST = 45
PATIENCE = 30.0
#: Follows the process with this id, and kills it at that point.
Watching = Callable[[int, int], AbstractContextManager[Stops | Watch]]

pytestmark = pytest.mark.both_engines


class Stage:
    """One process between a CallerDesk and a CRM that behave, and clicks for customers of their own."""

    def __init__(self, folder: Path, watching: Watching, database_url: str, by_way_of: str) -> None:
        self.watching, self.database_url = watching, database_url
        conduct = Conduct(Manner.SAYS_YES, report_after=0.0)
        self.clicks = [Click(number, Kind.BUTTON, conduct, random.Random(number)) for number in range(MOST)]
        contacts = {click.contact: click.in_crm() for click in self.clicks}
        self.crm = Crm(contacts, 1, trouble=False)
        self.desk = CallerDesk({click.customer: conduct for click in self.clicks}, 1)
        self.fleet = Fleet(
            folder,
            1,
            crm=self.crm.base_url,
            crm_key=KEY,
            callerdesk=self.desk.base_url,
            database_url=by_way_of,
        )
        self.process = self.fleet.processes[0]
        self.desk.deliver = self._report_once_it_is_on_the_record

    def _report_once_it_is_on_the_record(self, body: dict[str, str], kind: str, rng: random.Random) -> bool:
        """So that a click's commits always come in the same order."""
        written = [
            call
            for call in self.calls()
            if call.written and body["SourceNumber"] == f"0{self.customer(call)}"
        ]
        return bool(written) and self.fleet.webhook(self.process, body, kind)

    def customer(self, call: Call) -> str:
        return self.clicks[int(call.click.record_id[1:])].customer

    def calls(self) -> list[Call]:
        """Looked up on a connection of its own: one that stays open hides what a dead process had synced."""
        journal = Journal(self.database_url)
        try:
            return journal.latest(MOST)
        finally:
            journal.close()

    def calls_of(self, click: Click) -> list[Call]:
        return [call for call in self.calls() if call.click.record_id == click.contact]

    def is_through(self, click: Click) -> bool:
        """Answered, nothing left to do, and CallerDesk's report taken if anybody was rung."""
        told = click.customer in self.desk.acknowledged or not self.desk.rung[click.customer]
        found = self.calls_of(click)
        return bool(click.calls) and told and bool(found) and all(map(is_settled, found))

    def send(self, click: Click) -> threading.Thread:
        sending = threading.Thread(target=Sender(self.fleet, self.desk.over).send, args=(click,), daemon=True)
        sending.start()
        return sending

    def wait_until_ready(self) -> None:
        """It listens before it has opened its database."""
        for _ in range(int(PATIENCE / 0.05)):
            with suppress(OSError, HTTPException):
                if self.process.send("GET", "/readyz").status == 200:
                    return
            threading.Event().wait(0.05)
        raise AssertionError("it is not ready")

    def wait_until_through(self, click: Click, or_killed: threading.Event | None = None) -> None:
        killed = or_killed or threading.Event()
        for _ in range(int(PATIENCE / 0.05)):
            if killed.wait(0.05) or self.is_through(click):
                return
        raise AssertionError(f"{click} is stuck: {self.calls_of(click)}")


@pytest.fixture
def stage(engine: str, tmp_path: Path) -> Iterator[Stage]:
    if engine == "postgres":
        url = new_database(engine)
        with Commits(url) as between:
            yield from running(Stage(tmp_path, between.watched, url, between.url))
        return
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed here: `apt-get install strace`")
    database = tmp_path / "calls.db"
    url = f"sqlite:///{database}"
    yield from running(Stage(tmp_path, lambda pid, point: Stops(pid, database, point), url, url))


def running(made: Stage) -> Iterator[Stage]:
    with made.crm, made.desk:
        made.fleet.start()
        made.wait_until_ready()
        yield made
        made.desk.over.set()
        made.fleet.stop()


def killed_at(stage: Stage, point: int, click: Click) -> tuple[str, list[str]] | None:
    """Kill the process at that point of this click and start it again; how far it was, and its row then.

    None when the click has no such point: it went through.
    """
    try:
        watching = stage.watching(stage.process.pid, point)
    except CannotTrace as told:
        pytest.skip(f"strace may not attach to a process here: {told}")
    with watching as stops:
        stage.send(click)
        stage.wait_until_through(click, stops.killed)
        if not stops.killed.is_set():
            return None
    before = [call.state.value for call in stage.calls_of(click)]
    stage.fleet.kill([stage.process])
    stage.wait_until_ready()
    stage.wait_until_through(click)
    (after,) = stage.calls_of(click)
    rung = stage.desk.rung[click.customer]
    print(f"killed at {stops.points[-1]}, row {before}: then {after.state}, {rung} GET")
    assert rung <= 1
    return stops.points[-1], before


def test_killed_at_every_durable_point_of_a_click_it_rings_at_most_once_and_loses_nothing(
    stage: Stage, engine: str
) -> None:
    stages, expected = STAGES[engine], STATES[engine]
    # What only a database's first click writes is written by this one.
    stage.send(stage.clicks[0])
    stage.wait_until_through(stage.clicks[0])
    visited, states, used = [], set(), 1
    while (seen := killed_at(stage, used, stage.clicks[used])) is not None:
        visited.append(seen[0])
        states.add((seen[0].split()[-1], *seen[1]))
        used += 1
    print(f"{len(visited)} points visited")
    # The service may commit something of its own meanwhile: there may be more points, never fewer.
    every = [f"commit {number} {how_far}" for number in range(1, COMMITS + 1) for how_far in stages]
    assert visited[: len(every)] == every
    # Such a commit also hides, for one visit, what the point shows otherwise: those are visited again.
    for again in [len(stages) * number for number in range(1, COMMITS + 1) if not states >= expected]:
        used += 1
        if (seen := killed_at(stage, again, stage.clicks[used])) is not None:
            states.add((seen[0].split()[-1], *seen[1]))
    assert states >= expected
    inquest = Inquest(Journal(stage.database_url), stage.clicks[: used + 1], stage.desk, stage.crm)
    assert inquest.fine, inquest.wrong
    assert stage.fleet.doctor()["stuck calls"] == 0
    assert stage.fleet.faults() == []
