"""What is found, changed and erased of a person, to the letter: numbers, webhooks, batches, moments, acts."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import HouseKit, click, number_of, report
from sqlalchemy import insert, select

from connector.errors import ConnectorError
from connector.journal import Journal, Transaction, audit, compacting, erasing, holdings, privacy, reports
from connector.journal.engine import Database, Presence
from connector.journal.hostclock import HostClock
from connector.journal.numbers import OneNumber
from connector.journal.tables import flags, repeats
from connector.model import Call, State
from connector.retention import Retention

DIGITS = number_of("1")[-10:]
ASHA = OneNumber(number_of("1"))
DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def ended(house: HouseKit, record_id: str = "1", **changes: Any) -> Call:
    call = house.press(record_id, **changes)
    house.hear(report(call, house.clock, CallRecordingUrl=f"https://rec.example.test/{call.id}.mp3"))
    return house.call(call.id)


def forget(house: HouseKit, number: OneNumber = ASHA) -> tuple[privacy.Forgotten, list[str]]:
    noted: list[str] = []

    def note(tx: Transaction, detail: str) -> None:
        noted.append(detail)

    return privacy.forget(house.journal, number, note), noted


def webhook(house: HouseKit, fingerprint: str, payload: dict[str, Any], call_id: str | None = None) -> None:
    with house.journal.transaction() as tx:
        told = {"kind": "report", "campid": None, "call_sid": None}
        reports.keep(tx, fingerprint=fingerprint, payload=payload, call_id=call_id, **told)  # type: ignore[arg-type]


def payload_of(house: HouseKit, fingerprint: str) -> Any:
    with house.journal.database.read() as connection:
        asked = select(reports.reports.c.payload).where(reports.reports.c.fingerprint == fingerprint)
        return json.loads(connection.execute_once(asked).scalar())


# -- Numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"+91{DIGITS}", True),
        ({"a": [{"b": (1, DIGITS)}]}, True),
        ({DIGITS: 1}, True),
        (int(DIGITS), True),
        (int(f"91{DIGITS}"), True),
        (float(DIGITS), True),
        ({"a": ["98765 00002", {"b": 1.5}]}, False),
        (True, False),
        (None, False),
        (float("nan"), False),
        (float("inf"), False),
        (1e300, False),
        (7, False),
    ],
)
def test_a_number_is_found_wherever_it_stands(value: Any, found: bool) -> None:
    assert ASHA.is_in(value) is found


def test_it_is_taken_out_of_all_that_it_stands_in_and_nothing_else_changes() -> None:
    kept = {"a": [1, True, None, 1.5], "b": {"c": "98765 00002"}}
    told = {DIGITS: f"x 0{DIGITS} y {DIGITS[:5]} {DIGITS[5:]} z", "n": [int(DIGITS), (DIGITS, "q")], **kept}
    assert ASHA.taken_out(told, "W") == {"W": "x W y W z", "n": ["W", ["W", "q"]], **kept}
    assert ASHA.taken_out(kept, "W") == kept


@pytest.mark.parametrize(("number", "core"), [("+911234567", "911234567"), ("+1234567", "1234567")])
def test_seven_digits_are_a_number(number: str, core: str) -> None:
    assert OneNumber(number).core == core
    with pytest.raises(ValueError, match="too short to be told from other digits"):
        OneNumber("+123456")


def test_its_digits_are_looked_for_before_its_writing() -> None:
    assert ASHA.may_be_in(f"9{DIGITS}9") and not ASHA.may_be_in(DIGITS[:-1])
    assert ASHA.may_be_in("9 8-7/6.5(0)0 0-0 1") and ASHA.in_text("9 8-7/6.5(0)0 0-0 1")
    assert not ASHA.in_text("x98765y00001")


# -- Forgetting ----------------------------------------------------------------------------------------------


def test_what_was_done_is_noted_to_the_letter(house: HouseKit) -> None:
    ended(house, delivery=f"wa-{DIGITS}")
    done, noted = forget(house)
    assert (done.calls, done.reports, done.keys) == (1, 1, 1)
    assert noted == ["1 calls, 1 webhooks; 1 calls hold it in their keys"]


def test_one_word_of_letters_takes_the_numbers_place_everywhere(house: HouseKit) -> None:
    first = ended(house)
    house.clock.advance(minutes=5)
    second = ended(house)
    forget(house)
    plans = [house.call(call.id).plan for call in (first, second)]
    words = {plan.customer for plan in plans if plan}
    (word,) = words
    assert re.fullmatch(r"forgotten-[a-z]{8}", word)
    assert {plan.member for plan in plans if plan} == {first.plan.member if first.plan else None}


def test_who_was_not_planned_was_not_forgotten(house: HouseKit) -> None:
    bare = house.flow.accept(click("1")).call
    assert privacy.is_forgotten(bare) is False
    assert privacy.is_forgotten(ended(house, "2")) is False


@pytest.mark.parametrize(("age", "come_again"), [(DAY - timedelta(seconds=1), True), (DAY, False)])
def test_whoever_may_still_be_reported_on_is_to_be_forgotten_again(
    house: HouseKit, age: timedelta, come_again: bool
) -> None:
    ended(house)
    house.clock.advance(age.total_seconds())
    assert forget(house)[0].come_again is come_again


def test_many_rows_are_changed_in_small_batches(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "BATCH", 2)
    calls = []
    for _ in range(5):
        calls.append(ended(house))
        house.clock.advance(minutes=5)
    with house.journal.transaction() as tx:
        for call in calls:
            tx.tell(call.id, State.ENDED, (State.ENDED, "test", f"{DIGITS} is taken"))
    done, _ = forget(house)
    assert (done.calls, done.reports) == (5, 5)
    assert holdings.holdings(house.journal, ASHA) == holdings.Holdings(frozenset(), (), (), (), frozenset())


def test_only_the_texts_of_a_record_go_and_its_ids_stay(house: HouseKit) -> None:
    ids = {"Id": "0015g", "account_id": "42", "OwnerID": "7x", "id": "1"}
    house.shelf.contact("1").update(**ids, name="Asha Menon", empty="", age=44, idle="yes indeed", same="1")
    call = ended(house)
    forget(house)
    record = house.call(call.id).record
    assert record is not None
    assert {name: record.record[name] for name in ids} == ids
    assert (record.record["empty"], record.record["age"], record.record["same"]) == ("", 44, "1")
    assert record.record["name"] == record.record["idle"] == record.record["mobile"]


def test_the_story_loses_whole_words_of_the_record_and_no_parts_of_others(house: HouseKit) -> None:
    house.shelf.contact("1").update(name="Asha", city="Asha Nagar", initials="AM")
    call = ended(house)
    with house.journal.transaction() as tx:
        tx.tell(call.id, State.ENDED, (State.ENDED, "test", "Asha Nagar, Ashakiran, Asha: AM"))
    forget(house)
    word = house.call(call.id).plan.customer  # type: ignore[union-attr]
    assert house.journal.story(call.id)[-1].detail == f"{word}, Ashakiran, {word}: AM"


def test_the_texts_of_a_message_and_of_a_click_go_too(house: HouseKit) -> None:
    house.shelf.contact("1").update(name="Asha Menon")
    call = ended(house, raw={"note": "for Asha Menon", "deep": [{"who": "Asha Menon"}, 3]})
    forget(house)
    word = house.call(call.id).plan.customer  # type: ignore[union-attr]
    assert house.call(call.id).click.raw == {"note": f"for {word}", "deep": [{"who": word}, 3]}


def test_a_webhook_loses_its_recording_and_keeps_the_rest(house: HouseKit) -> None:
    told = {"SourceNumber": DIGITS, "file": "x.mp3", "CallRecordingUrl": "https://x", "profile": "p", "n": 1}
    webhook(house, "f1", told)
    webhook(house, "f2", {"SourceNumber": "98765 00002", "file": "y.mp3"})
    done, _ = forget(house)
    assert done.reports == 1
    changed = payload_of(house, "f1")
    assert changed.pop("SourceNumber").startswith(privacy.FORGOTTEN)
    assert changed == {"file": "", "CallRecordingUrl": "", "profile": "p", "n": 1}
    assert payload_of(house, "f2")["file"] == "y.mp3"


@pytest.mark.parametrize(
    "column", ["due_at = 5.0", "write_due_at = 5.0", "write_owner = 'w1.a'", "state = 'placed'"]
)
def test_a_call_that_somebody_is_at_is_not_forgotten_yet(house: HouseKit, column: str) -> None:
    call = ended(house)
    with house.journal.transaction() as tx:
        tx.connection.bare.execute(f"UPDATE calls SET {column}")
    with pytest.raises(ConnectorError, match=f"Call {call.id} with …0001 is under way") as refused:
        forget(house)
    assert (refused.value.code, refused.value.status) == ("number_in_use", 409)


# -- Telling what is held ------------------------------------------------------------------------------------


def test_all_that_is_held_is_told_as_plain_data(house: HouseKit) -> None:
    call = ended(house, delivery="d1", user="ravi")
    audit.record(house.journal, "127.0.0.1", "listen", call.id, "full")
    audit.record(house.journal, "ravi", "pause", call.id)
    with house.journal.transaction() as tx:
        tx.connection.execute_once(
            insert(repeats).values(connection="shop", delivery="d2", call_id=call.id, at=0.0)
        )
        tx.connection.execute_once(
            insert(repeats).values(connection="shop", delivery="d3", call_id="another", at=0.0)
        )
    told = holdings.export(house.journal, ASHA)
    assert told["number"] == number_of("1")
    (row,) = told["calls"]
    assert row["accepted_at"] == call.accepted_at.isoformat()
    assert (row["click"]["raw"], row["ending"]["outcome"], row["wanted"]) == ({}, "answered", 2)
    assert row["record"]["record"]["mobile"] == number_of("1")
    assert row["wanted_since"] == house.clock.now.isoformat()
    assert "owner" not in row and "write_error" not in row
    assert row["events"][0]["at"] == call.accepted_at.isoformat()
    assert row["events"][0]["who"] == "ravi"
    assert [(line["what"], line["detail"]) for line in row["listened"]] == [("listen", "full")]
    assert told["repeats"] == [
        {
            "connection": "shop",
            "delivery": "d2",
            "call_id": call.id,
            "at": datetime.fromtimestamp(0, UTC).isoformat(),
        }
    ]
    (hook,) = told["webhooks"]
    assert (hook["call_id"], hook["payload"]["status"]) == (call.id, "ANSWER")


def test_it_is_found_where_it_stands(house: HouseKit) -> None:
    named = ended(house, "2", raw={"note": DIGITS})
    keyed = ended(house, "3", delivery=DIGITS, user="x")
    party = ended(house, "1", user="y")
    webhook(house, "f9", {"a": DIGITS})
    found = holdings.holdings(house.journal, ASHA)
    assert found.parties == {party.id}
    assert sorted(found.calls) == sorted([named.id, party.id])
    assert found.keys == {keyed.id}
    assert "f9" in found.reports and len(found.reports) == 2


# -- Erasing -------------------------------------------------------------------------------------------------


def erase(house: HouseKit, stop: Any = lambda: False, **keep: Any) -> erasing.Erased:
    return erasing.erase(house.journal, Retention(**keep), "ravi", stop)


def test_what_was_erased_is_written_down_to_the_letter(house: HouseKit) -> None:
    ended(house)
    house.journal.keep_mapping("shop", "newest", "text")
    house.clock.advance(days=401)
    house.journal.keep_mapping("shop", "newer still", "text")
    assert str(erase(house)) == "1 calls, 1 webhooks and 2 versions of mapping files"
    (act,) = audit.latest(house.journal)
    assert (act.who, act.what, act.about) == ("ravi", "erase", "")
    assert act.detail == "1 calls, 1 webhooks and 2 versions of mapping files older than 400 days"
    erase(house)
    assert len(audit.latest(house.journal)) == 1


def test_a_row_goes_when_its_days_are_over_and_not_before(house: HouseKit) -> None:
    ended(house)
    house.clock.advance(days=400)
    assert erase(house).calls == 0
    house.clock.advance(1)
    assert erase(house) == erasing.Erased(calls=1, reports=1)


def test_repeats_go_after_their_call(house: HouseKit) -> None:
    ended(house, delivery="d1")
    house.dispatcher.accept(click("1", delivery="d2"))
    house.clock.advance(days=200)
    late = ended(house, "2", delivery="d3")
    house.dispatcher.accept(click("2", user=None, delivery="d4"))
    house.clock.advance(days=201)
    erase(house)
    with house.journal.database.read() as connection:
        rows = connection.bare.execute("SELECT delivery, call_id FROM repeats").fetchall()
    assert [tuple(row) for row in rows] == [("d4", late.id)]


def test_many_repeats_and_webhooks_go_in_small_batches(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    with house.journal.transaction() as tx:
        for number in range(5):
            row = {"connection": "shop", "delivery": f"d{number}", "call_id": "none", "at": 0.0}
            tx.connection.execute_once(insert(repeats).values(**row))
    for number in range(5):
        webhook(house, f"f{number}", {})
    house.clock.advance(days=401)
    assert erase(house) == erasing.Erased(reports=5)
    with house.journal.database.read() as connection:
        assert connection.bare.execute("SELECT count(*) FROM repeats").fetchone()[0] == 0


def test_it_stops_before_the_next_batch(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 1)
    for number in range(3):
        webhook(house, f"f{number}", {})
    house.journal.keep_mapping("shop", "old", "text")
    house.clock.advance(days=401)
    house.journal.keep_mapping("shop", "new", "text")
    answers = iter([False, False, False])
    assert erase(house, stop=lambda: next(answers, True)) == erasing.Erased(reports=2)


def test_the_newest_mapping_of_each_connection_stays(house: HouseKit) -> None:
    for name in ("shop", "odoo"):
        for version in ("v1", "v2"):
            house.journal.keep_mapping(name, f"{name} {version}", "text")
            house.clock.advance(1)
    house.clock.advance(days=401)
    assert erase(house) == erasing.Erased(mapping_versions=2)
    with house.journal.database.read() as connection:
        rows = connection.bare.execute("SELECT version FROM mapping_versions ORDER BY version").fetchall()
    assert [row[0] for row in rows] == ["odoo v2", "shop v2"]


def test_the_day_is_begun_by_one_and_over_after_a_day(house: HouseKit) -> None:
    assert erasing.erase_daily(house.journal, Retention()) == erasing.Erased()
    with house.journal.database.read() as connection:
        kept = connection.execute_once(select(flags)).all()
    assert kept == [{"name": "erased", "value": "begun", "at": house.clock.seconds}]
    house.clock.advance(DAY.total_seconds() - 1)
    assert erasing.erase_daily(house.journal, Retention()) is None
    house.clock.advance(1)
    assert erasing.erase_daily(house.journal, Retention()) == erasing.Erased()


def test_the_work_of_the_day_stops_when_it_is_told_to_and_says_who_did_it(house: HouseKit) -> None:
    ended(house)
    house.clock.advance(days=401)
    assert erasing.erase_daily(house.journal, Retention(), lambda: True) == erasing.Erased()
    house.clock.advance(days=1)
    assert erasing.erase_daily(house.journal, Retention()) == erasing.Erased(calls=1, reports=1)
    assert audit.latest(house.journal)[0].who == "dispatcher"


# -- Acts ----------------------------------------------------------------------------------------------------


def test_acts_of_one_kind_are_told_and_fifty_unless_it_is_said(house: HouseKit) -> None:
    for number in range(51):
        audit.record(house.journal, "ravi", "pause", detail=f"the {number}th")
    audit.record(house.journal, "divya", "resume", "c1", "rang +919876500001")
    assert len(audit.latest(house.journal)) == 50
    assert len(audit.latest(house.journal, 60)) == 52
    assert audit.latest(house.journal, what="resume") == [
        audit.Act(house.clock.now, "divya", "resume", "c1", "rang …0001")
    ]
    assert audit.latest(house.journal, 1, "pause")[0].detail == "the 50th"


# -- The file and its clock ----------------------------------------------------------------------------------


def test_whoever_comes_first_is_alone_until_they_share(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'journal.db'}")
    assert database.beside(".serving") == tmp_path / "journal.db.serving"
    first = Presence(database)
    assert first.alone() is True
    first.share()
    second = Presence(database)
    assert second.alone() is False
    first.leave()
    third = Presence(database)
    assert third.alone() is False
    second.leave()
    third.leave()
    fourth = Presence(database)
    assert fourth.alone() is True
    fourth.leave()


def test_a_database_that_was_closed_is_opened_again_when_it_is_used(house: HouseKit) -> None:
    house.flow.accept(click("1"))
    house.journal.close()
    house.journal.close()
    house.flow.accept(click("2"))
    assert len(house.journal.latest()) == 2


def test_what_is_committed_has_reached_the_disk(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        assert tx.connection.bare.execute("PRAGMA synchronous").fetchone() == (2,)
        assert tx.connection.bare.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_question_uses_the_connection_of_the_last_one(house: HouseKit) -> None:
    with house.journal.database.read() as connection:
        first = connection.bare
    with house.journal.database.read() as connection:
        assert connection.bare is first


def test_it_knows_the_time_by_the_clock_it_was_given(house: HouseKit) -> None:
    assert house.journal.now() == house.clock.now
    assert house.journal.now().tzinfo is UTC
    with house.journal.transaction() as tx, house.journal.ledger() as ledger:
        assert tx.now == ledger._now == house.clock.now


def test_nobody_is_known_to_be_gone_and_nobody_tells_on_one_host(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        assert house.journal.database.is_gone(tx.connection, "w1") is False
    assert house.journal.listen(lambda *_: None) is None


def test_a_log_that_a_reader_needs_is_left_and_told(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "_PATIENCE_SECONDS", 0.05)
    ended(house)
    reader = sqlite3.connect(house.folder / "journal.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM calls").fetchall()
    assert compacting.compact(house.journal.database) is False
    reader.close()
    assert compacting.compact(house.journal.database) is True


def test_a_clock_that_was_set_is_told_by_how_much(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "connector.journal")
    wall = [1_000_000_000.0]
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal._host = HostClock(lambda: wall[0], lambda: 50.0, lambda: "start")
    journal.open()
    journal.follow_clock()
    wall[0] += 3600
    journal.follow_clock()
    assert caplog.messages == ["the clock was set by +3600 s: the times of the last days' calls move with it"]
    assert journal.flag("clock") == f"start {wall[0] - 50.0!r} {1_000_000_000.0 - 2 * 86_400 + 3600!r}"
    assert journal.flag("erased") == "the clock was set"
    journal.close()


@pytest.mark.parametrize(("set_by", "was_set"), [(4.9, False), (5.0, True), (-4.9, False), (-5.0, True)])
def test_a_clock_is_set_when_it_jumps_by_five_seconds(tmp_path: Path, set_by: float, was_set: bool) -> None:
    wall = [1_000_000_000.0]
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal._host = host = HostClock(lambda: wall[0], lambda: 50.0, lambda: "start")
    journal.open()
    assert host.was_set() is True
    journal.follow_clock()
    assert host.was_set() is False
    wall[0] += set_by
    assert host.was_set() is was_set
    journal.close()


def test_the_hosts_own_clock_and_start_are_asked() -> None:
    real = HostClock()
    assert real._steady() <= real._steady()
    assert real._start() == real._start() and re.fullmatch(r"[0-9a-f-]{36}", real._start())
    assert abs(real._wall() - datetime.now(UTC).timestamp()) < 60


def test_a_number_that_stands_nowhere_changes_nothing(house: HouseKit) -> None:
    call = ended(house)
    forget(house, OneNumber("+919876599999"))
    assert house.call(call.id) == call
