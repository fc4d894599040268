"""Schemes that sign the raw bytes with a shared secret.

Sources: Standard Webhooks specification; HubSpot, "Validating requests"; Frappe, "Webhooks";
EspoCRM, "Webhooks" and its source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from connector.errors import BadRequest
from connector.signatures.request import (
    WINDOW,
    Options,
    Signed,
    Verified,
    as_bytes,
    base64_of,
    from_base64,
    header,
    hmac_sha256,
    invalid,
    matches,
    near,
    optional_header,
)

_SECONDS = re.compile(r"[1-9][0-9]{0,11}")
#: Exactly 13 digits: the body stands right before the timestamp, and no digit may move between them.
_MILLISECONDS = re.compile(r"[1-9][0-9]{12}")
#: No dot: `a` + `1.{}` and `a.1` + `{}` would have one signature.
_DELIVERY = re.compile(r"[!-\-/-~]{1,255}")
_ENTRY = re.compile(r"v[0-9]+[a-z]?,[A-Za-z0-9+/=_-]+")
#: The only escapes HubSpot undoes in the address before it signs.
_HUBSPOT_ESCAPE = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)

#: Shorter Standard Webhooks keys (bytes) hold less than 128 bits.
SHORTEST_KEY = 16


def standard_webhooks(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`webhook-id`, `-timestamp`, `-signature` (`v1`); a secret is `whsec_` and base64. Delivery: the id."""
    delivery, moment = header(request, "webhook-id"), header(request, "webhook-timestamp")
    given = [one for one in header(request, "webhook-signature").split(" ") if one]
    if not _DELIVERY.fullmatch(delivery):
        raise invalid("the header webhook-id holds a dot or another sign that is not allowed")
    if not _SECONDS.fullmatch(moment) or not near(int(moment), now):
        raise _not_now("webhook-timestamp")
    message = as_bytes(f"{delivery}.{moment}.") + request.body
    keys = [key for key in map(standard_webhooks_key, secrets) if key]
    expected = [b"v1," + base64_of(hmac_sha256(key, message)) for key in keys]
    # A doubled header that a server has joined with a comma is no list.
    if not all(map(_ENTRY.fullmatch, given)):
        raise _no_match("webhook-signature")
    if not any(matches(as_bytes(one), expected) for one in given):
        raise _no_match("webhook-signature")
    return Verified(delivery)


def standard_webhooks_key(secret: str) -> bytes | None:
    """The key in `whsec_…`; None when that is no base64 of at least 128 bits."""
    key = from_base64(secret.removeprefix("whsec_"))
    return key if key and len(key) >= SHORTEST_KEY else None


def hubspot_v3(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`X-HubSpot-Signature-v3` over method, address, body and the timestamp in milliseconds."""
    moment = header(request, "X-HubSpot-Request-Timestamp")
    given = as_bytes(header(request, "X-HubSpot-Signature-v3"))
    if not _MILLISECONDS.fullmatch(moment) or not near(int(moment) / 1000, now):
        raise _not_now("X-HubSpot-Request-Timestamp")
    url = _HUBSPOT_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), request.url)
    message = as_bytes(request.method.upper() + url) + request.body + as_bytes(moment)
    return _one_of(
        given, [base64_of(hmac_sha256(as_bytes(key), message)) for key in secrets], "X-HubSpot-Signature-v3"
    )


def hubspot_v2(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`X-HubSpot-Signature` of workflows; no timestamp, so a replay verifies for ever: prefer v3.

    A plain hash, no HMAC: bytes can be added behind a body once seen, but none that leave it proper JSON.
    """
    if optional_header(request, "X-HubSpot-Signature-Version") not in (None, "v2"):
        raise invalid("the header X-HubSpot-Signature-Version is not v2")
    given = as_bytes(header(request, "X-HubSpot-Signature"))
    message = as_bytes(request.method.upper() + request.url) + request.body
    expected = [hashlib.sha256(as_bytes(key) + message).hexdigest().encode() for key in secrets]
    return _one_of(given, expected, "X-HubSpot-Signature")


def frappe(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`X-Frappe-Webhook-Signature` over the body, in base64; a replay verifies for ever."""
    given = as_bytes(header(request, "X-Frappe-Webhook-Signature"))
    expected = [base64_of(hmac_sha256(as_bytes(key), request.body)) for key in secrets]
    return _one_of(given, expected, "X-Frappe-Webhook-Signature")


def espo(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """`Signature`, base64 of `id:` and the hex HMAC of the body; up to EspoCRM 8 `X-Signature`, raw bytes.

    Both are the same HMAC, so neither is weaker; whichever is there must be right. The id is not signed.
    """
    present = {name: optional_header(request, name) for name in ("Signature", "X-Signature")}
    if not any(present.values()):
        raise invalid("the header Signature is missing")
    macs = [hmac_sha256(as_bytes(key), request.body) for key in secrets]
    written = {"Signature": [mac.hex().encode() for mac in macs], "X-Signature": macs}
    for name, value in present.items():
        if value is not None:
            _one_of((from_base64(value) or b"").partition(b":")[2], written[name], name)
    return Verified()


def generic(request: Signed, secrets: Sequence[str], now: datetime, options: Options) -> Verified:
    """A header (`X-Signature` unless told) over the body, hex or base64, with or without `sha256=` before it.

    A replay verifies for ever.
    """
    name = options.header or "X-Signature"
    given = as_bytes(header(request, name).removeprefix("sha256="))
    macs = [hmac_sha256(as_bytes(key), request.body) for key in secrets]
    if options.encoding == "base64":
        return _one_of(given, map(base64_of, macs), name)
    return _one_of(given, [text.encode() for mac in macs for text in (mac.hex(), mac.hex().upper())], name)


def _one_of(given: bytes, expected: Iterable[bytes], name: str) -> Verified:
    if not matches(given, expected):
        raise _no_match(name)
    return Verified()


def _no_match(name: str) -> BadRequest:
    return invalid(f"the header {name} does not fit the request")


def _not_now(name: str) -> BadRequest:
    return invalid(f"the header {name} is not a moment within {WINDOW} seconds of our clock")
