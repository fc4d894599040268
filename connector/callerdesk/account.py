"""The calls to CallerDesk that ring nobody: members, deskphones, balance, call report, live calls, blocking.

They may be repeated at will. All answers are JSON text whatever the HTTP status and content type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal, TypeVar
from urllib.parse import quote, quote_plus

from connector import redact
from connector.addresses import Network
from connector.callerdesk import rows
from connector.callerdesk.fields import last_ten
from connector.callerdesk.refusals import known, quotable
from connector.errors import AdminNeeded, TryAgain
from connector.http import Outgoing, checked_base_url

FIRST_PAGE = 1
MEMBERS_A_PAGE = 100
#: Source: CallerDesk API, call list page.
REPORT_ROWS_A_PAGE = 25
REPORT_FILTERS = frozenset({"deskphone", "member_num", "caller_num", "callresult", "Flow_type"})

#: An error that only says that there is nothing to list, as far as anybody has told.
_NOTHING = re.compile(
    r"\bno (\w+ ){0,2}(record|data|call|result|row|detail|log|entr|number|member|agent)"
    r"|\bnot (found|available)\b|\bempty\b",
    re.IGNORECASE,
)
_SENTENCES = {
    "callerdesk_wrong_key": "CallerDesk does not know our API key. Check the authcode and the base URL.",
    "callerdesk_bad_parameter": "CallerDesk rejected a value of our request. Check the CallerDesk settings.",
}

Row = TypeVar("Row")


class Account:
    """One CallerDesk account, read-only but for its block list. Instances are shared between threads.

    Every method raises TryAgain when CallerDesk cannot be had or says no, and AdminNeeded
    (`callerdesk_wrong_key`, `callerdesk_bad_parameter`, `address_not_allowed`) when only a changed setting
    helps.
    """

    def __init__(
        self, authcode: str, base_url: str, timeout: tuple[float, float], named: Iterable[Network] = ()
    ) -> None:
        if not authcode.strip():
            raise ValueError("CallerDesk needs an authcode")
        for form in {authcode, quote(authcode), quote_plus(authcode)}:
            redact.register_secret(form)
        self.base_url = checked_base_url(base_url)
        self.timeout = timeout
        self._authcode = authcode
        self.named = tuple(named)
        self._outgoing = Outgoing("CallerDesk", base_url, timeout=timeout, named=self.named)

    def members(self) -> list[rows.Member]:
        """All members of the panel, inactive ones included."""
        return [
            rows.member_in(entry)
            for entry in self._pages("getmemberlist_V2", "getmember", "total_record", MEMBERS_A_PAGE, {})
        ]

    def deskphones(self) -> list[rows.Deskphone]:
        """All deskphones (DIDs) of the account."""
        return self._list("POST", "getdeskphone_v2", "getdeskphone", rows.deskphone_in)

    def balance(self) -> rows.Balance:
        """The account's coins and when its plan runs out."""
        account = self._ask("POST", "profile_billing_v2").get("login_account")
        if not isinstance(account, dict):
            raise TryAgain("callerdesk_unclear_answer", "CallerDesk's answer holds no balance.")
        return rows.balance_in(account)

    def call_report(
        self, start_date: date, end_date: date, **filters: str | None
    ) -> Iterator[rows.ReportRow]:
        """The calls of these days (India's, both included), fetched page by page as they are consumed.

        Filters: `deskphone, member_num, caller_num, callresult, Flow_type`. A day without calls is empty.
        """
        if unknown := sorted(set(filters) - REPORT_FILTERS):
            raise TypeError(f"the call report has no filter {unknown[0]!r}")
        asked = {name: value for name, value in filters.items() if value is not None}
        days = {"start_date": start_date.isoformat(), "end_date": end_date.isoformat()}
        pages = self._pages("call_list_v2", "result", "total", REPORT_ROWS_A_PAGE, days | asked)
        return (rows.report_row_in(entry) for entry in pages)

    def live_calls(self) -> list[rows.LiveCall]:
        """The calls going on right now."""
        return self._list("GET", "live_call_v2", "live_calls", rows.live_call_in)

    def block(self, number: str) -> str:
        """Let nobody of this account call the number (E.164 or ten digits); returns CallerDesk's words."""
        return self._keyless(self._ask("POST", "block_number", caller_number=_ten(number)).get("message"))

    def unblock(self, number: str) -> str:
        """Undo `block`; returns CallerDesk's words."""
        return self._keyless(self._ask("POST", "unblock_number", caller_number=_ten(number)).get("message"))

    def blocked_numbers(self) -> list[str]:
        """The last ten digits of all blocked numbers."""
        reply = self._ask("POST", "getblocknumber", or_nothing="blocklist_number")
        return [rows.blocked_in(entry) for entry in _entries(reply, "blocklist_number")]

    def _list(
        self, method: Literal["GET", "POST"], path: str, key: str, row: Callable[[Mapping[str, Any]], Row]
    ) -> list[Row]:
        entries = _entries(self._ask(method, path, or_nothing=key), key)
        return [row(entry) for entry in entries if isinstance(entry, dict)]

    def _pages(
        self, path: str, key: str, total_key: str, per_page: int, form: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        page = FIRST_PAGE
        while True:
            reply = self._ask(
                "POST", path, or_nothing=key, current_page=str(page), per_page=str(per_page), **form
            )
            entries = [entry for entry in _entries(reply, key) if isinstance(entry, dict)]
            # A page number beyond the end, or one that is ignored, must not be asked for ever.
            new = {json.dumps(entry, sort_keys=True): entry for entry in entries}
            fresh = [entry for text, entry in new.items() if text not in seen]
            seen.update(new)
            yield from fresh
            total = str(reply.get(total_key, ""))
            if not fresh or (total.isdecimal() and len(seen) >= int(total)):
                return
            page += 1

    def _ask(
        self, method: Literal["GET", "POST"], path: str, or_nothing: str | None = None, **fields: str
    ) -> dict[str, Any]:
        """One request's JSON object; with `or_nothing`, "nothing found" is an empty list of that name."""
        sent = {"authcode": self._authcode, **fields}
        reply = self._reply(method, path, sent)
        if str(reply.get("type")).strip().lower() != "error":
            return reply
        sentence = self._keyless(reply.get("message"))
        found = known(sentence)
        if found and found[1] in _SENTENCES:
            raise AdminNeeded(found[1], _SENTENCES[found[1]])
        if or_nothing and _NOTHING.search(sentence):
            return {or_nothing: []}
        raise TryAgain("callerdesk_said_no", f"CallerDesk said no to {path}: “{quotable(sentence)}”.")

    def _reply(self, method: str, path: str, sent: Mapping[str, str]) -> dict[str, Any]:
        failure: TryAgain | None = None
        try:
            answer = self._outgoing.send(method, path, **{"params" if method == "GET" else "data": sent})
        except TryAgain as error:
            failure = error
        if failure:
            # Raised out here so that the chain does not hold the HTTP library's error with its URL.
            raise TryAgain(
                failure.code.replace("crm_", "callerdesk_"), failure.message, status=failure.status
            )
        try:
            reply = json.loads(answer.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise TryAgain(
                "callerdesk_unclear_answer",
                f"CallerDesk answered {path} with {answer.status} and something that is not JSON.",
            )
        return reply

    def _keyless(self, sentence: object) -> str:
        return str(sentence or "").replace(self._authcode, "[secret]")


def _entries(reply: Mapping[str, Any], key: str) -> list[Any]:
    entries = reply.get(key)
    return entries if isinstance(entries, list) else []


def _ten(number: str) -> str:
    digits = number.removeprefix("+91")
    if not (len(digits) == 10 and digits.isascii() and digits.isdecimal()):
        raise ValueError("a number to block is E.164 (+91…) or ten digits")
    return last_ten(digits)
