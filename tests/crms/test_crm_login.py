"""Access tokens by OAuth: got once, shared by all, renewed once, sealed wherever they are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses

from connector import redact
from connector.crms.base_login import Grant, Login
from connector.crms.base_tokens import ProcessTokens, Tokens
from connector.errors import AdminNeeded, JournalDown, TryAgain
from connector.journal import Journal
from connector.journal.tokens import KeptTokens

URL = "https://accounts.example.com/oauth/token"
SECRET, FIRST = "canary-of-client-secret", "canary-of-refresh-token"


class Desk:
    """A token endpoint: each login gives the next access token, and a new refresh token where told to."""

    def __init__(self, net: responses.RequestsMock, *, rotating: bool = False, **more: Any) -> None:
        self.rotating, self.more, self.forms = rotating, more, list[dict[str, str]]()
        self._lock = threading.Lock()
        net.add_callback("POST", URL, callback=self.answer)

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        with self._lock:
            self.forms.append({key: value[0] for key, value in parse_qs(str(request.body)).items()})
            number = len(self.forms)
        again = {"refresh_token": f"refresh-token-{number}"} if self.rotating else {}
        given = {"access_token": f"access-token-{number}", "expires_in": 3600, **again, **self.more}
        return 200, {}, json.dumps(given)


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    yield opened
    opened.close()


class Now:
    """A clock in a test's hands."""

    def __init__(self) -> None:
        self.now = 1_772_433_030.0

    def __call__(self) -> float:
        return self.now


def grant(refresh: str | None = FIRST, secret: str = SECRET) -> Grant:
    form = {"grant_type": "refresh_token", "client_id": "made-up", "client_secret": secret}
    return Grant("https://accounts.example.com", "oauth/token", form, refresh)


def login(tokens: Tokens | None = None, clock: Now | None = None, **changes: Any) -> Login:
    return Login("Example", "crm", grant(**changes), tokens=tokens, clock=clock or Now())


def test_it_logs_in_when_a_token_is_needed_and_keeps_it(net: responses.RequestsMock) -> None:
    desk, ours = Desk(net, api_domain="https://api.example.com"), login()
    assert desk.forms == []
    assert [ours.token(), ours.token()] == ["access-token-1"] * 2
    assert desk.forms == [
        {
            "grant_type": "refresh_token",
            "client_id": "made-up",
            "client_secret": SECRET,
            "refresh_token": FIRST,
        }
    ]
    assert ours.told()["api_domain"] == "https://api.example.com"


def test_it_asks_again_a_minute_before_the_tokens_end(net: responses.RequestsMock) -> None:
    Desk(net)
    clock = Now()
    ours = login(clock=clock)
    ours.token()
    clock.now += 3539
    assert ours.token() == "access-token-1"
    clock.now += 2
    assert ours.token() == "access-token-2"


def test_of_twenty_threads_that_were_refused_one_logs_in(net: responses.RequestsMock) -> None:
    desk, ours = Desk(net), login()
    stale = ours.token()
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ours.renewed, [stale] * 20)) == {"access-token-2"}
    assert len(desk.forms) == 2


def test_a_new_refresh_token_takes_the_place_of_the_old_one(net: responses.RequestsMock) -> None:
    desk, ours = Desk(net, rotating=True), login()
    for _ in range(3):
        ours.renewed(ours.token())
    assert [form["refresh_token"] for form in desk.forms] == [
        FIRST,
        "refresh-token-1",
        "refresh-token-2",
        "refresh-token-3",
    ]


def test_a_basic_header_carries_the_credentials_where_the_vendor_wants_that(
    net: responses.RequestsMock,
) -> None:
    Desk(net)
    form = {"grant_type": "refresh_token"}
    basic = Grant("https://accounts.example.com", "oauth/token", form, FIRST, ("made-up", SECRET))
    Login("Example", "crm", basic).token()
    assert (
        net.calls[0].request.headers["Authorization"] == "Basic bWFkZS11cDpjYW5hcnktb2YtY2xpZW50LXNlY3JldA=="
    )


# -- Kept where all processes see it -------------------------------------------------------------------------


def test_another_process_uses_the_same_token(net: responses.RequestsMock, journal: Journal) -> None:
    desk = Desk(net, rotating=True)
    ours, theirs = login(KeptTokens(journal)), login(KeptTokens(journal))
    assert ours.token() == theirs.token() == "access-token-1"
    assert ours.renewed("access-token-1") == theirs.renewed("access-token-1") == "access-token-2"
    assert len(desk.forms) == 2


def test_after_a_restart_it_goes_on_with_the_refresh_token_it_was_given(
    net: responses.RequestsMock, journal: Journal
) -> None:
    desk = Desk(net, rotating=True)
    login(KeptTokens(journal)).token()
    again = login(KeptTokens(journal))
    again.renewed(again.token())
    assert [form["refresh_token"] for form in desk.forms] == [FIRST, "refresh-token-1"]


def test_new_credentials_in_the_manifest_make_the_kept_token_void(
    net: responses.RequestsMock, journal: Journal
) -> None:
    desk = Desk(net, rotating=True)
    login(KeptTokens(journal)).token()
    assert login(KeptTokens(journal), refresh="another-refresh-token").token() == "access-token-2"
    assert desk.forms[1]["refresh_token"] == "another-refresh-token"


def test_whoever_reads_the_database_reads_no_token(
    net: responses.RequestsMock, journal: Journal, tmp_path: Path
) -> None:
    Desk(net, rotating=True)
    login(KeptTokens(journal)).token()
    journal.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"token crm" in kept
    for hidden in (b"access-token-1", b"refresh-token-1", FIRST.encode(), SECRET.encode()):
        assert hidden not in kept


@pytest.mark.parametrize("kept", [False, True])
def test_one_holder_at_a_time_renews(kept: bool, journal: Journal) -> None:
    tokens: Tokens = KeptTokens(journal) if kept else ProcessTokens()
    assert [tokens.lease("crm", 20), tokens.lease("crm", 20), tokens.lease("other", 20)] == [
        True,
        False,
        True,
    ]
    tokens.release("crm")
    assert tokens.lease("crm", 20)
    tokens.put("crm", "sealed")
    assert tokens.get("crm") == "sealed"
    assert tokens.lease("crm", 0)
    assert tokens.lease("crm", 20)  # the one before was for no time at all


def test_it_takes_what_another_process_gets_while_it_waits(net: responses.RequestsMock) -> None:
    Desk(net)
    looked = threading.Event()

    class Busy(ProcessTokens):
        def lease(self, name: str, seconds: float) -> bool:
            looked.set()
            return False

    busy = Busy()
    other = login(ProcessTokens())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(login(busy).token)
        assert looked.wait(5)
        busy.put("crm", other._sealed(other._ask(None)))
        assert waiting.result(5) == "access-token-1"


def test_a_login_that_could_not_be_kept_is_kept_at_the_next(net: responses.RequestsMock) -> None:
    desk = Desk(net, rotating=True)

    class Full(ProcessTokens):
        full = True

        def put(self, name: str, sealed: str) -> None:
            self.release(name)
            if self.full:
                raise JournalDown("journal_down", "The disk is full.")
            super().put(name, sealed)

    tokens = Full()
    ours = login(tokens)
    with pytest.raises(JournalDown):
        ours.token()
    tokens.full = False
    assert ours.token() == "access-token-1"
    ours.renewed("access-token-1")
    assert [form["refresh_token"] for form in desk.forms] == [FIRST, "refresh-token-1"]


# -- What goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, '{"error": "invalid_grant", "error_description": "old"}', AdminNeeded, "invalid_grant: old"),
        (401, "<html>", AdminNeeded, "status 401"),
        (200, '{"error": "invalid_code"}', AdminNeeded, "invalid_code"),
        (200, '{"access_token": ""}', AdminNeeded, "status 200"),
        (200, '{"access_token": "two\\nlines"}', AdminNeeded, "status 200"),
        (200, "[]", AdminNeeded, "status 200"),
        (302, "", AdminNeeded, "redirected"),
        (429, "{}", TryAgain, "just now"),
        (500, "<html>", TryAgain, "just now"),
        (400, '{"error": "slow_down"}', TryAgain, "slow_down"),
        (
            200,
            '{"error": "Access Denied", "error_description": "You have made too many requests."}',
            TryAgain,
            "too many requests",
        ),
        (200, '{"error": "invalid_code"}', AdminNeeded, "invalid_code"),
    ],
)  # fmt: skip
def test_a_refused_login_says_why(
    net: responses.RequestsMock, status: int, body: str, kind: type[Exception], says: str
) -> None:
    net.add("POST", URL, status=status, body=body)
    ours = login()
    with pytest.raises(kind, match=says):
        ours.token()
    net.replace("POST", URL, json={"access_token": "good-at-last"})
    assert ours.token() == "good-at-last"  # the lease was given back


def test_no_secret_of_it_is_shown(net: responses.RequestsMock) -> None:
    Desk(net, rotating=True)
    ours = login()
    ours.token()
    assert SECRET not in repr(ours) + repr(grant()) and FIRST not in repr(grant())
    shown = redact.scrub(f"{SECRET} {FIRST} access-token-1 refresh-token-1")
    assert shown == "[secret] [secret] [secret] [secret]"
