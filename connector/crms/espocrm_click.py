"""What an EspoCRM webhook sends, as clicks.

Vendor's documentation: https://docs.espocrm.com/administration/webhooks/
The body is a list of records, without the entity type and without an id of the delivery: all attributes of a
created record, of an updated one the id and what changed. It leaves from a queue, 50 at a time, and what was
not answered is sent again ten minutes later, up to three times, perhaps in other company.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click, parse_json
from connector.crms.base_click import field_invalid, raw_of, source_of
from connector.crms.espocrm_api import ENTITY, ID
from connector.errors import BadRequest
from connector.http import storable
from connector.model import Click, Source

#: The event that stands beside names of fields in the setting `events`.
CREATED = "create"
#: An attribute of every created record that no update ever changes.
_OF_A_CREATED = "createdAt"
#: The same change of the same record within so many seconds of one clock hour is one delivery.
_HOUR = 3600


def parse_espocrm(hook: Hook, account: Account) -> list[Click]:
    """Read a webhook, or our own JSON; [] when nothing in it rings by the setting `events`.

    BadRequest (400, 422) names what is wrong.
    """
    if not hook.body.lstrip().startswith(b"["):
        return [_checked(parse_click(fields_of(hook), account, Source.BUTTON))]
    items = parse_json(hook.body)
    if not items or not all(isinstance(item, dict) and _has_id(item) for item in items):
        raise BadRequest("body_broken", "A webhook of EspoCRM is a list of records, each with its id.")
    entity = hook.fields.get("entity") or account.settings["entity"]
    if not entity:
        raise field_invalid("The webhook does not say what it is of: end its address with ?entity=Contact.")
    rings = account.settings["events"].get(entity, ())
    wanted = [item for item in items if _rings(item, rings, account.settings["api_user"])]
    return [_checked(_click(entity, item, account)) for item in wanted]


def _has_id(item: Mapping[str, Any]) -> bool:
    given = item.get("id")
    return isinstance(given, str) and ID.fullmatch(given) is not None


def _rings(item: Mapping[str, Any], events: Sequence[str], our_own: str | None) -> bool:
    """Whether a record was created, or changed in a field, as one of the events says.

    `cCallNow` rings when that field is filled or ticked, `status=Callback` when it becomes just that.
    """
    if our_own and our_own in (item.get("modifiedById"), item.get("createdById")):
        return False
    created = _OF_A_CREATED in item
    for event in events:
        name, equals, value = event.partition("=")
        if name == CREATED and not equals:
            if created:
                return True
        elif not created and (str(item.get(name)) == value if equals else bool(item.get(name))):
            return True
    return False


def _click(entity: str, item: Mapping[str, Any], account: Account) -> Click:
    created = _moment(item.get(_OF_A_CREATED))
    user = item.get("modifiedById") or item.get("createdById")
    return Click(
        connection=account.name,
        object=entity,
        record_id=str(item["id"]),
        source=source_of(account),
        user=user if isinstance(user, str) and len(user) <= 36 else None,
        delivery=_delivery(entity, item, created),
        clicked_at=created or _moment(item.get("modifiedAt")),
        raw=raw_of(item),
    )


def _delivery(entity: str, item: Mapping[str, Any], created: datetime | None) -> str:
    """A record is created once; a change is known by what changed, in this hour.

    Two tries of one webhook may lie on both sides of an hour: `policy.repeat_window` covers that.
    """
    record = str(storable(item["id"]))
    if created:
        return f"{entity} {record} {CREATED}"
    change = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()[:16]
    return f"{entity} {record} {change} {int(time.time()) // _HOUR}"


def _checked(click: Click) -> Click:
    if not ENTITY.fullmatch(click.object):
        raise field_invalid("The click must name an entity type, such as Contact.")
    return click


def _moment(value: Any) -> datetime | None:
    """Their times are UTC without saying so: `2026-01-31 09:05:00`."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
