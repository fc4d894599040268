"""JSON Web Tokens signed with HS256, as Pipedrive's panels and modals carry them in the query (`token`).

RFC 7515 and 7519, only what is needed: one algorithm, fixed here and never taken from the token.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from connector.signatures.request import (
    WINDOW,
    Options,
    Signed,
    Verified,
    as_bytes,
    from_base64,
    hmac_sha256,
    invalid,
    matches,
    near,
)

LONGEST_TOKEN = 8192
MOST_FIELDS = 100
#: A token good for longer than this (seconds) is a password, not a signature.
LONGEST_LIFE = 24 * 3600


def jwt(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """The query's `token` is a good HS256 token; it vouches for its claims only, not for query or body."""
    signed, _, signature = _token(request).rpartition(".")
    given = _from_base64url(signature)
    expected = [hmac_sha256(as_bytes(key), as_bytes(signed)) for key in secrets]
    if given is None or not matches(given, expected):
        raise invalid("the token's signature does not fit")
    parts = signed.split(".")
    if len(parts) != 2:
        raise invalid("the token has not three parts")
    head, claims = map(_object, parts)
    if head.get("alg") != "HS256" or "crit" in head:
        raise invalid("the token is not a plain HS256 token")
    _check_times(claims, now)
    return Verified(claims=claims)


def _token(request: Signed) -> str:
    query = request.url.partition("#")[0].partition("?")[2]
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        fields = []
    tokens = [value for key, value in fields if key == "token"]
    if len(tokens) != 1 or len(tokens[0]) > LONGEST_TOKEN:
        raise invalid("the query does not hold one `token`")
    return tokens[0]


def _from_base64url(text: str) -> bytes | None:
    if not text.isascii() or set("+/=") & set(text):
        return None
    return from_base64(text.translate({ord("-"): "+", ord("_"): "/"}) + "=" * (-len(text) % 4))


def _object(part: str) -> dict[str, Any]:
    raw = _from_base64url(part)
    try:
        value = json.loads(
            (raw or b"").decode(), object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise invalid("the token does not hold plain JSON objects")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    """It must say until when it is good, or be as young as any other signature."""
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if claims.get(name) is not None}
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in times.values()):
        raise invalid("the token's times are not numbers")
    moment = now.timestamp()
    if "exp" in times and not moment < times["exp"] <= moment + LONGEST_LIFE:
        raise invalid("the token is over, or good for longer than a day")
    if "exp" not in times and not ("iat" in times and near(times["iat"], now)):
        raise invalid(f"the token has no end and was not made within {WINDOW} seconds of our clock")
    if any(times.get(name, moment) > moment + WINDOW for name in ("iat", "nbf")):
        raise invalid("the token begins in the future")
