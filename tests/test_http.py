"""The one way out: each request once, in bounded time, nowhere else; one table from status to error."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connector import http
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import Outgoing, Reply, checked_base_url, is_loopback, meaning_of, retry_after

SECRET = "made-up-bearer-for-http"


class Other:
    """A server on loopback that answers as its `say` tells and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status, self.headers, self.body = 200, {"Content-Type": "application/json"}, b"{}"
        self.hang = threading.Event()
        self.hangs = False
        other = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                other.seen.append((self.command, self.path, dict(self.headers.items()), body))
                if other.hangs:
                    other.hang.wait(10)
                    return
                self.send_response(other.status)
                for name, value in {**other.headers, "Content-Length": str(len(other.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # a client that has read enough goes away
                    self.wfile.write(other.body)

            do_GET = do_POST = do_PATCH = _answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def other() -> Iterator[Other]:
    running = Other()
    threading.Thread(target=running.server.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.hang.set()
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def out(other: Other) -> Outgoing:
    def authorise(headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {SECRET}"

    return Outgoing("The shop", f"{other.url}/api", authorise=authorise, timeout=(1.0, 0.3))


def test_it_adds_the_path_to_the_base_urls_own(out: Outgoing, other: Other) -> None:
    out.fetch("POST", "/contacts/1", json={"a": "ä"}, params={"q": "a b&c"})
    ((method, path, headers, body),) = other.seen
    assert (method, path, json.loads(body)) == ("POST", "/api/contacts/1?q=a+b%26c", {"a": "ä"})
    assert headers["Authorization"] == f"Bearer {SECRET}"


def test_it_follows_no_redirect(out: Outgoing, other: Other) -> None:
    other.status, other.headers = 302, {"Location": f"{other.url}/elsewhere"}
    with pytest.raises(AdminNeeded, match="final address"):
        out.fetch("GET", "x")
    assert len(other.seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_it_sends_nothing_twice(out: Outgoing, other: Other, status: int) -> None:
    other.status = status
    with pytest.raises(TryAgain):
        out.fetch("GET", "x")
    assert len(other.seen) == 1


def test_it_does_not_wait_longer_than_told(out: Outgoing, other: Other) -> None:
    other.hangs = True
    with pytest.raises(TryAgain) as caught:
        out.fetch("GET", "x")
    assert (caught.value.code, caught.value.status) == ("crm_timeout", 504)
    assert len(other.seen) == 1


def test_it_does_not_read_without_end(out: Outgoing, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 1000)
    monkeypatch.setattr(http.read_capped, "__defaults__", (1000,))
    other.body = b"x" * 200_000
    with pytest.raises(TryAgain) as caught:
        out.fetch("GET", "x")
    assert caught.value.code == "crm_answer_too_large"


def test_a_closed_port_is_a_try_again(other: Other) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TryAgain, match="could not be reached") as caught:
        Outgoing("The shop", f"http://127.0.0.1:{port}").fetch("GET", "x")
    assert caught.value.code == "crm_unreachable"


def test_it_takes_nothing_from_the_environment(
    out: Outgoing, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert out.fetch("GET", "x") == {}


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"{", b"\xff"])
def test_what_is_not_json_is_a_try_again(out: Outgoing, other: Other, body: bytes) -> None:
    other.body = body
    with pytest.raises(TryAgain) as caught:
        out.fetch("GET", "x")
    assert caught.value.code == "crm_not_json"


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_answer_is_none(out: Outgoing, other: Other, body: bytes) -> None:
    other.status, other.body = 200, body
    assert out.fetch("PATCH", "x") is None


def test_no_error_and_no_log_line_shows_address_secret_or_number(
    out: Outgoing, other: Other, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for status in (401, 404, 500):
        other.status = status
        with pytest.raises(ConnectorError) as caught:
            out.fetch("GET", "x", params={"phone": "9876500001", "key": SECRET}, about="Contact 7")
        told.append(f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")
    text = " ".join([*told, caplog.text, repr(out)])
    assert "Contact 7" in text
    for hidden in (SECRET, "9876500001", "phone="):
        assert hidden not in text


# -- The table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, AdminNeeded, "crm_redirected"),
        (400, AdminNeeded, "crm_rejected"),
        (401, AdminNeeded, "crm_unauthorised"),
        (403, AdminNeeded, "crm_forbidden"),
        (404, Gone, "record_not_found"),
        (408, TryAgain, "crm_failed"),
        (409, TryAgain, "crm_failed"),
        (410, Gone, "record_not_found"),
        (418, AdminNeeded, "crm_rejected"),
        (422, AdminNeeded, "crm_rejected"),
        (423, TryAgain, "crm_failed"),
        (425, TryAgain, "crm_failed"),
        (429, TryAgain, "crm_rate_limited"),
        (500, TryAgain, "crm_failed"),
        (599, TryAgain, "crm_failed"),
    ],
)
def test_each_status_has_one_meaning(status: int, kind: type[ConnectorError], code: str) -> None:
    meaning = meaning_of(Reply(status, {}, b""), "The shop", "Contact 7")
    assert type(meaning) is kind and meaning.code == code
    assert meaning.message.startswith("The shop ") and "Contact 7" in meaning.message


@pytest.mark.parametrize("status", range(200, 300))
def test_whatever_begins_with_a_two_worked(status: int) -> None:
    assert meaning_of(Reply(status, {}, b""), "The shop") is None


@pytest.mark.parametrize(
    ("said", "unit", "seconds"),
    [
        ("5", 1.0, 5.0),
        ("1500", 0.001, 1.5),
        ("-3", 1.0, 0.0),
        ("nan", 1.0, None),
        ("inf", 1.0, None),
        ("1e400", 1.0, None),
        ("9" * 400, 1.0, None),
        ("1e300", 1.0, 86400.0),
        ("Fri, 31 Jan 1997 23:59:59 GMT", 0.001, 0.0),
        ("Fri, 31 Jan 99997 23:59:59 GMT", 1.0, None),
        ("soon", 1.0, None),
        ("", 1.0, None),
    ],
)
def test_it_reads_how_long_to_wait(said: str, unit: float, seconds: float | None) -> None:
    assert retry_after(Reply(429, {"retry-after": said}, b""), unit) == seconds


def test_a_wait_may_be_told_as_a_moment_whatever_the_unit() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 60 < (retry_after(Reply(429, {"retry-after": moment}, b""), 0.001) or 0) <= 90


def test_the_wait_goes_along_with_the_error() -> None:
    meaning = meaning_of(Reply(503, {"retry-after": "120"}, b""), "The shop")
    assert isinstance(meaning, TryAgain) and meaning.retry_after == 120


# -- Addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://x.example.com", "https://x.example.com/a/", "http://localhost:80/b"]
)
def test_a_base_url_ends_with_one_slash(url: str) -> None:
    assert checked_base_url(url) == url.rstrip("/") + "/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.example.com",
        "ftp://x.example.com",
        "https://",
        "http://x.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "https://user:pass@x.example.com",
        "https://x.example.com/?key=1",
        "https://x.example.com/#part",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_would_tell_or_lead_astray_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"http|base URL"):
        checked_base_url(url)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_only_this_machine_itself_is_loopback(host: str | None, own: bool) -> None:
    assert is_loopback(host) is own
