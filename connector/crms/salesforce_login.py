"""Access tokens: client credentials or JWT bearer.

Salesforce Help, "OAuth 2.0 Client Credentials Flow" and "OAuth 2.0 JWT Bearer Flow": neither gives a refresh
token nor says how long a token lives, so it is kept until Salesforce refuses it.

simple-salesforce can log in too, but tells a wrong secret and an outage apart by nothing, and its address is
fixed; so the token is asked for by our own `Login` and its client is used with the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import Any

import jwt

from connector.crms.base import Account
from connector.crms.base_login import Grant, Login
from connector.crms.base_oauth import login_of
from connector.errors import AdminNeeded

WHO = "Salesforce"
_PATH = "services/oauth2/token"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Seconds an assertion is good for; Salesforce wants it short.
_JWT_LIFE = 180
_ADVICE = "check the consumer key, its secret or private key, and that the app has a user to run as"
_MOVED = "set `domain` to the org's My Domain, like `acme.my`"


def base_url(settings: Mapping[str, Any]) -> str:
    """Where both the token and the API are: `base_url` if set, else the org's My Domain."""
    return str(settings.get("base_url") or f"https://{settings['domain']}.salesforce.com")


def audience(settings: Mapping[str, Any]) -> str:
    """The `aud` of a JWT: the login host, for a sandbox (`acme--uat.sandbox.my`) the test host."""
    if settings.get("audience"):
        return str(settings["audience"])
    return f"https://{'test' if '--' in str(settings.get('domain') or '') else 'login'}.salesforce.com"


def login(account: Account) -> Login:
    """The account's way to a token, shared by its threads and processes."""
    settings = account.settings
    if settings.get("consumer_secret"):
        grant = Grant(
            base_url(settings),
            _PATH,
            {"grant_type": "client_credentials"},
            basic=(settings["consumer_key"], settings["consumer_secret"]),
            advice=_ADVICE,
            moved=_MOVED,
        )
    else:
        grant = Grant(
            base_url(settings),
            _PATH,
            {"grant_type": _JWT_GRANT},
            assertion=lambda: _assertion(settings),
            key=f"{settings['consumer_key']} {settings['username']} {settings.get('private_key') or ''}",
            advice=_ADVICE,
            moved=_MOVED,
        )
    return login_of(WHO, account, grant)


def _assertion(settings: Mapping[str, Any]) -> str:
    claims = {
        "iss": settings["consumer_key"],
        "sub": settings["username"],
        "aud": audience(settings),
        "exp": int(time()) + _JWT_LIFE,
    }
    try:
        return jwt.encode(claims, _private_key(settings), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise AdminNeeded(
            "crm_key_unreadable",
            "The Salesforce private key is not an RSA key in PEM form without a passphrase.",
        ) from None


def _private_key(settings: Mapping[str, Any]) -> str:
    if settings.get("private_key"):
        return str(settings["private_key"])
    try:
        return Path(settings["private_key_file"]).read_text("ascii")
    except (OSError, UnicodeError) as error:
        raise AdminNeeded(
            "crm_key_unreadable",
            f"The Salesforce private_key_file cannot be read ({type(error).__name__}).",
        ) from None
