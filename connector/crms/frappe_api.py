"""Frappe's REST API: one document by DocType and name, and its refusals in our words.

Vendor's documentation: https://docs.frappe.io/framework/user/en/api/rest
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connector.crms.base import Account
from connector.crms.base_api import JsonApi, checked_id
from connector.crms.base_said import body_of, forbidden, rejected, said, slow_down
from connector.errors import AdminNeeded, ConnectorError, TryAgain
from connector.http import Reply, retry_after

WHO = "Frappe"
#: A DocType's name: `CRM Lead`.
DOCTYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,60}")
#: A document's name may hold spaces and slashes; `.` and `..` between slashes would be another address.
_NAME = re.compile(r"(?!(?:.*/)?\.{1,2}(?:/|$))[^\x00-\x1f\x7f]{1,140}")
#: `exc_type` of what passes by itself; 417 is Frappe's status for nearly everything.
_PASSING = frozenset(
    {
        "DocumentLockedError",
        "InReadOnlyMode",
        "QueryDeadlockError",
        "QueryTimeoutError",
        "SessionStopped",
        "TimestampMismatchError",
        "TooManyWritesError",
    }
)
_RATE_LIMITED = frozenset({"RateLimitExceededError", "TooManyRequestsError"})
#: `exc_type` of a document whose name, or another unique field, is taken.
_TAKEN = frozenset({"DuplicateEntryError", "UniqueValidationError"})
_TAG = re.compile(r"<[^<>]*>")
_NO_DOCTYPE = re.compile(r"DocType (.{1,80}) not found")


class AlreadyThere(TryAgain):
    """A document with this name exists: for a call log under our own id, an earlier create came through."""


def api_of(account: Account) -> JsonApi:
    """The API with one user's key and secret."""
    key, secret = account.settings["api_key"], account.settings["api_secret"]
    return JsonApi(WHO, account, headers={"Authorization": f"token {key}:{secret}"}, explain=explain)


def address(doctype: str, name: str | None = None, about: str = "") -> str:
    """The path of a document, or of all of a DocType; Gone when the name can be none of theirs."""
    path = f"api/resource/{quote(checked_id(doctype, DOCTYPE, WHO, about or doctype), safe='')}"
    if name is None:
        return path
    return f"{path}/{quote(checked_id(name, _NAME, WHO, about), safe='')}"


def document(api: JsonApi, doctype: str, name: str, about: str) -> dict[str, Any]:
    """Read one document with all its fields and child tables; Gone when there is none."""
    return api.as_object(api.object("GET", address(doctype, name, about), about).get("data"), about)


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """What Frappe's `exc_type` and message say; None leaves it to the status.

    A refusal is `{"exc_type", "exception", "_server_messages"}`; the last is a text: JSON, in it more JSON.
    """
    if reply.status < 400 or reply.status in (401, 429):
        return None
    told = body_of(reply)
    kind, words = str(told.get("exc_type") or ""), _words(told)
    if kind in _TAKEN or reply.status == 409:
        return AlreadyThere("crm_failed", f"{WHO} has a document of this name already ({about}).")
    if kind in _RATE_LIMITED:
        return slow_down(WHO, about, retry_after(reply))
    if kind in _PASSING:
        return TryAgain("crm_failed", f"{WHO} could not do it just now ({about}): {words or kind}")
    absent = _NO_DOCTYPE.search(words) if reply.status == 404 else None
    if absent:
        return AdminNeeded(
            "unknown_object",
            f"{WHO} has no DocType {absent[1]!r} ({about}): install its app, or name another in the mapping.",
        )
    if reply.status == 403 and words:
        return forbidden(WHO, about, f"{words.rstrip('. ')}. Give its role the missing right.")
    if kind and reply.status not in (403, 404) and reply.status < 500:
        return rejected(WHO, about, words or kind)
    return None


def _words(told: Mapping[str, Any]) -> str:
    """The message a person would have read, without HTML; else the exception's text."""
    try:
        first = json.loads(json.loads(told["_server_messages"])[0])
        message = first["message"] if isinstance(first, dict) else first
    except (KeyError, TypeError, ValueError, IndexError, RecursionError):
        message = str(told.get("exception") or "").rpartition("Error: ")[2]
    return said(html.unescape(_TAG.sub("", str(message or ""))))
