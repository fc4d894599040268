"""Which engine a test's databases live on: a file in its folder, or the run's own PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from postgres_server import WHY_NOT, binaries, the_server

from connector.journal import Journal
from connector.journal.tables import metadata

ENGINES = ("sqlite", "postgres")


class Databases:
    """One database for each folder; those of PostgreSQL are emptied and used again: making one is slow."""

    def __init__(self) -> None:
        self.engine = "sqlite"
        self._by_folder: dict[Path, str] = {}
        self._free: list[str] = []
        self._made = b""

    def url_in(self, folder: Path, name: str = "journal.db") -> str:
        """The address of this folder's database; on PostgreSQL it is there, and holds empty tables."""
        if self.engine == "sqlite":
            return f"sqlite:///{folder / name}"
        place = folder / name
        if place not in self._by_folder:
            self._by_folder[place] = self._taken()
        return self._by_folder[place]

    def use(self, url: str, folder: Path, name: str = "journal.db") -> None:
        """Let this folder's database be one that is there already, also made by another process."""
        self._by_folder[folder / name] = url
        self.engine = "sqlite" if url.startswith("sqlite") else "postgres"

    def fresh_in(self, folder: Path) -> str:
        """The same with its tables made on SQLite, too, quicker than by the migrations."""
        url = self.url_in(folder)
        if self.engine == "sqlite":
            if not self._made:
                _migrate(url)
                self._made = (folder / "journal.db").read_bytes()
            (folder / "journal.db").write_bytes(self._made)
        return url

    def done_with(self, folder: Path | None = None) -> None:
        """Free the databases of one folder, or of all."""
        for place in [place for place in self._by_folder if folder is None or place.parent == folder]:
            self._free.append(self._by_folder.pop(place))

    def forget(self, folder: Path) -> None:
        """This folder's databases are not to be used again."""
        for place in [place for place in self._by_folder if place.parent == folder]:
            del self._by_folder[place]

    def _taken(self) -> str:
        if not self._free:
            url = the_server().create()
            _migrate(url)
            return url
        url = self._free.pop()
        tables = ", ".join(metadata.tables)
        with psycopg.connect(url) as bare:
            bare.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
        return url


def _migrate(url: str) -> None:
    journal = Journal(url)
    journal.open()
    journal.close()


def new_database(engine: str) -> str:
    """What DATABASE_URL has to say for a service of its own: nothing on SQLite."""
    if engine == "sqlite":
        return ""
    if binaries() is None:
        pytest.skip(WHY_NOT)
    return the_server().create()


#: Of this run of the tests; a fixture says which engine is meant.
DATABASES = Databases()
