"""Reading Odoo records: one `web_read` follows every many-to-one path of a mapping at once.

`web_read` belongs to Odoo's module `web` (17 and later), which every installation has; an ordinary user may
call it. Odoo writes an empty value as `false`, so the field's type decides between None and a real no.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_check import did_you_mean
from connector.crms.odoo_calls import Transport, rows_of
from connector.errors import AdminNeeded, ConnectorError, Gone, Refused, TryAgain
from connector.model import Click, Record, Wanted

#: The field that names a record's owner, on contacts, leads and orders alike.
OWNER = "user_id"
USERS = "res.users"
#: A lead's contact is always read with it: a change of one is told of both.
LEAD, CONTACT_OF_LEAD = "crm.lead", "partner_id"
#: Asked for always: a read of nothing but `id` answers the id of a record that was never there.
A_STORED_FIELD = "write_date"
#: Seconds between looks at a record whose change may be saved any moment.
_RESTS = (0.15, 0.35, 0.7, 1.1)
#: How much of a time in UTC, `2026-11-23 02:44:42.123456`, the API tells of a record.
_TO_THE_SECOND = 19
#: Which fields a request asks for: name -> {} or {"fields": {…}} of the record it points to.
Specification = dict[str, dict[str, Any]]


def record_number(model: str, record_id: str) -> int:
    """Odoo's number of the record; Gone when the id is none, for then there is no such record."""
    if not record_id.isdecimal():
        raise Gone("record_not_found", f"Odoo has no {model} {record_id!r}: its records have numbers.")
    return int(record_id)


class Reader:
    """Reads records and remembers, for the life of the process, what type each model's fields have."""

    def __init__(self, odoo: Transport, rest: Callable[[float], object] = time.sleep) -> None:
        self._odoo, self._rest = odoo, rest
        self._types: dict[str, Mapping[str, Mapping[str, str]]] = {}

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Return the record, its salesperson and the acting user as plain data."""
        number = record_number(click.object, click.record_id)
        asked = specification([*wanted.record, A_STORED_FIELD])
        if click.object == LEAD:
            asked.setdefault(CONTACT_OF_LEAD, {})
        if wanted.owner:
            of_owner = specification([*wanted.owner, "active"])
            asked[OWNER] = {"fields": {**asked.get(OWNER, {}).get("fields", {}), **of_owner}}
        about = f"{click.object} {number}"
        record = self._saved(click, lambda: self._first(click.object, number, asked, about))
        if record is None:
            raise Gone("record_not_found", f"Odoo has no such record ({about}). It may have been deleted.")
        owner = record.get(OWNER) if wanted.owner else None
        if isinstance(owner, dict) and OWNER in wanted.record:
            record[OWNER] = owner.get("id")
        return Record(
            record=record,
            owner=owner if isinstance(owner, dict) else {},
            user=self._user(click.user, wanted.user) if wanted.user and click.user else {},
        )

    def exists(self, model: str, number: int) -> bool:
        """Whether the record is there and may be read."""
        return bool(
            self._odoo.call(model, "read", about=f"{model} {number}", ids=[number], fields=[A_STORED_FIELD])
        )

    def findings(self, model: str, wanted: Wanted) -> list[Finding]:
        """Check that the model, its fields and activities exist: one finding for each that will not do."""
        try:
            problems = self._missing(model, wanted.record) + self._missing(
                USERS, [*wanted.owner, *wanted.user]
            )
            if wanted.owner:
                problems += self._missing(model, [OWNER])
            if "activity_ids" not in self._fields(model):
                problems.append(f"{model} has no activities, so calls cannot be shown on it.")
        except ConnectorError as error:
            problems = [error.message]
        return [Finding(model, False, problem) for problem in problems] or [Finding(model, True)]

    def _saved(self, click: Click, read: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """The record as it is after the change that the click tells of.

        Odoo 17 sends its webhook while it still makes the change: what is read meanwhile is the old record,
        or none. Both show in `write_date`, which is the same in webhook and record, there to the second.
        Raises TryAgain (`crm_not_saved_yet`) when it is not saved in time, Refused (`write_date_missing`).
        """
        if not self._odoo.early or "_model" not in click.raw:
            return read()
        told = str(click.raw.get("write_date") or "")[:_TO_THE_SECOND]
        if not told:
            raise Refused(
                "write_date_missing",
                f"Odoo's webhook of {click.object} {click.record_id} came without `write_date`, so nobody can"
                " tell whether the change was saved: add Last Updated on to its fields.",
            )
        for rest in (*_RESTS, None):
            record = read()
            if record and str(record.get(A_STORED_FIELD) or "")[:_TO_THE_SECOND] >= told:
                return record
            if rest is not None:
                self._rest(rest)
        raise TryAgain(
            "crm_not_saved_yet",
            f"Odoo told of a change of {click.object} {click.record_id} but has not saved it yet,"
            " or it was taken back or deleted.",
        )

    def _first(self, model: str, number: int, asked: Specification, about: str) -> dict[str, Any] | None:
        rows = rows_of(self._call(model, "web_read", about, ids=[number], specification=asked), about)
        return self._plain(model, rows[0]) if rows else None

    def _user(self, user: str, paths: Sequence[str]) -> Mapping[str, Any]:
        """The acting user by number, login or e-mail address (case ignored); {} when there is none."""
        asked = specification(paths)
        if user.isdecimal():
            return self._first(USERS, int(user), asked, f"{USERS} {user}") or {}
        pattern = user.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        answer = self._call(
            USERS,
            "web_search_read",
            USERS,
            domain=["|", ["login", "=ilike", pattern], ["email", "=ilike", pattern]],
            specification={**asked, "login": {}},
            limit=2,
        )
        found = rows_of(answer.get("records") if isinstance(answer, dict) else None, USERS)
        by_login = [row for row in found if str(row.get("login")).casefold() == user.casefold()]
        chosen = by_login or (found if len(found) == 1 else [])
        return self._plain(USERS, chosen[0]) if chosen else {}

    def _call(self, model: str, method: str, about: str, **arguments: Any) -> Any:
        try:
            return self._odoo.call(model, method, about=about, **arguments)
        except AdminNeeded as error:
            if error.code == "unknown_field":
                raise Refused(error.code, error.message) from None
            raise

    def _plain(self, model: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The same values with None for empty, through every record pointed to."""
        plain: dict[str, Any] = {}
        for name, value in values.items():
            if value is False:
                plain[name] = False if self._type(model, name).get("type") == "boolean" else None
            elif isinstance(value, dict):
                plain[name] = self._plain(self._type(model, name).get("relation", ""), value)
            else:
                plain[name] = value
        return plain

    def _type(self, model: str, name: str) -> Mapping[str, str]:
        if name not in self._fields(model):
            self._types.pop(model, None)  # the field was added to Odoo since we asked
        try:
            return self._fields(model)[name]
        except KeyError:
            raise TryAgain(
                "crm_answer_odd",
                f"Odoo answered with a field {name!r} that {model or 'nothing'} does not have.",
            ) from None

    def _fields(self, model: str) -> Mapping[str, Mapping[str, str]]:
        if model not in self._types:
            told = self._odoo.call(model, "fields_get", about=model, attributes=["type", "relation"])
            if not isinstance(told, dict) or not all(isinstance(each, dict) for each in told.values()):
                raise TryAgain("crm_answer_odd", f"Odoo told the fields of {model} in no form that is known.")
            self._types[model] = told
        return self._types[model]

    def _missing(self, model: str, paths: Sequence[str]) -> list[str]:
        problems = []
        for path in dict.fromkeys(paths):
            at = model
            for name in path.split("."):
                known = self._fields(at)
                if name not in known:
                    hint = did_you_mean(name, known)
                    problems.append(f"{at} has no field {name!r} (for `{path}`).{hint}")
                    break
                at = known[name].get("relation", at)
        return problems


def specification(paths: Sequence[str]) -> Specification:
    """Fold dotted paths into what `web_read` takes: `country_id.code` comes in the same request."""
    asked: Specification = {}
    for path in paths:
        first, _, rest = path.partition(".")
        entry = asked.setdefault(first, {})
        if rest:
            deeper = entry.setdefault("fields", {})
            for name, inner in specification([rest]).items():
                _merge(deeper, name, inner)
    return asked


def _merge(into: Specification, name: str, entry: Mapping[str, Any]) -> None:
    known = into.setdefault(name, {})
    for inner_name, inner in entry.get("fields", {}).items():
        _merge(known.setdefault("fields", {}), inner_name, inner)
