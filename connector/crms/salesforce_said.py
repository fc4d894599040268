"""What Salesforce's error answers mean: a JSON list of `errorCode`, `message` and sometimes `fields`.

Salesforce, "REST API Developer Guide", Status Codes and Error Responses; "SOAP API Developer Guide", Core
Data Types, StatusCode.
"""

from __future__ import annotations

import re
from typing import Any

from connector.crms.base_said import said
from connector.errors import AdminNeeded, ConnectorError, Gone, Refused, TryAgain
from connector.http import Reply, meaning_of

_COLUMN = re.compile(r"No such column '([^']+)' on (?:entity|sobject of type) '?(\w+)")
_RELATION = re.compile(r"Didn't understand relationship '([^']+)'")
_TYPE = re.compile(r"sObject type '([^']+)'")
_LIMIT = "REQUEST_LIMIT_EXCEEDED"
#: Codes that pass by themselves, whatever status they come with.
_PASSING = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "DUPLICATE_VALUE",
    }
    | {"TXN_SECURITY_METERING_ERROR", "UNKNOWN_EXCEPTION"}
)
_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
_NO_SUCH_KEY = "Provided external ID field does not exist"


class KeyFieldMissing(AdminNeeded):
    """The org has no external id field of the name the mapping gives."""


class UnknownField(Refused):
    """The object has no such field that our user may see; `field` names it when Salesforce does."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__("unknown_field", message)
        self.field = field


class NotSettable(AdminNeeded):
    """The org does not let us set these fields; `fields` names them."""

    def __init__(self, code: str, message: str, fields: list[str]) -> None:
        super().__init__(code, message)
        self.fields = fields


def meaning(status: int, content: Any, about: str) -> ConnectorError:
    """The error an answer stands for; its text holds neither URL nor a full phone number."""
    code, message, fields = _first(content)
    on = f" ({about})" if about else ""
    if status == 300:
        return AdminNeeded(
            "crm_key_not_unique",
            f"Several activities hold the same key{on}: make the external id field unique.",
        )
    if code == _LIMIT:
        return TryAgain("crm_rate_limited", f"The org's daily API requests are used up{on}.", status=503)
    if code in _PASSING:
        return TryAgain("crm_failed", f"Salesforce answered {code}{on}.")
    if _NO_SUCH_KEY in message:
        return KeyFieldMissing(
            "unknown_field",
            f"Salesforce has no external id field {message.rpartition(':')[2].strip()[:80]!r}{on}: "
            "deploy it and let our user see it.",
        )
    if code == "INVALID_FIELD":
        return _unknown_field(message, on)
    if code == "INVALID_TYPE":
        name = (_TYPE.search(message) or [None, "of that name"])[1]
        return Refused("unknown_object", f"Salesforce has no object {name!r} that our user may see{on}.")
    if code in _GONE:
        return Gone("record_not_found", f"Salesforce has no such record{on}.")
    if code == "INVALID_FIELD_FOR_INSERT_UPDATE":
        return NotSettable(
            "crm_rejected", f"Salesforce does not let us set {', '.join(fields) or 'a field'}{on}.", fields
        )
    if code and status in (400, 403):
        return AdminNeeded(
            "crm_forbidden" if status == 403 else "crm_rejected",
            f"Salesforce rejected the request{on}: {code}: {said(message)}",
        )
    return meaning_of(Reply(status, {}, b""), "Salesforce", about) or AdminNeeded(
        "crm_rejected", f"Salesforce answered {status}{on}."
    )


def _unknown_field(message: str, on: str) -> UnknownField:
    if found := _COLUMN.search(message):
        return UnknownField(
            f"{found[2]} has no field {found[1]!r} that our user may see{on}: correct the mapping or give "
            "the app's user the right to it.",
            found[1],
        )
    if found := _RELATION.search(message):
        return UnknownField(
            f"Salesforce knows no relationship {found[1]!r}{on}: correct the path in the mapping.", found[1]
        )
    return UnknownField(f"Salesforce does not know one of the mapping's fields{on}.")


def _first(content: Any) -> tuple[str, str, list[str]]:
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return "", "", []
    fields = first.get("fields")
    return (
        str(first.get("errorCode") or "")[:80],
        str(first.get("message") or ""),
        [str(field)[:80] for field in fields][:10] if isinstance(fields, list) else [],
    )
