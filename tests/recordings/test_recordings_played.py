"""A recording through a link of our own, over real sockets: for whom it plays, for whom not, and why not."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from far_recordings import WAV, Says, Store, answers, breaks_after, hangs, plays, stops_after
from recordings_house import Played
from running import eventually

from connector.errors import AdminNeeded
from connector.journal.numbers import OneNumber
from connector.journal.privacy import forget
from connector.links import Signer
from connector.model import Call
from connector.recordings import FarRecordings, RecordingRules
from connector.web import bounded

AUDIO = {"Content_Type": "audio/wav"}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store() as listening:
        yield listening


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Played]:
    running = Played(tmp_path_factory.mktemp("played"), [store.host], listeners=2, most=1024 * 1024)
    yield running
    running.close()


@pytest.fixture(scope="module")
def call(played: Played, store: Store) -> Call:
    return played.recorded(store.url)


@pytest.fixture(autouse=True)
def _afresh(store: Store) -> None:
    store.say = plays
    store.asked.clear()


# -- It plays ------------------------------------------------------------------------------------------------


def test_the_link_answers_the_audio_itself_and_may_not_be_kept(played: Played, call: Call) -> None:
    heard = played.ask(played.link(call))
    assert (heard.status, heard.body) == (200, WAV)
    told = heard.headers
    assert (told["content-type"], told["content-length"]) == ("audio/wav", str(len(WAV)))
    assert (told["accept-ranges"], told["cache-control"]) == ("bytes", "private, no-store")
    assert (told["referrer-policy"], told["x-content-type-options"]) == ("no-referrer", "nosniff")
    assert told["content-disposition"] == f'inline; filename="call-{call.id}.wav"'
    assert "script-src" not in told["content-security-policy"]


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, len(WAV) - 1),
        ("bytes=0-1", 0, 1),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=16000-99999999", 16000, len(WAV) - 1),
        (f"bytes={len(WAV) - 1}-", len(WAV) - 1, len(WAV) - 1),
    ],
)
def test_a_part_is_sent_also_where_the_far_end_knows_no_parts(
    played: Played, store: Store, call: Call, asked: str, first: int, last: int, knows_ranges: bool
) -> None:
    if not knows_ranges:
        store.say = answers(200, WAV, **AUDIO)
    heard = played.ask(played.link(call), Range=asked)
    assert (heard.status, heard.body) == (206, WAV[first : last + 1])
    assert heard.headers["content-range"] == f"bytes {first}-{last}/{len(WAV)}"
    assert heard.headers["content-length"] == str(last - first + 1)
    assert store.asked[-1]["range"] == asked


def test_the_end_of_a_recording_is_sent(played: Played, store: Store, call: Call) -> None:
    store.say = answers(200, WAV, **AUDIO)
    heard = played.ask(played.link(call), Range="bytes=-100")
    assert (heard.status, heard.body) == (206, WAV[-100:])


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_part_behind_the_end_is_refused_with_the_length(
    played: Played, store: Store, call: Call, knows_ranges: bool
) -> None:
    if not knows_ranges:
        store.say = answers(200, WAV, **AUDIO)
    heard = played.ask(played.link(call), Range=f"bytes={len(WAV)}-")
    assert (heard.status, heard.code) == (416, "range_not_satisfiable")
    assert heard.headers["content-range"] == f"bytes */{len(WAV)}"


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-1,4-5"}, {"Range": "bytes=0-1", "If_Range": '"x"'}])
def test_what_no_player_needs_gets_the_whole(played: Played, call: Call, headers: dict[str, str]) -> None:
    heard = played.ask(played.link(call), **headers)
    assert (heard.status, heard.body) == (200, WAV)


def test_a_head_tells_the_same_and_sends_nothing(played: Played, call: Call) -> None:
    head, got = played.ask(played.link(call), "HEAD"), played.ask(played.link(call))
    changing = {"date"}
    assert (head.status, head.body) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in got.headers.items() if k not in changing
    }


def test_nothing_of_the_listener_goes_out(played: Played, store: Store, call: Call) -> None:
    played.ask(played.link(call), Cookie="a=b", Referer="https://crm.example.com/", Authorization="Bearer x")
    (asked,) = store.asked
    assert set(asked) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert asked["accept-encoding"] == "identity" and asked["user-agent"] == "callerdesk-connector"


def test_the_crm_is_given_our_link_and_never_theirs(played: Played, store: Store, call: Call) -> None:
    played.kit.dispatcher.write_soon(call.id)
    link = played.url + played.link(call)
    assert eventually(lambda: link in json.dumps(played.kit.crm.activities, default=str))
    assert store.host not in json.dumps(played.kit.crm.activities, default=str)
    told = played.kit.web.get(
        f"/calls/{call.id}",
        headers={"Authorization": "Bearer bearer-secret-0123456789", "Accept": "application/json"},
    )
    assert told.get_json()["recording_url"] == link and store.host not in told.get_data(as_text=True)


# -- It does not play ----------------------------------------------------------------------------------------


def test_every_character_of_the_link_counts(played: Played, store: Store, call: Call) -> None:
    link = played.link(call)
    base = len("/recordings/")
    for place in [*range(base, base + 24, 7), *range(base + 25, len(link))]:
        other = "0" if link[place] != "0" else "1"
        heard = played.ask(link[:place] + other + link[place + 1 :])
        assert (heard.status, heard.code) == (404, "recording_closed"), place
    for wrong in (link[:-1], link + "0", link.rpartition("/")[0] + "/x", link.replace(".", "%00.")):
        assert played.ask(wrong).status == 404
    assert store.asked == []


def test_a_link_that_ran_out_says_so(played: Played, store: Store, call: Call) -> None:
    signer = Signer(played.house.journal.link_key)
    old = signer.sign(f"recording.{call.id}", int(time.time()) - 1)
    heard = played.ask(f"/recordings/{call.id}/{old}")
    assert (heard.status, heard.code) == (410, "recording_expired")
    assert store.asked == []


def test_a_link_lasts_as_long_as_the_setting_says_from_when_it_was_written(
    played: Played, call: Call
) -> None:
    until = int(played.link(call).rpartition("/")[2].partition(".")[0], 16)
    assert call.wanted_since is not None
    assert until == int(call.wanted_since.timestamp() + 30 * 24 * 3600)
    assert played.link(call) == played.link(call)


def test_the_key_of_a_calls_page_opens_no_recording_and_the_other_way_round(
    played: Played, call: Call
) -> None:
    key = Signer(played.house.journal.link_key).sign(call.id, int(time.time()) + 60)
    assert played.ask(f"/recordings/{call.id}/{key}").code == "recording_closed"
    token = played.link(call).rpartition("/")[2]
    assert played.ask(f"/calls/{call.id}?key={token}").code == "call_closed"


@pytest.mark.parametrize("url", ["https://evil.example/x.wav", "http://127.0.0.1:1/x.wav"])
def test_a_host_that_is_not_named_is_not_asked_and_not_told(played: Played, url: str) -> None:
    heard = played.ask(played.link(played.recorded(url)))
    assert (heard.status, heard.code) == (502, "recording_host_not_allowed")
    assert b"evil" not in heard.body and b"127.0.0.1" not in heard.body


METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.mark.parametrize(
    ("say", "status", "code"),
    [
        (answers(302, Location=METADATA, **AUDIO), 502, "recording_failed"),
        (answers(301, Location="/another.wav", **AUDIO), 502, "recording_failed"),
        (answers(404, b"<h1>Not Found</h1>", Content_Type="text/html"), 404, "recording_missing"),
        (answers(410), 404, "recording_missing"),
        (answers(200, b"", **AUDIO), 404, "recording_missing"),
        (answers(403, b"<Error/>", Content_Type="application/xml"), 502, "recording_failed"),
        (answers(500, b"oops", **AUDIO), 502, "recording_failed"),
        (answers(204, **AUDIO), 502, "recording_failed"),
        (answers(200, b"<script>alert(1)</script>", Content_Type="text/html"), 502, "recording_not_audio"),
        (answers(200, b"<svg/>", Content_Type="image/svg+xml"), 502, "recording_not_audio"),
        (answers(200, b"x", Content_Encoding="gzip", **AUDIO), 502, "recording_failed"),
        (answers(200, b"1\r\nx\r\n0\r\n\r\n", Transfer_Encoding="chunked", **AUDIO), 502, "recording_failed"),
        (answers(200, b"x", Content_Length=str(2**40), **AUDIO), 502, "recording_too_large"),
        (answers(206, b"x", Content_Range="bytes 0-0/9", **AUDIO), 502, "recording_failed"),
        (hangs, 504, "recording_timeout"),
    ],
)
def test_what_else_comes_is_told_in_a_sentence_and_nothing_of_it_is_passed_on(
    played: Played, store: Store, call: Call, say: Says, status: int, code: str
) -> None:
    store.say = say
    before = len(played.listened(call))
    heard = played.ask(played.link(call))
    assert (heard.status, heard.code) == (status, code)
    assert store.host.encode() not in heard.body and b"script" not in heard.body
    assert len(store.asked) == 1, "no redirect is followed, nothing is asked twice"
    assert len(played.listened(call)) == before


def test_another_part_than_was_asked_for_is_not_passed_off_as_it(
    played: Played, store: Store, call: Call
) -> None:
    store.say = answers(206, b"xx", Content_Range="bytes 4-5/9", **AUDIO)
    assert played.ask(played.link(call), Range="bytes=2-3").code == "recording_failed"


def test_nobody_there_is_told_as_that(played: Played, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    far = FarRecordings(RecordingRules(hosts=(host,)))
    with pytest.raises(Exception, match="cannot be reached") as refused:
        far.open(f"http://{host}/x.wav", None, "c1")
    assert getattr(refused.value, "code", "") == "recording_unreachable"


def test_a_named_host_that_leads_to_a_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    far = FarRecordings(RecordingRules(hosts=("rec.example.com",)))
    with caplog.at_level(logging.WARNING), pytest.raises(AdminNeeded) as refused:
        far.open("https://rec.example.com/x.wav", None, "c1")
    assert refused.value.code == "address_not_allowed"
    assert "169.254" not in refused.value.message and "169.254.169.254" in caplog.text


def test_a_recording_that_breaks_off_is_not_taken_for_a_whole_one(
    played: Played, store: Store, call: Call
) -> None:
    for say in (breaks_after(5000), stops_after(5000)):
        store.say = say
        with pytest.raises(http.client.IncompleteRead):
            played.ask(played.link(call))


def test_a_forgotten_recording_is_gone_for_good(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    link = played.link(call)
    assert played.ask(link).status == 200
    for each in played.house.journal.latest(1000):
        played.kit.dispatcher.write_soon(each.id)
    calls = played.house.journal.latest
    assert eventually(lambda: all(each.written == each.wanted for each in calls(1000)))
    assert call.plan is not None
    forget(played.house.journal, OneNumber(call.plan.customer), lambda tx, detail: None)
    heard = played.ask(link)
    assert (heard.status, heard.code) == (410, "recording_gone")


# -- Many who listen -----------------------------------------------------------------------------------------


def test_too_many_listeners_are_asked_to_wait_and_clicks_are_not(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    store.say = hangs
    wires = [played.opened(played.link(call)) for _ in range(2)]
    assert eventually(lambda: len(store.asked) == 2)
    heard = played.ask(played.link(call))
    assert (heard.status, heard.code, heard.headers["retry-after"]) == (503, "recording_busy", "5")
    began = time.monotonic()
    assert played.ask("/healthz").status == 200
    assert time.monotonic() - began < 1
    assert [played.heard(wire).status for wire in wires] == [504, 504]
    store.say = plays
    assert played.ask(played.link(call)).status == 200


def test_a_listener_that_hangs_up_leaves_the_place_to_the_next(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    for _ in range(5):
        wire = played.opened(played.link(call), Range="bytes=0-")
        wire.close()
    assert eventually(lambda: played.ask(played.link(call)).status == 200)


@pytest.fixture
def large(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    """A connector with one place, hurried clocks, and patience for a recording of 8 MiB."""
    for name, value in (("ANSWER_TIME", 0.6), ("LOOK_EVERY", 0.1), ("PACE", 1024)):
        monkeypatch.setattr(bounded, name, value)
    running = Played(tmp_path, [store.host], listeners=1, timeout=(1.0, 20.0))
    yield running
    running.close()


BIG = bytes(8 * 1024 * 1024)


def test_a_listener_that_reads_nothing_is_let_go(large: Played, store: Store) -> None:
    call = large.recorded(store.url)
    store.say = answers(200, BIG, **AUDIO)
    wire = large.opened(large.link(call))
    assert eventually(lambda: large.ask(large.link(call)).status == 503)
    assert eventually(lambda: large.ask(large.link(call), Range="bytes=0-9").status == 206, within=10)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        large.heard(wire)


def test_a_slow_listener_hears_all_of_it(large: Played, store: Store) -> None:
    call = large.recorded(store.url)
    store.say = answers(200, BIG, **AUDIO)
    wire = large.opened(large.link(call))
    answer, got, pause = wire.getresponse(), 0, threading.Event()
    began = time.monotonic()
    while piece := answer.read(256 * 1024):
        got += len(piece)
        pause.wait(0.08)
    assert got == len(BIG)
    assert time.monotonic() - began > 3 * bounded.ANSWER_TIME
    wire.close()


def test_a_recording_passes_through_and_is_never_held(large: Played, store: Store) -> None:
    call = large.recorded(store.url)
    store.say = answers(200, BIG, **AUDIO)
    tracemalloc.start()
    try:
        wire = large.opened(large.link(call))
        answer = wire.getresponse()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        while answer.read(64 * 1024):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 2 * 1024 * 1024
    wire.close()


# -- Who listened --------------------------------------------------------------------------------------------


def test_the_pieces_of_one_listening_are_one_line(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    link = played.link(call)
    for part in ("bytes=0-1", "bytes=0-", "bytes=8000-", "bytes=100-200"):
        assert played.ask(link, Range=part).status == 206
    (line,) = played.listened(call)
    assert (line.who, line.what, line.about) == ("127.0.0.1", "listen", call.id)
    assert line.detail == f"from byte 0 of {len(WAV)}, Mozilla/5.0 (a made-up player)"


def test_whoever_begins_in_the_middle_is_written_down_too(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    assert played.ask(played.link(call), Range="bytes=1-").status == 206
    assert [line.detail.partition(",")[0] for line in played.listened(call)] == [f"from byte 1 of {len(WAV)}"]


def test_another_player_or_another_place_is_another_listening(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    link = played.link(call)
    played.ask(link)
    played.ask(link, User_Agent="curl/8.0 \xe9 +919876500001 " + "x" * 300)
    played.ask(link, User_Agent="")
    played.ask(link, X_Forwarded_For="198.51.100.7, 203.0.113.9")
    lines = played.listened(call)
    assert [line.who for line in lines] == ["127.0.0.1"] * 3 + ["203.0.113.9"]
    assert "9876500001" not in lines[1].detail and len(lines[1].detail) < 150
    assert lines[2].detail == f"from byte 0 of {len(WAV)}, "


def test_a_head_is_no_listening(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    assert played.ask(played.link(call), "HEAD").status == 200
    assert played.listened(call) == []


def test_who_cannot_be_written_down_hears_nothing(played: Played, store: Store) -> None:
    call = played.recorded(store.url)
    with played.house.journal.transaction() as tx:
        tx.connection.bare.execute("ALTER TABLE audit RENAME TO audit_away")
    try:
        heard = played.ask(played.link(call))
    finally:
        with played.house.journal.transaction() as tx:
            tx.connection.bare.execute("ALTER TABLE audit_away RENAME TO audit")
    assert heard.status >= 500 and b"RIFF" not in heard.body
    assert played.ask(played.link(call)).status == 200
