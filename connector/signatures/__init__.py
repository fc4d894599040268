"""Whether a request comes from who shares our secret: checked on raw bytes, before anything is parsed.

One scheme a connection, no fallback; several secrets, so that they can be changed without a gap; constant
time; signed moments within 300 seconds of our clock, both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from connector.signatures import hmacs, jwt, shared
from connector.signatures.request import WINDOW, Options, Signed, Verified, invalid

__all__ = ["SCHEMES", "WINDOW", "Options", "Signed", "Verified", "problem_with", "strong_enough", "verify"]

#: Every way a click may be authenticated, by the name the manifest uses (`clicks: {auth: …}`).
SCHEMES: dict[str, Callable[[Signed, Sequence[str], datetime, Options], Verified]] = {
    "token": shared.token,
    "bearer": shared.bearer,
    "basic": shared.basic,
    "header": shared.named_header,
    "standard-webhooks": hmacs.standard_webhooks,
    "hubspot-v3": hmacs.hubspot_v3,
    "hubspot-v2": hmacs.hubspot_v2,
    "frappe": hmacs.frappe,
    "espo": hmacs.espo,
    "hmac-sha256": hmacs.generic,
    "jwt": jwt.jwt,
    "bitrix24": shared.bitrix24,
}

_NO_OPTIONS = Options()
_AS_IS = re.compile(r"[!-~]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: How many characters of an alphabet hold 128 bits.
_STRONG = (
    (re.compile(r"[0-9]*"), 39),
    (re.compile(r"[0-9a-fA-F]*"), 32),
    (re.compile(r"[0-9A-Za-z_-]*"), 22),
)


def verify(
    scheme: str,
    request: Signed,
    secrets: Sequence[str],
    now: datetime,
    options: Options = _NO_OPTIONS,
) -> Verified:
    """Return what the signature vouches for; BadRequest (`signature_invalid`, 401) whatever is wrong.

    `scheme` is a key of `SCHEMES` (KeyError otherwise: the manifest is checked before), `now` is aware.
    An empty secret is no secret.
    """
    check, usable = SCHEMES[scheme], [secret for secret in secrets if secret]
    if not usable:
        raise invalid("no secret is set here for it")
    return check(request, usable, now, options)


def problem_with(scheme: str, secret: str) -> str | None:
    """Why `secret` can never work for `scheme`, as a sentence that does not show it; None when it can."""
    if not secret:
        return "The secret is empty."
    if scheme == "basic" and not all(secret.partition(":")):
        return "A secret for `basic` is written user:password."
    if scheme == "standard-webhooks" and hmacs.standard_webhooks_key(secret) is None:
        return (
            "A secret for `standard-webhooks` is whsec_ and the base64 of at least 16 bytes (24 are usual)."
        )
    if scheme in ("token", "bearer", "header") and not _AS_IS.fullmatch(secret):
        return f"A secret for `{scheme}` has no spaces and only letters, digits and signs of ASCII."
    return None


def strong_enough(secret: str) -> bool:
    """Whether a secret is long enough to hold 128 random bits: 22 URL-safe characters, or 32 of hex.

    A UUID is not: six of its bits are fixed, and not every maker draws the others at random.
    """
    if _UUID.fullmatch(secret) or len(set(secret)) < 8:
        return False
    length = next((length for alphabet, length in _STRONG if alphabet.fullmatch(secret)), 22)
    return len(secret) >= length
