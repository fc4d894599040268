"""What `check --live` asks Zoho CRM: is the token good, is every module, field and right there, is the key?

Zoho CRM, "Fields Metadata" (`api_name`, `unique`) and "Users" (`type=CurrentUser`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_check import fields_there
from connector.crms.zoho_api import Api
from connector.crms.zoho_call import CALLS
from connector.errors import ConnectorError
from connector.model import Wanted


def findings(api: Api, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the refresh token, each module, each missing field, the users, and the key's field."""
    try:
        api.login.token()
    except ConnectorError as error:
        return [Finding("refresh token", False, error.message)]
    found = [Finding("refresh token", True)]
    for module, paths in wanted.items():
        found += _module(api, module, paths.record)
    people = [path for paths in wanted.values() for path in (*paths.owner, *paths.user)]
    if people:
        found += _users(api, people)
    return [*found, *_calls(api)]


def _module(api: Api, module: str, paths: Iterable[str]) -> list[Finding]:
    try:
        known = _fields(api, module)
    except ConnectorError as error:
        return [Finding(module, False, error.message)]
    return fields_there(module, paths, {"id", *known})


def _users(api: Api, paths: Iterable[str]) -> list[Finding]:
    try:
        me = api.one("GET", "users", "users", at="users", params={"type": "CurrentUser"})
    except ConnectorError as error:
        return [Finding("users", False, error.message)]
    # A record tells of its owner's `name`, a user's own record calls the same `full_name`.
    return fields_there("users", paths, {"name", *me})


def _calls(api: Api) -> list[Finding]:
    try:
        known = _fields(api, CALLS)
    except ConnectorError as error:
        return [Finding(CALLS, False, error.message)]
    ours = [name for name, field in known.items() if field.get("custom_field") and field.get("unique")]
    if ours:
        return [Finding(f"{CALLS}: no duplicates in {', '.join(ours)}", True)]
    advice = (
        f"{CALLS} has no field of your own with 'Do not allow duplicate values': make one for `activity.key`,"
        " or a lost answer may leave a call twice."
    )
    return [Finding(f"{CALLS}: a field for the key", False, advice)]


def _fields(api: Api, module: str) -> dict[str, Mapping[str, Any]]:
    about = f"fields of {module}"
    rows = api.rows("GET", "settings/fields", about, at="fields", params={"module": module})
    return {str(row.get("api_name")): row for row in rows}
