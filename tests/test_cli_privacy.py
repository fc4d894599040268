"""The commands that touch personal data, and what is written down of them, run as an admin runs them."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import stat
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from house_kit import HouseKit, click, number_of, report

from connector.cli import main, opening
from connector.model import Call
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.stage import MAPPING

DIGITS = number_of("1")[-10:]
KEY = "a-made-up-key"
MANIFEST = """\
database_url: sqlite:///journal.db
callerdesk: {{authcode: {key}, deskphone: "08060000001", base_url: "{callerdesk}"}}
connections:
  shop:
    crm: rest
    mapping: {mapping}
    base_url: "http://127.0.0.1:9"
    auth: {{bearer: a-made-up-key}}
    clicks: {{auth: bearer, secrets: [a-made-up-secret]}}
"""


@pytest.fixture(scope="module")
def desk() -> Iterator[SandboxCallerDesk]:
    """A CallerDesk on a real socket, whose report is empty."""
    sandbox = SandboxCallerDesk(authcode=KEY)
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def house(tmp_path: Path, desk: SandboxCallerDesk) -> Iterator[HouseKit]:
    text = MANIFEST.format(callerdesk=desk.base_url, mapping=MAPPING, key=KEY)
    (tmp_path / "manifest.yaml").write_text(text, encoding="utf-8")
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def connector(house: HouseKit, *words: str) -> Result:
    manifest = str(house.folder / "manifest.yaml")
    return CliRunner(env={"DATABASE_URL": None}).invoke(main, [*words, "--manifest", manifest])


def ended(house: HouseKit, record_id: str = "1") -> Call:
    call = house.press(record_id)
    house.hear(report(call, house.clock))
    house.look()
    return house.call(call.id)


def acts(house: HouseKit) -> list[dict[str, str]]:
    told: list[dict[str, str]] = json.loads(connector(house, "audit", "--json").stdout)
    return told


# -- Forgetting and telling ----------------------------------------------------------------------------------


def test_forget_takes_a_number_as_people_type_it_and_leaves_no_digit_in_the_files(house: HouseKit) -> None:
    ended(house)
    done = connector(house, "forget", f"{DIGITS[:5]} {DIGITS[5:]}")
    assert done.exit_code == 0
    assert f"…{DIGITS[-4:]} is forgotten: 1 calls and 1 webhooks were changed." in done.stdout
    assert "was written anew" in done.stdout and "Backups still do" in done.stdout
    assert DIGITS not in done.output
    files = house.folder.glob("journal.db*")
    assert [each.name for each in files if DIGITS.encode() in each.read_bytes()] == []
    shown = connector(house, "calls", "show", house.journal.latest()[0].id)
    assert shown.exit_code == 0 and "the customer is forgotten-" in shown.stdout


def test_forget_again_is_fine_and_says_that_there_was_nothing(house: HouseKit) -> None:
    ended(house)
    connector(house, "forget", DIGITS)
    told = json.loads(connector(house, "forget", DIGITS, "--json").stdout)
    assert (told["calls"], told["webhooks"], told["file_compacted"]) == (0, 0, True)


def test_forget_refuses_while_a_call_is_under_way(house: HouseKit) -> None:
    call = house.press("1")
    refused = connector(house, "forget", DIGITS)
    assert refused.exit_code == 1
    assert f"Call {call.id} with …0001 is under way" in refused.stderr
    assert acts(house) == []


@pytest.mark.parametrize("command", ["forget", "export"])
def test_a_number_that_cannot_be_read_is_refused_in_a_sentence(house: HouseKit, command: str) -> None:
    refused = connector(house, command, "98765")
    assert refused.exit_code == 1
    assert refused.stderr.strip().endswith(".") and "Traceback" not in refused.output


def test_export_shows_numbers_in_full_and_says_so(house: HouseKit) -> None:
    call = ended(house)
    done = connector(house, "export", f"+91{DIGITS}")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["number"]) == (0, f"+91{DIGITS}")
    assert [each["id"] for each in told["calls"]] == [call.id]
    assert "in full" in told["note"] and "in full" in done.stderr


def test_an_exported_file_is_readable_by_its_owner_only_also_where_one_was_before(house: HouseKit) -> None:
    ended(house)
    output = house.folder / "asha.json"
    output.write_text("old", encoding="utf-8")
    output.chmod(0o644)
    done = connector(house, "export", DIGITS, "--output", str(output))
    assert (done.exit_code, done.stdout) == (0, "")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert json.loads(output.read_text("utf-8"))["calls"]
    assert DIGITS not in done.stderr


def test_an_export_that_cannot_be_written_is_said_to_be(house: HouseKit) -> None:
    refused = connector(house, "export", DIGITS, "--output", str(house.folder / "nowhere" / "asha.json"))
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr


# -- Erasing -------------------------------------------------------------------------------------------------


def test_erase_goes_by_the_retention_of_the_manifest(house: HouseKit) -> None:
    house.clock.seconds = time.time() - timedelta(days=100).total_seconds()
    call = ended(house)
    told = json.loads(connector(house, "erase", "--json").stdout)
    assert (told["days"], told["calls"]) == (400, 0)
    assert house.journal.get(call.id) is not None
    manifest = house.folder / "manifest.yaml"
    section = 'retention: {days: 30, override_floor: "The people of this test do not mind."}\n'
    manifest.write_text(manifest.read_text("utf-8") + section, encoding="utf-8")
    done = connector(house, "erase")
    assert done.exit_code == 0 and "older than 30 days: 1 calls, 1 webhooks" in done.stdout
    assert house.journal.get(call.id) is None
    assert [act["what"] for act in acts(house)] == ["erase"]


# -- Who did what --------------------------------------------------------------------------------------------


def test_every_act_is_written_down_with_who_did_it(house: HouseKit) -> None:
    call = ended(house)
    house.clock.advance(minutes=5)
    for words in ("pause", "resume", f"calls replay {call.id}", f"export {DIGITS}", f"forget {DIGITS}"):
        connector(house, *words.split())
    told = acts(house)
    assert [act["what"] for act in reversed(told)][:4] == ["pause", "resume", "replay", "export"]
    assert {act["who"].split(" ")[0] for act in told} == {pwd.getpwuid(os.getuid()).pw_name}
    assert {act["what"]: act["about"] for act in told}["replay"] == call.id
    assert {act["what"]: act["about"] for act in told}["export"] == "…0001"
    assert DIGITS not in json.dumps(told)
    (newest,) = json.loads(connector(house, "audit", "--last", "1", "--json").stdout)
    assert newest == told[0]
    assert f"…{DIGITS[-4:]}" in connector(house, "audit").stdout


def test_a_cancelled_call_is_written_down_and_one_that_is_too_late_is_not(house: HouseKit) -> None:
    rung = ended(house)
    waiting = house.journal.accept(
        click("2"), lifetime=timedelta(days=10_000), repeat_window=timedelta(0)
    ).call
    assert connector(house, "calls", "cancel", rung.id).exit_code == 1
    assert connector(house, "calls", "cancel", waiting.id).exit_code == 0
    assert [(act["what"], act["about"]) for act in acts(house)] == [("cancel", waiting.id)]


def test_who_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert getpass.getuser() == "somebody-else"
    assert "somebody-else" not in opening.admin()


def test_who_signed_in_is_told_when_it_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getlogin", lambda: "ravi")
    assert opening.admin() == f"{pwd.getpwuid(os.getuid()).pw_name} (signed in as ravi)"


# -- The balance ---------------------------------------------------------------------------------------------


def test_the_balance_asks_callerdesk_and_exits_1_when_a_person_must_look(house: HouseKit) -> None:
    call = ended(house)
    done = connector(house, "balance", "2026-03-02", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"], told["calls"], told["reported"]) == (1, False, 1, 0)
    assert [each["code"] for each in told["differences"]] == ["balance_not_in_report"]
    spoken = connector(house, "balance", "2026-03-02")
    assert spoken.exit_code == 1
    assert f"MEND  balance_not_in_report: Call {call.id}" in spoken.stdout


def test_a_quiet_day_exits_0_and_yesterday_is_the_day_nobody_names(house: HouseKit) -> None:
    done = connector(house, "balance")
    assert done.exit_code == 0, done.output
    assert "everything agrees" in done.stdout
    assert date.fromisoformat(done.stdout[:10]) < date.today()


def test_a_day_that_is_none_is_a_wrong_word(house: HouseKit) -> None:
    assert connector(house, "balance", "2026-02-30").exit_code == 2
