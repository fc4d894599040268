"""What CallerDesk's reading calls return, one frozen row each; passwords are dropped before anything is kept.

Source: CallerDesk API, member list, deskphone, billing profile, call list and live call pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.callerdesk import fields as read
from connector.callerdesk.endings import Said, ending_of, live_word_of, said_in
from connector.callerdesk.events import both_named
from connector.callerdesk.words import LiveWord
from connector.model import Ending


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the CallerDesk panel; active does not mean available (they may be on break)."""

    id: str
    name: str
    email: str
    #: E.164, or empty when the panel holds no ten-digit number.
    number: str = field(repr=False)
    active: bool
    extension: str


@dataclass(frozen=True, slots=True)
class Deskphone:
    """A number of the account; `deskphone` is what a call is placed with, leading 0 and all."""

    id: str
    number: str
    deskphone: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left: every `…coins` figure under their name for it, and when the plan runs out."""

    coins: Mapping[str, str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One call of the call report; it carries no campid, so it is found by both numbers and time."""

    id: str
    call_sid: str | None
    #: Last ten digits.
    caller: str = field(repr=False)
    member: str = field(repr=False)
    deskphone: str = field(repr=False)
    said: Said
    ringing_seconds: int | None
    direction: str
    raw: Mapping[str, str] = field(repr=False)

    @property
    def started_at(self) -> datetime | None:
        return self.said.started_at

    @property
    def ended_at(self) -> datetime | None:
        return self.said.ended_at

    def matches(self, customer: str, member: str) -> bool:
        """Whether the row names both parties, in whichever column."""
        return both_named(frozenset({self.caller, self.member}), customer, member)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """One call that is going on right now; numbers as their last ten digits."""

    call_sid: str | None
    customer: str = field(repr=False)
    member: str = field(repr=False)
    #: Their word as they wrote it.
    status: str
    started_at: datetime | None
    live_word: LiveWord

    def matches(self, customer: str, member: str) -> bool:
        """Whether the call is between these two."""
        return both_named(frozenset({self.customer, self.member}), customer, member)


def ending_of_row(row: ReportRow, customer: str, member: str) -> Ending:
    """How the row's call ended, by the same table as a webhook's."""
    return ending_of(row.said, frozenset({row.caller, row.member}), customer, member)


def member_in(entry: Mapping[str, Any]) -> Member:
    """A member out of `getmember`; their password is not kept."""
    row = read.plain(entry)
    digits = read.last_ten(row.get("member_num", ""))
    return Member(
        id=row.get("member_id", ""),
        name=row.get("member_name", ""),
        email=row.get("member_email", ""),
        number=f"+91{digits}" if len(digits) == 10 else "",
        active=row.get("status") == "1",
        extension=row.get("agent_extn", ""),
    )


def deskphone_in(entry: Mapping[str, Any]) -> Deskphone:
    """A deskphone out of `getdeskphone`."""
    row = read.plain(entry)
    return Deskphone(row.get("did_id", ""), row.get("did_num", ""), row.get("deskphone", ""))


def balance_in(entry: Mapping[str, Any]) -> Balance:
    """The balance out of `login_account`."""
    row = read.plain(entry)
    coins = {name: value for name, value in row.items() if name.endswith("coins")}
    return Balance(coins, read.moment(row.get("expired_on", "")))


def report_row_in(entry: Mapping[str, Any]) -> ReportRow:
    """A call out of the report's `result`."""
    row = read.without_secrets(read.plain(entry))
    return ReportRow(
        id=row.get("id", ""),
        call_sid=read.identity(row, "sid_id"),
        caller=read.last_ten(row.get("caller_num", "")),
        member=read.last_ten(row.get("member_num", "")),
        deskphone=row.get("deskphone", ""),
        said=said_in(row),
        ringing_seconds=read.seconds(row.get("ringing_duration", "")),
        direction=row.get("flow_type", ""),
        raw=row,
    )


def live_call_in(entry: Mapping[str, Any]) -> LiveCall:
    """A call out of `live_calls`."""
    row = read.plain(entry)
    said = said_in(row)
    return LiveCall(
        call_sid=read.identity(row, "sid_id"),
        customer=read.last_ten(row.get("msisdn", "")),
        member=read.last_ten(row.get("member_num", "")),
        status=row.get("callstatus", ""),
        started_at=said.started_at,
        live_word=live_word_of(said),
    )


def blocked_in(entry: object) -> str:
    """A blocked number's last ten digits, out of a bare number or an object that holds one."""
    if isinstance(entry, Mapping):
        entry = read.first(read.plain(entry), "caller_number", "caller_num", "number", "block_number")
    return read.last_ten(read.text(entry))
