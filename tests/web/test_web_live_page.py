"""The pages for a person, in a real Chromium: the live page of a call, and the confirm page of a link."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from chromium_tab import BINARY, Tab, tab
from running import Running

from connector.model import Click, Source
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.crm import SandboxCrm
from connector.sandbox.stage import Stage
from connector.web.answers import Links

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(BINARY is None, reason="there is no chromium: apt-get install chromium"),
]
#: Slow enough for a page that looks once a second: each leg rings two seconds, talk lasts three.
SLOW = 0.3

#: Notes what the page shows whenever it changes, and every word a screen reader would be given.
WATCH = """
addEventListener("DOMContentLoaded", () => {
  const shown = () => ["state", "headline", "customer-leg", "member-leg"]
    .map((id) => document.getElementById(id).textContent);
  window.seen = [shown()];
  window.said = [];
  new MutationObserver(() => seen.push(shown()))
    .observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
  const status = document.querySelector("[role=status]");
  new MutationObserver(() => said.push(status.textContent))
    .observe(status, { subtree: true, childList: true, characterData: true });
});
"""
#: Rests a fiftieth of what the page asks for, and keeps what it asked for.
HURRY = """
const rest = window.setTimeout;
window.rests = [];
window.setTimeout = (then, wait) => { rests.push(wait); return rest(then, wait / 50); };
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for profiles; each test has a browser of its own, for its scripts outlive a page."""
    yield tmp_path_factory.mktemp("chromium")


@pytest.fixture
def page(chromium: Path, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """An empty tab."""
    with tab(chromium / request.node.name) as opened:
        yield opened
    refused = [said for said in opened.complaints if "Content Security Policy" in said]
    assert refused == []


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The sandbox, slow enough to be watched."""
    with Stage(speed=SLOW) as playing:
        yield playing


def _address(stage: Stage, contact: str) -> str:
    url = stage.crm.click(contact, "u1").body["url"]
    assert isinstance(url, str)
    return url


def test_it_shows_who_is_ringing_who_picked_up_and_how_it_ended_without_a_reload(
    page: Tab, stage: Stage
) -> None:
    page.open(_address(stage, "1"), before=WATCH)
    page.run("window.kept = 'since it was opened'")
    page.wait_for("seen.at(-1)[1] === 'Answered'")
    seen = page.run("seen")
    legs = [tuple(shown[2:]) for shown in seen]
    story = [("ringing", "waiting"), ("picked up", "ringing"), ("picked up", "picked up")]
    assert [each for number, each in enumerate(legs) if each in story and each not in legs[:number]] == story
    assert [seen[legs.index(each)][0] for each in story] == ["placed"] * 3
    assert page.text("state") == "ended"
    assert page.text("customer-number") == "…0001"
    assert page.text("member-number") == "…0101"
    assert page.text("talk") == "3 s"
    page.wait_for("document.getElementById('written').textContent === 'yes'")
    recording = "document.getElementById('recording')"
    assert page.run(f"!{recording}.hidden && {recording}.href").startswith(f"{stage.url}/recordings/")
    assert page.run("window.kept") == "since it was opened"


def test_a_screen_reader_is_told_each_thing_once(page: Tab, stage: Stage) -> None:
    page.open(_address(stage, "2"), before=WATCH)
    page.wait_for("seen.at(-1)[1] === 'Customer did not answer'")
    page.wait_for("said.at(-1).includes('Customer did not answer')")
    said = page.run("said")
    assert len(said) == len(set(said))


def test_a_refused_call_shows_the_reason_in_a_sentence(page: Tab, stage: Stage) -> None:
    page.open(_address(stage, "8"))
    assert page.text("headline") == "Not called: refused"
    assert page.text("message") == "Meera Iyer asked not to be called."
    page.wait_for("document.getElementById('written').textContent === 'yes'")


def test_it_goes_on_after_the_connector_was_away(page: Tab, stage: Stage) -> None:
    away = """
    const real = window.fetch;
    let asked = 0;
    window.fetch = (...what) => ++asked === 1 ? Promise.resolve(new Response("", { status: 503 }))
      : asked === 2 ? Promise.reject(new TypeError("Failed to fetch")) : real(...what);
    """
    page.open(_address(stage, "8"), before=HURRY + away)
    page.wait_for("document.getElementById('written').textContent === 'yes'")
    assert page.run("rests.slice(0, 2)") == [5000, 5000]


def test_a_call_that_waits_shows_its_place_and_is_cancelled_on_its_page(page: Tab, stage: Stage) -> None:
    house = stage.house
    house.journal.set_flag("paused", "a test")
    try:
        first, second = (
            house.flow.accept(Click("shop", "Contact", contact, source=Source.RULE)).call
            for contact in ("1", "2")
        )
        key = Links(house.journal, None).sign(second.id, int(time.time()) + 60)
        page.open(f"{stage.url}/calls/{second.id}?key={key}", before=HURRY)
        assert page.text("line").endswith("2nd in line.")
        house.flow.verdicts.cancel(first.id, who="test", detail="", on_behalf_of="a test")
        page.wait_for("document.getElementById('line').textContent.endsWith('1st in line.')")
        page.run("document.querySelector('summary').click()")
        page.run("document.querySelector('#cancel button').click()")
        page.wait_for("document.getElementById('message')?.textContent.startsWith('The call was cancelled')")
        assert page.run("document.getElementById('cancel').hidden") is True
    finally:
        house.journal.set_flag("paused", None)


def test_it_stops_looking_when_the_call_rests_or_the_link_has_run_out(page: Tab, stage: Stage) -> None:
    page.open(_address(stage, "8"), before=HURRY)
    page.wait_for("document.getElementById('written').textContent === 'yes'")
    rests = page.run("rests.length")
    page.run("document.querySelector('main').dataset.key = 'ended.long-ago'; look()")
    page.wait_for("document.getElementById('message').textContent.startsWith('This link has run out')")
    assert page.run("rests.length") == rests


def test_opening_a_link_dials_nothing_and_its_button_dials_once(page: Tab, tmp_path: Path) -> None:
    with SandboxCrm() as crm:
        desk = SandboxCallerDesk().start()
        running = Running(
            tmp_path, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key, authcode=desk.authcode
        )
        # Behind a proxy the connector's own idea of its address is another than the browser's.
        told = running.manifest.read_text(encoding="utf-8")
        running.manifest.write_text(f"public_url: https://calls.example.com\n{told}", encoding="utf-8")
        running.start()
        try:
            hook = f"http://127.0.0.1:{running.port}/hooks/link/{running.secrets['LINK_TOKEN']}"
            page.open(f"{hook}?{urlencode({'object': 'Contact', 'id': '1', 'user': 'u1'})}")
            page.wait_for("document.querySelector('h1').textContent === 'Call Contact 1?'")
            assert running.rows() == {} and desk.dials == []
            # A double click sends the form twice, with the name that its click has had since it was opened.
            page.run("document.querySelector('button').click(); document.querySelector('button').click()")
            page.wait_for("location.pathname.startsWith('/calls/')")
            page.wait_for("document.getElementById('message').textContent.startsWith('Ringing the customer')")
            assert [dial.customer[-4:] for dial in desk.dials] == ["0001"]
            assert sum(running.rows().values()) == 1
        finally:
            running.stop()
            desk.stop()
