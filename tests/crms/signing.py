"""Signs a request as each scheme's sender does, without a line of the connector's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

import jwt


@dataclass(frozen=True)
class Sent:
    """One request as a CRM sends it."""

    #: Behind the host: `/hooks/crm`.
    target: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


#: What a secret of a scheme looks like, made from a word.
def secret_for(scheme: str, word: str) -> str:
    raw = hashlib.sha256(word.encode()).hexdigest()[:32]
    if scheme == "basic":
        return f"crm:{raw}"
    if scheme == "standard-webhooks":
        return "whsec_" + base64.b64encode(raw.encode()).decode()
    return raw


def signed(scheme: str, secret: str, host: str, sent: Sent, now: float) -> Sent:
    """The request with its signature of this moment (seconds since 1970)."""
    return _SIGN[scheme](secret, host, sent, now)


def _with(sent: Sent, **headers: str) -> Sent:
    return replace(sent, headers={**sent.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _mac(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def _hubspot_v3(secret: str, host: str, sent: Sent, now: float) -> Sent:
    stamp = str(int(now * 1000))
    message = f"POST{host}{sent.target}".encode() + sent.body + stamp.encode()
    return _with(sent, X_HubSpot_Signature_v3=_b64(_mac(secret, message)), X_HubSpot_Request_Timestamp=stamp)


def _hubspot_v2(secret: str, host: str, sent: Sent, now: float) -> Sent:
    message = f"{secret}POST{host}{sent.target}".encode() + sent.body
    return _with(
        sent, X_HubSpot_Signature=hashlib.sha256(message).hexdigest(), X_HubSpot_Signature_Version="v2"
    )


def _standard(secret: str, host: str, sent: Sent, now: float) -> Sent:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    name = hashlib.sha256(sent.body).hexdigest()[:12]
    message = f"{name}.{int(now)}.".encode() + sent.body
    made = _b64(hmac.new(key, message, hashlib.sha256).digest())
    return _with(sent, webhook_id=name, webhook_timestamp=str(int(now)), webhook_signature=f"v1,{made}")


def _jwt(secret: str, host: str, sent: Sent, now: float) -> Sent:
    claims = {"userId": 7, "companyId": 3, "iat": int(now), "exp": int(now) + 300}
    token = jwt.encode(claims, secret, algorithm="HS256")
    return replace(sent, target=f"{sent.target}{'&' if '?' in sent.target else '?'}token={token}")


def _bitrix24(secret: str, host: str, sent: Sent, now: float) -> Sent:
    name = "auth[application_token]"
    fields = [(key, value) for key, value in parse_qsl(sent.body.decode()) if key != name]
    return replace(sent, body=urlencode([*fields, (name, secret)]).encode())


def _generic(secret: str, host: str, sent: Sent, now: float) -> Sent:
    return _with(sent, X_Signature=_mac(secret, sent.body).hex())


def _frappe(secret: str, host: str, sent: Sent, now: float) -> Sent:
    return _with(sent, X_Frappe_Webhook_Signature=_b64(_mac(secret, sent.body)))


def _espo(secret: str, host: str, sent: Sent, now: float) -> Sent:
    return _with(sent, Signature=_b64(b"6b03:" + _mac(secret, sent.body).hex().encode()))


def _path(secret: str, host: str, sent: Sent, now: float) -> Sent:
    path, mark, query = sent.target.partition("?")
    return replace(sent, target=f"{path}/{secret}{mark}{query}")


_SIGN: dict[str, Callable[[str, str, Sent, float], Sent]] = {
    "token": _path,
    "bearer": lambda secret, host, sent, now: _with(sent, Authorization=f"Bearer {secret}"),
    "basic": lambda secret, host, sent, now: _with(sent, Authorization=f"Basic {_b64(secret.encode())}"),
    "header": lambda secret, host, sent, now: _with(sent, X_Api_Key=secret),
    "standard-webhooks": _standard,
    "hubspot-v3": _hubspot_v3,
    "hubspot-v2": _hubspot_v2,
    "frappe": _frappe,
    "espo": _espo,
    "hmac-sha256": _generic,
    "jwt": _jwt,
    "bitrix24": _bitrix24,
}
#: Schemes whose signature holds a moment: an old one is refused.
DATED = frozenset({"standard-webhooks", "hubspot-v3", "jwt"})
