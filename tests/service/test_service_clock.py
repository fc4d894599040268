"""The host's clock is set by days: nobody is rung twice or too late, and nothing waits for days."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from counterparts import HeldCallerDesk, TestCrm
from databases import ENGINES, new_database
from running import PATIENCE, Running, eventually
from sqlalchemy import create_engine, update

from connector.journal.tables import calls

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = pytest.mark.skipif(
    not LIBRARIES, reason="faketime is not installed here: `apt-get install faketime`"
)


class Clock:
    """What the process under test takes for the time of day; its steady clocks go on as they are."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, days: int) -> None:
        """Set it so many days forwards, from the right time."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{days:+d}d\n", encoding="ascii")
        written.replace(self._file)

    def environ(self) -> dict[str, str]:
        """How the library is told, in its own words (faketime's README)."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


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
    folder = tmp_path_factory.mktemp("clock")
    running = Running(
        folder,
        crm=crm.base_url,
        callerdesk=desk.base_url,
        crm_key=crm.api_key,
        authcode=desk.authcode,
        database_url=new_database(request.param),
    )
    running.environ = Clock(folder).environ()
    written = running.manifest.read_text(encoding="utf-8")
    # Time for a look at the rows while a dial is under way, and a press stays a repeat for all of a test.
    changed = written.replace("timeout: 1.0\nconnections", "timeout: 6.0\nconnections", 1)
    changed = changed.replace("  recall_gap: 0\n", "  recall_gap: 0\n  repeat_window: 600\n")
    running.manifest.write_text(changed, encoding="utf-8")
    running.start()
    # It listens before its database is ready.
    assert eventually(lambda: running.send("GET", "/readyz").status == 200)
    webhook = f"http://127.0.0.1:{running.port}/callerdesk/{running.secrets['WEBHOOK_TOKEN']}"
    desk.webhook_url = desk.live_webhook_url = webhook
    yield running
    running.stop()


@pytest.fixture
def clock(service: Running) -> Iterator[Clock]:
    """Right at first and at last."""
    clock = Clock(service.folder)
    yield clock
    clock.set(0)
    # It looks at the clock once a second.
    threading.Event().wait(1.5)


_endings = itertools.count(1)


@pytest.fixture
def customer(crm: TestCrm) -> str:
    """Somebody nobody has called yet; the record is named after the number."""
    return new_customer(crm)


def new_customer(crm: TestCrm) -> str:
    number = f"98761{next(_endings):03}01"
    return crm.put(number, number)


@contextmanager
def down(crm: TestCrm) -> Iterator[None]:
    """The CRM is not there."""
    crm.stop()
    try:
        yield
    finally:
        crm.start()


@contextmanager
def down_after_the_dial(service: Running, crm: TestCrm, desk: HeldCallerDesk, customer: str) -> Iterator[str]:
    """The CRM goes while the customer is rung, so that the call cannot be written; its id."""
    with ThreadPoolExecutor(1) as threads, desk.holds.hold("dialled") as dial:
        waiting = threads.submit(service.click, customer)
        assert dial.reached.wait(PATIENCE)
        with down(crm):
            dial.let_go.set()
            yield waiting.result().json["call"]


def put_later(service: Running, call: str, **seconds: int) -> None:
    """Add to times of a row, as if it had been made at another time."""
    engine = create_engine(service.database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        changes = {name: calls.c[name] + by for name, by in seconds.items()}
        connection.execute(update(calls).where(calls.c.id == call).values(changes))
    engine.dispose()


@pytest.mark.parametrize("days", [3, -3, 400, -400])
def test_a_call_in_flight_is_rung_once_and_a_new_one_rings(
    service: Running, clock: Clock, crm: TestCrm, desk: HeldCallerDesk, customer: str, days: int
) -> None:
    with ThreadPoolExecutor(1) as threads, desk.holds.hold("dialled") as dial:
        waiting = threads.submit(service.click, customer)
        assert dial.reached.wait(PATIENCE)
        clock.set(days)
        # Longer than between two looks for leases that have ended.
        threading.Event().wait(1.5)
        assert service.rows().get("dialling") == 1
        dial.let_go.set()
        told = waiting.result()
    assert (told.status, told.json["state"]) in ((200, "placed"), (200, "ended"))
    again = service.click(customer)
    assert (again.json["call"], again.json["repeat"]) == (told.json["call"], True)
    assert desk.rung(customer) == 1
    assert crm.wait_for_activity(told.json["call"], status="ended")
    later = new_customer(crm)
    told = service.click(later)
    assert (told.status, told.json["state"]) in ((200, "placed"), (200, "ended"))
    assert desk.rung(later) == 1


@pytest.mark.parametrize("days", [3, -3])
def test_what_waits_goes_on_when_the_clock_is_right_again(
    service: Running, clock: Clock, crm: TestCrm, desk: HeldCallerDesk, customer: str, days: int
) -> None:
    unwritten = new_customer(crm)
    clock.set(days)
    with down_after_the_dial(service, crm, desk, unwritten) as placed:
        waits = service.click(customer, source="rule").json["call"]
        assert eventually(lambda: service.rows().get("accepted") == 1)
        clock.set(0)
    assert service.wait_for_state(waits, "placed", "ended") in ("placed", "ended")
    assert crm.wait_for_activity(placed)
    assert crm.wait_for_activity(waits)
    assert service.doctor()["0 activities still to be written"]
    assert (desk.rung(unwritten), desk.rung(customer)) == (1, 1)
    # A press is a repeat for ten minutes, whatever the clock was.
    assert service.click(unwritten).json["repeat"]
    assert desk.rung(unwritten) == 1


@pytest.mark.parametrize("days", [3, -3])
def test_a_click_that_is_too_old_does_not_become_young_again(
    service: Running, clock: Clock, crm: TestCrm, desk: HeldCallerDesk, customer: str, days: int
) -> None:
    with down(crm):
        call = service.click(customer, source="rule").json["call"]
        assert eventually(lambda: service.rows().get("accepted") == 1)
        put_later(service, call, accepted_at=-58, expires_at=-58)
        clock.set(days)
        assert service.wait_for_state(call, "expired", "failed") in ("expired", "failed")
    clock.set(0)
    assert service.click(customer, source="rule").json["repeat"]
    assert desk.rung(customer) == 0


def test_a_write_is_not_given_up_because_it_seems_to_be_tried_for_a_year(
    service: Running, clock: Clock, crm: TestCrm, desk: HeldCallerDesk, customer: str
) -> None:
    with down_after_the_dial(service, crm, desk, customer) as call:
        clock.set(400)
        # Long enough for a try that fails.
        threading.Event().wait(3.0)
    assert crm.wait_for_activity(call)
    assert service.doctor()["0 activities given up"]
