"""Killed at any moment and started again: nobody is rung twice, no click is lost, nothing is stuck."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from counterparts import HeldCallerDesk, Holds, TestCrm
from databases import ENGINES, new_database
from running import Answer, Running, eventually
from sqlalchemy import update

from connector.journal import Journal
from connector.journal.tables import calls
from connector.model import State

#: States a call may rest in, or waits in for CallerDesk's report.
SETTLED = ("placed", "ended", "unknown")
#: Of the customers, one after the other.
NUMBERS = itertools.count()
#: Every customer of this file and engine, by record.
CUSTOMERS: dict[str, str] = {}
#: Every call of this file and engine, by record.
CALLS: dict[str, str] = {}


@pytest.fixture(scope="module")
def crm() -> Iterator[TestCrm]:
    with TestCrm() as listening:
        yield listening


@pytest.fixture(scope="module")
def desk() -> Iterator[HeldCallerDesk]:
    sandbox = HeldCallerDesk(speed=100).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module", params=ENGINES)
def service(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    crm: TestCrm,
    desk: HeldCallerDesk,
) -> Iterator[Running]:
    CUSTOMERS.clear()
    CALLS.clear()
    running = Running(
        tmp_path_factory.mktemp("killed"),
        crm=crm.base_url,
        callerdesk=desk.base_url,
        crm_key=crm.api_key,
        authcode=desk.authcode,
        database_url=new_database(request.param),
    )
    running.start()
    webhook = f"http://127.0.0.1:{running.port}/callerdesk/{running.secrets['WEBHOOK_TOKEN']}"
    desk.webhook_url = desk.live_webhook_url = webhook
    yield running
    running.stop()


def new_records(crm: TestCrm, number: int, *, ending: str = "01") -> list[str]:
    """Contacts nobody has called yet; their numbers' last two digits are the sandbox's script."""
    made = []
    for _ in range(number):
        customer = f"98764{next(NUMBERS):03}{ending}"
        record = crm.put(f"r{customer}", customer)
        CUSTOMERS[record] = customer
        made.append(record)
    return made


def press(service: Running, record: str) -> Answer | None:
    """One click for the record, always with the same id, every other one a rule's; None if it was cut off."""
    source = "rule" if int(CUSTOMERS[record][5:8]) % 2 else "button"
    try:
        return service.click(record, f"click-{record}", source=source)
    except (OSError, http.client.HTTPException):
        return None


@pytest.fixture
def clicks(crm: TestCrm) -> Iterator[tuple[ThreadPoolExecutor, list[str]]]:
    """Four records, and threads to click them from."""
    with ThreadPoolExecutor(4) as threads:
        yield threads, new_records(crm, 4)


def begun(service: Running, clicks: tuple[ThreadPoolExecutor, list[str]]) -> list[Any]:
    threads, records = clicks
    return [threads.submit(press, service, record) for record in records]


def all_is_well(
    service: Running, crm: TestCrm, desk: HeldCallerDesk, records: list[str], heard: list[Any]
) -> None:
    """Send the same clicks again, as a client does that got no answer; then look at what became of them."""
    for record, first in zip(records, [each.result() for each in heard], strict=True):
        again = press(service, record)
        assert again is not None
        assert again.status in (200, 202), again
        call = CALLS[record] = again.json["call"]
        if first is not None:
            assert (first.json["call"], again.json["repeat"]) == (call, True), "an accepted click was lost"
    for record in records:
        call = CALLS[record]
        state = service.wait_for_state(call, *SETTLED)
        assert state in SETTLED, f"{record} is stuck as {state}"
        assert desk.rung(CUSTOMERS[record]) <= 1, f"{record} was rung twice"
        assert state == "unknown" or desk.rung(CUSTOMERS[record]) == 1
        assert eventually(lambda call=call: service.call(call)["activity"]["written"])
        assert len(crm.of(call)) == 1


MOMENTS = {
    "the CRM was asked for the record": ("crm", "read asked"),
    "CallerDesk had the dial, nothing done": ("desk", "dial asked"),
    "CallerDesk rang, nothing answered": ("desk", "dialled"),
    "the CRM had the activity, nothing stored": ("crm", "write asked"),
    "the CRM stored the activity, nothing answered": ("crm", "written"),
    "the CRM had the outcome, nothing stored": ("crm", "change asked"),
    "the CRM stored the outcome, nothing answered": ("crm", "changed"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_just_when(
    service: Running,
    crm: TestCrm,
    desk: HeldCallerDesk,
    clicks: tuple[ThreadPoolExecutor, list[str]],
    moment: str,
) -> None:
    whose, name = MOMENTS[moment]
    holds: Holds = {"crm": crm.holds, "desk": desk.holds}[whose]
    with holds.hold(name) as held:
        heard = begun(service, clicks)
        assert held.reached.wait(10)
        service.kill()
    service.start()
    all_is_well(service, crm, desk, clicks[1], heard)


@pytest.mark.parametrize("milliseconds", [0, 8, 25])
def test_killed_so_many_milliseconds_after_the_clicks_were_sent(
    service: Running,
    crm: TestCrm,
    desk: HeldCallerDesk,
    clicks: tuple[ThreadPoolExecutor, list[str]],
    milliseconds: int,
) -> None:
    heard = begun(service, clicks)
    threading.Event().wait(milliseconds / 1000)
    service.kill()
    service.start()
    all_is_well(service, crm, desk, clicks[1], heard)


def workers_of(service: Running) -> list[int]:
    """The processes a supervisor has started."""
    return [int(pid) for pid in Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()]


@pytest.mark.parametrize("who", ["the supervisor", "every worker"])
def test_killed_with_two_workers(
    service: Running,
    crm: TestCrm,
    desk: HeldCallerDesk,
    clicks: tuple[ThreadPoolExecutor, list[str]],
    who: str,
) -> None:
    service.stop()
    service.start(workers=2)
    assert eventually(lambda: len(workers_of(service)) == 2)
    first_workers = workers_of(service)
    with desk.holds.hold("dial asked") as held:
        heard = begun(service, clicks)
        assert held.reached.wait(10)
        if who == "the supervisor":
            service.kill()
        else:
            for pid in first_workers:
                os.kill(pid, signal.SIGKILL)
    if who == "the supervisor":
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in first_workers)), "orphans"
        service.start()
    else:
        assert eventually(lambda: len(set(workers_of(service)) - set(first_workers)) == 2)
    all_is_well(service, crm, desk, clicks[1], heard)


def test_asked_to_end_it_finishes_what_it_has_begun(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    (record,) = new_records(crm, 1)
    with ThreadPoolExecutor(2) as threads, desk.holds.hold("dialled") as held:
        heard = threads.submit(press, service, record)
        assert held.reached.wait(10)
        ended = threads.submit(service.stop)
        # The signal is on its way, the dial's reply is not.
        threading.Event().wait(0.2)
        held.let_go.set()
        assert ended.result() == 0
        heard.result()
    service.start()
    again = press(service, record)
    assert again is not None
    CALLS[record] = again.json["call"]
    assert again.json["state"] in ("placed", "ended")
    assert crm.wait_for_activity(CALLS[record])
    assert desk.rung(CUSTOMERS[record]) == 1


def pretend_it_is_later(service: Running, due: Callable[[float], float]) -> None:
    """Move the due times of the stopped service's placed calls, as if the time had passed."""
    journal = Journal(service.database_url)
    with journal.transaction() as tx:
        for call in journal.latest(1000, state=State.PLACED):
            assert call.due_at is not None
            later = update(calls).where(calls.c.id == call.id).values(due_at=due(call.due_at.timestamp()))
            tx.connection.execute_once(later)
    journal.close()


def test_an_outcome_that_came_while_it_was_down_is_found_in_the_call_report(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    (record,) = new_records(crm, 1, ending="18")
    told = press(service, record)
    service.kill()
    assert told is not None
    call = CALLS[record] = told.json["call"]
    assert desk.wait_until_over()
    pretend_it_is_later(service, lambda _: time.time())
    service.start()
    assert service.wait_for_state(call, "ended") == "ended"
    assert service.call(call)["outcome"] == "answered"
    assert crm.wait_for_activity(call, status="ended", outcome="answered")
    assert desk.rung(CUSTOMERS[record]) == 1


def test_an_outcome_that_came_while_the_crm_was_down_is_written_when_it_is_back(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    (record,) = new_records(crm, 1)
    told = press(service, record)
    assert told is not None
    call = CALLS[record] = told.json["call"]
    assert crm.wait_for_activity(call)
    (second,) = new_records(crm, 1, ending="18")
    told = press(service, second)
    assert told is not None
    later = CALLS[second] = told.json["call"]
    assert crm.wait_for_activity(later, status="placed")
    crm.stop()
    assert desk.wait_until_over()
    assert service.wait_for_state(later, "ended") == "ended"
    service.kill()
    service.start()
    assert crm.of(later)[0]["status"] == "placed"
    crm.start()
    assert crm.wait_for_activity(later, status="ended", outcome="answered")
    assert len(crm.of(later)) == 1


def test_at_last_nothing_is_stuck_lost_or_doubled(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    assert eventually(lambda: all(service.call(call)["activity"]["written"] for call in CALLS.values()))
    found = service.doctor()
    assert found["0 stuck calls"]
    assert found["0 activities given up"]
    assert found["0 activities still to be written"]
    assert sum(service.rows().values()) == len(CALLS) == len(CUSTOMERS)
    rung = [dial.customer for dial in desk.dials]
    assert len(rung) == len(set(rung))
    for record, call in CALLS.items():
        activities = crm.of(call)
        assert [each["contact_id"] for each in activities] == [record]
        assert activities[0]["status"] == service.state(call)
