"""CallerDesk: the one place that can ring a phone, and the account's reading calls beside it.

Usable by itself: `CallerDesk(authcode).reverse_c2c("+919876500001", "+919876500002", "08060000001")`.

    what came back                                            what it means          raised
    --------------------------------------------------------  ---------------------  -------------------
    JSON with type `success`, whatever the HTTP status        accepted               (a Placed)
    JSON with type `error`, whatever the HTTP status          surely not placed      Refused and its kin
    no connection: DNS, address, refused, TLS, time-out       surely not sent        NotPlaced
    anything else: time-out, reset, 3xx, no JSON, new type    a phone may be ringing Unclear
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from connector import redact
from connector.addresses import Network
from connector.callerdesk.account import Account
from connector.callerdesk.fields import text
from connector.callerdesk.once import Lost, Once
from connector.callerdesk.refusals import refusal_of
from connector.callerdesk.request import MaskedRequest, dial_request
from connector.errors import AdminNeeded, ConnectorError, NotPlaced, Unclear
from connector.http import reach_of

BASE_URL = "https://app.callerdesk.io/api/"
#: Reverse click-to-call, B party = member number. Source: a white label's reprint and public integrations.
ENDPOINT = "click_to_call_v3"

_ENDPOINT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


@dataclass(frozen=True, slots=True)
class Placed:
    """CallerDesk accepted the call (it does not say that a phone rings): its ids and its own words."""

    campid: str | None
    callerid: str | None = field(repr=False)
    message: str
    raw: Mapping[str, Any] = field(repr=False)


class CallerDesk(Account):
    """One CallerDesk account. Instances are shared between threads and cannot be pickled: they hold the key.

    `base_url` is https (plain http for loopback only); white labels have their own base URL and endpoint.
    `timeout` is seconds to connect and seconds to wait for an answer, `named` the private networks CallerDesk
    may be in. ValueError when a setting cannot work.
    """

    def __init__(
        self,
        authcode: str,
        base_url: str = BASE_URL,
        endpoint: str = ENDPOINT,
        timeout: tuple[float, float] = (3.05, 6.5),
        named: Iterable[Network] = (),
    ) -> None:
        super().__init__(authcode, base_url, timeout, named)
        if not _ENDPOINT.fullmatch(endpoint):
            raise ValueError(f"{endpoint!r} is not an endpoint name such as {ENDPOINT}")
        self._url = self.base_url + endpoint
        self._once = Once(reach_of(self.base_url, self.named))

    def __repr__(self) -> str:
        return f"CallerDesk({self._url!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a CallerDesk client holds the API key and is not pickled")

    def reverse_c2c(
        self,
        calling_party_a: str,
        calling_party_b: str,
        deskphone: str,
        call_limit: int | None = None,
        campid: str | None = None,
        form_deskphone: str | None = None,
    ) -> Placed:
        """Ring `calling_party_a` (the customer), then `calling_party_b` (the member): one GET, come what may.

        Parties are E.164 (`+91…`) or ten digits; `deskphone` goes as it is written; `call_limit` is seconds.
        Raises Refused (surely not placed), NotPlaced (surely not sent), Unclear (may be ringing: never
        repeat it). Source: CallerDesk API, "Reverse C2C, B party = member number" page.
        """
        asked = dial_request(calling_party_a, calling_party_b, deskphone, call_limit, campid, form_deskphone)
        answer = self._once.get(
            self._url, {**asked.query, "authcode": self._authcode}, asked.form, self.timeout
        )
        if isinstance(answer, AdminNeeded):
            who = redact.mask(asked.customer)
            raise NotPlaced(answer.code, f"{answer.message} Customer {who} was not rung.")
        if isinstance(answer, Lost):
            raise _lost(answer, asked.customer)
        reply = _reply(answer)
        match str(reply.get("type")).strip().lower():
            case "success":
                return _placed(reply)
            case "error":
                raise refusal_of(self._keyless(reply.get("message")), asked)
        raise _lost(Lost.UNREADABLE, asked.customer)

    def masked_request(
        self,
        calling_party_a: str,
        calling_party_b: str,
        deskphone: str,
        call_limit: int | None = None,
        campid: str | None = None,
        form_deskphone: str | None = None,
    ) -> MaskedRequest:
        """What `reverse_c2c` with these arguments would send, key and numbers masked; sends nothing.

        Raises Refused as `reverse_c2c` would before sending.
        """
        return dial_request(
            calling_party_a, calling_party_b, deskphone, call_limit, campid, form_deskphone
        ).masked(self._url)


def _reply(answer: bytes) -> dict[str, Any]:
    """The JSON object of an answer, {} when there is none; a byte-order mark may stand before it."""
    try:
        reply = json.loads(answer.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}


def _placed(reply: Mapping[str, Any]) -> Placed:
    caller = reply.get("callerid") or reply.get("deskphone")
    return Placed(
        campid=_campid(reply.get("campid")),
        callerid=str(caller) if caller else None,
        message=redact.scrub(text(reply.get("message"))),
        raw=redact.scrub_value(reply),
    )


def _campid(value: object) -> str | None:
    """Their campaign id as text: it comes as a JSON number, and 0 would join every call that has none."""
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    told = text(value)
    return told if told.strip("0") else None


def _lost(why: Lost, customer: str) -> ConnectorError:
    who = redact.mask(customer)
    if why is Lost.NEVER_SENT:
        return NotPlaced(
            "callerdesk_unreachable",
            f"CallerDesk could not be reached, so customer {who} was not rung. Try again in a minute.",
        )
    code, happened = {
        Lost.NO_ANSWER: ("callerdesk_no_answer", "CallerDesk did not answer"),
        Lost.UNREADABLE: ("callerdesk_unclear_answer", "CallerDesk's answer cannot be understood"),
    }[why]
    return Unclear(
        code,
        f"{happened}: the phone of customer {who} may be ringing."
        " Do not press Call again; we are finding out.",
    )
