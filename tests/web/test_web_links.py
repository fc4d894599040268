"""Links to a call's page: signed for one call, good for a week, worth nothing when changed by a character."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.journal import Journal
from connector.web.answers import LINK_SECONDS, Links

CALL = "019cad3d464042b59b4b5afd"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    opened = Journal(f"sqlite:///{tmp_path_factory.mktemp('links') / 'journal.db'}")
    opened.open()
    return opened


@pytest.fixture(scope="module")
def links(journal: Journal) -> Links:
    return Links(journal, "https://calls.example.com/")


def key(links: Links, seconds: float = 60) -> str:
    return links.sign(CALL, int(time.time() + seconds))


def test_a_link_opens_its_call(links: Links) -> None:
    base, _, given_key = links.url(CALL).partition("?key=")
    assert base == f"https://calls.example.com/calls/{CALL}"
    assert links.opens(CALL, given_key)


def test_a_link_opens_no_other_call(links: Links) -> None:
    assert not links.opens(CALL[:-1] + "e", key(links))
    assert not links.opens("", key(links))


def test_a_link_is_good_for_a_week(links: Links) -> None:
    until = int(links.url(CALL).partition("?key=")[2].partition(".")[0], 16)
    assert abs(until - time.time() - LINK_SECONDS) < 5
    assert LINK_SECONDS == 7 * 24 * 3600


def test_a_link_that_has_run_out_opens_nothing(links: Links) -> None:
    assert not links.opens(CALL, key(links, -1))


def test_a_link_cannot_be_prolonged(links: Links) -> None:
    until, _, signature = key(links, 1).partition(".")
    assert not links.opens(CALL, f"{int(until, 16) + 1000:x}.{signature}")


def test_every_character_of_a_link_counts(links: Links) -> None:
    good = key(links)
    for place in range(len(good)):
        for other in "0f.z":
            if good[place] != other:
                assert not links.opens(CALL, good[:place] + other + good[place + 1 :])
        assert not links.opens(CALL, good[:place])


def test_the_same_moment_written_otherwise_is_another_link(links: Links) -> None:
    until, _, signature = key(links).partition(".")
    for written in (
        f"0x{until}",
        f"0{until}",
        f"+{until}",
        f" {until}",
        until.upper() + " ",
        f"{until[0]}_{until[1:]}",
    ):
        assert not links.opens(CALL, f"{written}.{signature}")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
@example("f" * 5000 + ".x")
@example("-" + "f" * 5000)
@example("\ud800.")
@example("٣.x")
def test_whatever_is_tried_as_a_link_opens_nothing(links: Links, tried: str) -> None:
    assert not links.opens(CALL, tried)


def test_a_link_opens_in_every_process_and_with_no_other_database(
    links: Links, journal: Journal, tmp_path: Path
) -> None:
    assert Links(journal, None).opens(CALL, key(links))
    other = Journal(f"sqlite:///{tmp_path / 'other.db'}")
    other.open()
    assert not Links(other, None).opens(CALL, key(links))
    other.close()
