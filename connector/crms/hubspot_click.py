"""What HubSpot sends when somebody is to be called: five bodies, all signed by the app's client secret.

HubSpot, "Use webhooks with HubSpot workflows", "Custom workflow actions", "Webhooks API", "Fetching data for
UI extensions": https://developers.hubspot.com/docs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connector.crms.base import CLICK_KEYS, Account, Hook, fields_of, parse_click, parse_json
from connector.crms.base_click import field_invalid, raw_of, source_of
from connector.crms.hubspot_objects import ID, name_of
from connector.errors import BadRequest
from connector.model import Click, Source

#: An app's webhook holds fewer events than this.
MOST = 100
_CALLBACK = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,250}", re.ASCII)
#: Keys that name the object by themselves, in bodies of the older object APIs.
_NAMING = {"vid": "Contact", "companyId": "Company", "dealId": "Deal"}
_IDS = ("objectId", "id", "hs_object_id")
#: When a record was last changed: what HubSpot's repeats of one delivery have in common. Not confirmed.
_STAMPS = ("lastmodifieddate", "hs_lastmodifieddate", "updatedAt")
#: What HubSpot adds to the address an app card asks for. Not confirmed by its reference.
_USER_EMAIL, _USER_ID, _PORTAL = "userEmail", "userId", "portalId"


def parse_hubspot_clicks(hook: Hook, account: Account) -> list[Click]:
    """Read a card's press, a workflow's webhook or action, an app's events, or our own JSON.

    Events that the connection's `events` do not name are left out. Raises BadRequest: 400 `body_broken`,
    `batch_too_large`, 403 `portal_unknown`, 422 `field_invalid`.
    """
    if hook.body.lstrip().startswith(b"["):
        return _events(parse_json(hook.body), account)
    body = fields_of(hook)
    origin = body.get("origin")
    told = [hook.fields.get(_PORTAL), body.get("portalId"), body.get("portal-id")]
    _check_portal([*told, origin.get("portalId") if isinstance(origin, dict) else None], account)
    if "callbackId" in body:
        return [_action(body, account)]
    if isinstance(body.get("properties"), dict):
        return [_record(body, hook, account)]
    return [_flat(body, hook, account)]


def _flat(body: Mapping[str, Any], hook: Hook, account: Account) -> Click:
    """A card's press, a workflow's customised body, or our own click; keys we do not know are `click.*`."""
    named = {"object": _object(body, hook), "id": _first(body, _IDS)}
    own = {key: body[key] for key in CLICK_KEYS if key in body}
    click = parse_click({**{k: v for k, v in named.items() if v is not None}, **own}, account, Source.RULE)
    others = {key: value for key, value in body.items() if key not in CLICK_KEYS}
    who = hook.fields.get(_USER_EMAIL) or hook.fields.get(_USER_ID)
    told_again = click.source is Source.RULE  # a person may press twice on what nobody changed
    change = _delivery(name_of(click.object), click.record_id, body) if told_again else None
    return replace(
        click,
        object=name_of(click.object),
        record_id=_number(click.record_id),
        user=who or click.user,
        delivery=click.delivery or change,
        raw=raw_of(others),
    )


def _record(body: Mapping[str, Any], hook: Hook, account: Account) -> Click:
    """A workflow's webhook with the whole record: of its fields nothing is kept, they are read anew."""
    properties = {
        name: value.get("value") if isinstance(value, dict) else value
        for name, value in body["properties"].items()
    }
    naming = [key for key in _NAMING if key in body]
    if len(naming) == 1:
        name, number = _NAMING[naming[0]], body[naming[0]]
    else:
        name, number = _object(body, hook), _first({**properties, **body}, _IDS)
    if not isinstance(name, str):
        raise field_invalid(
            "The webhook does not say of which object it is: add ?object=Contact to its address."
        )
    return Click(
        connection=account.name,
        object=name_of(name),
        record_id=_number(number),
        source=source_of(account),
        delivery=_delivery(name_of(name), number, {**body, **properties}),
        raw={"shape": "record"},
    )


def _action(body: Mapping[str, Any], account: Account) -> Click:
    """A custom action of a workflow, which waits for its call; `click.inputs` are its input fields."""
    callback, about, inputs = body["callbackId"], body.get("object"), body.get("inputFields")
    if not isinstance(callback, str) or not _CALLBACK.fullmatch(callback):
        raise field_invalid("The action's `callbackId` must be a text of letters, digits, dots and dashes.")
    if not isinstance(about, dict) or not isinstance(about.get("objectType"), str):
        raise field_invalid("The action needs an `object` with `objectType` and `objectId`.")
    context = body.get("context")
    return Click(
        connection=account.name,
        object=name_of(about["objectType"]),
        record_id=_number(about.get("objectId")),
        source=source_of(account),
        delivery=callback,
        raw={
            "shape": "action",
            "inputs": raw_of(inputs) if isinstance(inputs, dict) else {},
            "workflow_id": str(context.get("workflowId"))[:40] if isinstance(context, dict) else None,
            "callback_id": callback,
        },
        awaited=True,
    )


def _events(events: Any, account: Account) -> list[Click]:
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        raise BadRequest("body_broken", "An app's webhook is a list of events, each a JSON object.")
    if len(events) > MOST:
        raise BadRequest("batch_too_large", f"The webhook holds {len(events)} events; HubSpot sends {MOST}.")
    _check_portal([event.get("portalId") for event in events], account)
    return [_event(event, account) for event in events if _is_click(event, account)]


def _is_click(event: Mapping[str, Any], account: Account) -> bool:
    """Whether the admin named such an event: its type, and the property and value if those are named."""
    return any(
        _type_of(event).lower() == wanted["type"].lower()
        and wanted.get("property") in (None, event.get("propertyName"))
        and wanted.get("value") in (None, event.get("propertyValue"))
        for wanted in account.settings["events"]
    )


def _type_of(event: Mapping[str, Any]) -> str:
    """`contact.creation`, also where a generic webhook says `object.creation` and `0-1`."""
    name, _, what = str(event.get("subscriptionType")).partition(".")
    return f"{name_of(str(event.get('objectTypeId'))) if name == 'object' else name}.{what}"


def _event(event: Mapping[str, Any], account: Account) -> Click:
    number, at = event.get("objectId"), event.get("occurredAt")
    return Click(
        connection=account.name,
        object=name_of(_type_of(event).partition(".")[0]),
        record_id=_number(number),
        source=source_of(account),
        # HubSpot does not promise that an eventId is unique.
        delivery=f"event {event.get('eventId')} {event.get('subscriptionId')} {number} {at}"[:200],
        clicked_at=_moment(at),
        raw=raw_of({"shape": "event", "event": _type_of(event)[:80]}),
    )


def _moment(at: Any) -> datetime:
    """When it happened: HubSpot tells it again for a day, and a call that late is nobody's wish."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise field_invalid("The event's `occurredAt` must be a time in milliseconds.") from None


def _object(body: Mapping[str, Any], hook: Hook) -> Any:
    """The object as the body tells it; the webhook's address (`?object=`) where the body does not."""
    return _first(body, ("objectType", "objectTypeId")) or hook.fields.get("object")


def _first(body: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((body[key] for key in keys if body.get(key) not in (None, "")), None)


def _delivery(name: str, number: Any, body: Mapping[str, Any]) -> str | None:
    """Names the change a webhook tells of, for it is sent again for three days; None where it cannot."""
    stamp = _first(body, _STAMPS)
    return f"rule {name} {number} {stamp}"[:200] if isinstance(stamp, str | int) else None


def _number(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not ID.fullmatch(text):
        raise field_invalid("The click must name a HubSpot record by its number (Record ID).")
    return text


def _check_portal(told: list[Any], account: Account) -> None:
    """One app may be installed in many accounts, and all of them sign with its one secret."""
    ours = account.settings["portal_id"]
    if ours is not None and any(str(each) != str(ours) for each in told if each is not None):
        raise BadRequest(
            "portal_unknown",
            "This request is about another HubSpot account than the connection's portal_id.",
            status=403,
        )
