"""Schemes in which the secret itself comes along. None of them tells a replay from the first time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from connector.signatures.request import (
    Options,
    Signed,
    Verified,
    as_bytes,
    from_base64,
    header,
    invalid,
    matches,
)

#: Fields of the largest form that is read before it is known who sent it.
MOST_FIELDS = 200
_AUTHORIZATION = re.compile(r"(bearer|basic) +([^ ]+)", re.IGNORECASE)


def token(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """The secret is part of the path, for senders that can do nothing else (Odoo, Salesforce's messages)."""
    if not request.path_token:
        raise invalid("the token in the path is missing")
    return _one_of(as_bytes(request.path_token), secrets, "the token in the path is not ours")


def bearer(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`Authorization: Bearer SECRET` (RFC 6750)."""
    return _one_of(as_bytes(_authorization(request, "bearer")), secrets, "the bearer token is not ours")


def basic(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`Authorization: Basic …` (RFC 7617); the secret is `user:password` (Pipedrive webhooks)."""
    given = from_base64(_authorization(request, "basic"))
    if given is None:
        raise invalid("the user and password are not proper base64")
    return _one_of(given, secrets, "the user or password is not ours")


def named_header(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """The secret is the value of a header the admin named in the CRM (`X-Api-Key` unless told)."""
    name = options.header or "X-Api-Key"
    return _one_of(as_bytes(header(request, name)), secrets, f"the header {name} does not hold our secret")


def bitrix24(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """The application's token is the field `auth[application_token]` of the form Bitrix24 posts."""
    try:
        pairs = parse_qsl(request.body.decode("utf-8"), max_num_fields=MOST_FIELDS)
    except ValueError:
        pairs = []
    given = [value for key, value in pairs if key == "auth[application_token]"]
    if len(given) != 1:
        raise invalid("the form does not hold one auth[application_token]")
    return _one_of(as_bytes(given[0]), secrets, "the field auth[application_token] is not ours")


def _authorization(request: Signed, scheme: str) -> str:
    found = _AUTHORIZATION.fullmatch(header(request, "Authorization"))
    if not found or found[1].lower() != scheme:
        raise invalid(f"the header Authorization is not of the kind {scheme.capitalize()}")
    return found[2]


def _one_of(given: bytes, secrets: Sequence[str], why: str) -> Verified:
    # Digests are of one length: not even the secret's length shows in the time taken.
    if not matches(_digest(given), [_digest(as_bytes(secret)) for secret in secrets]):
        raise invalid(why)
    return Verified()


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
