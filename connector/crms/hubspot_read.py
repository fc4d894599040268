"""What a mapping asks of HubSpot: a record, the contact of a deal, an owner without and with a phone.

HubSpot, "Objects", "Owners" and "Users" of the CRM API v3: https://developers.hubspot.com/docs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector.crms.base_api import JsonApi, only_one
from connector.crms.base_read import if_there, split_paths
from connector.crms.base_said import said
from connector.crms.hubspot_objects import CONTACT, ID, Kind, record_path
from connector.errors import Gone, Refused

OWNER = "hubspot_owner_id"
#: What an owner's own record tells; it holds no phone. Anything else is asked of the user it stands for.
OWNER_FIELDS = frozenset(
    {"id", "email", "firstName", "lastName", "userId", "userIdIncludingInactive", "type", "archived", "teams"}
)
#: The way from any other object to its contact, in a mapping: `record.contact.phone`.
THROUGH = "contact"


def split(kind: Kind, paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """A record's own properties, and those of its contact; `id` is there without asking."""
    own, through = split_paths(paths, () if kind is CONTACT else (THROUGH,))
    return [path for path in own if path != "id"], through.get(THROUGH, [])


class Reader:
    """Reads of one HubSpot account."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def record(self, kind: Kind, record_id: str, paths: Sequence[str]) -> dict[str, Any]:
        """The wanted properties with `id`, `hubspot_owner_id`, and the one `contact` where that is wanted."""
        own, through = split(kind, paths)
        params = {"properties": ",".join(dict.fromkeys([*own, OWNER]))}
        if through:
            params["associations"] = CONTACT.path
        about = f"{kind.name} {record_id}"
        told = self._api.object("GET", record_path(kind, record_id), about, params=params)
        properties = self._api.as_object(told.get("properties"), about)
        record = self._picked(kind.path, properties, own)
        # A merged record answers to its old number with the one it has now.
        record |= {"id": str(told.get("id") or record_id), OWNER: properties.get(OWNER)}
        if through:
            record[THROUGH] = self._contact(told, through, about)
        return record

    def owner(self, owner_id: Any, paths: Sequence[str]) -> dict[str, Any]:
        """The owner's wanted fields; all empty for nobody and for one who is deactivated."""
        found: Mapping[str, Any] | None = None
        if paths and ID.fullmatch(str(owner_id)):
            found = if_there(self._api.object, "GET", f"crm/v3/owners/{owner_id}", f"owner {owner_id}")
        return self._person(found or {}, paths)

    def user(self, who: str | None, paths: Sequence[str]) -> dict[str, Any]:
        """The same for who clicked: by e-mail, or by the user id that HubSpot knows its people by."""
        found: Mapping[str, Any] | None = None
        if paths and who and "@" in who:
            params = {"email": who, "limit": 2}
            owners = self._api.rows("GET", "crm/v3/owners", "who clicked", at="results", params=params)
            found = only_one(owners, who)
        elif paths and who and ID.fullmatch(who):
            by = {"idProperty": "userId"}
            found = if_there(self._api.object, "GET", f"crm/v3/owners/{who}", "who clicked", params=by)
        return self._person(found or {}, paths)

    def _contact(self, told: Mapping[str, Any], paths: Sequence[str], about: str) -> dict[str, Any] | None:
        """The one contact of another object, or None; of several, nobody can tell who is to be rung."""
        linked = told.get("associations")
        listed = linked.get(CONTACT.path) if isinstance(linked, Mapping) else None
        results = listed.get("results") if isinstance(listed, Mapping) else None
        ids = {str(one.get("id")) for one in results or () if isinstance(one, Mapping)}
        if not ids:
            return None
        if len(ids) > 1:
            raise Refused(
                "contact_unclear",
                f"{about} has {len(ids)} contacts in HubSpot: press Call on the contact who is to be rung.",
            )
        return self.record(CONTACT, ids.pop(), paths)

    def _person(self, found: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
        """An owner's fields; those of the HubSpot user it stands for are read when a mapping names them."""
        person: dict[str, Any] = {**dict.fromkeys(paths), "type": None}
        person |= {name: found.get(name) for name in OWNER_FIELDS if name in found}
        of_user = [path for path in paths if path.partition(".")[0] not in OWNER_FIELDS]
        if of_user and found.get("userId"):
            person |= self._user_properties(str(found["userId"]), of_user)
        return person

    def _user_properties(self, user_id: str, names: Sequence[str]) -> dict[str, Any]:
        same = {"propertyName": "hs_internal_user_id", "operator": "EQ", "value": user_id}
        rows = search(self._api, "users", same, names, f"user {user_id}")
        if len(rows) != 1:
            return {}
        return self._picked("users", self._api.as_object(rows[0].get("properties"), "users"), names)

    def _picked(self, path: str, properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The wanted properties. HubSpot leaves out those it does not know: only then it is asked of each."""
        for name in names:
            if name not in properties:
                self._check_known(path, name)
        return {name: properties.get(name) for name in names}

    def _check_known(self, path: str, name: str) -> None:
        sentence = f"HubSpot has no property {said(name, 80)!r} on {path}: correct its name in the mapping."
        if not name.isascii() or not name.replace("_", "").isalnum():
            raise Refused("unknown_field", sentence)
        try:
            self._api.ask("GET", f"crm/v3/properties/{path}/{name}", f"property {name} of {path}")
        except Gone:
            raise Refused("unknown_field", sentence) from None


def search(
    api: JsonApi, path: str, same: Mapping[str, str], properties: Sequence[str], about: str
) -> list[dict[str, Any]]:
    """Two records at most that hold a value; every key is there that HubSpot's specification asks for."""
    body = {
        "filterGroups": [{"filters": [dict(same)]}],
        "properties": list(properties),
        "sorts": [],
        "limit": 2,
        "after": "0",
    }
    return api.rows("POST", f"crm/v3/objects/{path}/search", about, at="results", json=body)
