"""The sandbox's CallerDesk account: its members, coins, calls, and what each API call answers.

Bodies follow CallerDesk's API pages and replies reported from real accounts. Invented, because nothing was
ever published: the sentences for a blocked number and for used-up coins.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.sandbox.callerdesk_call import INDIA, SandboxCall
from connector.sandbox.callerdesk_scripts import script_for

#: One member as their API lists it: leading zero, password and all.
MEMBERS: tuple[tuple[str, str, str, str], ...] = (
    ("Ravi Rao", "ravi@example.test", "09876500101", "1"),
    ("Divya Pillai", "divya@example.test", "09876500102", "1"),
    ("Karan Mehta", "karan@example.test", "09876500103", "1"),
    ("Latha Iyer", "latha@example.test", "09876500109", "0"),
)
DESKPHONES = ("08060000001", "01200000002")


@dataclass(frozen=True, slots=True)
class Dial:
    """One GET of the dial's endpoint, counted whatever became of it."""

    customer: str
    member: str
    deskphone: str
    at: datetime
    #: Everything else that was sent, query and form, the key left out.
    sent: Mapping[str, str] = field(repr=False)
    campid: int | None = None


class Account:
    """State and answers; every method named like an endpoint takes its fields and returns its JSON."""

    def __init__(self, authcode: str) -> None:
        self.authcode = authcode
        #: Address of the folder that recordings lie in; the server knows it.
        self.recordings = ""
        self.lock = threading.RLock()
        self.members = [dict(zip(("name", "email", "number", "status"), row, strict=True)) for row in MEMBERS]
        self.deskphones = list(DESKPHONES)
        self.blocked: list[str] = []
        self.coins = 1000
        self.dials: list[Dial] = []
        self.calls: list[SandboxCall] = []
        self._campids, self._sids = itertools.count(45710001), itertools.count(8400001)

    def add_member(self, name: str, email: str, number: str, active: bool = True) -> None:
        """Put a member into the panel; the number may have any prefix."""
        with self.lock:
            status = "1" if active else "0"
            self.members.append(
                {"name": name, "email": email, "number": f"0{number[-10:]}", "status": status}
            )

    def answer(self, method: str, endpoint: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """The JSON that answers a reading call; every failure is a `type: error`."""
        known = _ENDPOINTS.get((method, endpoint))
        if known is None:
            return error("Invalid Auth Code or use latest api version!")
        if fields.get("authcode") != self.authcode:
            return error("Invalid Auth Code!")
        with self.lock:
            found: dict[str, Any] = known(self, fields)
            return found

    def place(self, fields: Mapping[str, str]) -> SandboxCall | str:
        """Take one dial: the call it becomes, or the sentence it is refused with."""
        with self.lock:
            refusal = self._objection(fields)
            call = None if refusal else self._new_call(fields)
            sent = {name: value for name, value in fields.items() if name != "authcode"}
            self.dials.append(
                Dial(
                    sent.pop("calling_party_a", ""),
                    sent.pop("calling_party_b", ""),
                    sent.pop("deskphone", ""),
                    datetime.now(INDIA),
                    sent,
                    call.campid if call else None,
                )
            )
            return call or refusal

    def _objection(self, fields: Mapping[str, str]) -> str:
        customer, member = fields.get("calling_party_a", ""), fields.get("calling_party_b", "")
        scripted = script_for(customer).refusal
        for sentence, holds in (
            ("Invalid Auth Code!", fields.get("authcode") != self.authcode),
            ("Invalid Parameter value.", len(customer) != 10 or not customer.isdecimal()),
            ("Invalid Parameter value.", fields.get("call_from_did") != "1"),
            # Looked up as it is written: 91… and +91… are found nowhere.
            ("Agent on break/Inactive. Call not allowed", self._active(member) is None),
            ("Invalid Deskphone number", fields.get("deskphone") not in self.deskphones),
            ("This number is blocked", customer in self.blocked),
            ("Insufficient coins", self.coins < 1),
            (scripted, bool(scripted)),
        ):
            if holds:
                return sentence
        return ""

    def _active(self, number: str) -> dict[str, str] | None:
        return next(
            (each for each in self.members if each["number"] == f"0{number}" and each["status"] == "1"), None
        )

    def _new_call(self, fields: Mapping[str, str]) -> SandboxCall:
        member = self._active(fields["calling_party_b"]) or {}
        call = SandboxCall(
            customer=fields["calling_party_a"],
            member=fields["calling_party_b"],
            member_name=member.get("name", ""),
            deskphone=fields["deskphone"],
            campid=next(self._campids),
            call_sid=next(self._sids),
            script=script_for(fields["calling_party_a"]),
            recordings=self.recordings,
        )
        self.calls.append(call)
        return call

    def _members(self, fields: Mapping[str, str]) -> dict[str, Any]:
        listed = [
            {
                "member_id": str(number),
                "member_name": each["name"],
                "member_email": each["email"],
                "member_num": each["number"],
                "password": f"sandbox-password-{number}",
                "access": "1",
                "status": each["status"],
                "type": "agent",
                "agent_extn": "",
            }
            for number, each in enumerate(self.members, 101)
        ]
        return {"type": "success", "getmember": _page(listed, fields), "total_record": str(len(listed))}

    def _deskphones(self, fields: Mapping[str, str]) -> dict[str, Any]:
        listed = [
            {"did_id": str(number), "did_num": each, "deskphone": each}
            for number, each in enumerate(self.deskphones, 1)
        ]
        return {"type": "success", "getdeskphone": listed}

    def _billing(self, fields: Mapping[str, str]) -> dict[str, Any]:
        left = str(self.coins)
        account = {"clicktocall_coins": "1000", "obd_coins": "0", "avail_clicktocall_coins": left}
        return {"login_account": {**account, "expired_on": "2099-12-31 00:00:00"}}

    def _report(self, fields: Mapping[str, str]) -> dict[str, Any]:
        rows = [call.report_row() for call in reversed(self.calls) if call.ended]
        first, last = fields.get("start_date", ""), fields.get("end_date", "")
        rows = [row for row in rows if first <= row["startdatetime"][:10] <= last]
        for name in ("caller_num", "member_num"):
            if wanted := fields.get(name):
                rows = [row for row in rows if row[name][-10:] == wanted[-10:]]
        if not rows:
            return error("No record found")
        page = fields.get("current_page", "1")
        return {
            "type": "success",
            "result": _page(rows, fields),
            "current_page": page,
            "total": str(len(rows)),
        }

    def _live(self, fields: Mapping[str, str]) -> dict[str, Any]:
        rows = [call.live_row() for call in self.calls if call.live]
        return {"type": "success", "total_live_calls": str(len(rows)), "live_calls": rows}

    def _block(self, fields: Mapping[str, str]) -> dict[str, Any]:
        self.blocked.append(fields.get("caller_number", ""))
        return {"type": "success", "message": "Number blocked successfully"}

    def _unblock(self, fields: Mapping[str, str]) -> dict[str, Any]:
        self.blocked = [number for number in self.blocked if number != fields.get("caller_number")]
        return {"type": "success", "message": "Number unblocked successfully"}

    def _blocklist(self, fields: Mapping[str, str]) -> dict[str, Any]:
        return {"type": "success", "blocklist_number": [{"caller_number": each} for each in self.blocked]}


_ENDPOINTS = {
    ("POST", "getmemberlist_V2"): Account._members,
    ("POST", "getdeskphone_v2"): Account._deskphones,
    ("POST", "profile_billing_v2"): Account._billing,
    ("POST", "call_list_v2"): Account._report,
    ("GET", "live_call_v2"): Account._live,
    ("POST", "block_number"): Account._block,
    ("POST", "unblock_number"): Account._unblock,
    ("POST", "getblocknumber"): Account._blocklist,
}


def error(sentence: str) -> dict[str, Any]:
    """Their way to say no."""
    return {"type": "error", "message": sentence}


def _page(rows: list[dict[str, str]], fields: Mapping[str, str]) -> list[dict[str, str]]:
    size, page = (
        int(fields[name]) if fields.get(name, "").isdecimal() else default
        for name, default in (("per_page", 25), ("current_page", 1))
    )
    return rows[max(page - 1, 0) * size :][:size]
