"""Calling a method of an Odoo model, whatever way it goes, and what Odoo's exceptions mean.

The adapter in `odoo.py` knows only `Transport`: JSON-2 (19 and later) or JSON-RPC (17 and 18). Both tell of a
fault by the name of a Python exception and its message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from connector import redact
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain

#: How Odoo words a field it does not know, `on` when reading and `in` when writing; never translated.
_UNKNOWN_FIELD = re.compile(r"Invalid field '([^']+)' (?:on|in)(?: model)? '([^']+)'")
_UNKNOWN_MODEL = re.compile(r"Object \S+ doesn't exist")
#: How a recordset looks that a version of Odoo wrote as a text: `mail.activity(11,)`.
_RECORDSET = re.compile(r"[a-z_.0-9]+\((\d+),\)")
_LONGEST_QUOTE = 200


class Transport(Protocol):
    """One way of calling a method of an Odoo model."""

    #: Whether a webhook of this Odoo may come before the change it tells of is saved.
    early: ClassVar[bool]

    def call(
        self, model: str, method: str, *, about: str = "", ids: Sequence[int] = (), **arguments: Any
    ) -> Any:
        """Return what the method returns; raise Gone, TryAgain or AdminNeeded (`unknown_field` among them).

        `about` names the record or activity in error sentences.
        """

    def user(self) -> int:
        """The number of the API key's own user; raises as `call` does."""


def rows_of(answer: Any, about: str) -> list[dict[str, Any]]:
    """The records of an answer; TryAgain when it is no list of them, as of a proxy that answers for Odoo."""
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        return answer
    raise TryAgain("crm_answer_odd", f"Odoo answered with something that is no list of records ({about}).")


def number_made(answer: Any) -> int | None:
    """The number of the one record a method made, as versions tell: `[11]`, `11`, `"mail.activity(11,)"`."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        found = _RECORDSET.fullmatch(answer)
        answer = int(found[1]) if found else None
    return answer if isinstance(answer, int) and not isinstance(answer, bool) and answer > 0 else None


def number_of(row: Mapping[str, Any], about: str) -> int:
    """The number of a record that was found; TryAgain when the answer holds none."""
    number = number_made(row.get("id"))
    if number is None:
        raise TryAgain("crm_answer_odd", f"Odoo answered with a record that has no number ({about}).")
    return number


def told(fault: Any) -> tuple[str, str]:
    """The exception's name and its message's first line, scrubbed; two empty texts when there are none."""
    if not isinstance(fault, dict):
        return "", ""
    lines = str(fault.get("message", "")).strip().splitlines() or [""]
    return str(fault.get("name", "")), redact.scrub(lines[0])[:_LONGEST_QUOTE]


def meaning_of_fault(who: str, name: str, message: str, about: str) -> ConnectorError | None:
    """The one table from an exception of Odoo's to an error; None for one whose status must decide."""
    unknown = _UNKNOWN_FIELD.search(message)
    if unknown:
        field, model = unknown.groups()
        return AdminNeeded(
            "unknown_field",
            f"{who} has no field {field!r} on {model} ({about}): correct its name in the mapping.",
        )
    if name == "odoo.exceptions.MissingError":
        return Gone("record_not_found", f"{who} has no such record any more ({about}).")
    if name == "werkzeug.exceptions.NotFound" or _UNKNOWN_MODEL.search(message):
        return AdminNeeded("unknown_object", f"{who} says: {message} ({about}).")
    if name == "odoo.exceptions.AccessError":
        return AdminNeeded(
            "crm_forbidden", f"{who} does not let the API key's user do this ({about}): {message}"
        )
    if name.startswith("builtins."):
        # Python's own exceptions come as 500, yet the same request fails the same way for ever.
        return AdminNeeded("crm_rejected", f"{who} rejected the request ({about}): {message}")
    return None


def no_such_database(who: str, database: str) -> AdminNeeded:
    """What is wrong when Odoo serves no database of this name."""
    return AdminNeeded(
        "unknown_database",
        f"{who} serves no database {database!r} at this address:"
        " check the connection's `database` and `base_url`.",
    )
