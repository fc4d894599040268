"""What `check --live` asks an EspoCRM site: the key, fields of records and users, the right to make calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import did_you_mean, people_paths
from connector.crms.base_read import first_parts
from connector.crms.espocrm_api import address, search
from connector.crms.espocrm_read import LINKS, USER
from connector.errors import ConnectorError
from connector.model import Wanted


def findings(api: JsonApi, call: str, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for the key, every entity type that is read, users, and what calls are written as.

    Fields are looked for in one record of each entity type, as a call would read it.
    """
    try:
        me = api.object("GET", "api/v1/App/user", "own user")
    except ConnectorError as error:
        return [Finding("api_key", False, error.message)]
    found = [Finding("api_key", True)]
    for entity, paths in wanted.items():
        found.append(_fields(api, entity, [_attribute(path) for path in paths.record]))
    if people := people_paths(wanted):
        found.append(_fields(api, USER, first_parts(people)))
    return [*found, _writes(me, call)]


def _attribute(path: str) -> str:
    """What of a path stands in the record itself: of a link its id."""
    name, _, behind = path.partition(".")
    return f"{name}Id" if behind and name in LINKS else name


def _fields(api: JsonApi, entity: str, names: Sequence[str]) -> Finding:
    try:
        rows = api.rows("GET", address(entity), entity, at="list", params=search([], "id", 1))
        if not rows:
            return Finding(entity, True, f"There is no {entity} yet, so its fields could not be checked.")
        whole = api.object("GET", address(entity, api.id_in(rows[0], entity), entity), entity)
    except ConnectorError as error:
        return Finding(entity, False, error.message)
    missing = [name for name in dict.fromkeys(names) if name not in whole]
    if not missing:
        return Finding(entity, True)
    hint = did_you_mean(missing[0], whole)
    told = f"{entity} has no field {', '.join(map(repr, missing))}, or our user's role may not read it.{hint}"
    return Finding(entity, False, told)


def _writes(me: Mapping[str, Any], call: str) -> Finding:
    """Whether the role of our user may make and change calls, as far as the site says."""
    rights: Any = me
    for step in ("acl", "table", call):
        rights = rights.get(step) if isinstance(rights, dict) else None
    if isinstance(rights, dict):
        lacking = [right for right in ("create", "read", "edit") if rights.get(right) == "no"]
    else:
        lacking = ["create", "read", "edit"] if rights is False else []
    told = f"Give our user's role the access {', '.join(lacking)} on {call}." if lacking else ""
    return Finding(f"{call}: create, read, edit", not lacking, told)
