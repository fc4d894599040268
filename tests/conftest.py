"""Runs what touches the journal on both engines: `[sqlite]` and `[postgres]` in the names of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databases import DATABASES, ENGINES
from postgres_server import WHY_NOT, binaries


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: holds for SQLite's files only")
    config.addinivalue_line("markers", "both_engines: runs on SQLite and on PostgreSQL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What a file says with `pytestmark = pytest.mark.both_engines`; `sqlite` takes a test out again."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "both_engines" in marks and "sqlite" not in marks:
        metafunc.parametrize("engine", ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine that `DATABASES.url_in` gives addresses of while this test runs."""
    DATABASES.engine = getattr(request, "param", "sqlite")
    if DATABASES.engine == "postgres" and binaries() is None:
        pytest.skip(WHY_NOT)
    yield DATABASES.engine
    DATABASES.engine = "sqlite"
    DATABASES.done_with()
