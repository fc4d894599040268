"""The CRMs' access tokens: one sealed text a name, and one process at a time that renews it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import DATABASES
from house_kit import Clock

from connector.journal import Journal
from connector.journal.tokens import KeptTokens

pytestmark = pytest.mark.both_engines


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    kept = Journal(DATABASES.url_in(tmp_path), clock=clock)
    yield kept
    kept.close()


@pytest.fixture
def tokens(journal: Journal) -> KeptTokens:
    """Of a journal that nobody has opened yet, as a command finds it."""
    return KeptTokens(journal)


def test_what_is_put_is_what_all_get_under_that_name(journal: Journal, tokens: KeptTokens) -> None:
    assert tokens.get("shop") is None
    tokens.put("shop", "sealed 1")
    tokens.put("shop", "sealed 2")
    tokens.put("odoo", "sealed 3")
    assert [KeptTokens(journal).get(name) for name in ("shop", "odoo", "zoho")] == [
        "sealed 2",
        "sealed 3",
        None,
    ]


def test_one_may_renew_it_and_the_others_wait(journal: Journal, tokens: KeptTokens) -> None:
    assert tokens.lease("shop", 10) is True
    assert tokens.lease("shop", 10) is False
    assert KeptTokens(journal).lease("shop", 10) is False
    assert tokens.lease("odoo", 10) is True


def test_a_lease_that_is_not_given_back_ends_by_itself(tokens: KeptTokens, clock: Clock) -> None:
    assert tokens.lease("shop", 10)
    clock.advance(9.9)
    assert not tokens.lease("shop", 10)
    clock.advance(0.1)
    assert tokens.lease("shop", 10)
    clock.advance(9.9)
    assert not tokens.lease("shop", 10)


def test_a_lease_from_the_future_is_from_before_the_clock_was_set_back(
    tokens: KeptTokens, clock: Clock
) -> None:
    assert tokens.lease("shop", 10)
    clock.advance(-0.1)
    assert tokens.lease("shop", 10)


def test_whoever_has_renewed_it_gives_the_lease_back_with_it(tokens: KeptTokens) -> None:
    tokens.lease("shop", 10)
    tokens.put("shop", "sealed")
    assert tokens.lease("shop", 10)
    assert tokens.get("shop") == "sealed"


def test_whoever_could_not_renew_it_gives_the_lease_back_and_the_old_text_stays(tokens: KeptTokens) -> None:
    tokens.put("shop", "sealed")
    tokens.lease("shop", 10)
    tokens.lease("odoo", 10)
    tokens.release("shop")
    assert (tokens.lease("shop", 10), tokens.lease("odoo", 10)) == (True, False)
    assert tokens.get("shop") == "sealed"


def test_a_name_is_known_to_be_from_when_it_was_put(
    journal: Journal, tokens: KeptTokens, clock: Clock
) -> None:
    clock.advance(7)
    tokens.put("shop", "sealed")
    with journal.database.read() as connection:
        rows = connection.bare.execute("SELECT name, value, at FROM flags").fetchall()
    assert [tuple(row) for row in rows] == [("token shop", "sealed", clock.seconds)]


def test_renewals_of_one_name_take_turns_on_its_lease(
    journal: Journal, tokens: KeptTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(journal.database, "serialise", lambda connection, key, shared=False: keys.append(key))
    tokens.lease("shop", 10)
    tokens.put("shop", "sealed")
    tokens.release("shop")
    assert keys == ["login shop"] * 3


def test_the_journal_is_opened_once(
    journal: Journal, tokens: KeptTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []
    really = journal.open

    def opens() -> None:
        opened.append(True)
        really()

    monkeypatch.setattr(journal, "open", opens)
    tokens.get("shop")
    tokens.put("shop", "sealed")
    assert opened == [True]
