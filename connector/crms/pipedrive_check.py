"""What `check --live` asks a Pipedrive account: is the credential good, every field there, Call a type?

A standard field is looked for on one record, for Pipedrive's lists of fields name some of them differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi, known
from connector.crms.base_check import looked_at
from connector.crms.pipedrive_api import RECORDS, WHO
from connector.crms.pipedrive_read import CUSTOM, LINKS, Reader, shaped
from connector.errors import ConnectorError
from connector.model import Wanted

_USERS = "user"


def findings(api: JsonApi, reader: Reader, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for the credential, every object, every field, users, and the activity type."""
    try:
        me = api.as_object(api.object("GET", "v1/users/me", "credential").get("data"), "credential")
    except ConnectorError as error:
        return [Finding("credential", False, error.message)]
    found = [Finding("credential", True)]
    for kind, paths in _by_kind(wanted).items():
        found += (
            [_standard(kind, me, path) for path in paths]
            if kind == _USERS
            else _of_object(api, reader, kind, paths)
        )
    return [*found, _call_type(api)]


def _by_kind(wanted: Mapping[str, Wanted]) -> dict[str, list[str]]:
    """The fields each object must have, those reached through a link under the object it leads to."""
    kinds: dict[str, list[str]] = {}
    for kind, paths in wanted.items():
        for path in paths.record:
            first, dot, rest = path.partition(".")
            _, target = LINKS.get(kind, {}).get(first, ("", ""))
            kinds.setdefault(target if dot and target else kind, []).append(rest if dot and target else path)
        kinds.setdefault(_USERS, []).extend([*paths.owner, *paths.user])
    return {kind: sorted(set(paths)) for kind, paths in kinds.items()}


def _of_object(api: JsonApi, reader: Reader, kind: str, paths: list[str]) -> list[Finding]:
    if kind not in RECORDS:
        return [Finding(kind, False, f"Pipedrive has no object {kind!r}: it has {', '.join(RECORDS)}.")]
    try:
        rows = api.rows("GET", RECORDS[kind], kind, at="data", params={"limit": 1})
    except ConnectorError as error:
        return [Finding(kind, False, error.message)]
    found = [Finding(kind if rows else f"{kind} (none yet: its standard fields were not looked at)", True)]
    for path in paths:
        first, _, rest = path.partition(".")
        if first == CUSTOM and rest:
            look = partial(reader.check_field, kind, rest.partition(".")[0], kind)
            found.append(looked_at(f"{kind} {path}", look))
        elif rows:
            found.append(_standard(kind, shaped(rows[0]), path))
    return found


def _standard(kind: str, row: Mapping[str, Any], path: str) -> Finding:
    return looked_at(f"{kind} {path}", partial(known, row, [path], WHO, kind))


def _call_type(api: JsonApi) -> Finding:
    try:
        types = api.rows("GET", "v1/activityTypes", "activity types", at="data")
    except ConnectorError as error:
        return Finding("activity type call", False, error.message)
    there = any(each.get("key_string") == "call" and each.get("active_flag") for each in types)
    advice = "Switch the activity type Call on again, in Company settings, Activities."
    return Finding("activity type call", there, "" if there else advice)
