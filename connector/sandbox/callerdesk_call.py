"""One sandbox call from its acceptance to its report: phones that ring for fractions of a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

import requests

from connector.http import new_session, reach_of
from connector.sandbox.callerdesk_scripts import RING, RING_OUT, TALK, Script

INDIA = timezone(timedelta(hours=5, minutes=30))
NEVER = "0000-00-00 00:00:00"
_TIMEOUT = (2.0, 10.0)

#: Rests so many seconds (at speed 1); True when the sandbox is being stopped.
Rest = Callable[[float], bool]


def stamp(moment: datetime | None) -> str:
    """A time as CallerDesk writes it: India's, without a zone; noughts for never."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else NEVER


@dataclass
class SandboxCall:
    """One call: its parties as ten digits, and what has happened so far."""

    customer: str
    member: str
    member_name: str
    deskphone: str
    campid: int
    call_sid: int
    script: Script
    #: Address of the folder its recording lies in.
    recordings: str
    started: datetime = field(default_factory=lambda: datetime.now(INDIA))
    #: Their live word; empty once the call is over.
    live: str = "Ringing"
    customer_picked: datetime | None = None
    member_rung: datetime | None = None
    member_picked: datetime | None = None
    ended: datetime | None = None

    def run(self, rest: Rest, tell_live: Callable[[SandboxCall], None]) -> bool:
        """Let the phones ring as the script says; False when the sandbox was stopped meanwhile."""
        tell_live(self)
        if rest(RING if self.script.customer_picks else RING_OUT):
            return False
        if self.script.customer_picks:
            self.customer_picked, self.live = datetime.now(INDIA), "Leg A Answer"
            tell_live(self)
            self.member_rung, self.live = datetime.now(INDIA), "Transfer to agent"
            tell_live(self)
            if rest(RING if self.script.member_picks else RING_OUT):
                return False
        if self.script.member_picks:
            self.member_picked, self.live = datetime.now(INDIA), "Leg B Answer"
            tell_live(self)
            if rest(TALK):
                return False
        self.ended, self.live = datetime.now(INDIA), ""
        return True

    def live_event(self) -> dict[str, str]:
        """The body of a live call webhook; it has no `type` of its own."""
        return {
            "SourceNumber": f"0{self.customer}",
            "DestinationNumber": f"0091{self.deskphone[-10:]}",
            "DialWhomNumber": f"0{self.member}",
            "Status": self.live,
            "StartTime": stamp(self.started),
            "CallSid": str(self.call_sid),
            "Direction": "WEBOBD",
            "campid": str(self.campid),
        }

    def report(self) -> dict[str, str]:
        """The body of the call report webhook: texts only."""
        return {
            **self.live_event(),
            "type": "call_report",
            "Status": self.script.status,
            "hangup_cause": self.script.hangup_cause,
            "CallDuration": str(self._seconds(self.started)),
            "TalkDuration": str(self._seconds(self.member_picked)),
            "coins": str(self.coins),
            "EndTime": stamp(self.ended),
            "CallRecordingUrl": self._recording,
            "call_group": "",
            "receiver_name": self.member_name,
            "error_code": "0",
            "LegA_Picked_time": stamp(self.customer_picked),
            "LegB_Start_time": stamp(self.member_rung),
            "LegB_Picked_time": stamp(self.member_picked),
        }

    def report_row(self) -> dict[str, str]:
        """The call as the call report API lists it, without a campid."""
        return {
            "id": str(self.call_sid + 1_000_000),
            "sid_id": str(self.call_sid),
            "file": self._recording,
            "deskphone": self.deskphone,
            "caller_num": f"0{self.customer}",
            "member_num": f"0{self.member}",
            "member_name": self.member_name,
            "coin_deducted": str(self.coins),
            "startdatetime": stamp(self.started),
            "enddatetime": stamp(self.ended),
            "total_duration": str(self._seconds(self.started)),
            "talk_duration": str(self._seconds(self.member_picked)),
            "callresult": self.script.status,
            "callstatus": self.script.hangup_cause,
            "LegA_Picked_time": stamp(self.customer_picked),
            "LegB_Start_time": stamp(self.member_rung),
            "LegB_Picked_time": stamp(self.member_picked),
            "Flow_type": "WEBOBD",
        }

    def live_row(self) -> dict[str, str]:
        """The call as the live call API lists it."""
        return {
            "msisdn": f"0{self.customer}",
            "member_num": f"0{self.member}",
            "entrydate": stamp(self.started),
            "callstatus": self.live,
            "did_num": self.deskphone,
            "sid_id": str(self.call_sid),
            "deskphone": self.deskphone,
        }

    @property
    def coins(self) -> int:
        """What the call costs: leg B is charged once it has picked up."""
        return 1 + (self.member_picked is not None)

    @property
    def _recording(self) -> str:
        return f"{self.recordings}{self.call_sid}.wav" if self.member_picked else ""

    def _seconds(self, since: datetime | None) -> int:
        return max(1, round((self.ended - since).total_seconds())) if self.ended and since else 0


def deliver(url: str, event: str, body: Mapping[str, str], how: str = "POST") -> None:
    """Send one webhook as CallerDesk does: `?type=` glued on, by POST, and by GET if that fails.

    The POST holds JSON, the GET writes `n` for the space in times. Nobody listening is nobody's error here.
    """
    address = f"{url}?type={event}"
    with new_session(reach_of(url)) as session:
        try:
            if how == "POST" and session.post(
                address, json=dict(body), timeout=_TIMEOUT, allow_redirects=False
            ):
                return
        except requests.RequestException:
            pass
        told = {
            name: value.replace(" ", "n") if "time" in name.lower() else value for name, value in body.items()
        }
        try:
            session.get(f"{address}&{urlencode(told)}", timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException:
            return
