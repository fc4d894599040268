"""A person is forgotten everywhere at once; what may be kept no longer is erased; nobody else is touched."""

from __future__ import annotations

import itertools
import json
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import HouseKit, click, number_of, report
from sqlalchemy import insert

from connector import outcomes
from connector.errors import ConnectorError, Gone, JournalDown, Refused
from connector.journal import Journal, Transaction, audit, compacting, erasing, holdings, privacy, reports
from connector.journal.numbers import OneNumber
from connector.journal.tables import repeats
from connector.model import Call, State
from connector.retention import Retention

DIGITS = number_of("1")[-10:]
ASHA = OneNumber(number_of("1"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def ended(house: HouseKit, record_id: str = "1", **changes: Any) -> Call:
    """A call that was answered, reported with a recording, and is on the CRM record."""
    call = house.press(record_id, **changes)
    house.hear(report(call, house.clock, CallRecordingUrl=f"https://rec.example.test/{call.id}.mp3"))
    house.look()
    found = house.call(call.id)
    assert (found.state, found.written) == (State.ENDED, found.wanted)
    return found


def forget(house: HouseKit, number: OneNumber = ASHA) -> privacy.Forgotten:
    def note(tx: Transaction, detail: str) -> None:
        audit.note(tx, "asker", "forget", number.e164, detail)

    return privacy.forget(house.journal, number, note)


def everything_kept(house: HouseKit) -> str:
    """Every row of every table, as one text."""
    with house.journal.database.read() as connection:
        rows = [
            list(connection.execute_once(table.select()))
            for table in reversed(holdings.calls.metadata.sorted_tables)
        ]
    return json.dumps(rows, ensure_ascii=False, default=str)


# -- Forgetting ----------------------------------------------------------------------------------------------


@pytest.mark.both_engines
def test_the_number_is_gone_from_every_row_of_every_table(house: HouseKit) -> None:
    house.shelf.contact("1").update(phone="098765 00-001", mobile=f"+91 {DIGITS[:5]} {DIGITS[5:]}")
    call = ended(house, raw={"note": f"ring 0091{DIGITS}", "as_number": int(DIGITS)})
    with house.journal.transaction() as tx:
        tx.tell(call.id, State.ENDED, (State.ENDED, "test", f"the CRM said: {DIGITS} is taken"))
    assert DIGITS in everything_kept(house)
    house.clock.advance(days=2)
    assert forget(house) == privacy.Forgotten(calls=1, reports=1, keys=0, come_again=False)
    kept = everything_kept(house)
    assert DIGITS not in "".join(char for char in kept if char not in " +-()")
    found = house.call(call.id)
    assert found.plan is not None and found.plan.customer.startswith(privacy.FORGOTTEN)
    assert privacy.is_forgotten(found)
    assert found.plan.member[-10:] in kept  # the other party's number is another person's


def test_the_recording_and_the_texts_of_the_record_go_with_it_and_the_ids_stay(house: HouseKit) -> None:
    house.shelf.contact("1").update(name="Asha Menon", id="1", account={"Id": "0015g", "Name": "Kaveri"})
    call = ended(house)
    assert call.ending is not None and call.ending.recording_url
    forget(house)
    kept = everything_kept(house)
    assert "Asha Menon" not in kept
    assert "rec.example.test" not in kept
    found = house.call(call.id)
    assert found.ending == replace(call.ending, recording_url=None)
    assert found.record is not None
    assert found.click.record_id == "1"


def test_the_story_of_the_call_no_longer_names_the_person(house: HouseKit) -> None:
    house.shelf.contact("1").update(name="Asha Menon")
    call = ended(house)
    with house.journal.transaction() as tx:
        tx.tell(call.id, State.ENDED, (State.ENDED, "test", "the CRM said: Asha Menon is on holiday"))
    forget(house)
    assert "Asha" not in everything_kept(house)
    assert house.journal.story(call.id)[-1].detail.endswith("is on holiday")


def test_forgetting_again_changes_nothing(house: HouseKit) -> None:
    ended(house)
    assert forget(house).calls == 1
    kept = house.journal.latest()
    assert forget(house) == privacy.Forgotten(0, 0, 0, False)
    assert house.journal.latest() == kept


def test_nobody_else_is_touched(house: HouseKit) -> None:
    ended(house, "1")
    other = ended(house, "2")
    story = house.journal.story(other.id)
    forget(house)
    assert house.call(other.id) == other
    assert house.journal.story(other.id) == story


def test_a_member_is_forgotten_too_and_the_customer_stays(house: HouseKit) -> None:
    call = ended(house)
    assert call.plan is not None
    assert forget(house, OneNumber(call.plan.member)).calls == 1
    found = house.call(call.id)
    assert found.plan is not None
    assert found.plan.customer == call.plan.customer
    assert found.plan.member.startswith(privacy.FORGOTTEN)
    assert call.plan.member[-10:] not in everything_kept(house)


def test_a_call_that_was_refused_is_forgotten_with_what_was_planned_of_it(house: HouseKit) -> None:
    house.desk.next.append(Refused("callerdesk_refused", f"{DIGITS} is blocked."))
    refused = house.press("1")
    assert refused.plan is not None and refused.ending is None
    assert forget(house).calls == 1
    assert DIGITS not in everything_kept(house)


def test_a_click_that_was_never_planned_is_forgotten_too_and_keeps_what_is_others(house: HouseKit) -> None:
    house.shelf.reads.append(Gone("record_not_found", "The shop has no such record."))
    told = {"numbers": [f"+91{DIGITS}", {"mobile": DIGITS}, 7, None], "note": "ring her"}
    unread = house.press("1", raw=told)
    assert (unread.state, unread.plan) == (State.FAILED, None)
    assert forget(house).calls == 1
    raw = house.call(unread.id).click.raw
    word = raw["numbers"][0]
    assert word.startswith(privacy.FORGOTTEN)
    assert raw == {"numbers": [word, {"mobile": word}, 7, None], "note": "ring her"}


def test_texts_in_lists_of_the_record_go_too(house: HouseKit) -> None:
    house.shelf.contact("1").update(emails=["asha@example.test", ""], ids=[7])
    call = ended(house)
    forget(house)
    found = house.call(call.id).record
    assert found is not None
    word = found.record["emails"][0]
    assert word.startswith(privacy.FORGOTTEN)
    assert (found.record["emails"], found.record["ids"]) == ([word, ""], [7])


def test_two_who_forget_at_once_change_it_once(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(house)
    looked = privacy.holdings

    def and_meanwhile(journal: Journal, number: OneNumber) -> holdings.Holdings:
        found = looked(journal, number)
        monkeypatch.undo()
        assert (forget(house).calls, len(found.calls)) == (1, 1)
        return found

    monkeypatch.setattr(privacy, "holdings", and_meanwhile)
    done = forget(house)
    assert (done.calls, done.reports) == (0, 0)
    assert DIGITS not in everything_kept(house)


def test_a_number_that_is_being_called_is_not_forgotten_yet(house: HouseKit) -> None:
    ended(house)
    house.clock.advance(minutes=5)
    ringing = house.press("1")
    before = everything_kept(house)
    with pytest.raises(ConnectorError, match=f"Call {ringing.id} with …0001 is under way") as refused:
        forget(house)
    assert refused.value.code == "number_in_use"
    assert everything_kept(house) == before
    house.hear(report(ringing, house.clock))
    assert forget(house).calls == 2


def test_an_activity_that_is_not_written_yet_is_waited_for(house: HouseKit) -> None:
    call = house.press("1")
    house.shelf.writes.append(ConnectorError("crm_down", "The CRM is down."))
    house.hear(report(call, house.clock))
    assert house.call(call.id).written < house.call(call.id).wanted
    with pytest.raises(ConnectorError, match="not on the CRM record yet"):
        forget(house)


def test_repeats_are_still_recognised_and_keys_that_hold_the_number_are_told(house: HouseKit) -> None:
    delivery = f"wa-{DIGITS}-1"
    call = ended(house, delivery=delivery)
    assert forget(house).keys == 1
    house.clock.advance(hours=1)
    again, repeat = house.dispatcher.accept(click("1", delivery=delivery))
    assert (again.id, repeat) == (call.id, True)
    assert len(house.desk.rung) == 1


def test_the_same_webhook_again_is_still_a_copy(house: HouseKit) -> None:
    call = ended(house)
    event = report(call, house.clock, CallRecordingUrl=f"https://rec.example.test/{call.id}.mp3")
    forget(house)
    assert outcomes.receive(house.journal, event) is None
    assert DIGITS not in everything_kept(house)


def test_a_webhook_that_found_no_call_is_searched_too(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        payload = {"sourcenumber": f"0{DIGITS}", "callrecordingurl": "https://rec.example.test/x.mp3"}
        reports.keep(
            tx, fingerprint="f1", kind="report", campid=None, call_sid=None, payload=payload, call_id=None
        )
    assert forget(house).reports == 1
    kept = everything_kept(house)
    assert DIGITS not in kept and "rec.example.test" not in kept


def test_who_forgets_on_the_day_of_the_call_is_told_to_come_again(house: HouseKit) -> None:
    ended(house)
    assert forget(house).come_again


def test_it_is_written_down_with_four_digits_only(house: HouseKit) -> None:
    ended(house)
    forget(house)
    (act,) = audit.latest(house.journal)
    assert (act.who, act.what, act.about) == ("asker", "forget", f"…{DIGITS[-4:]}")
    assert act.detail.startswith("1 calls, 1 webhooks")


def test_not_even_the_file_holds_the_digits_afterwards(house: HouseKit) -> None:
    for number in range(1, 8):
        ended(house, str(number))
    house.clock.advance(days=2)

    def in_files() -> list[str]:
        # The log too, and whatever else SQLite lays beside the file.
        beside = house.folder.glob("journal.db*")
        return [path.name for path in beside if DIGITS.encode() in path.read_bytes()]

    assert in_files() != []
    forget(house)
    assert compacting.compact(house.journal.database)
    assert in_files() == []
    assert number_of("2")[-10:].encode() in (house.folder / "journal.db").read_bytes()
    assert house.press("9").state is State.PLACED  # and it still writes


@pytest.mark.both_engines
def test_a_file_is_written_anew_where_there_is_one(house: HouseKit, engine: str) -> None:
    assert compacting.compact(house.journal.database) is (engine == "sqlite")


def test_a_file_that_cannot_be_written_anew_is_told_in_a_sentence(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "_PATIENCE_SECONDS", 0.05)
    program_of_another = sqlite3.connect(house.folder / "journal.db", isolation_level=None)
    program_of_another.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalDown, match=r"could not be written anew \(database is locked\)"):
        compacting.compact(house.journal.database)
    program_of_another.close()
    assert compacting.compact(house.journal.database)


def test_a_number_too_short_to_be_told_is_no_number() -> None:
    with pytest.raises(ValueError, match="too short"):
        OneNumber("+91123")


@pytest.mark.parametrize(
    "written",
    [
        DIGITS,
        f"+91{DIGITS}",
        f"0091{DIGITS}",
        f"0{DIGITS}",
        "98765 00001",
        "+91 (98765) 00-001",
        "98765.00001",
        "९८७६५ ००००१",
        f"https://rec.example.test/20260302{DIGITS}.mp3",
    ],
)
def test_it_knows_the_number_however_it_is_written(written: str) -> None:
    assert ASHA.in_text(f"rang {written}.")
    told = ASHA.taken_out_of(f"rang {written}.", "X")
    assert "X" in told and not ASHA.in_text(told) and told.endswith(".mp3." if "mp3" in written else "X.")


@pytest.mark.parametrize(
    "other", ["98765 00002", "19 8765 00001 7", "9876-5 abc 00001", "call 98765, 00001x"]
)
def test_it_takes_no_other_digits_for_it(other: str) -> None:
    assert ASHA.taken_out_of(other, "X") == other


# -- Telling a person what is held ---------------------------------------------------------------------------


def test_the_export_holds_calls_stories_and_webhooks_of_that_person_only(house: HouseKit) -> None:
    call, _ = ended(house, "1"), ended(house, "2")
    told = holdings.export(house.journal, ASHA)
    assert [each["id"] for each in told["calls"]] == [call.id]
    assert told["calls"][0]["customer"] == number_of("1")
    assert [event["to_state"] for event in told["calls"][0]["events"]][-1] == "ended"
    assert [each["call_id"] for each in told["webhooks"]] == [call.id]
    assert number_of("2")[-10:] not in json.dumps(told)


def test_nothing_is_exported_of_who_was_forgotten(house: HouseKit) -> None:
    ended(house)
    forget(house)
    told = holdings.export(house.journal, ASHA)
    assert (told["calls"], told["webhooks"]) == ([], [])


def test_the_pages_of_a_long_journal_are_all_read(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdings, "PAGE", 2)
    ids = []
    for _ in range(5):
        ids.append(ended(house).id)
        house.clock.advance(minutes=5)
    assert list(holdings.holdings(house.journal, ASHA).calls) == sorted(ids)


def test_the_pages_of_repeats_are_all_read_whatever_their_connections(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "PAGE", 2)
    call = ended(house, delivery="first")
    with house.journal.transaction() as tx:
        for connection, delivery in itertools.product(("odoo", "shop"), ("a", f"wa-{DIGITS}", "z")):
            tx.connection.execute_once(
                insert(repeats).values(connection=connection, delivery=delivery, call_id=call.id, at=0.0)
            )
    told = holdings.export(house.journal, ASHA)["repeats"]
    assert len({(each["connection"], each["delivery"]) for each in told}) == len(told) == 6
    assert forget(house).keys == 1


# -- Erasing -------------------------------------------------------------------------------------------------


def erase(house: HouseKit, **keep: Any) -> erasing.Erased:
    return erasing.erase(house.journal, Retention(**keep), "test")


@pytest.mark.both_engines
def test_what_is_older_than_it_may_be_kept_is_gone_with_all_that_hangs_on_it(house: HouseKit) -> None:
    old = ended(house, delivery="d1")
    house.dispatcher.accept(click("1", delivery="d2"))  # folded into it: a repeat
    house.clock.advance(days=399)
    assert erase(house) == erasing.Erased()
    house.clock.advance(days=2)
    young = ended(house, "2")
    assert erase(house) == erasing.Erased(calls=1, reports=1)
    assert [call.id for call in house.journal.latest()] == [young.id]
    assert old.id not in everything_kept(house)
    assert house.journal.story(young.id)
    (act,) = audit.latest(house.journal)
    assert act.what == "erase" and "1 calls" in act.detail


@pytest.mark.parametrize("always", [0, 1])
def test_what_is_erased_is_overwritten_in_the_file(house: HouseKit, always: int) -> None:
    with house.journal.transaction() as tx:
        tx.connection.bare.execute(f"PRAGMA secure_delete={always}")
        payload = {"sourcenumber": "a made-up mark that stands nowhere else"}
        reports.keep(
            tx, fingerprint="f1", kind="report", campid=None, call_sid=None, payload=payload, call_id=None
        )
    house.clock.advance(days=401)
    assert erase(house).reports == 1
    with house.journal.transaction() as tx:
        assert tx.connection.bare.execute("PRAGMA secure_delete").fetchone() == (always,)
    house.close()  # the log goes into the file
    assert b"made-up mark" not in (house.folder / "journal.db").read_bytes()


@pytest.mark.parametrize("state", ["ringing", "behind"])
def test_a_row_that_is_not_at_rest_is_never_erased(house: HouseKit, state: str) -> None:
    call = house.press("1")
    if state == "behind":
        house.shelf.writes.append(ConnectorError("crm_down", "The CRM is down."))
        house.hear(report(call, house.clock))
    house.clock.advance(days=1000)
    assert erase(house) == erasing.Erased()
    assert house.journal.get(call.id) is not None


def test_a_forgotten_row_goes_as_soon_as_a_year_is_over(house: HouseKit) -> None:
    ended(house, "1")
    ended(house, "2")
    forget(house)
    house.clock.advance(days=364)
    assert erase(house).calls == 0
    house.clock.advance(days=2)
    assert erase(house).calls == 1
    assert [call.click.record_id for call in house.journal.latest()] == ["2"]


def test_many_rows_go_in_small_batches(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    for number in range(1, 6):
        ended(house, str(number))
    house.clock.advance(days=401)
    erased: list[int] = []
    real = erasing._erase_calls
    monkeypatch.setattr(erasing, "_erase_calls", lambda *a: erased.append(real(*a)) or erased[-1])
    assert erase(house) == erasing.Erased(calls=5, reports=5)
    assert erased == [2, 2, 1]


def test_it_stops_between_two_batches_when_told_to(house: HouseKit) -> None:
    ended(house)
    house.clock.advance(days=401)
    stopped = erasing.erase(house.journal, Retention(), "test", stop=lambda: True)
    assert stopped == erasing.Erased()
    assert len(house.journal.latest()) == 1


def test_mapping_versions_go_when_no_call_was_planned_by_them_but_never_the_newest(house: HouseKit) -> None:
    house.journal.keep_mapping("shop", "old", "text")
    house.clock.advance(days=1)
    house.journal.keep_mapping("shop", "older than the calls", "text")
    house.clock.advance(days=401)
    assert erase(house) == erasing.Erased(mapping_versions=1)
    house.clock.advance(days=1)
    ended(house)
    assert erase(house) == erasing.Erased(mapping_versions=1)
    house.clock.advance(days=500)
    assert erase(house) == erasing.Erased(calls=1, reports=1)


def test_it_is_done_once_a_day_however_many_processes_there_are(house: HouseKit) -> None:
    other = house.another()
    ended(house)
    house.clock.advance(days=401)
    assert erasing.erase_daily(house.journal, Retention()) == erasing.Erased(calls=1, reports=1)
    assert erasing.erase_daily(other.journal, Retention()) is None
    house.clock.advance(hours=25)
    assert erasing.erase_daily(other.journal, Retention()) == erasing.Erased()
    other.close()


# -- What an admin did ---------------------------------------------------------------------------------------


def test_acts_are_kept_newest_first_without_numbers_in_full(house: HouseKit) -> None:
    audit.record(house.journal, "ravi", "pause")
    house.clock.advance(60)
    audit.record(house.journal, "ravi", "export", number_of("1"), secrets.token_hex(2))
    newest, first = audit.latest(house.journal)
    assert (newest.what, newest.about, first.what) == ("export", "…0001", "pause")
    assert newest.at - first.at == timedelta(seconds=60)
    assert [act.what for act in audit.latest(house.journal, 1)] == ["export"]
