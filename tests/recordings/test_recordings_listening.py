"""Who listened, in the journal and for an admin; and what is said when links cannot play. Both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from databases import DATABASES
from house_kit import HouseKit, number_of, report

from connector.cli import main
from connector.errors import ConfigError
from connector.journal import Transaction, erasing
from connector.journal.listening import ONE_LISTENING, listened, listens
from connector.model import Call
from connector.recordings import RecordingLinks, RecordingRules, Whose
from connector.retention import Retention
from connector.sandbox.stage import MAPPING

MANIFEST = """\
database_url: "{database}"
{more}
callerdesk: {{authcode: a-made-up-key, deskphone: "08060000001", webhook_token: a-made-up-webhook-token}}
policy: {{workflow_dialling: "They asked to be rung back."}}
connections:
  shop:
    crm: rest
    mapping: {mapping}
    base_url: "http://127.0.0.1:9"
    auth: {{bearer: a-made-up-key}}
    clicks: {{auth: bearer, secrets: [a-made-up-secret]}}
"""
OURS = 'public_url: "https://calls.example.com"\n'
THEIRS = "https://callrecords.callerdesk.io/incoming/01_2026.wav"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def connector(house: HouseKit, *words: str, more: str = OURS) -> Result:
    database = DATABASES.url_in(house.folder)
    text = MANIFEST.format(database=database, mapping=MAPPING, more=more)
    (house.folder / "manifest.yaml").write_text(text, encoding="utf-8")
    manifest = str(house.folder / "manifest.yaml")
    return CliRunner(env={"DATABASE_URL": None}).invoke(main, [*words, "--manifest", manifest])


def recorded(house: HouseKit, record_id: str = "1", url: str = THEIRS) -> Call:
    call = house.press(record_id)
    house.hear(report(call, house.clock, CallRecordingUrl=url))
    house.look()
    return house.call(call.id)


@pytest.mark.both_engines
def test_one_listening_is_one_line_until_ten_minutes_have_passed(house: HouseKit) -> None:
    def once_more() -> bool:
        return listens(house.journal, "c1", "192.0.2.7", "a player", "from byte 0 of 9")

    assert once_more()
    house.clock.advance(ONE_LISTENING.total_seconds() - 1)
    assert not once_more()
    house.clock.advance(2)
    assert once_more()
    assert not once_more()
    assert len(listened(house.journal, "c1")) == 2


@pytest.mark.both_engines
def test_two_requests_of_one_player_at_once_are_one_listening(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other request is written down between this one's look and its turn."""
    call, transaction = recorded(house), house.journal.transaction

    def after_the_other() -> AbstractContextManager[Transaction]:
        monkeypatch.setattr(house.journal, "transaction", transaction)
        assert listens(house.journal, call.id, "192.0.2.7", "Player", "from byte 0")
        return transaction()

    monkeypatch.setattr(house.journal, "transaction", after_the_other)
    assert not listens(house.journal, call.id, "192.0.2.7", "Player", "from byte 9")
    assert len(listened(house.journal, call.id)) == 1


def test_another_call_address_or_player_is_another_listening(house: HouseKit) -> None:
    part = "from byte 0 of 9"
    assert listens(house.journal, "c1", "192.0.2.7", "a player", part)
    assert listens(house.journal, "c2", "192.0.2.7", "a player", part)
    assert listens(house.journal, "c1", "192.0.2.8", "a player", part)
    assert listens(house.journal, "c1", "192.0.2.7", "another player", part)
    assert listens(house.journal, "c1", "192.0.2.7", "", part)
    assert not listens(house.journal, "c1", "192.0.2.7", "a player", "from byte 5 of 9")


@pytest.mark.both_engines
def test_who_listened_is_erased_together_with_the_call_and_what_admins_did_stays(house: HouseKit) -> None:
    call = recorded(house)
    listens(house.journal, call.id, "192.0.2.7", "a player", "from byte 0 of 9")
    house.clock.advance(days=399)
    young = recorded(house, "2")
    listens(house.journal, young.id, "192.0.2.7", "a player", "from byte 0 of 9")
    house.clock.advance(days=2)
    erasing.erase(house.journal, Retention(), "an admin")
    assert listened(house.journal, call.id) == []
    assert len(listened(house.journal, young.id)) == 1
    told = json.loads(connector(house, "audit", "--json").stdout)
    assert [act["what"] for act in told] == ["erase", "listen"]


@pytest.mark.both_engines
def test_an_admin_and_the_person_are_told_who_listened(house: HouseKit) -> None:
    call = recorded(house)
    listens(house.journal, call.id, "192.0.2.7", "a player", "from byte 0 of 9")
    shown = connector(house, "calls", "show", call.id).stdout
    assert "Who listened to the recording:" in shown and "192.0.2.7  from byte 0 of 9, a player" in shown
    told = json.loads(connector(house, "calls", "show", call.id, "--json").stdout)
    assert [(act["who"], act["what"]) for act in told["listened"]] == [("192.0.2.7", "listen")]
    connector(house, "pause")
    acts = json.loads(connector(house, "audit", "--what", "listen", "--json").stdout)
    assert [act["about"] for act in acts] == [call.id]
    exported = json.loads(connector(house, "export", number_of("1")).stdout)
    assert exported["calls"][0]["listened"][0]["who"] == "192.0.2.7"


def test_a_call_nobody_listened_to_says_nothing_of_it(house: HouseKit) -> None:
    shown = connector(house, "calls", "show", recorded(house).id).stdout
    assert "listened" not in shown


# -- Whose links ---------------------------------------------------------------------------------------------


def test_commands_show_our_link(house: HouseKit) -> None:
    call = recorded(house)
    for words in (("calls", "list"), ("calls", "show", call.id)):
        printed = connector(house, *words, "--json").stdout
        assert f"https://calls.example.com/recordings/{call.id}/" in printed
        assert "callerdesk.io" not in printed


@pytest.mark.parametrize("more", ["", OURS + "recordings: {links: theirs}\n"])
def test_without_an_address_or_by_choice_the_links_are_theirs(house: HouseKit, more: str) -> None:
    call = recorded(house)
    told = json.loads(connector(house, "calls", "show", call.id, "--json", more=more).stdout)
    assert told["recording_url"] == THEIRS


def test_a_link_of_ours_opens_nothing_once_links_are_theirs(house: HouseKit) -> None:
    call = recorded(house)
    base, rules = "https://calls.example.com", RecordingRules(days=3650)  # the kit's clock stands in the past
    ours = RecordingLinks(rules, base, house.journal.link_key).shown(call)
    assert ours.ending is not None and ours.ending.recording_url is not None
    token = ours.ending.recording_url.rpartition("/")[2]
    RecordingLinks(rules, base, house.journal.link_key).check(call.id, token)
    theirs = RecordingLinks(RecordingRules(Whose.THEIRS), base, house.journal.link_key)
    assert theirs.shown(call) is call
    with pytest.raises(Exception, match="does not open a recording"):
        theirs.check(call.id, token)


def test_writing_the_call_again_makes_a_link_that_lasts_anew(house: HouseKit) -> None:
    links = RecordingLinks(RecordingRules(), "https://calls.example.com", house.journal.link_key)
    call = recorded(house)
    house.clock.advance(days=40)
    house.journal.want_write(call)
    again = house.call(call.id)
    first, second = (
        int((links.shown(each).ending.recording_url or "").rpartition("/")[2].partition(".")[0], 16)  # type: ignore[union-attr]
        for each in (call, again)
    )
    assert second - first == timedelta(days=40).total_seconds()


def test_links_of_ours_without_an_address_are_a_fault(house: HouseKit) -> None:
    refused = connector(house, "check", more="recordings: {links: ours}\n")
    assert refused.exit_code == 1
    assert "manifest.yaml:2:21: links of our own begin with our address: set public_url" in refused.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "the CRM is given CallerDesk's own links"),
        (OURS + "recordings: {hosts: []}\n", "no link can play, for no host may be asked"),
    ],
)
def test_check_says_what_to_set(house: HouseKit, more: str, said: str) -> None:
    done = connector(house, "check", more=more)
    assert done.exit_code == 0 and said in done.stdout


@pytest.mark.parametrize("more", [OURS, OURS + "recordings: {links: theirs}\n"])
def test_check_is_content_with_links_that_work_or_were_chosen(house: HouseKit, more: str) -> None:
    assert "recordings:" not in connector(house, "check", more=more).stdout


def test_doctor_names_the_hosts_that_are_not_allowed_yet(house: HouseKit) -> None:
    recorded(house)
    assert "0 recordings lie where they may not be fetched" in connector(house, "doctor").stdout
    recorded(house, "2", "https://rec.white-label.example/x.wav?sig=secret")
    sick = connector(house, "doctor")
    assert sick.exit_code == 1
    assert "1 recordings lie where they may not be fetched (rec.white-label.example)" in sick.stdout
    assert "secret" not in sick.stdout


@pytest.mark.parametrize(
    "section",
    ["{hosts: [https://rec.example.com]}", "{hosts: [rec.example.com/x]}", "{hosts: ['*.example.com']}",
     "{hosts: [rec.example.com:99999]}", "{days: 0}", "{links: mine}", "{host: [rec.example.com]}"],
)  # fmt: skip
def test_a_section_with_a_mistake_is_refused(house: HouseKit, section: str) -> None:
    refused = connector(house, "check", more=f"{OURS}recordings: {section}\n")
    assert refused.exit_code == 1 and "manifest.yaml:3:" in refused.output
    assert ConfigError.__name__ not in refused.output


def test_a_proxy_is_named_by_its_address(house: HouseKit) -> None:
    assert connector(house, "check", more=OURS + "trusted_proxy: 10.0.0.2\n").exit_code == 0
    for wrong in ("proxy.example.com", "'*'", "'127.1'"):
        assert connector(house, "check", more=f"{OURS}trusted_proxy: {wrong}\n").exit_code == 1
