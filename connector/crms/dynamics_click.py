"""A Dataverse webhook as a click: the execution context of a message, posted by a service endpoint.

Vendor's documentation: https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks. Its lists
are pairs of key and value; above 256 KB the parameters are left out, which a header tells. The one place for
what the page leaves open: `OperationCreatedOn` is read as the clock of the zone it names, for in the page's
own example that is one second after the change, and without the zone seven hours after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of, source_of
from connector.crms.base_read import if_there
from connector.crms.dynamics_api import guid_of
from connector.http import storable
from connector.model import Click, Source

#: In the connection's `events`: the making of a record, beside the names of fields that changed.
CREATED = "create"
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,127}")
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:([+-])(\d\d)(\d\d))?\)/")
_TOO_LARGE = "x-ms-dynamics-msg-size-exceeded"
#: `OperationId` of a message that no system job sends.
_NO_ID = "00000000-0000-0000-0000-000000000000"


def parse_dynamics_click(hook: Hook, account: Account) -> list[Click]:
    """Read a webhook, or our own format; a message that `events` does not name is no click.

    It is answered 2xx, for anything else fails the system job, or the user's own save. Raises BadRequest.
    """
    fields = fields_of(hook)
    if "PrimaryEntityName" not in fields:
        click = parse_click(fields, account, Source.BUTTON)
        user = click.user.strip("{}") if click.user else None
        return [replace(_checked(click), user=user)]
    target = _target(fields)
    if not _rings(fields, target, account.settings["events"], _TOO_LARGE in hook.headers):
        return []
    table, record, user = (
        fields.get(name) for name in ("PrimaryEntityName", "PrimaryEntityId", "InitiatingUserId")
    )
    click = Click(
        connection=account.name,
        object=str(table),
        record_id=str(record),
        source=source_of(account),
        user=user if isinstance(user, str) and user != _NO_ID else None,
        clicked_at=_moment(target.get("modifiedon")) or _moment(fields.get("OperationCreatedOn")),
        raw=raw_of({"message": fields.get("MessageName"), "target": target}),
    )
    return [replace(_checked(click), delivery=_delivery(fields))]


def _rings(
    fields: Mapping[str, Any], target: Mapping[str, Any], events: Mapping[str, Any], cut: bool
) -> bool:
    """Whether a message is one of the connection's `events`.

    An emptied or unticked field is no wish for a call. Of a body that was too large nobody can tell what
    changed: the step's own filter has decided.
    """
    table, message = fields.get("PrimaryEntityName"), fields.get("MessageName")
    wanted = events.get(table, ()) if isinstance(table, str) else ()
    if message == "Create":
        return CREATED in wanted
    names = set(wanted) - {CREATED}
    if message != "Update" or not names:
        return False
    return cut or any(target.get(name) not in (None, False, "") for name in names)


def _target(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the message's `Target`, each as plain data."""
    entity = _pairs(fields.get("InputParameters")).get("Target")
    attributes = entity.get("Attributes") if isinstance(entity, dict) else None
    return {name: _plain(value) for name, value in _pairs(attributes).items()}


def _pairs(value: Any) -> dict[str, Any]:
    rows = value if isinstance(value, list) else []
    return {
        row["key"]: row.get("value")
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("key"), str)
    }


def _plain(value: Any) -> Any:
    """A choice as its number, a lookup as its id, a date and anything simple as it came."""
    if isinstance(value, dict):
        return value.get("Value", value.get("Id"))
    return None if isinstance(value, list) else value


def _delivery(fields: Mapping[str, Any]) -> str | None:
    """The id of the system job, which a second attempt repeats; else what all jobs of one change share."""
    for name in ("OperationId", "CorrelationId"):
        value = fields.get(name)
        if isinstance(value, str) and value and value != _NO_ID:
            told = [fields.get("MessageName"), fields.get("PrimaryEntityName"), fields.get("PrimaryEntityId")]
            return str(storable(" ".join(map(str, [*told, value]))))[:200]
    return None


def _moment(value: Any) -> datetime | None:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    milliseconds, sign, hours, minutes = found.groups()
    zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(milliseconds))
        return moment - zone if sign == "-" else moment + zone
    except OverflowError:
        return None


def _checked(click: Click) -> Click:
    record = if_there(guid_of, click.record_id, "such record")
    if not record or not _TABLE.fullmatch(click.object):
        raise field_invalid(
            "The click must name a table by its logical name (`contact`) and a record by its id, a GUID."
        )
    return replace(click, record_id=record)
