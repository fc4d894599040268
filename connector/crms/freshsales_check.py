"""What `check --live` asks a Freshsales account: is the key good, are activity type and fields there?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import looked_at
from connector.crms.freshsales_api import KINDS, WHO, ActivityType
from connector.errors import ConnectorError
from connector.model import Wanted

CUSTOM = "custom_field"
#: In every answer, yet not in the lists of fields.
_ALWAYS = frozenset(
    {
        "id",
        "display_name",
        "email",
        "emails",
        "mobile_number",
        "work_number",
        "name",
        "phone",
        "contacts",
        "owner_id",
        "created_at",
        "updated_at",
    }
)


def findings(api: JsonApi, kind: ActivityType, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for the key, the activity type, every object and every field."""
    found = [looked_at("API key", partial(api.rows, "GET", "selector/owners", "API key", at="users"))]
    if not found[0].ok:
        return found
    found.append(looked_at("activity type", kind.id))
    for name, paths in wanted.items():
        found += _object(api, name, list(paths.record))
    return found


def _object(api: JsonApi, name: str, paths: list[str]) -> list[Finding]:
    if name not in KINDS:
        return [Finding(name, False, f"{WHO} has no object {name!r}: it has {', '.join(KINDS)}.")]
    try:
        rows = api.rows("GET", f"settings/{KINDS[name].records}/fields", name, at="fields")
    except ConnectorError as error:
        return [Finding(name, False, error.message)]
    there = {str(row.get("name")) for row in rows}
    found = [Finding(name, True)]
    for path in paths:
        first, _, rest = path.partition(".")
        field = rest.partition(".")[0] if first == CUSTOM and rest else first
        ok = field in there or (field == first and field in _ALWAYS)
        advice = "" if ok else f"{WHO} lists no such field: correct its name in the mapping."
        found.append(Finding(f"{name} {path}", ok, advice))
    return found
