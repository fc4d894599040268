"""CallerDesk's webhooks, read without believing them: pure parsing, no I/O, nothing placed or changed.

They come as POST with JSON or a form, or (after a failed POST) as GET, unsigned, with `?type=<event>` glued
to whatever address was given. Source: CallerDesk API, call report and live call webhook pages; the rest as
reported from real accounts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from connector.callerdesk import fields as read
from connector.callerdesk.endings import Said, ending_of, live_word_of, said_in
from connector.callerdesk.words import LiveWord
from connector.errors import BadRequest
from connector.model import Ending

Kind = Literal["report", "live"]

#: The second question mark of an address that had a query already.
_GLUED_TYPE = re.compile(r"\?(?=type=)", re.IGNORECASE)
_MOST_FIELDS = 300
#: One of these has to be there, or the body is not about a call.
_TELLING = ("campid", "callsid", "uniqueid", "sourcenumber", "destinationnumber", "dialwhomnumber")
#: A report tells how a call ended; a live event has none of these.
_ENDING = ("endtime", "callduration", "talkduration", "hangup_cause")


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One webhook: which call it is about and what it says of it; numbers as their last ten digits."""

    kind: Kind
    campid: str | None
    call_sid: str | None
    source: str = field(repr=False)
    destination: str = field(repr=False)
    dial_whom: str = field(repr=False)
    #: Their words as they wrote them.
    status: str
    hangup_cause: str
    callstatus: str
    said: Said = field(repr=False)
    #: Everything that came, as text under lower-cased names.
    raw: Mapping[str, str] = field(repr=False)

    @property
    def started_at(self) -> datetime | None:
        """When the call began, in UTC; None when it does not say."""
        return self.said.started_at

    @property
    def numbers(self) -> frozenset[str]:
        """The numbers of the parties it names; never the deskphone's, which stands as the destination."""
        named = (self.source, self.dial_whom, read.last_ten(self.raw.get("cparty_number", "")))
        return frozenset(number for number in named if number)

    @property
    def fingerprint(self) -> str:
        """The same for every delivery of the same event, be it by POST or by GET; 64 hex digits."""
        told = (self.kind, self.campid, self.call_sid, self.source, self.destination, self.dial_whom)
        parts = [str(part) for part in (*told, self.status, self.hangup_cause, self.callstatus, self.said)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def live_word(self) -> LiveWord:
        """How far the call has come; a report is always its end."""
        return LiveWord.ENDED if self.kind == "report" else live_word_of(self.said)

    def matches(self, customer: str, member: str) -> bool:
        """Whether it names both parties, in whichever order (last ten digits compared)."""
        return both_named(self.numbers | {self.destination}, customer, member)

    def ending(self, customer: str, member: str) -> Ending:
        """How the call between these two ended (table in `endings`); never raises."""
        return ending_of(self.said, self.numbers, customer, member)


def parse(method: str, body: bytes, query: str | Mapping[str, str], content_type: str) -> ProviderEvent:
    """Read one webhook; BadRequest (`body_broken`, `event_unrecognised`) when it is not about a call.

    `query` is the raw query string, or its fields. What the body says goes before what the query says.
    """
    asked = _query(query)
    told = _body(body, content_type) if method.upper() != "GET" else {}
    try:
        raw = {**read.plain(asked), **read.plain(told)}
    except RecursionError:
        raise BadRequest("body_broken", "CallerDesk's webhook is nested too deep to read.") from None
    return event_of(raw)


def event_of(raw: Mapping[str, str]) -> ProviderEvent:
    """The event of already flattened fields, such as a stored event's `raw`; BadRequest as `parse`."""
    if not any(raw.get(name) for name in _TELLING):
        raise BadRequest(
            "event_unrecognised",
            "This is not an event about a call: it holds no campid, CallSid or number.",
        )
    return ProviderEvent(
        kind=_kind(raw),
        campid=read.identity(raw, "campid"),
        call_sid=read.identity(raw, "callsid"),
        source=read.last_ten(raw.get("sourcenumber", "")),
        destination=read.last_ten(raw.get("destinationnumber", "")),
        dial_whom=read.last_ten(raw.get("dialwhomnumber", "")),
        status=raw.get("status", ""),
        hangup_cause=raw.get("hangup_cause", ""),
        callstatus=raw.get("callstatus", ""),
        said=said_in(raw),
        raw=raw,
    )


def both_named(named: frozenset[str], customer: str, member: str) -> bool:
    """Whether both parties' last ten digits are among these numbers."""
    ours = {read.last_ten(customer), read.last_ten(member)}
    return len(ours) == 2 and all(len(number) == 10 for number in ours) and ours <= named


def _kind(raw: Mapping[str, str]) -> Kind:
    event = raw.get("type", "").lower()
    if "report" in event:
        return "report"
    if "live" in event:
        return "live"
    return "report" if any(raw.get(name) for name in _ENDING) else "live"


def _query(query: str | Mapping[str, str]) -> dict[str, str]:
    if isinstance(query, str):
        return _pairs(_GLUED_TYPE.sub("&", query.removeprefix("?")))
    found: dict[str, str] = {}
    for name, value in query.items():
        # A framework has read `a=b?type=call_report` as one field by now.
        kept, *glued = _GLUED_TYPE.split(str(value), maxsplit=1)
        found[str(name)] = kept
        found.update(_pairs(glued[0]) if glued else {})
    return found


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    # Some senders label JSON as a form: what it is shows in its first byte.
    if start in (b"{", b"[") or (start and "json" in content_type.lower()):
        return _json(body)
    try:
        return _pairs(body.decode("utf-8-sig").strip())
    except UnicodeDecodeError:
        raise _broken("is not UTF-8") from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _broken("is not valid JSON") from None
    if not isinstance(value, dict):
        raise _broken("is not one JSON object")
    return value


def _pairs(encoded: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise _broken(f"has more than {_MOST_FIELDS} fields") from None


def _broken(how: str) -> BadRequest:
    return BadRequest("body_broken", f"CallerDesk's webhook {how}.")
