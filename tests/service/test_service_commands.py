"""The command line beside a running service, and before one: what it says, what it does, how it exits."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from counterparts import FakeCallerDesk, TestCrm
from running import Running, eventually

# -- Files that are wrong ------------------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Running:
    """A manifest with three faults and a mapping with three."""
    made = Running(tmp_path, crm="http://127.0.0.1:9", callerdesk="http://127.0.0.1:9/api/")
    manifest = made.manifest.read_text()
    manifest = manifest.replace("quiet_hours: off", "quiet_hour: off").replace(
        "recall_gap: 0", "recall_gap: soon"
    )
    made.manifest.write_text(
        manifest.replace("crm: rest\n    mapping: mapping.yaml", "crm: rset\n    mapping: mapping.yaml", 1)
    )
    mapping = tmp_path / "mapping.yaml"
    text = mapping.read_text().replace("record.mobile", "recrod.mobile").replace("call.phase", "call.fase")
    mapping.write_text(text.replace("refuse:", "refuze:"))
    return made


def test_check_and_serve_list_every_fault_at_once_and_stop(broken: Running) -> None:
    with ThreadPoolExecutor(2) as threads:
        checked, served, as_json = threads.map(
            lambda words: broken.command(*words), (["check"], ["serve", "--port", "0"], ["check", "--json"])
        )
    code, printed, complained = checked
    assert (code, printed) == (1, "")
    lines = complained.splitlines()
    assert all(re.match(r".*\.yaml:[0-9]+:[0-9]+: .", line) for line in lines), complained
    for word, meant in (
        ("quiet_hour", "quiet_hours"),
        ("rset", "rest"),
        ("recrod", "record"),
        ("fase", "phase"),
        ("refuze", "refuse"),
    ):
        assert any(word in line and f"did you mean '{meant}" in line.replace('"', "'") for line in lines), (
            word
        )
    assert any("recall_gap" in line for line in lines)
    assert {line.rpartition("/")[2].partition(":")[0] for line in lines} == {"manifest.yaml", "mapping.yaml"}
    assert (served[0], sorted(served[2].splitlines())) == (1, sorted(lines))
    told = json.loads(as_json[1])
    assert (as_json[0], told["ok"], sorted(told["problems"])) == (1, False, sorted(lines))


def test_a_secret_that_is_not_set_stops_it_and_is_named(broken: Running) -> None:
    broken.manifest.write_text(broken.manifest.read_text().replace("${AUTHCODE}", "${NOT_SET_ANYWHERE}"))
    code, _, complained = broken.command("check")
    assert code == 1
    assert "NOT_SET_ANYWHERE_FILE" in complained


def test_a_wrong_word_on_the_command_line_exits_2(broken: Running) -> None:
    wrong = (
        ["no-such-command"],
        ["serve", "--workers", "0"],
        ["--log-level", "LOUD", "check"],
        ["calls", "list", "--state", "ringing"],
    )
    with ThreadPoolExecutor(2) as threads:
        for code, _, complained in threads.map(lambda words: broken.command(*words), wrong):
            assert code == 2
            assert "Error:" in complained
            assert "Traceback" not in complained


def test_a_manifest_that_is_not_there_is_named(broken: Running) -> None:
    code, _, complained = broken.command("check", "--manifest", "nowhere.yaml")
    assert code == 1
    assert "nowhere.yaml" in complained
    assert "Traceback" not in complained


def test_a_valid_manifest_passes_with_what_wants_a_look(service: Running) -> None:
    code, printed, _ = service.command("check", "--json")
    told = json.loads(printed)
    assert (code, told["ok"]) == (0, True)
    assert any("manual: rules ring nobody" in finding["what"] for finding in told["findings"])


# -- Beside the running service ------------------------------------------------------------------------------


def test_a_pause_holds_at_once_and_ends_at_once(service: Running, crm: TestCrm, desk: FakeCallerDesk) -> None:
    record = crm.put("paused", "98765 60001")
    assert service.command("pause")[0] == 0
    told = service.click(record, "while paused")
    assert (told.status, told.json["code"]) == (409, "paused")
    assert told.is_problem
    by_rule = service.click(record, "rule while paused", source="rule")
    assert by_rule.status == 200
    assert service.wait_for_state(by_rule.json["call"], "refused") == "refused"
    assert service.send("GET", "/readyz").json["status"] == "paused"
    assert service.command("resume")[0] == 0
    after = service.click(record, "after the pause")
    assert (after.status, after.json["state"]) == (200, "placed")
    assert crm.wait_for_activity(after.json["call"])
    assert crm.of(told.json["call"]) == crm.of(by_rule.json["call"]) == []
    assert desk.rung("9876560001") == 1


def test_a_plan_shows_everything_and_rings_nobody(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    crm.put("planned", "98765 60002")
    crm.put("refused", "98765 60003", do_not_call=True)
    before, dials = service.rows(), len(desk.dials)
    asked = (
        ["plan", "shop", "Contact", "planned", "--json"],
        ["plan", "shop", "Contact", "planned"],
        ["plan", "shop", "Contact", "refused", "--json"],
        ["plan", "shopp", "Contact", "planned"],
    )
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda words: service.command(*words), asked))
    assert [code for code, _, _ in found] == [0, 0, 1, 2]
    ringing, refused = json.loads(found[0][1]), json.loads(found[2][1])
    assert (ringing["would_ring"], refused["would_ring"]) == (True, False)
    assert refused["code"] == "refused_by_rule"
    assert ringing["request"]["query"]["calling_party_a"] == "…0002"
    assert ringing["write"]["fields"]["contact_id"] == "planned"
    assert {guard["code"] for guard in ringing["guards"]} >= {"paused", "quiet_hours", "member_busy"}
    assert "WOULD RING" in found[1][1]
    assert all("Traceback" not in complained for _, _, complained in found)
    assert all("9876560002" not in re.sub(r"\D", "", printed) for _, printed, _ in found[:2])
    assert (service.rows(), len(desk.dials)) == (before, dials)


def test_a_waiting_call_can_be_cancelled_and_a_placed_one_cannot(
    service: Running, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    record = crm.put("cancelled", "98765 60004")
    crm.outage = 503
    try:
        waiting = service.click(record, "to cancel", source="rule").json["call"]
        code, printed, complained = service.command("calls", "cancel", waiting)
    finally:
        crm.outage = None
    assert (code, complained) == (0, "")
    assert waiting in printed
    assert service.state(waiting) == "cancelled"
    placed = service.click(crm.put("not-cancelled", "98765 60005")).json["call"]
    code, _, complained = service.command("calls", "cancel", placed)
    assert code == 1
    assert "only what was not dialled" in complained
    assert service.state(placed) == "placed"
    assert service.state(waiting) == "cancelled"
    assert (desk.rung("9876560004"), desk.rung("9876560005")) == (0, 1)


def test_a_replay_writes_again_and_cannot_ring(service: Running, crm: TestCrm, desk: FakeCallerDesk) -> None:
    call = service.click(crm.put("replayed", "98765 60006")).json["call"]
    assert crm.wait_for_activity(call)
    assert eventually(lambda: service.call(call)["activity"]["written"])
    crm.delete_activity(crm.of(call)[0]["id"])
    code, printed, _ = service.command("calls", "replay", call)
    assert (code, len(crm.of(call))) == (0, 1)
    assert crm.of(call)[0]["id"] in printed
    assert desk.rung("9876560006") == 1
    code, _, complained = service.command("calls", "replay", "no-such-call")
    assert code == 1
    assert "no-such-call" in complained


def test_calls_are_listed_and_told_without_a_full_number(service: Running, crm: TestCrm) -> None:
    call = service.click(crm.put("told", "98765 60007")).json["call"]
    assert crm.wait_for_activity(call)
    asked = (
        ["calls", "list", "--json", "--state", "placed"],
        ["calls", "show", call, "--json"],
        ["calls", "show", call],
        ["calls", "show", "nope"],
    )
    with ThreadPoolExecutor(2) as threads:
        listed, shown, told, unknown = threads.map(lambda words: service.command(*words), asked)
    assert call in [each["call"] for each in json.loads(listed[1])]
    story = [event["to"] for event in json.loads(shown[1])["events"]]
    assert story == ["accepted", "reading", "planned", "dialling", "placed"]
    assert "record.mobile" in told[1]
    assert (unknown[0], unknown[2].count("\n")) == (1, 1)
    for _, printed, _ in (listed, shown, told):
        assert "9876560007" not in re.sub(r"[\s()+-]", "", printed)


def test_the_doctor_looks_at_a_live_database(service: Running) -> None:
    code, printed, _ = service.command("doctor")
    assert code == 0, printed
    assert "ok    0 stuck calls" in printed
