"""Two processes on one journal, one of them suspended or out of disk: still nobody is rung twice."""

from __future__ import annotations

import copy
import fcntl
import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from counterparts import HeldCallerDesk, TestCrm
from running import Running, eventually


@pytest.fixture(scope="module")
def desk() -> Iterator[HeldCallerDesk]:
    sandbox = HeldCallerDesk(speed=100).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, crm: TestCrm, desk: HeldCallerDesk
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("fenced")
    running = Running(
        folder, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key, authcode=desk.authcode
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def other(service: Running) -> Iterator[Running]:
    """A second service with the same manifest and journal, on a port of its own."""
    second = copy.copy(service)
    second.port, second.log = 0, []
    second.start()
    yield second
    second.stop()


@contextmanager
def suspended(service: Running) -> Iterator[None]:
    """The process stands still, as on a laptop that sleeps; not within a commit, which would stop all."""

    def stands_still() -> bool:
        os.kill(service.pid, signal.SIGSTOP)
        if is_free(service):
            return True
        os.kill(service.pid, signal.SIGCONT)
        return False

    try:
        assert eventually(stands_still)
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


def is_free(service: Running) -> bool:
    """Whether nobody is writing to the journal."""
    with (service.folder / "calls.db.lock").open("ab") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with sqlite3.connect(service.folder / "calls.db", timeout=0) as journal:
            try:
                journal.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            finally:
                journal.rollback()
        journal.close()
    return True


def test_who_slept_while_reading_finds_the_call_made_by_another(
    service: Running, other: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("slept-reading", "98763 00001")
    with ThreadPoolExecutor(1) as threads, crm.holds.hold("read asked") as read:
        waiting = threads.submit(service.click, record, "slept-reading")
        assert read.reached.wait(10)
        with suspended(service):
            read.let_go.set()
            service.end_leases()
            call = other.click(record, "slept-reading").json["call"]
            assert other.wait_for_state(call, "placed", "ended") in ("placed", "ended")
        told = waiting.result()
    assert (told.json["call"], told.json["state"]) in ((call, "placed"), (call, "ended"))
    assert desk.rung("9876300001") == 1
    assert crm.wait_for_activity(call)
    assert len(crm.of(call)) == 1


def test_who_slept_while_dialling_is_not_followed_by_a_second_dial(
    service: Running, other: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("slept-dialling", "98763 00002")
    with ThreadPoolExecutor(1) as threads, desk.holds.hold("dialled") as dial:
        waiting = threads.submit(service.click, record, "slept-dialling")
        assert dial.reached.wait(10)
        with suspended(service):
            dial.let_go.set()
            assert desk.wait_until_over()
            service.end_leases()
            call = other.click(record, "slept-dialling").json["call"]
            # The call report knows of it.
            assert other.wait_for_state(call, "ended") == "ended"
        waiting.result()
    assert other.state(call) == "ended"
    assert desk.rung("9876300002") == 1
    assert crm.wait_for_activity(call, status="ended")
    assert len(crm.of(call)) == 1


def test_fifty_equal_clicks_at_two_services_ring_once(
    service: Running, other: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("two-services", "98763 00003")
    with ThreadPoolExecutor(50) as threads:
        answers = list(
            threads.map(lambda each: (service, other)[each % 2].click(record, "at both"), range(50))
        )
    assert {answer.status for answer in answers} <= {200, 202}
    assert len({answer.json["call"] for answer in answers}) == 1
    assert sum("repeat" not in answer.json for answer in answers) == 1
    assert desk.rung("9876300003") == 1


@contextmanager
def full_disk(service: Running) -> Iterator[None]:
    """Nothing can be written to any file."""
    _, most = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (most, most))


def test_what_cannot_be_kept_is_not_accepted_and_not_rung(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("full-disk", "98763 00004")
    with full_disk(service):
        for source in ("button", "rule"):
            told = service.click(record, f"full {source}", source=source)
            assert (told.status, told.json["code"]) == (503, "journal_down")
            assert told.is_problem
    assert desk.rung("9876300004") == 0
    assert service.click(record, "full button").status == 200
    assert desk.rung("9876300004") == 1


def test_a_dial_whose_reply_cannot_be_kept_is_looked_up_and_not_repeated(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("full-later", "98763 00005")
    with ThreadPoolExecutor(1) as threads, desk.holds.hold("dialled") as dial:
        waiting = threads.submit(service.click, record, "full-later")
        assert dial.reached.wait(10)
        with full_disk(service):
            said_before = len(service.log)
            dial.let_go.set()
            assert eventually(lambda: any("a step was left" in line for line in service.log[said_before:]))
        assert desk.wait_until_over()
        service.end_leases()
        told = waiting.result()
    call = told.json["call"]
    assert service.wait_for_state(call, "ended") == "ended"
    assert desk.rung("9876300005") == 1
    assert eventually(lambda: service.call(call)["activity"]["written"])
