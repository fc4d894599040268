"""OAuth access tokens: one per connection, renewed by one thread of one process at a time, kept sealed.

RFC 6749, 4.4 (client credentials), 5 (answers), 6 (refresh tokens: a new one may replace the old).
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from connector import redact
from connector.addresses import Network
from connector.crms.base_said import body_of
from connector.crms.base_tokens import ProcessTokens, Tokens
from connector.errors import AdminNeeded, TryAgain
from connector.http import Outgoing, Reply

#: A token is no longer used so many seconds before its end: clocks differ, and requests take time.
_EARLY = 60.0
#: Longer than the slowest login; how long others wait for whoever is logging in, and how often they look.
_LEASE, _PATIENCE, _LOOK = 20.0, 10.0, 0.1
#: OAuth errors that pass by themselves, whatever status they come with.
_PASSING = frozenset(
    {"rate_limit_exceeded", "server_error", "temporarily_unavailable", "unknown_error", "slow_down"}
)
#: How Salesforce and Zoho word it, each with an `error` that means other things as well.
_TOO_OFTEN = ("login rate exceeded", "too many requests")


@dataclass(frozen=True, slots=True)
class Grant:
    """How one account gets its tokens: where, and with what."""

    base_url: str
    path: str
    #: `grant_type` and whatever goes with it, all but the refresh token.
    form: Mapping[str, str] = field(repr=False)
    #: The first refresh token, where tokens are renewed by one.
    refresh_token: str | None = field(default=None, repr=False)
    #: Client id and secret, where they go into an `Authorization: Basic` header.
    basic: tuple[str, str] | None = field(default=None, repr=False)
    #: Makes the `assertion` of each login, where that takes the place of a secret (RFC 7523), and with what.
    assertion: Callable[[], str] | None = field(default=None, repr=False)
    key: str = field(default="", repr=False)
    #: What to do about a refusal, for the end of its sentence.
    advice: str = "renew the connection's credentials"
    #: What to do when the login is redirected.
    moved: str = "set the connection to the final address"

    def secrets(self) -> list[str]:
        """Everything in it that may never be shown."""
        return [value for key, value in self.form.items() if "secret" in key] + [
            *filter(None, [self.refresh_token, self.basic and self.basic[1]])
        ]


@dataclass(frozen=True, slots=True)
class _Held:
    """What the last login gave, and until when (seconds since 1970) it is good; None: until it is refused."""

    access: str
    until: float | None
    refresh: str | None
    answer: Mapping[str, Any]


class Login:
    """One connection's access token. Every method raises AdminNeeded (`crm_unauthorised`) or TryAgain."""

    def __init__(
        self,
        who: str,
        name: str,
        grant: Grant,
        *,
        tokens: Tokens | None = None,
        named: Iterable[Network] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._who, self._name, self._grant, self._clock = who, name, grant, clock
        self._tokens = tokens or ProcessTokens()
        self._out = Outgoing(who, grant.base_url, named=named)
        self._seal = Fernet(_key_of(grant))
        self._lock = threading.Lock()
        self._held: _Held | None = None
        #: The last login, while it could not be kept: its refresh token may be the only good one.
        self._owed: _Held | None = None
        for secret in grant.secrets():
            redact.register_secret(secret)

    def token(self) -> str:
        """The token in use; asked for when there is none yet or it is nearly over."""
        held = self._held
        return held.access if held and self._good(held) else self.renewed(held.access if held else None)

    def renewed(self, stale: str | None) -> str:
        """A token other than `stale`; all who were refused the same one share one new login."""
        with self._lock:
            if self._held is None or self._held.access == stale or not self._good(self._held):
                self._held = self._shared(stale)
            return self._held.access

    def told(self) -> Mapping[str, Any]:
        """What else the vendor said when it gave the token (`api_domain`, `scope` …)."""
        self.token()
        return self._held.answer if self._held else {}

    def _good(self, held: _Held) -> bool:
        return held.until is None or self._clock() < held.until

    def _shared(self, stale: str | None) -> _Held:
        """What another process got meanwhile, or a new login of ours while no other process makes one."""
        ended, pause = time.monotonic() + _PATIENCE, threading.Event()
        if self._owed:
            self._keep(self._owed)
        while True:
            held = self._kept()
            if held and held.access != stale and self._good(held):
                return held
            if self._tokens.lease(self._name, _LEASE):
                break
            if time.monotonic() > ended:
                raise TryAgain("crm_login_failed", f"Another process is still logging in to {self._who}.")
            pause.wait(_LOOK)
        held = self._kept()  # it may have come between our look and our lease
        if held and held.access != stale and self._good(held):
            self._tokens.release(self._name)
            return held
        try:
            held = self._ask(held.refresh if held else None)
        except (AdminNeeded, TryAgain):
            self._tokens.release(self._name)
            raise
        self._keep(held)
        return held

    def _keep(self, held: _Held) -> None:
        self._owed = held
        self._tokens.put(self._name, self._sealed(held))
        self._owed = None

    def _ask(self, refresh: str | None) -> _Held:
        grant, headers = self._grant, {}
        refresh = refresh or grant.refresh_token
        form = {**grant.form, **({"refresh_token": refresh} if refresh else {})}
        if grant.assertion:
            form["assertion"] = grant.assertion()
            redact.register_secret(form["assertion"])
        if grant.basic:
            basic = base64.b64encode(":".join(grant.basic).encode()).decode()
            redact.register_secret(basic)
            headers["Authorization"] = f"Basic {basic}"
        reply = self._out.send("POST", grant.path, data=form, headers=headers)
        answer = body_of(reply)
        access, lives, again = (answer.get(key) for key in ("access_token", "expires_in", "refresh_token"))
        if not 200 <= reply.status < 300 or not isinstance(access, str) or not _fits_a_header(access):
            raise _refusal(self._who, reply, answer, grant)
        again = again if isinstance(again, str) and again else refresh
        for secret in (access, again):
            redact.register_secret(secret)
        until = None
        if isinstance(lives, int | float | str) and str(lives).isdecimal():
            until = self._clock() + max(float(lives) - _EARLY, _EARLY)
        others = {key: value for key, value in answer.items() if not key.endswith("_token")}
        return _Held(access, until, again, others)

    def _sealed(self, held: _Held) -> str:
        plain = json.dumps([held.access, held.until, held.refresh, dict(held.answer)])
        return self._seal.encrypt(plain.encode()).decode()

    def _kept(self) -> _Held | None:
        """What is kept, if it was sealed with the credentials we have now."""
        sealed = self._tokens.get(self._name)
        if sealed is None:
            return None
        try:
            held = _Held(*json.loads(self._seal.decrypt(sealed.encode())))
        except InvalidToken:
            return None
        for secret in (held.access, held.refresh):
            redact.register_secret(secret)
        return held


def _key_of(grant: Grant) -> bytes:
    """A key that only the credentials make: with new ones, the old tokens cannot be read."""
    told = json.dumps(
        [grant.base_url, sorted(grant.form.items()), grant.refresh_token, grant.basic, grant.key]
    )
    return base64.urlsafe_b64encode(hashlib.sha256(told.encode()).digest())


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _refusal(who: str, reply: Reply, answer: Mapping[str, Any], grant: Grant) -> AdminNeeded | TryAgain:
    """What a token endpoint's refusal means; its `error` and `error_description` stand in the sentence."""
    error = str(answer.get("error") or f"status {reply.status}")[:80]
    told = str(answer.get("error_description") or "")[:200]
    said = redact.scrub(f"{error}: {told}" if told else error)
    passing = error in _PASSING or any(words in told.lower() for words in _TOO_OFTEN)
    if reply.status >= 500 or reply.status == 429 or passing:
        return TryAgain("crm_login_failed", f"{who} could not log us in just now ({said}).")
    if 300 <= reply.status < 400:
        return AdminNeeded("crm_redirected", f"{who} redirected the login: {grant.moved}.")
    return AdminNeeded("crm_unauthorised", f"{who} refused our login ({said}): {grant.advice}.")
