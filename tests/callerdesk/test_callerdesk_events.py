"""Webhooks as they arrive, in every dress, and what is read out of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.callerdesk import ProviderEvent, event_of, parse
from connector.callerdesk.fields import Never, leg_moment, link, moment, seconds
from connector.callerdesk.words import LIVE, WORDS, LiveWord, Word, normal, word_of
from connector.errors import BadRequest
from connector.model import Outcome

CUSTOMER, MEMBER = "+919876500001", "+919876500002"


def post(
    body: bytes | str, query: str = "type=call_report", content_type: str = "application/json"
) -> ProviderEvent:
    return parse("POST", body.encode() if isinstance(body, str) else body, query, content_type)


def test_it_reads_a_posted_report(bodies: Path):
    event = post((bodies / "report-reverse-answered.json").read_bytes())
    assert (event.kind, event.campid, event.call_sid) == ("report", "45710001", "8400001")
    assert (event.source, event.destination, event.dial_whom) == ("9876500001", "8060000001", "9876500002")
    assert (event.status, event.hangup_cause, event.callstatus) == ("ANSWER", "ANSWER(16-customer)", "")
    assert event.said.a_picked == datetime(2026, 3, 2, 18, 29, 57, tzinfo=UTC)
    assert event.raw["agent_email"] == "asha@example.com"
    assert event.started_at == datetime(2026, 3, 2, 18, 29, 50, tzinfo=UTC)
    assert event.live_word is LiveWord.ENDED
    assert "98765" not in repr(event)


def test_it_reads_the_vendors_own_sample(bodies: Path):
    event = post((bodies / "report-normal-answered.json").read_bytes())
    ending = event.ending(CUSTOMER, MEMBER)
    assert (ending.outcome, ending.talk_seconds, ending.total_seconds) == (Outcome.ANSWERED, 2, 26)
    assert ending.recording_url == "https://recordings.example.com/8397472.mp3"
    assert ending.coins == "2"


def test_it_reads_the_same_event_from_json_form_and_query(bodies: Path):
    fields = json.loads((bodies / "report-reverse-answered.json").read_text())
    form = urlencode(fields)
    by_json = post(json.dumps(fields))
    by_form = post(form, content_type="application/x-www-form-urlencoded")
    mislabelled = post(json.dumps(fields), content_type="application/x-www-form-urlencoded")
    by_query = parse("GET", b"", (bodies / "report-get.txt").read_text().strip(), "")
    by_empty_post = parse("POST", b"", form, "")
    assert by_json.raw == by_form.raw == mislabelled.raw == by_empty_post.raw
    assert len({event.fingerprint for event in (by_json, by_form, mislabelled, by_query)}) == 1
    assert by_query.raw["shop"] == "1"
    assert by_query.raw["type"] == "call_report"
    assert by_query.ending(CUSTOMER, MEMBER) == by_json.ending(CUSTOMER, MEMBER)


def test_its_fingerprint_tells_different_events_apart(bodies: Path):
    prints = {post(path.read_bytes()).fingerprint for path in bodies.glob("report-*.json")}
    assert len(prints) == len(list(bodies.glob("report-*.json")))
    prints = {
        post(path.read_bytes(), "type=live_call").fingerprint
        for path in bodies.glob("live-l*.json")
        if path.stem != "live-calls"
    }
    assert len(prints) == 2


def test_it_can_be_read_again_from_its_stored_fields(bodies: Path):
    event = post((bodies / "report-reverse-answered.json").read_bytes())
    assert event_of(json.loads(json.dumps(event.raw))) == event


@pytest.mark.parametrize(
    "query",
    [
        "type=call_report",
        "?type=call_report",
        "a=b?type=call_report",
        "a=b&c=d?TYPE=call_report",
        {"type": "call_report"},
        {"a": "b?type=call_report"},
        {"a": "b?type=call_report", "c": "d"},
    ],
)
def test_it_finds_the_type_glued_to_the_address(query):
    event = parse("POST", b'{"campid":"7","Status":"ANSWER"}', query, "application/json")
    assert event.kind == "report"
    assert event.raw.get("a", "b") == "b"


def test_it_takes_what_the_body_says_before_what_the_query_says():
    assert post('{"campid":"7"}', "campid=8").campid == "7"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "call_report"}, "report"),
        ({"type": "live_call"}, "live"),
        ({"TYPE": "LiveCall", "EndTime": "2026-03-02 23:59:50"}, "live"),
        ({"type": "sunspot"}, "live"),
        ({}, "live"),
        ({"EndTime": "2026-03-02 23:59:50"}, "report"),
        ({"talkduration": "0"}, "report"),
        ({"EndTime": ""}, "live"),
    ],
)
def test_it_tells_a_report_from_a_live_event(fields, kind):
    assert post(json.dumps({"campid": "1"} | fields), query="").kind == kind


@pytest.mark.parametrize(
    "number",
    [
        "09876500001",
        "919876500001",
        "00919876500001",
        "+919876500001",
        "9876500001",
        "+91 98765-00001",
        9876500001,
    ],
)
def test_it_recognises_both_parties_in_either_order_with_any_prefix(number):
    for fields in (
        {"SourceNumber": number, "DialWhomNumber": "09876500002"},
        {"SourceNumber": "9876500002", "DialWhomNumber": number},
    ):
        event = post(json.dumps(fields))
        assert event.matches(CUSTOMER, MEMBER)
        assert event.matches(MEMBER, CUSTOMER)
        assert not event.matches(CUSTOMER, "+919876500003")
        assert not event.matches(CUSTOMER, CUSTOMER)
        assert not event.matches("", MEMBER)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"x"',
        b"nonsense",
        b"",
        b"\xff\xfe",
        b'{"a":1}',
        b'{"campid":""}',
        b"[" * 50000,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b',"campid":"1"}X',
        b"&".join(b"a%d=1" % n for n in range(400)),
        b'{"campid":"1"} trailing',
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_it_says_bad_request_to_a_broken_body(body, content_type):
    with pytest.raises(BadRequest) as caught:
        post(body, content_type=content_type)
    assert caught.value.code in ("body_broken", "event_unrecognised")


def test_it_survives_nesting_that_can_be_read_but_not_written(monkeypatch):
    def too_deep(_fields):
        raise RecursionError

    monkeypatch.setattr("connector.callerdesk.events.read.plain", too_deep)
    with pytest.raises(BadRequest, match="too deep"):
        post('{"campid":"1"}')


def test_it_keeps_unknown_keys_and_odd_values_as_storable_text():
    event = post(
        '{"CampId":45710001,"New":{"a":["\\ud800x"]},"Nil":null,"Zero":"a\\u0000b","Yes":true,"N":1.5}', ""
    )
    assert event.campid == "45710001"
    assert event.raw == {
        "campid": "45710001",
        "new": '{"a": ["x"]}',
        "nil": "",
        "zero": "ab",
        "yes": "True",
        "n": "1.5",
    }


@pytest.mark.parametrize("campid", ["0", "000", "", "x" * 65])
def test_it_knows_no_campid_where_there_is_none(campid):
    assert post(json.dumps({"campid": campid, "CallSid": "1"})).campid is None


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("2024-12-30 12:43:19", datetime(2024, 12, 30, 7, 13, 19, tzinfo=UTC)),
        ("2020-04-09n13:46:56", datetime(2020, 4, 9, 8, 16, 56, tzinfo=UTC)),
        ("2026-01-01T00:00:00.500", datetime(2025, 12, 31, 18, 30, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("2026-02-31 00:00:00", None),
        ("2026-01-01 24:00:01", None),
        ("2026-01-01", None),
        ("yesterday", None),
    ],
)
def test_it_reads_india_time(said, utc):
    assert moment(said) == utc


def test_it_tells_a_leg_that_never_got_there_from_one_that_is_not_mentioned():
    assert leg_moment({}, "t") is None
    assert leg_moment({"t": "soon"}, "t") is None
    for never in ("", "0000-00-00 00:00:00", "0000-00-00n00:00:00", "0"):
        assert leg_moment({"t": never}, "t") is Never.NEVER


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ("26", 26),
        ("00:01:06", 66),
        ("26.0", 26),
        ("", None),
        ("-1", None),
        ("9" * 8, None),
        ("1:99:00", None),
    ],
)
def test_it_reads_durations(said, whole):
    assert seconds(said) == whole


def test_it_makes_a_link_of_nothing_but_http():
    assert link("https://recordings.example.com/a.mp3?b=c")
    for bad in (
        "",
        "javascript:alert(1)",
        "https://x/ y",
        'https://x/"><script>',
        "//x",
        "https://" + "x" * 3000,
    ):
        assert link(bad) is None


# -- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "word"),
    [
        ("ANSWER", Word.ANSWERED),
        ("ANSWER(16-customer)", Word.ANSWERED),
        ("Answer (16-Agent)", Word.ANSWERED),
        ("NO ANSWER", Word.NO_ANSWER),
        ("No Answer", Word.NO_ANSWER),
        ("NOANSWER (0-agent)", Word.NO_ANSWER),
        ("NOANSWER (0-customer", Word.NO_ANSWER),
        ("Busy (17-agent)", Word.BUSY),
        ("Congestion (1-agent)", Word.UNREACHABLE),
        ("Unavailable (19-agent)", Word.UNREACHABLE),
        ("UN-AVAIL", Word.UNREACHABLE),
        ("Cancel-Agent", Word.NOT_CONNECTED),
        ("Leg A Answer", Word.A_PICKED),
        ("AgentonRing", Word.MEMBER_BUSY),
        ("Not answered yet", Word.UNKNOWN),
        ("", Word.UNKNOWN),
    ],
)
def test_it_matches_whole_words_only(theirs, word):
    assert word_of(theirs) is word


def test_its_tables_are_total():
    assert set(LIVE) == set(Word)
    assert all(normal(theirs) == theirs for theirs in WORDS)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("live-leg-a-answer", LiveWord.CUSTOMER_PICKED),
        ("live-transfer", LiveWord.MEMBER_RINGING),
        ("live-leg-b-answer", LiveWord.BOTH_TALKING),
    ],
)
def test_it_says_how_far_a_live_call_has_come(bodies: Path, name, word):
    event = post((bodies / f"{name}.json").read_bytes(), "type=live_call")
    assert (event.kind, event.live_word) == ("live", word)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"Status": "Ringing"}, LiveWord.CUSTOMER_RINGING),
        ({"Status": "NO ANSWER", "LegA_Picked_time": "2026-03-02 23:59:57"}, LiveWord.ENDED),
        ({"Status": "ANSWER", "EndTime": "2026-03-02 23:59:57"}, LiveWord.ENDED),
        ({"Status": "Sunspots"}, LiveWord.UNKNOWN),
        ({}, LiveWord.UNKNOWN),
        ({"hangup_cause": "Sunspots", "Status": "ANSWER"}, LiveWord.CUSTOMER_PICKED),
        ({"Status": "ANSWER", "LegA_Picked_time": "2026-03-02 23:59:57"}, LiveWord.CUSTOMER_PICKED),
        ({"Status": "ANSWER", "LegB_Start_time": "2026-03-02 23:59:57"}, LiveWord.MEMBER_RINGING),
        ({"LegB_Picked_time": "2026-03-02 23:59:57"}, LiveWord.BOTH_TALKING),
        ({"LegB_Picked_time": "0000-00-00 00:00:00"}, LiveWord.UNKNOWN),
    ],
)
def test_it_takes_times_into_account_for_a_live_call(fields, word):
    assert post(json.dumps({"campid": "1", "type": "live_call"} | fields), "").live_word is word


# -- whatever comes ----------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        "type",
        "SourceNumber",
        "DialWhomNumber",
        "campid",
        "CallSid",
        "Status",
        "hangup_cause",
        "callstatus",
        "TalkDuration",
        "LegA_Picked_time",
        "LegB_Start_time",
        "LegB_Picked_time",
        "StartTime",
        "EndTime",
        "CallRecordingUrl",
        "coins",
    ]
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "",
            "0000-00-00 00:00:00",
            "2026-03-02 23:59:57",
            "1900-01-01 00:00:00",
            "2099-12-31n23:59:59",
            "5",
            "ANSWER",
        ]
    ),
    st.sampled_from(sorted(WORDS)),
    st.none() | st.booleans() | st.integers() | st.floats(),
    st.recursive(
        st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
)


@settings(deadline=None)
@given(
    fields=st.dictionaries(KEYS | st.text(max_size=8), VALUES),
    customer=st.text(max_size=14),
    member=st.text(max_size=14),
)
def test_an_ending_is_always_found(fields, customer, member):
    try:
        event = post(json.dumps(fields))
    except BadRequest:
        return
    ending = event.ending(customer, member)
    assert ending.outcome in Outcome
    assert event.live_word in LiveWord
    assert len(event.fingerprint) == 64
    assert isinstance(event.matches(customer, member), bool)
    json.dumps(dict(event.raw)).encode()


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "put", ""]),
    body=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")),
    query=st.text(max_size=100) | st.dictionaries(st.text(max_size=5), st.text(max_size=30)),
    content_type=st.sampled_from(["application/json", "text/plain", "", "application/x-www-form-urlencoded"]),
)
def test_any_bytes_are_an_event_or_a_bad_request(method, body, query, content_type):
    try:
        parse(method, body, query, content_type)
    except BadRequest as error:
        assert error.code in ("body_broken", "event_unrecognised")
