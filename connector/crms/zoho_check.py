"""What `check --live` asks Zoho CRM: is the token good, is every module, field and right there, is the key?

Zoho CRM, "Fields Metadata" (`api_name`, `unique`) and "Users" (`type=CurrentUser`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_check import fields_asked, looked_at, people_paths
from connector.crms.zoho_api import Api
from connector.crms.zoho_call import CALLS
from connector.errors import ConnectorError
from connector.model import Wanted


def findings(api: Api, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the refresh token, each module, each missing field, the users, and the key's field."""
    found = [looked_at("refresh token", api.login.token)]
    if not found[0].ok:
        return found
    for module, paths in wanted.items():
        found += fields_asked(module, paths.record, partial(_of_module, api, module))
    if people := people_paths(wanted):
        found += fields_asked("users", people, partial(_of_users, api))
    return [*found, *_calls(api)]


def _of_module(api: Api, module: str) -> list[str]:
    return ["id", *_fields(api, module)]


def _of_users(api: Api) -> list[str]:
    me = api.one("GET", "users", "users", at="users", params={"type": "CurrentUser"})
    # A record tells of its owner's `name`, a user's own record calls the same `full_name`.
    return ["name", *me]


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
