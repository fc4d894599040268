"""Ten thousand firings of a rule: all accepted, paced by the caps, ended or expired, and a person goes first.

What counts is what the far end saw: when it was asked to ring whom, and which calls were still going on.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from house_kit import Desk, HouseKit, live_event, number_of, report, rule

from connector.callerdesk import Placed
from connector.forecast import Forecast
from connector.model import Call, State
from connector.policy import Caps

pytestmark = pytest.mark.both_engines

MEMBERS = [f"+9198765999{each:02}" for each in range(20)]
#: This one's first call never ends.
TALKER = MEMBERS[7]
#: Nobody's rule rings this one.
FREE = "+919876599950"
CUSTOMERS = 2_000
CAPS = Caps(rule_per_minute=90, channels=40)
#: Of 20 calls at once a fifth is kept for people.
AT_ONCE_BY_RULES = 16
LASTS = timedelta(seconds=10)
STEP = 10.0


@dataclass(frozen=True)
class Ring:
    at: float
    customer: str
    member: str
    #: Calls that were going on, and whether one of them was this member's.
    others: int
    member_busy: bool


class Switchboard(Desk):
    """CallerDesk that knows which calls are going on, and ends them when they have lasted long enough."""

    def __init__(self, house: HouseKit) -> None:
        super().__init__()
        self.house = house
        self.rings: list[Ring] = []
        self.open: dict[str, tuple[float, str]] = {}
        self.to_end: deque[str] = deque()

    def reverse_c2c(self, customer: str, member: str, deskphone: str, **more: Any) -> Placed:
        placed = super().reverse_c2c(customer, member, deskphone, **more)
        busy = any(theirs == member for _, theirs in self.open.values())
        now = self.house.clock.seconds
        self.rings.append(Ring(now, customer, member, len(self.open), busy))
        self.open[placed.campid or ""] = (now, member)
        return placed

    def end_what_lasted(self) -> None:
        until = self.house.clock.seconds - LASTS.total_seconds()
        for campid, (since, member) in list(self.open.items()):
            if member != TALKER and since <= until:
                del self.open[campid]
                self.to_end.append(campid)


class Batch:
    """A house with twenty members and a rule that has fired for all of their customers."""

    def __init__(self, folder: Path, firings: int) -> None:
        self.house = house = HouseKit(folder)
        house.change_policy(caps=CAPS, recall_gap=0)
        self.desk = house.desk = Switchboard(house)
        house.flow.callerdesk = self.desk  # type: ignore[assignment]
        self.calls = []
        for number in range(firings):
            contact = house.shelf.contact(str(number))
            contact["mobile"] = number_of(str(number % CUSTOMERS))
            contact["owner"] = {"phone": MEMBERS[number % len(MEMBERS)], "email": ""}
            call, repeat = house.dispatcher.accept(rule(str(number), delivery=f"firing-{number}"))
            assert not repeat
            self.calls.append(call.id)

    def look(self) -> None:
        """Everything that can be done now, however many looks it takes."""
        while self.house.dispatcher.look():
            pass

    def step(self) -> None:
        self.house.clock.advance(STEP)
        self.desk.end_what_lasted()
        while self.desk.to_end:
            call = self.by_campid(self.desk.to_end.popleft())
            assert self.house.hear(report(call, self.house.clock)) is not None
        self.look()

    def by_campid(self, campid: str) -> Call:
        with self.house.journal.database.read() as connection:
            found = connection.bare.execute(f"SELECT id FROM calls WHERE campid = '{campid}'").fetchone()
        return self.house.call(found[0])

    def counts(self) -> Counter[State]:
        found = self.house.journal.counts()
        return Counter({state: number for state, number in found.items() if number})

    def rings_since(self, number: int) -> list[Ring]:
        return self.desk.rings[number:]


@pytest.fixture
def batch(tmp_path: Path, engine: str) -> Iterator[Batch]:
    # Eighty thousand commits, of which none has to survive a power cut.
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        made = Batch(Path(folder), 10_000 if engine == "sqlite" else 1_000)
        yield made
        made.house.close()


def test_a_rule_that_fires_ten_thousand_times_is_paced_and_a_person_goes_first(batch: Batch) -> None:
    house, desk, firings = batch.house, batch.desk, len(batch.calls)
    # All are on disk, and the first ones ring before the last ones have come.
    assert sum(batch.counts().values()) == firings
    assert len(desk.rings) > 0
    batch.look()
    talking = next(call for call in house.journal.latest(200_000, state=State.PLACED) if talks(call))
    house.hear(live_event(talking, house.clock))

    for _ in range(10):
        batch.step()
    everybody_is_told_quickly_where_they_stand(batch)
    a_person_rings_at_once(batch)
    a_person_goes_before_the_rules_of_a_busy_member(batch)
    pace: list[int] = []
    while len(desk.rings) < firings * 19 // 20 + 3:
        before = len(desk.rings)
        batch.step()
        pace.append(len(desk.rings) - before)
        assert sum(pace[-60:]) > 0 or len(pace) < 60, "the line stands still"

    # The talker held up nobody but those who wait for him: the caps were used up until near the end.
    full_minutes = Counter(int(ring.at // 60) for ring in desk.rings).most_common()
    assert sum(number >= CAPS.rule_per_minute - 12 for _, number in full_minutes) >= (
        firings / CAPS.rule_per_minute * 0.8 - 2
    )
    assert set(batch.counts()) == {State.ENDED, State.PLACED, State.DEFERRED}
    waiting = house.journal.latest(200_000, state=State.DEFERRED)
    assert {call.plan.member for call in waiting if call.plan} <= {TALKER}
    assert {call.click.record_id for call in waiting} == {
        str(number) for number in range(firings) if MEMBERS[number % 20] == TALKER
    } - {talking.click.record_id}

    # They wait as long as they may, and then ring nobody.
    rung = len(desk.rings)
    house.clock.advance(hours=12)
    house.journal.set_flag("paused", "so that nobody is let out who has a minute left")
    batch.look()
    assert batch.counts()[State.DEFERRED] == 0
    assert {house.call(call.id).code for call in waiting} == {"waited_too_long"}
    assert len(desk.rings) == rung

    the_far_end_saw_no_cap_exceeded(batch)
    nobody_rang_twice(batch)


def talks(call: Call) -> bool:
    return call.plan is not None and call.plan.member == TALKER


def everybody_is_told_quickly_where_they_stand(batch: Batch) -> None:
    house = batch.house
    last = max(
        house.journal.latest(200_000, state=State.DEFERRED), key=lambda call: (call.expires_at, call.id)
    )
    waits = batch.counts()[State.DEFERRED]
    took = []
    for _ in range(20):
        began = time.perf_counter()
        place = Forecast(house.journal, house.connections).place(last)
        took.append(time.perf_counter() - began)
        assert place is not None and place.ahead == waits - 1
        assert place.wait_seconds is not None
        # A line moves no faster than the caps let it, and each turn is one of theirs.
        assert place.wait_seconds >= waits / CAPS.rule_per_minute * 60 - 60
    assert min(took) < 0.020


def a_person_rings_at_once(batch: Batch) -> None:
    house, rung = batch.house, len(batch.desk.rings)
    contact = house.shelf.contact("20001")
    contact["owner"] = {"phone": FREE, "email": ""}
    assert house.press("20001", user="asha@example.test").state is State.PLACED
    assert [ring.customer for ring in batch.rings_since(rung)] == [number_of("20001")]


def a_person_goes_before_the_rules_of_a_busy_member(batch: Batch) -> None:
    house = batch.house
    busy = next(member for _, member in batch.desk.open.values() if member in MEMBERS and member != TALKER)
    house.shelf.contact("20002")["owner"] = {"phone": busy, "email": ""}
    rung = len(batch.desk.rings)
    waiting = house.press("20002", user="ravi@example.test")
    assert (waiting.state, waiting.code) == (State.PLANNED, "member_busy")
    for _ in range(4):
        batch.step()
    theirs = [ring.customer for ring in batch.rings_since(rung) if ring.member == busy]
    assert theirs[0] == number_of("20002")
    assert len(theirs) > 1


def the_far_end_saw_no_cap_exceeded(batch: Batch) -> None:
    rings = batch.desk.rings
    people = {number_of("20001"), number_of("20002")}
    by_rules = [ring for ring in rings if ring.customer not in people]
    a_minute = Counter(int(ring.at // 60) for ring in by_rules)
    assert max(a_minute.values()) <= CAPS.rule_per_minute
    assert max(ring.others for ring in by_rules) < AT_ONCE_BY_RULES
    assert not any(ring.member_busy for ring in rings)


def nobody_rang_twice(batch: Batch) -> None:
    calls = batch.house.journal.latest(200_000)
    assert len(calls) == len(batch.calls) + 2
    dialled = [call for call in calls if call.dialled_at is not None]
    assert len(batch.desk.rings) == len(dialled)
    asked = Counter(call.plan.customer for call in dialled if call.plan)
    assert Counter(ring.customer for ring in batch.desk.rings) == asked
    with batch.house.journal.database.read() as connection:
        told = connection.bare.execute("SELECT call_id FROM events WHERE to_state = 'dialling'").fetchall()
    assert Counter(call_id for (call_id,) in told) == Counter(call.id for call in dialled)
