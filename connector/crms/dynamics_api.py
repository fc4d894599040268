"""Dataverse's Web API: login, record addresses, queries, and what its own words for a refusal mean.

Vendor's documentation: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/ ("Compose HTTP
requests and handle errors", "Troubleshoot Dataverse Web API client errors", "Service protection API limits").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from connector.crms.base import Account
from connector.crms.base_api import JsonApi, checked_id
from connector.crms.base_login import Grant
from connector.crms.base_oauth import client_form, login_of
from connector.crms.base_read import if_there
from connector.crms.base_said import body_of, no_such_record, rejected, said
from connector.errors import AdminNeeded, ConnectorError, TryAgain
from connector.http import Reply

WHO = "Dynamics 365"
USERS = "systemusers"
#: The `owninguser` of a record that a team owns is null.
OWNER = "owninguser"
_PATH = "api/data/v9.2/"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
#: Tables whose address need not be asked for; any other table's is, once.
_SETS = {
    "account": "accounts",
    "contact": "contacts",
    "incident": "incidents",
    "lead": "leads",
    "opportunity": "opportunities",
}
#: Every table has it; asked for where nothing else of the table is.
_ALWAYS_THERE = "createdon"
_NO_SUCH_PROPERTY = re.compile(
    r"property(?: named)? '([^']{1,200})'(?: does not exist)? on type"
    r" 'Microsoft\.Dynamics\.CRM\.([^']{1,200})'"
)
_PRIVILEGE = re.compile(r"\bprv[A-Za-z_]\w*")
#: Dataverse's own codes: no record with this id, no table at this address, an app that has no user here.
_NO_RECORD, _NO_TABLE, _NO_USER = "0x80040217", "0x8006088a", "0x80072560"


class AlreadyThere(TryAgain):
    """412: a record with this id exists, though it was to be made."""


class UnknownField(AdminNeeded):
    """Dataverse knows no such property of this table."""

    def __init__(self, field: str, table: str, about: str) -> None:
        super().__init__(
            "unknown_field",
            f"{WHO} has no field {field!r} on {table} ({about}): correct its name in the mapping.",
        )
        self.field, self.table = field, table


def guid_of(value: str, about: str) -> str:
    """The id in the one form of ours (no braces, small letters); Gone when it is none of theirs."""
    return checked_id(value.strip().strip("{}").lower(), _GUID, WHO, about)


def name_in(text: str) -> str:
    """The name of a table, field or relation, if it looks like one; AdminNeeded when it does not."""
    if _NAME.fullmatch(text):
        return text
    raise AdminNeeded("unknown_field", f"{WHO} has no table or field {text[:60]!r}: correct the mapping.")


def query(paths: Iterable[str]) -> str:
    """`$select` and `$expand` for dotted paths: what a path goes through is expanded, in the same request."""
    return "&".join(_options(paths))


def _options(paths: Iterable[str]) -> list[str]:
    plain: dict[str, None] = {}
    deeper: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition(".")
        if rest:
            deeper.setdefault(name_in(first), []).append(rest)
        else:
            plain[name_in(first)] = None
    expand = [f"{name}({';'.join(_options(rest))})" for name, rest in deeper.items()]
    selected = f"$select={','.join(plain or [_ALWAYS_THERE])}"
    return [selected, f"$expand={','.join(expand)}"] if expand else [selected]


class Api:
    """One environment's requests, for any number of threads."""

    def __init__(self, account: Account) -> None:
        settings = account.settings
        base = urlsplit(settings["base_url"])
        scope = f"{base.scheme}://{base.netloc}/.default"
        grant = Grant(
            settings["login_url"],
            f"{settings['tenant']}/oauth2/v2.0/token",
            client_form(account, "client_credentials") | {"scope": scope},
            advice="check `tenant` and `client_id`, and make a new client secret (they run out)",
        )
        self.login = login_of(WHO, account, grant)
        self._api = JsonApi(
            WHO,
            account,
            headers={"OData-MaxVersion": "4.0", "OData-Version": "4.0"},
            login=self.login,
            explain=_explain,
        )
        self._sets = dict(_SETS)

    def one(self, address: str, paths: Iterable[str], about: str) -> dict[str, Any]:
        """The record at this address, with the fields the paths name; Gone when there is none."""
        return self._api.object("GET", f"{_PATH}{address}?{query(paths)}", about)

    def some(
        self, address: str, paths: Iterable[str], about: str, *, top: int, where: str = ""
    ) -> list[dict[str, Any]]:
        """The first `top` records of a table, those alone that an OData `$filter` holds for."""
        chosen = f"&$filter={quote(where)}" if where else ""
        asked = f"{_PATH}{address}?{query(paths)}{chosen}&$top={top}"
        return self._api.rows("GET", asked, about, at="value")

    def ask(self, address: str, about: str) -> Any:
        """Whatever is answered at this address, decoded; None for nothing."""
        return self._api.ask("GET", f"{_PATH}{address}", about)

    def patch(self, address: str, values: Any, about: str, *, new: bool = False) -> None:
        """Change what is there (Gone when it is not), or make it if `new` (AlreadyThere when it is)."""
        only = {"If-None-Match": "*"} if new else {"If-Match": "*"}
        self._api.ask("PATCH", _PATH + address, about, json=values, headers=only)

    def address(self, table: str, record: str, about: str) -> str:
        """Where a record stands: `contacts(<id>)`."""
        return f"{self.set_of(table)}({guid_of(record, about)})"

    def set_of(self, table: str) -> str:
        """The name a table's records are addressed by, `contacts` for contact."""
        if table not in self._sets:
            where = f"EntityDefinitions(LogicalName='{name_in(table)}')?$select=EntitySetName"
            answer = if_there(self._api.object, "GET", _PATH + where, f"table {table}")
            name = (answer or {}).get("EntitySetName")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise AdminNeeded(
                    "unknown_object", f"{WHO} has no table {table!r}: correct its name in the mapping."
                )
            self._sets[table] = name
        return self._sets[table]


def _fault(reply: Reply) -> tuple[str, str]:
    error = body_of(reply).get("error")
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or "").lower(), said(error.get("message"), 2000)


def _explain(reply: Reply, about: str) -> ConnectorError | None:
    if reply.status < 400 or reply.status >= 500 or reply.status in (401, 429):
        return None
    code, message = _fault(reply)
    unknown, message = _NO_SUCH_PROPERTY.search(message), message[:200]
    if unknown:
        return UnknownField(unknown[1], unknown[2], about)
    if reply.status == 412:
        return AlreadyThere("crm_failed", f"{WHO} has this record already ({about}).")
    if code == _NO_RECORD:
        return no_such_record(WHO, about)
    if code == _NO_TABLE or message.startswith("Resource not found for the segment"):
        return AdminNeeded("unknown_object", f"{WHO} has no such table ({about}): {message}")
    if code == _NO_USER:
        return AdminNeeded(
            "crm_unauthorised",
            f"{WHO} gave our app a token, but this environment has no application user for it: make one.",
        )
    if reply.status == 403 and message:
        privilege = _PRIVILEGE.search(message)
        lacks = f"its application user lacks {privilege[0]}" if privilege else message
        return AdminNeeded(
            "crm_forbidden", f"{WHO} does not let us do this ({about}): {lacks}. Give its role the right."
        )
    if reply.status == 400 and message:
        return rejected(WHO, about, message)
    return None
