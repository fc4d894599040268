"""The schema is what `tables` says, is made in one piece or not at all, and is never taken back."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from house_kit import click

from connector.errors import ConfigError
from connector.journal import Journal
from connector.journal.engine import Database, Presence
from connector.journal.tables import metadata


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'journal.db'}"


def opened(folder: Path) -> Journal:
    journal = Journal(url_in(folder))
    journal.open()
    return journal


def tables_in(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "journal.db") as bare:
        return {name for (name,) in bare.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_migrations_make_exactly_the_tables_the_code_reads(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with journal.database.migrating() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    journal.close()


def test_the_migrations_make_every_partial_index_partial(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as bare:
        made = dict(bare.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL"))
    for table in metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            assert index.name in made
            assert (" WHERE " in made[str(index.name)]) is (where is not None), index.name


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    from datetime import timedelta

    kept = journal.accept(click(), lifetime=timedelta(60), repeat_window=timedelta(10)).call
    journal.close()
    again = opened(tmp_path)
    assert again.get(kept.id) == kept
    again.close()


def test_a_database_of_a_newer_connector_is_refused_in_a_sentence(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as bare:
        bare.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="schema version 9999, which is newer than this connector knows"):
        opened(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as bare:
        assert bare.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


DIES_HALF_WAY = """
import os, signal, sys
from alembic import op
from connector.journal import Journal

create_table, made = op.create_table, []

def create_some(name, *columns, **options):
    if len(made) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    made.append(name)
    return create_table(name, *columns, **options)

op.create_table = create_some
Journal(sys.argv[1]).open()
"""


def test_a_first_start_that_is_killed_half_way_leaves_nothing_half_made(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", DIES_HALF_WAY, url_in(tmp_path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert tables_in(tmp_path) == set()
    opened(tmp_path).close()
    assert set(metadata.tables) < tables_in(tmp_path)


def _open(url: str, start: Any) -> None:
    start.wait(30)
    journal = Journal(url)
    journal.open()
    journal.close()


def test_two_processes_that_start_at_once_make_it_once(tmp_path: Path) -> None:
    spawn = get_context("spawn")
    start = spawn.Barrier(2)
    processes = [spawn.Process(target=_open, args=(url_in(tmp_path), start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    with sqlite3.connect(tmp_path / "journal.db") as bare:
        assert len(bare.execute("SELECT version_num FROM alembic_version").fetchall()) == 1


def test_the_database_survives_a_power_cut(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with journal.transaction() as tx:
        assert tx.connection.bare.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert tx.connection.bare.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    journal.close()


def test_the_first_to_serve_knows_that_nobody_else_is_alive(tmp_path: Path) -> None:
    opened(tmp_path).close()
    database = Database(url_in(tmp_path))
    first, second = Presence(database), Presence(database)
    assert first.alone()
    first.share()
    assert not second.alone()
    first.leave()
    second.leave()
    third = Presence(database)
    assert third.alone()
    third.leave()
    assert (tmp_path / "journal.db.serving").exists()
