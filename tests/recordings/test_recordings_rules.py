"""What may be fetched, what is a part, what is audio: decided before anything is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.recordings import ByteRange, RecordingRules, host_of, wanted_range
from connector.recordings.audio import audio_type
from connector.recordings.ranges import came

RULES = RecordingRules(hosts=("rec.example.com", "rec.example.com:8443", "127.0.0.1:9000", "10.0.0.1:80"))


@pytest.mark.parametrize(
    "url",
    [
        "https://rec.example.com/a.wav",
        "https://REC.example.com/a.wav?sig=x",
        "https://rec.example.com:443/a.wav",
        "https://rec.example.com:8443/a.wav",
        "http://127.0.0.1:9000/a.wav",
    ],
)
def test_a_recording_on_a_named_host_may_be_asked(url: str) -> None:
    assert RULES.place(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://rec.example.com/a.wav",
        "http://10.0.0.1/a.wav",
        "https://rec.example.com:22/a.wav",
        "https://rec.example.com.evil.example/a.wav",
        "https://sub.rec.example.com/a.wav",
        "https://rec.example.com@evil.example/a.wav",
        "https://evil.example@rec.example.com/a.wav",
        "https://evil.example\\@rec.example.com/a.wav",
        "https://rec.example.com\\.evil.example/a.wav",
        "https://rec.example.com./a.wav",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/a.wav",
        "http://127.0.0.1:9001/a.wav",
        "http://localhost:9000/a.wav",
        "http://127.1:9000/a.wav",
        "ftp://rec.example.com/a.wav",
        "file:///etc/passwd",
        "//rec.example.com/a.wav",
        "https://rec.example.com:99999/a.wav",
        "https://[::1/a.wav",
        "https:///a.wav",
        "",
    ],
)
def test_everything_else_may_not(url: str) -> None:
    assert RULES.place(url) is None


def test_no_host_at_all_may_be_asked_when_none_is_named() -> None:
    assert RecordingRules(hosts=()).place("https://rec.example.com/a.wav") is None


@pytest.mark.parametrize("text", ["https://\u202e.example/a", "https://[::1/a", "https://a;b.example/", "?"])
def test_a_host_that_cannot_be_one_is_not_shown(text: str) -> None:
    assert host_of(text) == "?"
    assert host_of("https://Rec.example.com:8443/secret.wav") == "rec.example.com:8443"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-", ByteRange(0, None)),
        ("bytes=0-1", ByteRange(0, 1)),
        ("Bytes = 5-9", ByteRange(5, 9)),
        ("bytes=-500", ByteRange(None, 500)),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-\r\nX: y", None),
        ("", None),
        (None, None),
    ],
)
def test_one_range_is_read_and_whatever_else_means_the_whole(
    header: str | None, found: ByteRange | None
) -> None:
    assert wanted_range(header) == found


@given(first=st.none() | st.integers(0, 50), last=st.none() | st.integers(0, 50), length=st.integers(1, 40))
def test_a_part_is_what_python_would_cut_out(first: int | None, last: int | None, length: int) -> None:
    whole = bytes(range(length))
    if first is None:
        expected = whole[-last:] if last else b""
    else:
        expected = whole[first:] if last is None else whole[first : last + 1]
    cut = ByteRange(first, last).within(length)
    assert (whole[cut[0] : cut[1] + 1] if cut else b"") == expected


@pytest.mark.parametrize(
    "header", ["bytes 5-3/10", "bytes 0-10/10", "bytes 0-9/*", "0-9/10", "bytes 0-9/10x", ""]
)
def test_a_part_that_contradicts_itself_is_none(header: str) -> None:
    assert came(header) is None
    assert came("bytes 0-9/10") == (0, 9, 10)


@pytest.mark.parametrize(
    ("told", "path", "sent"),
    [
        ("audio/x-wav", "/a", "audio/wav"),
        ("Audio/MPEG; charset=x", "/a.wav", "audio/mpeg"),
        ("application/octet-stream", "/a.MP3", "audio/mpeg"),
        ("", "/a.wav", "audio/wav"),
        ("", "/a", None),
        ("binary/octet-stream", "/a.html", None),
        ("text/html", "/a.wav", None),
        ("image/svg+xml", "/a.wav", None),
        ("audio/x-scpls", "/a.wav", None),
        ("multipart/byteranges", "/a.wav", None),
    ],
)
def test_only_audio_passes_and_under_one_name(told: str, path: str, sent: str | None) -> None:
    assert audio_type(told, path) == sent
