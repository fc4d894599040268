"""Access tokens: client credentials or JWT bearer, one per process, renewed by one thread at a time.

Salesforce Help, "OAuth 2.0 Client Credentials Flow" and "OAuth 2.0 JWT Bearer Flow": neither gives a refresh
token nor says how long a token lives, so it is kept until Salesforce refuses it.

simple-salesforce can log in too, but tells a wrong secret and an outage apart by nothing, and its address is
fixed; so the token is asked for here and its client is used with the token.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import time
from typing import Any

import jwt

from connector import redact
from connector.addresses import Network
from connector.errors import AdminNeeded, TryAgain
from connector.http import Outgoing, Reply

WHO = "Salesforce"
_PATH = "services/oauth2/token"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Seconds an assertion is good for; Salesforce wants it short.
_JWT_LIFE = 180
#: Errors of the token endpoint that pass by themselves.
_PASSING = frozenset({"rate_limit_exceeded", "server_error", "temporarily_unavailable", "unknown_error"})


def base_url(settings: Mapping[str, Any]) -> str:
    """Where both the token and the API are: `base_url` if set, else the org's My Domain."""
    return str(settings.get("base_url") or f"https://{settings['domain']}.salesforce.com")


def audience(settings: Mapping[str, Any]) -> str:
    """The `aud` of a JWT: the login host, for a sandbox (`acme--uat.sandbox.my`) the test host."""
    if settings.get("audience"):
        return str(settings["audience"])
    return f"https://{'test' if '--' in str(settings.get('domain') or '') else 'login'}.salesforce.com"


class Login:
    """One connection's token."""

    def __init__(self, settings: Mapping[str, Any], named: Iterable[Network] = ()) -> None:
        self._settings = settings
        self._out = Outgoing(WHO, base_url(settings), named=named)
        self._lock = threading.Lock()
        self._token: str | None = None

    def token(self) -> str:
        """The token in use, asked for when there is none yet. Raises AdminNeeded, TryAgain."""
        return self._token or self.renewed(None)

    def renewed(self, stale: str | None) -> str:
        """A token other than `stale`; threads that were refused the same one share one new login."""
        with self._lock:
            if self._token is None or self._token == stale:
                self._token = None
                self._token = self._ask()
            return self._token

    def _ask(self) -> str:
        if self._settings.get("consumer_secret"):
            pair = f"{self._settings['consumer_key']}:{self._settings['consumer_secret']}"
            basic = base64.b64encode(pair.encode()).decode()
            redact.register_secret(basic)
            headers, form = {"Authorization": f"Basic {basic}"}, {"grant_type": "client_credentials"}
        else:
            headers, form = {}, {"grant_type": _JWT_GRANT, "assertion": self._assertion()}
        reply = self._out.send("POST", _PATH, data=form, headers=headers)
        answer = _object(reply)
        token = answer.get("access_token")
        if (
            reply.status == 200
            and isinstance(token, str)
            and token.isascii()
            and token.isprintable()
            and token
        ):
            redact.register_secret(token)
            return token
        raise _refusal(reply, answer)

    def _assertion(self) -> str:
        claims = {
            "iss": self._settings["consumer_key"],
            "sub": self._settings["username"],
            "aud": audience(self._settings),
            "exp": int(time()) + _JWT_LIFE,
        }
        try:
            assertion = jwt.encode(claims, self._private_key(), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise AdminNeeded(
                "crm_key_unreadable",
                "The Salesforce private key is not an RSA key in PEM form without a passphrase.",
            ) from None
        redact.register_secret(assertion)
        return assertion

    def _private_key(self) -> str:
        if self._settings.get("private_key"):
            return str(self._settings["private_key"])
        try:
            return Path(self._settings["private_key_file"]).read_text("ascii")
        except (OSError, UnicodeError) as error:
            raise AdminNeeded(
                "crm_key_unreadable",
                f"The Salesforce private_key_file cannot be read ({type(error).__name__}).",
            ) from None


def _object(reply: Reply) -> Mapping[str, Any]:
    try:
        value = reply.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _refusal(reply: Reply, answer: Mapping[str, Any]) -> AdminNeeded | TryAgain:
    error = str(answer.get("error") or f"status {reply.status}")[:80]
    told = str(answer.get("error_description") or "")[:200]
    said = redact.scrub(f"{error}: {told}" if told else error)
    if (
        reply.status >= 500
        or reply.status == 429
        or error in _PASSING
        or "login rate exceeded" in told.lower()
    ):
        return TryAgain("crm_login_failed", f"Salesforce could not log us in just now ({said}).")
    if 300 <= reply.status < 400:
        return AdminNeeded(
            "crm_redirected",
            "Salesforce redirected the login: set `domain` to the org's My Domain, like `acme.my`.",
        )
    return AdminNeeded(
        "crm_unauthorised",
        f"Salesforce refused our login ({said}): check the consumer key, its secret or private key, "
        "and that the app has a user to run as.",
    )
