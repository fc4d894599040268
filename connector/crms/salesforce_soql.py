"""Ids, field names and queries as Salesforce spells them, checked before any of them leaves.

Salesforce, "SOQL and SOSL Reference": SELECT syntax, TYPEOF. "Object Reference": ID Field Type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector.errors import BadRequest, Refused

_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)
_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,5}", re.ASCII)
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

#: Answered from `OwnerId` and the row itself, so never selected through the relationship.
_OF_THE_OWNER_ITSELF = frozenset({"id", "type"})


def full_id(text: str) -> str | None:
    """Return an id in its 18-character form, or None when it is none or its checksum is wrong.

    The last three characters say which of the first fifteen are capitals, so both forms of one id fold
    together ("Object Reference", ID Field Type).
    """
    if not _ID.fullmatch(text):
        return None
    suffix = ""
    for start in (0, 5, 10):
        capitals = sum(1 << place for place, char in enumerate(text[start : start + 5]) if char.isupper())
        suffix += _SUFFIX[capitals]
    return text[:15] + suffix if text[15:].upper() in ("", suffix) else None


def checked_id(text: str, what: str) -> str:
    """Return the 18-character form; BadRequest 422 `record_id_invalid` naming `what` otherwise."""
    if found := full_id(text):
        return found
    raise BadRequest(
        "record_id_invalid",
        f"The id of the {what} is not a Salesforce id: it takes 15 or 18 letters and digits, copied exactly.",
        status=422,
    )


def checked_object(name: str) -> str:
    """Return an API name that is safe inside a query; Refused `unknown_object` otherwise."""
    if _OBJECT.fullmatch(name):
        return name
    raise Refused(
        "unknown_object", f"{name[:80]!r} is not the API name of a Salesforce object, like `Contact`."
    )


def checked_field(path: str) -> str:
    """Return a field path that is safe inside a query; Refused `unknown_field` otherwise."""
    if _FIELD.fullmatch(path):
        return path
    raise Refused(
        "unknown_field",
        f"{path[:80]!r} in the mapping is not the API name of a Salesforce field, like `Account.Name`.",
    )


def split_owner(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part a record's paths into its own and those that go through `Owner.` (without that word).

    A query may not name a relationship both in the field list and in TYPEOF ("SOQL Reference", TYPEOF).
    """
    own: list[str] = []
    through: list[str] = []
    for path in paths:
        head, _, rest = path.partition(".")
        if head.lower() == "owner" and rest:
            through.append(rest)
        else:
            own.append(path)
    return own, through


def record_query(name: str, record_id: str, fields: Sequence[str], owner: Sequence[str], mixed: bool) -> str:
    """One query for a record and its owner; `mixed` when the owner may be a queue as well as a user."""
    select = [checked_field(field) for field in fields]
    if owner:
        select.append("OwnerId")
        of_user = [checked_field(field) for field in owner if field.lower() not in _OF_THE_OWNER_ITSELF]
        if mixed:
            of_user = _once(of_user) or ["Name"]
            select.append(f"TYPEOF Owner WHEN User THEN {', '.join(of_user)} WHEN Group THEN Name END")
        else:
            select += [f"Owner.{field}" for field in of_user]
    return _select(select, name, f"Id = {quoted(record_id)}")


def user_query(user: str, fields: Sequence[str]) -> str:
    """A query for the acting user by id, user name or e-mail address; active users only."""
    select = [checked_field(field) for field in fields]
    if user_id := full_id(user):
        return _select(select, "User", f"Id = {quoted(user_id)}")
    name = quoted(user)
    return _select(select, "User", f"IsActive = true AND (Username = {name} OR Email = {name}) LIMIT 2")


def key_query(kind: str, field: str, key: str) -> str:
    """A query for the activity that holds our key in `field`; the oldest first."""
    return _select([], kind, f"{checked_field(field)} = {quoted(key)} ORDER BY CreatedDate LIMIT 2")


def _select(fields: Iterable[str], name: str, where: str) -> str:
    """Only checked names and quoted values get here."""
    return " ".join(
        ["SELECT", ", ".join(_once(["Id", *fields])), "FROM", checked_object(name), "WHERE", where]
    )


def quoted(text: str) -> str:
    """A text as a SOQL literal ("SOQL Reference", Quoted String Escape Sequences)."""
    return "'" + re.sub(r"""(['"\\])""", r"\\\1", re.sub(r"[\x00-\x1f]", " ", text)) + "'"


def picked(row: Mapping[str, Any] | None, paths: Iterable[str]) -> dict[str, Any]:
    """The wanted paths of a row as nested plain data in the mapping's own spelling; absent is None."""
    found: dict[str, Any] = {}
    for path in paths:
        *parents, last = path.split(".")
        value: Any = row
        target = found
        for parent in parents:
            value = _member(value, parent)
            nested = target.get(parent)
            target[parent] = target = nested if isinstance(nested, dict) else {}
        target[last] = _member(value, last)
    return found


def _member(row: Any, name: str) -> Any:
    if not isinstance(row, Mapping):
        return None
    if name in row:
        return row[name]
    return next((value for key, value in row.items() if key.lower() == name.lower()), None)


def _once(names: Iterable[str]) -> list[str]:
    """Without repeats: Salesforce refuses a field that is selected twice, in whatever case."""
    return list({name.lower(): name for name in reversed(list(names))}.values())[::-1]
