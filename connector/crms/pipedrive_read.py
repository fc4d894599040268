"""Reading Pipedrive's persons, deals, leads and organizations, what they link to, and users.

Source: Pipedrive API reference. A record holds bare ids, so each link that a mapping follows is one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector.crms.base_api import JsonApi, known, only_one
from connector.crms.base_read import behind, first_parts, if_there, split_paths
from connector.crms.pipedrive_api import FIELDS, HASH, WHO, data_of, path_of
from connector.errors import Gone, Refused
from connector.model import Click, Record, Wanted

#: object -> name a mapping follows -> field that holds the id, and object it leads to
LINKS: dict[str, dict[str, tuple[str, str]]] = {
    "person": {"org": ("org_id", "organization")},
    "deal": {"person": ("person_id", "person"), "org": ("org_id", "organization")},
    "lead": {"person": ("person_id", "person"), "org": ("organization_id", "organization")},
    "organization": {},
}
CUSTOM = "custom_fields"
#: Kept whatever the mapping names: what the activity is tied to.
_STRUCTURE = ("id", "person_id", "owner_id")


class Reader:
    """Reads of one account; knows which custom fields have been seen."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._custom: set[tuple[str, str]] = set()

    def read(self, click: Click, wanted: Wanted) -> Record:
        """The record with what its mapping names of it, its owner, and the acting user."""
        record = self._record(click.object, click.record_id, wanted.record)
        owner_id, user = record.get("owner_id"), click.user
        owner = self._user(str(owner_id), wanted.owner) if owner_id and wanted.owner else {}
        if not (user and wanted.user):
            return Record(record, owner)
        same = str(owner_id) == user and set(wanted.user) <= set(wanted.owner)
        return Record(record, owner, owner if same else self._user(user, wanted.user))

    def check_field(self, kind: str, name: str, about: str) -> None:
        """Refused (`unknown_field`) unless Pipedrive has this custom field on records of this kind."""
        where = FIELDS[kind]
        if (where, name) in self._custom:
            return
        try:
            if not HASH.fullmatch(name):
                raise Gone("record_not_found", "No custom field is named like that.")
            self._api.object("GET", f"{where}/{name}", about)
        except Gone:
            raise Refused(
                "unknown_field",
                f"{WHO} has no custom field {name!r} on {about}: correct it in the mapping"
                " (its key is 40 characters long).",
            ) from None
        self._custom.add((where, name))

    def _record(self, kind: str, record_id: str, paths: Iterable[str]) -> dict[str, Any]:
        about = f"{kind} {record_id}"
        answer = self._api.object("GET", path_of(kind, record_id), about)
        row = shaped(self._api.as_object(data_of(answer), about))
        if row.get("is_deleted") is True:
            raise Gone("record_not_found", f"{WHO} has no {about} any more: it was deleted.")
        own, through = split_paths(paths, LINKS[kind])
        known(row, own, WHO, about)
        self._fill_custom(kind, row, own, about)
        names = (*first_parts(own), *_STRUCTURE)
        record = {name: value for name, value in row.items() if name in names}
        for name, further in through.items():
            id_field, target = LINKS[kind][name]
            record[name] = self._linked(target, row.get(id_field), further)
        return record

    def _linked(self, kind: str, record_id: Any, paths: list[str]) -> dict[str, Any] | None:
        return if_there(self._record, kind, str(record_id), paths) if record_id else None

    def _fill_custom(self, kind: str, row: dict[str, Any], paths: list[str], about: str) -> None:
        """An empty custom field may be left out of an answer; only then is it asked whether there is one."""
        there = row.get(CUSTOM)
        values = dict(there) if isinstance(there, dict) else {}
        for name in behind(paths, CUSTOM):
            if name not in values:
                self.check_field(kind, name, about)
                values[name] = None
        row[CUSTOM] = values

    def _user(self, who: str, wanted: Iterable[str]) -> dict[str, Any]:
        """A user by id or e-mail; the wanted fields empty when there is none we may see."""
        about, names = f"user {who}", first_parts(wanted)
        found = if_there(self._by_id if who.isdecimal() else self._by_email, who, about)
        if found is None:
            return dict.fromkeys(names)
        known(found, names, WHO, about)
        return {name: value for name, value in found.items() if name in (*names, "id", "active_flag")}

    def _by_id(self, who: str, about: str) -> dict[str, Any]:
        return self._api.as_object(data_of(self._api.object("GET", f"v1/users/{who}", about)), about)

    def _by_email(self, who: str, about: str) -> dict[str, Any] | None:
        if "@" not in who:
            return None
        asked = {"term": who, "search_by_email": 1}
        rows = self._api.rows("GET", "v1/users/find", about, at="data", params=asked)
        found = only_one(rows, who)
        return dict(found) if found else None


def shaped(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record as mappings read it: with its main phone and e-mail, custom fields of leads in their place."""
    record = dict(row)
    for one, several in (("phone", "phones"), ("email", "emails")):
        if isinstance(row.get(several), list):
            record[one] = _main(row[several])
    if CUSTOM not in row:  # version 1, leads: empty ones are left out
        record[CUSTOM] = {name: value for name, value in row.items() if HASH.fullmatch(name)}
    return record


def _main(entries: list[Any]) -> str | None:
    """The value marked as primary, else the first one."""
    values = [entry for entry in entries if isinstance(entry, dict) and entry.get("value")]
    chosen = next((entry for entry in values if entry.get("primary") is True), values[0] if values else None)
    return str(chosen["value"]) if chosen else None
