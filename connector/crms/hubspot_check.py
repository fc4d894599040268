"""What `check --live` asks HubSpot: token, scopes, objects, properties. Nothing is written.

HubSpot, "Properties" of the CRM API v3: https://developers.hubspot.com/docs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import did_you_mean, looked_at
from connector.crms.hubspot_calls import CALLS, KEY
from connector.crms.hubspot_objects import CONTACT, kind_of
from connector.crms.hubspot_read import OWNER_FIELDS, THROUGH, split
from connector.errors import ConnectorError
from connector.model import Wanted

#: Told with every record, no properties of it.
_ALWAYS = frozenset({"id"})


def findings(api: JsonApi, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for the token, the owners, every object and property, and the calls."""
    found = [_asked(api, "access token, owners", "crm/v3/owners", {"limit": 1})]
    if not found[0].ok:
        return found
    known: dict[str, dict[str, None] | str] = {}
    people: set[str] = set()
    for name, paths in wanted.items():
        people |= {path for path in (*paths.owner, *paths.user) if path.partition(".")[0] not in OWNER_FIELDS}
        try:
            kind = kind_of(name)
        except ConnectorError as error:
            found.append(Finding(name, False, error.message))
            continue
        own, through = split(kind, paths.record)
        found += _fields(api, known, name, kind.path, own)
        found += _fields(api, known, f"{name}.{THROUGH}", CONTACT.path, through) if through else []
    found += _fields(api, known, "owner", "users", sorted(people)) if people else []
    return [*found, _asked(api, "calls", CALLS, {"limit": 1, "properties": KEY})]


def _asked(api: JsonApi, what: str, path: str, params: Mapping[str, Any]) -> Finding:
    return looked_at(what, partial(api.rows, "GET", path, what, at="results", params=params))


def _fields(
    api: JsonApi, known: dict[str, dict[str, None] | str], what: str, path: str, names: Iterable[str]
) -> list[Finding]:
    """The object, then each property; the properties of an object are asked for once."""
    if path not in known:
        try:
            rows = api.rows("GET", f"crm/v3/properties/{path}", what, at="results")
            known[path] = dict.fromkeys(str(row.get("name")) for row in rows)
        except ConnectorError as error:
            known[path] = error.message
    there = known[path]
    if isinstance(there, str):
        return [Finding(what, False, there)]
    return [Finding(what, True), *(_field(f"{what}.{name}", name, there) for name in names)]


def _field(what: str, name: str, known: Mapping[str, None]) -> Finding:
    if name in known or name in _ALWAYS:
        return Finding(what, True)
    told = f"HubSpot has no property {name!r} there: correct its name in the mapping."
    return Finding(what, False, told + did_you_mean(name, known))
