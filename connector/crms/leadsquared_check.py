"""What `check --live` asks LeadSquared: are the keys good, are the fields of leads and users there?

LeadSquared, "Get Metadata of Lead Fields" (`SchemaName`), "Get Users" (`StatusCode` 0 is active),
"Get a User by Id".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import fields_there, people_paths
from connector.errors import ConnectorError
from connector.model import Wanted

_ACTIVE = 0


def findings(api: JsonApi, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the keys, each missing field, and the users."""
    try:
        fields = api.rows("GET", "v2/LeadManagement.svc/LeadsMetaData.Get", "fields of leads")
    except ConnectorError as error:
        return [Finding("keys", False, error.message)]
    found, known = [Finding("keys", True)], {str(row.get("SchemaName")) for row in fields}
    for name, paths in wanted.items():
        found += fields_there(name, paths.record, known)
    people = people_paths(wanted)
    return [*found, *_users(api, people)] if people else found


def _users(api: JsonApi, paths: Iterable[str]) -> list[Finding]:
    try:
        users = api.rows("GET", "v2/UserManagement.svc/Users.Get", "users")
        active = [user for user in users if user.get("StatusCode") == _ACTIVE]
        if not active:
            return [Finding("users", False, "LeadSquared shows us no active user.")]
        path = "v2/UserManagement.svc/User/Retrieve/ByUserId"
        rows = api.rows("GET", path, "a user", params={"userId": str(active[0].get("ID"))})
    except ConnectorError as error:
        return [Finding("users", False, error.message)]
    known: dict[str, Any] = rows[0] if rows else {}
    return fields_there("users", paths, known)
