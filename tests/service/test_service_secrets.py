"""A session with every success and every failure, at DEBUG: no secret and no full number gets out of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import counterparts
import pytest
from counterparts import FakeCallerDesk, TestCrm
from running import Answer, Running

#: Ten digits each; everything a number of this session may look like holds them.
ANSWERED, LINKED, TYPED, ENDED, PARKED = "9876570001", "9876570002", "9876570003", "9876570004", "9876570005"
US, MEMBER, SECOND_MEMBER = "2025550123", "9876500101", "9876500102"
MANNERS = {
    "9876571001": counterparts.closes,
    "9876571002": counterparts.resets,
    "9876571003": counterparts.hangs,
    "9876571004": counterparts.redirects,
    "9876571005": counterparts.fails("500 Internal Server Error"),
    "9876571006": counterparts.says(b"<html>It works!</html>"),
    "9876571007": counterparts.says({"type": "error", "message": "Invalid Auth Code!"}),
    "9876571008": counterparts.says({"type": "error", "message": "9876571008 may not call 09876500101"}),
}
NUMBERS = {ANSWERED, LINKED, TYPED, ENDED, PARKED, US, MEMBER, SECOND_MEMBER, *MANNERS}


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, crm: TestCrm, desk: FakeCallerDesk
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("watched")
    # Signs that look otherwise in a URL.
    running = Running(
        folder,
        crm=crm.base_url,
        callerdesk=desk.base_url,
        crm_key=crm.api_key,
        authcode="key/with+signs=&é 1",
    )
    running.start(log_level="DEBUG")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def said(service: Running, crm: TestCrm, desk: FakeCallerDesk) -> dict[str, str]:
    """All that was said in the session, by where: answers, printed texts, logs."""
    answers: list[Answer] = []
    secrets = service.secrets
    desk.manners.update(MANNERS)
    desk.manners[ENDED] = counterparts.says({"type": "success", "campid": 7})

    # Clicks that go well, in every way they may come.
    for record, number, owner in (
        ("answered", f"+91 {ANSWERED}", "u1"),
        ("typed", f"0{TYPED[:5]}-{TYPED[5:]}", "u2"),
        ("ended", f"0091{ENDED}", "u1"),
    ):
        answers.append(service.click(crm.put(record, number, owner=owner), user="u1"))
    crm.put("linked", LINKED)
    path = f"/hooks/link/{secrets['LINK_TOKEN']}"
    answers.append(service.send("GET", f"{path}?object=Contact&id=linked"))
    typed = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/html")]
    answers.append(service.send("POST", path, b"object=Contact&id=linked", typed))
    calls = [answer.json["call"] for answer in answers[:3]]

    # CallerDesk at its worst, and records that cannot be called.
    for number in MANNERS:
        crm.put(f"m{number[-4:]}", number)
    with ThreadPoolExecutor(len(MANNERS)) as threads:
        answers += threads.map(lambda number: service.click(f"m{number[-4:]}"), MANNERS)
    for record, typed_number in (
        ("twice", f"{ANSWERED} / {TYPED}"),
        ("extension", f"{ANSWERED} ext 12"),
        ("letters", f"{ANSWERED}a"),
        ("abroad", f"+1 {US}"),
        ("asked-not-to", ANSWERED),
    ):
        crm.put(record, typed_number, name=f"Tel. {ANSWERED}", do_not_call=record == "asked-not-to")
        answers.append(service.click(record))

    # The CRM at its worst, and senders who are not let in or send nonsense.
    for outage in (500, 401, 403, 429):
        crm.outage = outage
        answers.append(service.click("answered", f"outage {outage}", user="u2"))
    crm.outage = None
    with crm.holds.hold("read asked"):
        answers.append(service.click("answered", "hanging", user="u3"))
    answers.append(service.post("/hooks/shop", {"object": "Contact", "id": "1", "phone": ANSWERED}))
    answers.append(service.post("/hooks/shop", {"object": "Contact", "id": "1", "override": ANSWERED}))
    answers.append(
        service.post("/hooks/shop", {"object": "Contact", "id": "1"}, secret=secrets["LINK_TOKEN"])
    )
    answers.append(service.post("/hooks/shop", b"{broken " + ANSWERED.encode()))
    answers.append(service.send("POST", f"/hooks/link/{secrets['LINK_TOKEN']}/{ANSWERED}"))
    answers.append(service.send("PUT", f"/hooks/link/{secrets['LINK_TOKEN']}"))

    # Webhooks: ours, nobody's, broken.
    campid = service.call(calls[2])["campid"]
    report = {
        "type": "call_report",
        "SourceNumber": f"0{ENDED}",
        "DialWhomNumber": f"0{MEMBER}",
        "Status": "ANSWER",
        "hangup_cause": f"ANSWER({ENDED})",
        "EndTime": "2026-03-02 12:00:52",
        "LegA_Picked_time": "2026-03-02 12:00:05",
        "campid": campid,
    }
    answers.append(service.webhook(report))
    answers.append(service.webhook({**report, "SourceNumber": PARKED, "campid": "31337"}))
    answers.append(service.webhook(report, token=secrets["CLICK_SECRET"]))
    answers.append(service.webhook({"hello": ANSWERED}))
    hook = f"/callerdesk/{secrets['WEBHOOK_TOKEN']}"
    answers.append(service.send("GET", f"{hook}?type=call_report&campid=31338&SourceNumber=0{PARKED}"))
    answers.append(service.send("DELETE", hook))

    # What people and programs may look at.
    for answer in [*answers]:
        call = re.search(rb"/calls/[0-9a-f]+\?key=[0-9a-f.]+", answer.body)
        if call:
            for accepted in ("application/json", "text/html"):
                answers.append(service.send("GET", call.group().decode(), headers=[("Accept", accepted)]))
    answers += [service.send("GET", path) for path in ("/metrics", "/readyz", "/openapi.json", "/nowhere")]
    commands = [
        ["calls", "show", calls[2]],
        ["--log-level", "DEBUG", "plan", "shop", "Contact", "twice", "--json"],
        ["--log-level", "DEBUG", "check", "--live"],
        ["--log-level", "DEBUG", "calls", "replay", calls[0]],
    ]
    seen = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    with ThreadPoolExecutor(2) as threads:
        printed = list(threads.map(lambda words: service.command(*words), commands))
    service.stop()
    return {
        "answers": "\n".join(answer.body.decode() for answer in answers),
        "links": "\n".join(
            re.findall(r'https?://[^\s"\'<]+', "\n".join(each.body.decode() for each in answers))
        ),
        "commands": "\n".join(f"{out}\n{err}" for _, out, err in printed),
        "log": "".join(service.log),
        "ps": seen,
    }


WHERE = ("answers", "links", "commands", "log", "ps")


@pytest.mark.parametrize("where", WHERE)
def test_no_secret_is_in(service: Running, said: dict[str, str], where: str) -> None:
    for name, secret in service.secrets.items():
        for form in {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}:
            assert form not in said[where], f"{name} is in the {where}"


@pytest.mark.parametrize("where", WHERE)
def test_no_full_number_is_in(said: dict[str, str], where: str) -> None:
    digits_only = re.sub(r"(?<=[0-9])[ ()./-]{1,3}(?=[0-9])", "", said[where])
    for number in NUMBERS:
        lines = [line for line in digits_only.splitlines() if number in line]
        assert not lines, f"{number} is in the {where}: {lines[0][:300]}"


def test_the_session_was_worth_watching(said: dict[str, str]) -> None:
    for code in (
        "crm_timeout",
        "crm_failed",
        "crm_unauthorised",
        "callerdesk_no_answer",
        "callerdesk_unclear_answer",
        "callerdesk_wrong_key",
        "callerdesk_refused",
        "customer_number_unusable",
        "signature_invalid",
        "body_broken",
    ):
        assert code in said["answers"], code
    assert "DEBUG urllib3.connectionpool" in said["log"]
    assert "click_to_call_v3" in said["log"]
    assert "-m connector" in said["ps"]


def test_the_files_it_leaves_are_only_its_own_to_read(service: Running) -> None:
    for file in Path(service.folder).glob("calls.db*"):
        assert service.secrets["AUTHCODE"].encode() not in file.read_bytes()
        assert service.secrets["CRM_KEY"].encode() not in file.read_bytes()
