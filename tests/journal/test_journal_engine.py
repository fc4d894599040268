"""The database under the journal: addresses it cannot use, files and servers that fail, odd texts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from databases import DATABASES
from house_kit import HouseKit, click
from postgres_server import WHY_NOT, binaries
from sqlalchemy import update

import connector.journal.postgres as postgres_module
from connector.errors import ConfigError, JournalDown
from connector.journal import Journal
from connector.journal.engine import Presence
from connector.journal.tables import calls
from connector.model import State

needs_postgres = pytest.mark.skipif(binaries() is None, reason=WHY_NOT)

LIFETIME, WINDOW = timedelta(seconds=60), timedelta(seconds=10)
#: Longer than anything here takes; reached only when a test fails.
LONG = 30.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    DATABASES.engine = "postgres"
    return DATABASES.url_in(tmp_path)


# -- Addresses -----------------------------------------------------------------------------------------------


def test_it_knows_two_databases_and_says_which() -> None:
    with pytest.raises(ValueError, match="SQLite or PostgreSQL: sqlite:/// or postgresql://"):
        Journal("mysql://connector@127.0.0.1/connector")


def test_it_says_how_to_get_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "connector.journal.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"its driver is missing: pip install '\.\[postgres\]'"):
        Journal("postgresql://connector@127.0.0.1/connector")


# -- Files and servers that fail -----------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'gone' / 'journal.db'}")
    with pytest.raises(JournalDown, match="cannot be used just now: unable to open database file"):
        journal.open()
    with pytest.raises(JournalDown, match="cannot be used just now: No such file or directory"):
        journal.set_flag("paused", "somebody")


@needs_postgres
def test_a_server_that_is_not_there_at_the_start_is_told_in_a_sentence() -> None:
    journal = Journal("postgresql://connector:very-secret-word@127.0.0.1:1/connector")
    with pytest.raises(JournalDown, match="cannot be used just now: connection failed") as told:
        journal.open()
    assert "very-secret-word" not in told.value.message


def test_a_connection_that_failed_is_not_used_again(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    with pytest.raises(JournalDown, match="no such table"):
        journal.get("x")
    journal.open()
    assert journal.get("x") is None
    journal.close()


@needs_postgres
def test_a_connection_that_was_lost_without_a_sign_is_replaced_before_anything_is_done(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(url)
    assert journal.get("x") is None
    with psycopg.connect(url, autocommit=True) as bare:
        ended = bare.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended == [(True,)]
    monkeypatch.setattr(postgres_module, "_is_quiet", lambda bare: True)
    assert not journal.accept(click(), lifetime=LIFETIME, repeat_window=WINDOW).repeat
    assert [call.state for call in journal.latest()] == [State.ACCEPTED]
    journal.close()


@needs_postgres
def test_a_connection_that_is_lost_in_a_transaction_is_told_and_not_used_again(url: str) -> None:
    journal = Journal(url)
    with pytest.raises(JournalDown, match="terminating connection"), journal.transaction() as tx:
        lost = tx.connection.bare
        with psycopg.connect(url, autocommit=True) as bare:
            bare.execute("SELECT pg_terminate_backend(%s, 10000)", (lost.info.backend_pid,))
    assert lost.closed
    with journal.transaction() as tx:
        assert tx.connection.bare is not lost
    journal.close()


@needs_postgres
def test_that_wake_ups_are_lost_is_said_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = threading.Semaphore(0)
    connect = postgres_module.Postgres.connect

    def counted(self: postgres_module.Postgres) -> psycopg.Connection[object]:
        tries.release()
        return connect(self)

    monkeypatch.setattr(postgres_module.Postgres, "connect", counted)
    listener = Journal("postgresql://connector@127.0.0.1:1/connector").listen(lambda *_: None)
    assert listener is not None
    assert all(tries.acquire(timeout=LONG) for _ in range(3))
    listener.stop()
    assert not listener.listening.is_set()
    assert caplog.text.count("wake-ups from other processes are lost for now (OperationalError)") == 1


@needs_postgres
def test_on_postgres_no_file_tells_who_is_alive(url: str) -> None:
    journal = Journal(url)
    first, second = Presence(journal.database), Presence(journal.database)
    assert (first.alone(), second.alone()) == (False, False)
    first.share()
    first.leave()
    second.leave()
    journal.close()


# -- What is stored ------------------------------------------------------------------------------------------


@pytest.mark.both_engines
@pytest.mark.parametrize("text", ["cut in the middle: \ud83d", "a nought: \0"])
def test_a_story_is_kept_though_a_text_of_it_cannot_be(house: HouseKit, engine: str, text: str) -> None:
    call = house.flow.accept(click()).call
    with house.journal.transaction() as tx:
        tx.tell(call.id, State.ACCEPTED, (State.ACCEPTED, "test", text))
    told = house.journal.story(call.id)[-1].detail
    assert told.startswith(text[:-1])
    if engine == "postgres" or text.isascii() is False:
        assert told == f"{text[:-1]}?"


@needs_postgres
def test_a_value_the_server_does_not_take_is_not_sent_twice(url: str, tmp_path: Path) -> None:
    house = HouseKit(tmp_path)
    call = house.flow.accept(click()).call
    too_large = update(calls).where(calls.c.id == call.id).values(attempts=2**40)
    with pytest.raises(psycopg.DataError, match="out of range"), house.journal.transaction() as tx:
        tx.connection.execute_once(too_large)
    assert house.call(call.id).attempts == 0
    house.close()


def test_what_a_crm_says_in_kinds_of_its_own_is_kept_as_plain_data(house: HouseKit) -> None:
    house.shelf.contact("1").update(amount=Decimal("1.50"), tags=MappingProxyType({"vip": True}))
    call = house.press("1")
    assert call.record is not None
    assert (call.record.record["amount"], call.record.record["tags"]) == ("1.50", {"vip": True})
