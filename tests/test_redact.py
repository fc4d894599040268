"""What may be shown: numbers as their last four digits, secrets not at all, addresses without their query."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import redact

SECRET = "made-up-secret-for-redact"
DIGITS = st.text("0123456789", min_size=10, max_size=10).map(lambda digits: f"9{digits[1:]}")


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_secrets", ())
    redact.register_secret(SECRET)


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+919876500001", "…0001"), ("98765 00001", "…0001"), ("", ""), (None, ""), ("none", ""), ("12", "…12")],
)
def test_it_shows_a_number_by_its_last_four_digits(number: str | None, shown: str) -> None:
    assert redact.mask(number) == shown


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    DIGITS,
    st.sampled_from(["", "+91", "+91 ", "0", "91", "0091"]),
    st.sampled_from(["{}", "call {} now", "({})", "to={}", "a,{},b", '"{}"', "«{}»"]),
)
def test_no_full_number_gets_through_however_it_is_written(digits: str, prefix: str, text: str) -> None:
    for written in (digits, f"{digits[:5]} {digits[5:]}", f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"):
        shown = redact.scrub(text.format(prefix + written))
        assert written not in shown
        assert digits[-4:] in shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 23:59:50",
        "019cad3d464042b59b4b5afd",
        "call 457 of 1200",
        "0xdeadbeef0123456789",
        "2026-03-02T12:00:00.123456+05:30",
        "version 1.2.3",
    ],
)
def test_it_leaves_times_ids_and_small_numbers_alone(text: str) -> None:
    assert redact.scrub(text) == text


def test_it_cuts_the_query_off_an_address() -> None:
    assert redact.scrub("GET https://x.example.com/api?authcode=abc&b=1 failed") == (
        "GET https://x.example.com/api?… failed"
    )


def test_it_cuts_off_what_opens_a_recording() -> None:
    link = "https://calls.example.com/recordings/01a206efe98275ca0dcc175e/6a1b.0123456789abcdef"
    kept = "https://calls.example.com/recordings/01a206efe98275ca0dcc175e/…"
    assert redact.scrub(f"Client disconnected while serving {link} (again)") == (
        f"Client disconnected while serving {kept} (again)"
    )


def test_it_takes_secrets_out_of_texts_and_of_nested_values() -> None:
    assert redact.scrub(f"a {SECRET}{SECRET} b") == "a [secret][secret] b"
    value = {"key": [SECRET, 5, None, {"deep": f"x{SECRET}"}], "number": "98765 00001", "on": True}
    assert redact.scrub_value(value) == {
        "key": ["[secret]", 5, None, {"deep": "x[secret]"}],
        "number": "…0001",
        "on": True,
    }


@pytest.mark.parametrize("value", ["", None, "abc", "12345"])
def test_a_value_too_short_to_be_a_secret_garbles_no_line(value: str | None) -> None:
    redact.register_secret(value)
    assert redact.scrub("abc 12345") == "abc 12345"


def test_a_secret_that_begins_like_another_hides_all_of_both() -> None:
    for tail in range(20):
        redact.register_secret(f"{SECRET}-new-{'x' * tail}")
    assert redact.scrub(f"{SECRET}-new-{'x' * 19}, {SECRET}-new-, {SECRET}") == "[secret], [secret], [secret]"


def test_secrets_may_be_registered_while_others_are_scrubbed() -> None:
    over = threading.Event()

    def register() -> None:
        for number in range(300):
            redact.register_secret(f"made-up-token-{number}")
        over.set()

    thread = threading.Thread(target=register)
    thread.start()
    while not over.is_set():
        assert redact.scrub(f"x {SECRET}") == "x [secret]"
    thread.join()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the root logger writes after `install`, at DEBUG."""
    root, written = logging.getLogger(), io.StringIO()
    before = (list(root.handlers), root.level)
    root.handlers = [logging.StreamHandler(written)]
    redact.install(logging.DEBUG)
    yield written
    root.handlers, root.level = before[0], before[1]


def test_it_scrubs_messages_arguments_and_tracebacks(lines: io.StringIO) -> None:
    log = logging.getLogger("some.library")
    log.debug("calling %s with %r", "+919876500001", {"key": SECRET})
    try:
        raise ValueError(f"no such key {SECRET} at https://x.example.com/?authcode={SECRET}")
    except ValueError:
        log.exception("failed for 98765 00001")
    told = lines.getvalue()
    assert SECRET not in told
    assert "98765" not in told
    assert "ValueError: no such key [secret]" in told


def test_it_scrubs_the_http_librarys_own_lines(lines: io.StringIO) -> None:
    logging.getLogger("urllib3.connectionpool").debug(
        '"GET /api/x?authcode=%s HTTP/1.1" 200', "unknown-key-1"
    )
    assert "unknown-key-1" not in lines.getvalue()
    assert "/api/x?…" in lines.getvalue()


def test_installing_twice_scrubs_once(lines: io.StringIO) -> None:
    redact.install()
    for handler in logging.getLogger().handlers:
        assert [type(each) for each in handler.filters] == [redact.RedactingFilter]


def test_a_program_without_a_handler_gets_one_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    root.handlers = []
    try:
        redact.install()
        logging.getLogger("connector").info("for %s", "98765 00001")
    finally:
        root.handlers, root.level = before[0], before[1]
    assert capsys.readouterr().err.endswith("INFO connector: for …0001\n")


def test_what_ends_a_thread_is_told_without_a_number(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    redact.install()

    def end() -> None:
        raise ValueError("rang +91 98765 00001")

    thread = threading.Thread(target=end, name="watch")
    thread.start()
    thread.join()
    assert "watch ended by a fault" in caplog.text and "…0001" in caplog.text
    assert "98765" not in caplog.text
