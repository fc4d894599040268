"""THE LAW as a machine: whatever happens in whatever order, no click rings twice and none is lost.

Two processes share one real database. Clicks come in, steps fail, processes die in the middle of a request,
leases run out while a slow worker goes on, reports come early, late and twice, time passes. After every step
each row's story must be legal and complete; at the end everything must come to rest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from databases import DATABASES
from house_kit import HouseKit, click, live_event, report
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from journal_fates import DIALS, READS, WRITES, WatchedDesk, script, watched

from connector.errors import Refused
from connector.journal import RESTING
from connector.journal.rows import press_key
from connector.journal.states import LEGAL
from connector.model import Call, Source, State

pytestmark = pytest.mark.both_engines

SECONDS = st.sampled_from([0.5, 2, 5, 11, 16, 26, 31, 61, 151, 3600, 7 * 3600, 25 * 3600])
_MENDABLE = (State.REFUSED, State.FAILED, State.EXPIRED)


class Law(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="law-"))
        DATABASES.fresh_in(self.folder)
        first = HouseKit(self.folder, worker="w1")
        self.desk = first.desk = WatchedDesk()
        first.flow.callerdesk = self.desk  # type: ignore[assignment]
        self.houses = [watched(first, self.desk), watched(first.another(), self.desk)]
        self.shelf, self.clock, self.journal = first.shelf, first.clock, first.journal
        self.deliveries: dict[str, tuple[str, str]] = {}
        self.held: list[tuple[HouseKit, Call]] = []

    # -- What may happen -------------------------------------------------------------------------------------

    @rule(
        process=st.integers(0, 1),
        record=st.sampled_from("12"),
        delivery=st.sampled_from([None, "d1", "d2", "d3", "d4", "d5", "d6", "d7"]),
        source=st.sampled_from(Source),
        age=st.sampled_from([None, 0, 30, 90]),
        claimed=st.booleans(),
        insist=st.booleans(),
    )
    def accept(
        self,
        process: int,
        record: str,
        delivery: str | None,
        source: Source,
        age: int | None,
        claimed: bool,
        insist: bool,
    ) -> None:
        house = self.houses[process]
        came = click(
            record,
            source=source,
            delivery=delivery,
            clicked_at=None if age is None else self.clock.now - timedelta(seconds=age),
            override=frozenset({"called_recently"} if insist else ()),
        )
        known = self.deliveries.get(delivery or "")
        pressed = [
            call
            for call in self.calls()
            if press_key(call.click) == press_key(came)
            and call.accepted_at >= self.clock.now - timedelta(seconds=10)
            and (call.state not in _MENDABLE or source is call.click.source is Source.RULE)
        ]
        owner = house.flow.token() if claimed else None
        if known and known[1] != record:
            try:
                house.flow.accept(came, owner=owner)
            except Refused as refusal:
                assert refusal.code == "click_id_reused"
                return
            raise AssertionError("a click id of another record was taken")
        accepted = house.flow.accept(came, owner=owner)
        assert accepted.repeat == bool(known or pressed)
        if known:
            assert accepted.call.id == known[0]
        elif delivery:
            self.deliveries[delivery] = (accepted.call.id, record)
        if not accepted.repeat and accepted.call.state is State.READING:
            self.held.append((house, accepted.call))

    @precondition(lambda self: self.held)
    @rule(
        pick=st.integers(0, 100),
        read=st.sampled_from(READS),
        dial=st.sampled_from(DIALS),
        write=st.sampled_from(WRITES),
    )
    def a_worker_goes_on(self, pick: int, read: str, dial: str, write: str) -> None:
        """With a row it claimed some time ago: it may be long another's."""
        house, call = self.held.pop(pick % len(self.held))
        self.fates(house, read, dial, write)
        house.dispatcher._submit(None, house.flow.run, call)

    @rule(
        process=st.integers(0, 1),
        read=st.sampled_from(READS),
        dial=st.sampled_from(DIALS),
        write=st.sampled_from(WRITES),
    )
    def a_process_looks(self, process: int, read: str, dial: str, write: str) -> None:
        house = self.houses[process]
        self.fates(house, read, dial, write)
        house.dispatcher.look()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(prefix=st.sampled_from(["w1.", "w2."]))
    def a_process_is_known_to_be_dead(self, prefix: str) -> None:
        self.journal.release_dead(prefix)

    @rule(on=st.booleans())
    def an_operator_pauses_or_resumes(self, on: bool) -> None:
        self.journal.set_flag("paused", "operator" if on else None)

    @precondition(lambda self: self.calls())
    @rule(
        pick=st.integers(0, 100),
        recording=st.booleans(),
        named=st.booleans(),
        live=st.booleans(),
        times=st.integers(1, 2),
    )
    def callerdesk_tells(self, pick: int, recording: bool, named: bool, live: bool, times: int) -> None:
        call = self.picked(pick)
        if call.plan is None:
            return
        more: dict[str, str | None] = {} if named else {"campid": None}
        if recording and not live:
            more["CallRecordingUrl"] = "https://recordings.example.com/1.mp3"
        event = (live_event if live else report)(call, self.clock, **more)
        for _ in range(times):
            self.houses[pick % 2].hear(event)

    @precondition(lambda self: self.calls())
    @rule(pick=st.integers(0, 100))
    def somebody_cancels(self, pick: int) -> None:
        call = self.picked(pick)
        if call.state in (State.ACCEPTED, State.READING, State.PLANNED, State.DEFERRED):
            with self.journal.transaction() as tx:
                assert tx.move(call, call.state, State.CANCELLED, who="admin", detail="cancelled")

    @precondition(lambda self: self.calls())
    @rule(pick=st.integers(0, 100), write=st.sampled_from(WRITES))
    def somebody_replays_the_write(self, pick: int, write: str) -> None:
        call = self.picked(pick)
        if call.wanted == 0:
            return
        rung = Counter(self.desk.may_have_rung)
        self.fates(self.houses[0], "fine", "fine", write)
        self.journal.want_write(call)
        self.houses[0].dispatcher._submit(None, self.houses[0].flow.timeline.log, call.id)
        now = self.now(call)
        lane = ("state", "owner", "due_at", "attempts", "dialled_at", "campid", "code", "expires_at")
        assert [getattr(now, name) for name in lane] == [getattr(call, name) for name in lane]
        assert self.desk.may_have_rung == rung

    # -- What must hold after every step -------------------------------------------------------------------

    @invariant()
    def no_click_rings_twice(self) -> None:
        assert all(times <= 1 for times in self.desk.may_have_rung.values())
        assert not self.desk.now_dialling

    @invariant()
    def every_story_is_legal_and_complete(self) -> None:
        for call in self.calls():
            before: State | None = None
            for event in self.journal.story(call.id):
                assert event.from_state is before
                asked_again = event.who == "admin" and event.to_state is before
                assert before is None or asked_again or event.to_state in LEGAL[before]
                before = event.to_state
            assert before is call.state
            dials = Counter(event.to_state for event in self.journal.story(call.id))[State.DIALLING]
            assert dials >= self.desk.may_have_rung[call.id]

    @invariant()
    def no_row_is_forgotten(self) -> None:
        for call in self.calls():
            assert (call.due_at is None) == (call.state in RESTING), call
            assert call.wanted >= call.written
            assert (call.write_due_at is not None) == (call.wanted > call.written and not call.write_dead), (
                call
            )

    @invariant()
    def every_call_is_shown_once_at_most(self) -> None:
        shown = Counter(activity.key for activity in self.shelf.activities.values())
        assert all(times == 1 for times in shown.values())

    # -- The end -------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "houses"):
            return
        self.fates(self.houses[0], "fine", "fine", "fine")
        self.journal.set_flag("paused", None)
        for seconds in (61, 61, 61, *[6 * 3600] * 6):
            self.clock.advance(seconds)
            for house in self.houses * 4:
                house.dispatcher.look()
        self.no_click_rings_twice()
        self.every_story_is_legal_and_complete()
        self.every_call_is_shown_once_at_most()
        for call in self.calls():
            assert call.state in RESTING
            assert call.written == call.wanted or call.write_dead
            assert (self.desk.may_have_rung[call.id] == 1) <= (call.state in (State.ENDED, State.ABANDONED))
        strange = [each for house in self.houses for each in house.dispatcher.failures]
        assert all(isinstance(each, ZeroDivisionError) for each in strange), strange
        for house in self.houses:
            house.close()
        DATABASES.done_with(self.folder)
        shutil.rmtree(self.folder)

    # -- Of the machine itself -----------------------------------------------------------------------------

    def calls(self) -> list[Call]:
        return self.journal.latest(1000) if hasattr(self, "journal") else []

    def picked(self, pick: int) -> Call:
        calls = sorted(self.calls(), key=lambda call: call.id)
        return calls[pick % len(calls)]

    def now(self, call: Call) -> Call:
        found = self.journal.get(call.id)
        assert found is not None
        return found

    def fates(self, house: HouseKit, read: str, dial: str, write: str) -> None:
        other = self.houses[1 - self.houses.index(house)]

        def slow(seconds: float) -> None:
            self.clock.advance(seconds)
            other.dispatcher.look()

        def report_first() -> None:
            dialling = self.journal.get(self.desk.now_dialling[-1])
            assert dialling is not None
            other.hear(report(dialling, self.clock, campid=f"4571{len(self.desk.rung):04}"))

        script(self.desk, self.shelf, (read, dial, write), slow, report_first)


def test_no_click_rings_twice_and_none_is_lost(engine: str) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    chosen = settings(
        max_examples=40 if engine == "sqlite" else 20,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )
    run_state_machine_as_test(Law, settings=chosen)
