"""Through the whole service: a rule fires hundreds of times at once, and a person presses Call meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from counterparts import FakeCallerDesk, TestCrm
from databases import new_database
from running import Running

pytestmark = pytest.mark.both_engines

FIRINGS = 300
A_MINUTE = 40
#: Of 40 calls a minute a fifth is kept for people.
BY_RULES = 32


@pytest.fixture
def service(tmp_path: Path, engine: str, crm: TestCrm, desk: FakeCallerDesk) -> Iterator[Running]:
    """Two workers, and a policy that lets few calls ring a minute."""
    url = new_database(engine)
    running = Running(
        tmp_path, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key, database_url=url
    )
    told = running.manifest.read_text(encoding="utf-8")
    running.manifest.write_text(f"{told}  caps: {{connection_per_minute: {A_MINUTE}}}\n", encoding="utf-8")
    running.start(workers=2)
    yield running
    running.stop()


def test_hundreds_of_firings_are_taken_at_once_paced_and_overtaken(
    service: Running, crm: TestCrm, desk: FakeCallerDesk, engine: str
) -> None:
    stem = "98731" if engine == "sqlite" else "98732"
    records = [crm.put(f"{engine}-{number}", f"{stem}{number:05}") for number in range(FIRINGS)]
    before = len(desk.dials)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda record: service.click(record, record, source="rule"), records))
    assert {answer.status for answer in answers} == {200}
    assert sum(service.rows().values()) == FIRINGS

    person = crm.put(f"{engine}-person", f"{stem}99999")
    waiting = service.rows()["deferred"]
    told = service.click(person, user="u1")
    assert (told.status, told.json["state"]) == (200, "placed")
    assert waiting > FIRINGS / 2
    dialled = [dial["calling_party_a"] for dial in desk.dials[before:]]
    assert dialled.index(f"{stem}99999") < 3 * BY_RULES
    assert Counter(dialled).most_common(1)[0][1] == 1

    # Everybody who waits is told where, the same by every way.
    deferred = [answer.json for answer in answers if answer.json["state"] == "deferred"]
    assert all(call["line"]["text"][:1].isdigit() for call in deferred)
    last = max(deferred, key=lambda call: call["line"]["ahead"])
    line = service.call(last["call"])["line"]
    assert 0 < line["ahead"] <= FIRINGS and line["wait_seconds"] >= (line["ahead"] // BY_RULES - 1) * 60
    listed = json.loads(service.command("calls", "list", "--json", "--last", "400")[1])
    assert sum(call["line"] is not None for call in listed) >= FIRINGS - 3 * BY_RULES
    assert " in line" in service.command("calls", "show", last["call"])[1]

    # Dialling is paused: who waits goes on waiting, and may be taken out.
    assert service.command("pause")[0] == 0
    assert service.call(last["call"])["line"]["text"].startswith("Dialling is paused.")
    assert service.post(f"/calls/{last['call']}/cancel", b"").json["state"] == "cancelled"
