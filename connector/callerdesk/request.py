"""What a reverse click-to-call asks for: the page's parameters, checked, without the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector import redact
from connector.errors import Refused

_PARTY = re.compile(r"(?:\+91)?([1-9][0-9]{9})")
_NUMBERS = frozenset({"calling_party_a", "calling_party_b", "deskphone"})


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """What a dial would send, fit for a person's eyes: the key hidden, numbers as their last four digits."""

    method: str
    url: str
    query: Mapping[str, str]
    form: Mapping[str, str]

    def __str__(self) -> str:
        line = f"{self.method} {self.url}?{_joined(self.query)}"
        return f"{line} with form {_joined(self.form)}" if self.form else line


@dataclass(frozen=True, slots=True)
class DialRequest:
    """Query and form of one dial, complete but for the `authcode`."""

    query: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)

    @property
    def customer(self) -> str:
        return self.query["calling_party_a"]

    @property
    def member(self) -> str:
        return self.query["calling_party_b"]

    @property
    def deskphone(self) -> str:
        return self.query["deskphone"]

    def masked(self, url: str) -> MaskedRequest:
        """The request to this URL as a person may see it."""
        return MaskedRequest("GET", url, {**_masked(self.query), "authcode": "[secret]"}, _masked(self.form))


def dial_request(
    calling_party_a: str,
    calling_party_b: str,
    deskphone: str,
    call_limit: int | None,
    campid: str | None,
    form_deskphone: str | None,
) -> DialRequest:
    """Check the values of a dial and lay them out; Refused when CallerDesk could not take them.

    Parties are sent as ten digits, the deskphone as it is written. Source: CallerDesk API, "Reverse C2C,
    B party = member number" page; ten digits because members are looked up by them (reported).
    """
    query = {
        "calling_party_a": _party(calling_party_a, "customer"),
        "calling_party_b": _party(calling_party_b, "member"),
        "deskphone": deskphone,
        "call_from_did": "1",
    }
    if not deskphone.strip():
        raise Refused("deskphone_missing", "Nobody was rung: no deskphone is set for this call.")
    if call_limit is not None:
        if call_limit < 1:
            raise Refused("call_limit_invalid", "Nobody was rung: CallLimit must be 1 second or more.")
        query["CallLimit"] = str(call_limit)
    given = {"campid": campid, "deskphone": form_deskphone}
    return DialRequest(query, {name: value for name, value in given.items() if value is not None})


def _party(number: str, role: str) -> str:
    """Ten digits of a number; one that would have to be cut to fit is refused: it could ring a stranger."""
    found = _PARTY.fullmatch(number)
    if not found:
        raise Refused(
            f"{role}_number_invalid",
            f"Nobody was rung: the {role}'s number {redact.mask(number) or '(empty)'} is not a ten-digit"
            " Indian number. Correct it on the record, then press Call again.",
        )
    return found.group(1)


def _masked(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: redact.mask(value) if name in _NUMBERS else value for name, value in fields.items()}


def _joined(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields.items())
