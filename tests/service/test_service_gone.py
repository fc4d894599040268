"""The database is gone for a while: nothing is promised or rung meanwhile, and it all goes on by itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from counterparts import HeldCallerDesk, TestCrm
from postgres_server import WHY_NOT, PostgresServer, binaries
from running import PATIENCE, Answer, Running, eventually

from connector.journal import engine

#: Seconds. The listener's tries to come back are 10 s apart by then, and a dial's lease has ended.
OUTAGE = 12.0
SETTLED = ("placed", "ended", "unknown")

needs_postgres = pytest.mark.skipif(binaries() is None, reason=WHY_NOT)


@pytest.fixture(scope="module")
def desk() -> Iterator[HeldCallerDesk]:
    sandbox = HeldCallerDesk(speed=100).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of its own, for it is to go."""
    started = PostgresServer()
    yield started
    started.remove()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, server: PostgresServer, crm: TestCrm, desk: HeldCallerDesk
) -> Iterator[Running]:
    running = Running(
        tmp_path_factory.mktemp("gone"),
        crm=crm.base_url,
        callerdesk=desk.base_url,
        crm_key=crm.api_key,
        authcode=desk.authcode,
        database_url=server.create(),
    )
    running.start()
    assert eventually(lambda: running.send("GET", "/readyz").status == 200)
    webhook = f"http://127.0.0.1:{running.port}/callerdesk/{running.secrets['WEBHOOK_TOKEN']}"
    desk.webhook_url = desk.live_webhook_url = webhook
    yield running
    running.stop()


def is_down(told: Answer) -> bool:
    """Whether it is a proper refusal that says when to come again."""
    return (
        told.status == 503
        and told.is_problem
        and told.json["code"] == "journal_down"
        and told.retry_after.isdigit()
    )


@needs_postgres
def test_the_server_is_gone_for_longer_than_every_time_out(
    service: Running, server: PostgresServer, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    dialling, waiting, lost = (
        crm.put(number, number) for number in ("9876100001", "9876100002", "9876100003")
    )
    pause = threading.Event()
    with ThreadPoolExecutor(2) as threads, desk.holds.hold("dialled") as dial:
        heard = threads.submit(service.click, dialling, "dialling")
        assert dial.reached.wait(PATIENCE)
        crm.stop()  # so that a rule's click waits to be read again
        accepted = service.click(waiting, "waiting", source="rule").json["call"]
        assert eventually(lambda: service.rows().get("accepted") == 1)
        crm.start()
        server.stop()
        dial.let_go.set()
        before = len(desk.dials)
        for number in range(int(OUTAGE)):
            for source in ("button", "rule"):
                assert is_down(service.click(lost, f"lost {number}", source=source))
            assert is_down(
                service.webhook({"campid": "61900001", "type": "call_report", "status": "ANSWERED"})
            )
            assert service.send("GET", "/healthz").status == 200
            assert service.send("GET", "/readyz").status == 503
            pause.wait(1.0)
        assert len(desk.dials) == before
        said_before = len(service.log)
        server.start()
        heard.result()
    told = service.click(lost, "lost 0")
    assert (told.status, told.json["state"]) in ((200, "placed"), (200, "ended"))
    assert service.wait_for_state(accepted, *SETTLED) in SETTLED
    again = service.click(dialling, "dialling").json
    assert again["repeat"]
    assert service.wait_for_state(again["call"], "ended") == "ended"
    for call in (accepted, again["call"], told.json["call"]):
        assert crm.wait_for_activity(call, status="ended")
        assert len(crm.of(call)) == 1
    assert [desk.rung(number) for number in (dialling, waiting, lost)] == [1, 1, 1]
    assert eventually(lambda: any("is heard again" in line for line in service.log[said_before:]))
    assert service.doctor()["0 stuck calls"]


@contextmanager
def hanging(server: PostgresServer) -> Iterator[None]:
    """Its connections stay, and nobody answers on them."""
    pids = [server.pid, *map(int, children_of(server.pid))]

    def tell(what: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    tell(signal.SIGSTOP)
    try:
        yield
    finally:
        tell(signal.SIGCONT)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@needs_postgres
def test_the_server_hangs_and_answers_later(
    service: Running, server: PostgresServer, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    numbers = [f"98761001{each:02}" for each in range(6)]
    for number in numbers:
        crm.put(number, number)
    with ThreadPoolExecutor(len(numbers)) as threads:
        with hanging(server):
            heard = [threads.submit(service.click, number, f"hangs {number}") for number in numbers]
            threading.Event().wait(7.0)  # longer than a connection is waited for
            answered = [each.result() for each in heard if each.done()]
            assert all(map(is_down, answered)), answered
            assert not any(map(desk.rung, numbers))
        for each in heard:
            assert each.result().status in (200, 202, 503)
        again = list(threads.map(lambda number: service.click(number, f"hangs {number}"), numbers))
    for number, first, told in zip(numbers, heard, again, strict=True):
        assert told.status in (200, 202)
        call = first.result().json.get("call", told.json["call"])
        assert call == told.json["call"]
        assert service.wait_for_state(call, *SETTLED) in SETTLED
        assert desk.rung(number) == 1


def test_a_database_that_another_process_keeps_locked_takes_nothing_and_then_goes_on(
    tmp_path: Path, crm: TestCrm, desk: HeldCallerDesk
) -> None:
    running = Running(
        tmp_path, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key, authcode=desk.authcode
    )
    # What waits half a minute for a lock waits half a second here.
    shorter = f"import {engine.__name__} as e; e._BUSY_MILLISECONDS = 500\n"
    (tmp_path / "sitecustomize.py").write_text(shorter, encoding="utf-8")
    running.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])
    )
    running.start()
    assert eventually(lambda: running.send("GET", "/readyz").status == 200)
    crm.put("9876100201", "9876100201")
    locking = sqlite3.connect(tmp_path / "calls.db", timeout=10, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    for source in ("button", "rule"):
        assert is_down(running.click("9876100201", "locked", source=source))
    locking.execute("ROLLBACK")
    locking.close()
    assert desk.rung("9876100201") == 0
    assert running.click("9876100201", "locked").status == 200
    assert desk.rung("9876100201") == 1
    running.stop()
