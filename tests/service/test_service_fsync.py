"""The disk is full, or its fsync fails: nothing is promised that was not kept, and nobody is rung for it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from counterparts import HeldCallerDesk, TestCrm
from running import PATIENCE, Running, eventually

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed here: `apt-get install strace`"
)


@pytest.fixture(scope="module")
def desk() -> Iterator[HeldCallerDesk]:
    sandbox = HeldCallerDesk(speed=100).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, crm: TestCrm, desk: HeldCallerDesk
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("fsync")
    running = Running(
        folder, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key, authcode=desk.authcode
    )
    running.start()
    # It listens before its database is ready.
    assert eventually(lambda: running.send("GET", "/readyz").status == 200)
    yield running
    running.stop()


SYNC = "fsync,fdatasync"
WRITE = "pwrite64"


@contextmanager
def failing(service: Running, syscalls: str = SYNC, error: str = "EIO", when: str = "1+") -> Iterator[None]:
    """Each thread's system calls fail when it is their turn: `1+` all, `1+2` the first, the third …"""
    told, said = service.folder / "strace", service.folder / "strace.said"
    with said.open("wb") as complaints:
        strace = subprocess.Popen(
            [
                *("strace", "-f", "-p", str(service.pid), "-o", str(told)),
                *("-e", f"trace={syscalls}", "-e", f"inject={syscalls}:error={error}:when={when}"),
            ],
            stderr=complaints,
        )
        try:
            assert eventually(lambda: strace.poll() is not None or "attached" in said.read_text())
            if strace.poll() is not None:
                pytest.skip(f"strace may not attach to a process here: {said.read_text()}")
            yield
        finally:
            strace.terminate()
            strace.wait(PATIENCE)
    assert "(INJECTED)" in told.read_text()


def kept(folder: Path) -> dict[str, set[str]]:
    """Every call on the disk, with the states it has been in."""
    with sqlite3.connect(folder / "calls.db") as journal:
        found: dict[str, set[str]] = {call: set() for (call,) in journal.execute("SELECT id FROM calls")}
        for call, state in journal.execute("SELECT call_id, to_state FROM events"):
            found[call].add(state)
    journal.close()
    return found


@pytest.mark.parametrize(
    ("syscalls", "error"), [(SYNC, "EIO"), (WRITE, "EIO"), (WRITE, "ENOSPC")], ids=["sync", "write", "full"]
)
def test_what_is_not_on_the_disk_is_not_accepted_and_not_rung(
    service: Running, crm: TestCrm, desk: HeldCallerDesk, syscalls: str, error: str
) -> None:
    number = f"98762 9{len(syscalls):02}{len(error):02}"
    record = crm.put(f"r{number}", number)
    before = service.rows()
    with failing(service, syscalls, error):
        for source in ("button", "rule"):
            told = service.click(record, f"{number} {source}", source=source)
            assert (told.status, told.json["code"]) == (503, "journal_down")
            assert told.is_problem
        told = service.webhook({"campid": "61900001", "type": "call_report", "status": "ANSWERED"})
        assert told.status == 503
    assert desk.rung(number.replace(" ", "")) == 0
    assert sum(service.rows().values()) == sum(before.values())
    told = service.click(record, f"{number} button")
    assert (told.status, told.json["state"]) == (200, "placed")
    assert desk.rung(number.replace(" ", "")) == 1
    assert crm.wait_for_activity(told.json["call"])


def test_the_gate_opens_only_when_its_commit_is_synced(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("no-gate", "98762 00002")
    with ThreadPoolExecutor(1) as threads, crm.holds.hold("read asked") as read:
        waiting = threads.submit(service.click, record, "no gate")
        assert read.reached.wait(PATIENCE)
        with failing(service):
            said_before = len(service.log)
            read.let_go.set()
            assert eventually(lambda: any("a step was left" in line for line in service.log[said_before:]))
            assert desk.rung("9876200002") == 0
        # Its half minute passes, and it goes on by itself.
        service.end_leases()
        told = waiting.result()
    assert service.wait_for_state(told.json["call"], "placed", "ended") in ("placed", "ended")
    assert desk.rung("9876200002") == 1
    assert crm.wait_for_activity(told.json["call"])


def test_a_dial_whose_reply_is_not_synced_is_looked_up_and_not_repeated(
    service: Running, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    record = crm.put("no-reply", "98762 00003")
    with ThreadPoolExecutor(1) as threads, desk.holds.hold("dialled") as dial:
        waiting = threads.submit(service.click, record, "no reply")
        assert dial.reached.wait(PATIENCE)
        with failing(service):
            said_before = len(service.log)
            dial.let_go.set()
            assert eventually(lambda: any("a step was left" in line for line in service.log[said_before:]))
        assert desk.wait_until_over()
        service.end_leases()
        told = waiting.result()
    assert service.wait_for_state(told.json["call"], "ended") == "ended"
    assert desk.rung("9876200003") == 1


@pytest.mark.parametrize("when", ["1+2", "2+2", "1+3"])
def test_of_clicks_whose_syncs_fail_now_and_then_each_promise_is_kept_by_a_row(
    service: Running, crm: TestCrm, desk: HeldCallerDesk, when: str
) -> None:
    numbers = [f"98762{'0123'.index(when[0])}{when[2]}{each:03}" for each in range(12)]
    records = [crm.put(f"r{number}", number) for number in numbers]

    def press(number: int) -> tuple[int, str]:
        told = service.click(records[number], f"now and then {records[number]}", source="button")
        return told.status, told.json.get("call", "")

    with ThreadPoolExecutor(4) as threads:
        with failing(service, when=when):
            heard = list(threads.map(press, range(len(numbers))))
        service.kill()
        promised = {call for status, call in heard if status < 300}
        on_disk = kept(service.folder)
        assert promised <= set(on_disk)
        assert {status for status, _ in heard} <= {200, 202, 503}
        by_record = calls_of(service.folder)
        for record, number in zip(records, numbers, strict=True):
            assert not desk.rung(number) or "dialling" in on_disk[by_record[record]]
        service.start()
        again = list(threads.map(press, range(len(numbers))))
    assert {status for status, _ in again} <= {200, 202}
    for (status, first), (_, second) in zip(heard, again, strict=True):
        assert status == 503 or first == second
    for _, call in again:
        state = service.wait_for_state(call, "placed", "ended", "unknown")
        assert state in ("placed", "ended", "unknown")
    assert {desk.rung(number) for number in numbers} <= {0, 1}


def calls_of(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "calls.db") as journal:
        found = dict(journal.execute("SELECT record_id, id FROM calls"))
    journal.close()
    return found
