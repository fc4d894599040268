"""A recording in a real Chromium: in the CRM's own page, and in a tab of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium_tab import BINARY, Tab, tab

from connector.journal.listening import listened
from connector.sandbox.stage import Stage

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(BINARY is None, reason="there is no chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(speed=20) as playing:
        yield playing


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Tab]:
    with tab(tmp_path / "chromium") as opened:
        yield opened
    assert [said for said in opened.complaints if "Content Security Policy" in said] == []


def _recorded(stage: Stage) -> str:
    """The id of a call that was answered, once the CRM shows it."""
    call_id = stage.crm.click("1", "u1").body["call"]
    assert isinstance(call_id, str)
    assert stage.crm.wait_for(lambda found: any(each.get("recording_url") for each in found), timeout=20)
    return call_id


def test_the_crms_page_plays_it_jumps_in_it_and_that_is_one_listening(page: Tab, stage: Stage) -> None:
    call_id = _recorded(stage)
    page.open(f"{stage.crm.base_url}/contacts/1")
    page.wait_for("document.querySelector('audio') !== null")
    # The timeline is drawn once more when the page has looked the first time.
    page.run("first = document.querySelector('audio'); 1")
    page.wait_for("document.querySelector('audio') !== first")
    page.run("player = document.querySelector('audio'); player.muted = true; player.play(); 1")
    page.wait_for("player.currentTime > 0.3")
    assert page.run("Math.round(player.duration * 10) / 10") == 2
    page.run("player.currentTime = 1.5; 1")
    page.wait_for("player.ended")
    assert page.run("player.error === null && player.isConnected")
    (line,) = listened(stage.house.journal, call_id)
    assert line.who == "127.0.0.1" and "from byte 0 of 16044, Mozilla/5.0" in line.detail


def test_a_tab_of_its_own_plays_it(page: Tab, stage: Stage) -> None:
    _recorded(stage)
    link = next(each["recording_url"] for each in stage.crm.activities if each.get("recording_url"))
    page.open(link)
    page.wait_for("document.querySelector('audio, video').readyState >= 2")
    assert page.run("document.querySelector('audio, video').error === null")
