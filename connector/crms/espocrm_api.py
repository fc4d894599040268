"""EspoCRM's REST API: one record by entity type and id, and its refusals in our words.

Vendor's documentation: https://docs.espocrm.com/development/api/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connector.crms.base import Account
from connector.crms.base_api import JsonApi, checked_id
from connector.crms.base_said import forbidden, rejected, said
from connector.errors import ConnectorError
from connector.http import Reply

WHO = "EspoCRM"
#: An entity type's name, custom ones with a C before it: `Contact`, `CProject`.
ENTITY = re.compile(r"[A-Z][A-Za-z0-9]{0,60}")
#: 17 hexadecimal digits of old, a UUID where a site is set to it; the first users have short words.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,35}")
#: One condition of a search: what kind, on which attribute, with which value.
Condition = tuple[str, str, str]


def api_of(account: Account) -> JsonApi:
    """The API with an API user's key; a create is never held back as a likely duplicate."""
    headers = {"X-Api-Key": account.settings["api_key"], "X-Skip-Duplicate-Check": "true"}
    return JsonApi(WHO, account, headers=headers, explain=explain)


def address(entity: str, record_id: str | None = None, about: str = "") -> str:
    """The path of a record, or of all of an entity type; Gone when the id can be none of theirs."""
    path = f"api/v1/{checked_id(entity, ENTITY, WHO, about or entity)}"
    return path if record_id is None else f"{path}/{checked_id(record_id, ID, WHO, about)}"


def search(conditions: Sequence[Condition], select: str, at_most: int) -> Mapping[str, Any]:
    """The query of a list, newest first, of records that fulfil any of the conditions."""
    asked: dict[str, Any] = {"select": select, "maxSize": at_most, "orderBy": "createdAt", "order": "desc"}
    if conditions:
        asked["where[0][type]"] = "or"
    for number, (kind, attribute, value) in enumerate(conditions):
        at = f"where[0][value][{number}]"
        asked |= {f"{at}[type]": kind, f"{at}[attribute]": attribute, f"{at}[value]": value}
    return asked


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """What the header `X-Status-Reason` adds to 400 and 403; None leaves it to the status."""
    reason = said(reply.headers.get("x-status-reason")).rstrip(". ")
    if reply.status == 403 and reason:
        return forbidden(WHO, about, f"{reason}. Give its role the missing access.")
    if reply.status == 400:
        why = reason or "a field is missing or wrong"
        return rejected(WHO, about, f"{why}. Correct the mapping.")
    return None
