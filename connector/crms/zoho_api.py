"""Zoho CRM's API: data centres, login, and what its own words for a refusal mean.

Vendor's documentation: https://www.zoho.com/crm/developer/docs/api/v8/ ("Multi DC Support", "Refreshing your
Access Tokens", "Status Codes"). A write's verdict stands in each row of `data`, whatever the status says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connector.crms.base import Account
from connector.crms.base_api import JsonApi
from connector.crms.base_oauth import login_of, refresh_grant
from connector.crms.base_said import body_of, forbidden, no_such_record, rejected, said, slow_down
from connector.errors import AdminNeeded, ConnectorError
from connector.http import Reply

WHO = "Zoho CRM"
#: Where an account lives -> the hosts of its login and of its API.
DATACENTRES = {
    "in": ("accounts.zoho.in", "www.zohoapis.in"),
    "com": ("accounts.zoho.com", "www.zohoapis.com"),
    "eu": ("accounts.zoho.eu", "www.zohoapis.eu"),
    "com.au": ("accounts.zoho.com.au", "www.zohoapis.com.au"),
    "jp": ("accounts.zoho.jp", "www.zohoapis.jp"),
    "ca": ("accounts.zohocloud.ca", "www.zohoapis.ca"),
    "com.cn": ("accounts.zoho.com.cn", "www.zohoapis.com.cn"),
    "sa": ("accounts.zoho.sa", "www.zohoapis.sa"),
}
_ADVICE = "make a new refresh token, and check that `datacentre` is the account's own"
#: What belongs to no module -> the scope that opens it.
_SCOPES = {
    "users": "ZohoCRM.users.READ",
    "settings": "ZohoCRM.settings.fields.READ",
    "coql": "ZohoCRM.coql.READ",
}
_NO_SUCH_ID = re.compile(r"\bid given seems to be invalid", re.IGNORECASE)
_SLOW_DOWN = frozenset({"TOO_MANY_REQUESTS", "LIMIT_EXCEEDED", "API_LIMIT_EXCEEDED"})


class Taken(AdminNeeded):
    """Another record already holds this value of a field that allows no duplicates."""

    def __init__(self, code: str, message: str, *, field: str, record_id: str) -> None:
        super().__init__(code, message)
        self.field, self.record_id = field, record_id


class Api:
    """One account's requests, for any number of threads."""

    def __init__(self, account: Account) -> None:
        settings = account.settings
        accounts, api = (f"https://{host}" for host in DATACENTRES[settings["datacentre"]])
        where = settings.get("accounts_url") or accounts
        grant = refresh_grant(account, where, "oauth/v2/token", advice=_ADVICE)
        self.login = login_of(WHO, account, grant)
        self._api = JsonApi(
            WHO,
            account,
            base_url=settings.get("base_url") or api,
            login=self.login,
            scheme="Zoho-oauthtoken",
            explain=_explain,
            expired=lambda reply: reply.status == 401 and _told(reply).get("code") != "OAUTH_SCOPE_MISMATCH",
        )

    def rows(self, method: str, path: str, about: str, *, at: str = "data", **given: Any) -> list[Any]:
        """The rows under `at`; none when Zoho answers nothing (204), which is how it says "not there"."""
        answer = self._ask(method, path, about, **given)
        if answer is None:
            return []
        return self._api.as_rows(self._api.as_object(answer, about).get(at), about)

    def one(self, method: str, path: str, about: str, *, at: str = "data", **given: Any) -> dict[str, Any]:
        """The one row under `at`; Gone when there is none."""
        found = self.rows(method, path, about, at=at, **given)
        if not found:
            raise no_such_record(WHO, about)
        row: dict[str, Any] = found[0]
        return row

    def write(self, method: str, path: str, about: str, values: Mapping[str, Any]) -> str | None:
        """Write one record, setting off no workflow; its id, None when Zoho answers nothing.

        Raises what its row's own code says: Taken, Gone, AdminNeeded, TryAgain.
        """
        body = {"data": [values], "trigger": []}
        found = self.rows(method, path, about, json=body)
        if not found:
            return None
        if found[0].get("status") != "success":
            raise _meaning(found[0], about)
        return self._api.id_in(found[0].get("details"), about)

    def _ask(self, method: str, path: str, about: str, **given: Any) -> Any:
        try:
            return self._api.ask(method, f"crm/v8/{path}", about, **given)
        except _ScopeMissing:
            raise AdminNeeded(
                "crm_forbidden",
                f"{WHO} does not let us do this ({about}): the refresh token lacks the scope"
                f" {scope_of(method, path)}. Make a new one with it.",
            ) from None


class _ScopeMissing(AdminNeeded):
    """The refresh token was made without the scope of the address that was asked."""


def scope_of(method: str, path: str) -> str:
    """The scope that opens an address (`Contacts/42`, `users/7`)."""
    first = path.partition("/")[0].partition("?")[0]
    return _SCOPES.get(first) or f"ZohoCRM.modules.{first.lower()}.{'READ' if method == 'GET' else 'ALL'}"


def _told(reply: Reply) -> Mapping[str, Any]:
    """The object that tells of the fault: the answer itself, or its first row."""
    whole = body_of(reply)
    rows = whole.get("data")
    told = rows[0] if isinstance(rows, list) and rows else whole
    return told if isinstance(told, dict) else {}


def _explain(reply: Reply, about: str) -> ConnectorError | None:
    told = _told(reply)
    if 200 <= reply.status < 300 or reply.status >= 500 or reply.status == 429 or not told.get("code"):
        return None
    if told["code"] == "OAUTH_SCOPE_MISMATCH":
        return _ScopeMissing("crm_forbidden", f"{WHO} does not let us do this ({about}).")
    return None if reply.status == 401 else _meaning(told, about)


def _meaning(told: Mapping[str, Any], about: str) -> ConnectorError:
    """What the code of one row or answer means."""
    code, message = str(told.get("code") or "")[:60], said(told.get("message"))
    details = told.get("details")
    details = details if isinstance(details, dict) else {}
    field = said(details.get("api_name"), 60)
    if code == "DUPLICATE_DATA":
        other = details.get("duplicate_record")
        found = details.get("id") or (other.get("id") if isinstance(other, dict) else None)
        return Taken(
            "crm_rejected",
            f"{WHO} has another record with the same {field} ({about}): no duplicates there.",
            field=field,
            record_id=str(found or ""),
        )
    if code == "INVALID_DATA" and not field and _NO_SUCH_ID.search(message):
        return no_such_record(WHO, about)
    if code == "INVALID_MODULE":
        return AdminNeeded(
            "unknown_object", f"{WHO} has no module of this name ({about}): correct it in the mapping."
        )
    if code == "NO_PERMISSION":
        return forbidden(WHO, about, f"{message}. Give its profile the right.")
    if code in _SLOW_DOWN:
        return slow_down(WHO, about)
    wanted = said(details.get("expected_data_type"), 60)
    where = f", field {field}" if field else ""
    kind = f", expected {wanted}" if wanted else ""
    return rejected(WHO, about, f"{code}, {message}{where}{kind}.")
