"""A call on HubSpot's timeline: one object `calls`, tied to the record it was made for.

HubSpot, "Engagements: Calls" and "Associations v4": https://developers.hubspot.com/docs
"""

from __future__ import annotations

from typing import Any

from connector.crms.base_api import JsonApi, about_activity, checked_id, given
from connector.crms.base_write import without
from connector.crms.hubspot_objects import CONTACT, ID, Kind, kind_of
from connector.crms.hubspot_read import OWNER, THROUGH, search
from connector.errors import AdminNeeded, Gone, TryAgain
from connector.model import Activity

CALLS = "crm/v3/objects/calls"
#: Holds our key: what `find` searches for. HubSpot does not keep it unique.
KEY = "hs_call_external_id"
RECORDING = "hs_call_recording_url"
#: Seconds until the search shows what was made. Not confirmed: "a few" is all that is told of it.
_SEARCH_LAGS = 15.0


def create(api: JsonApi, activity: Activity, app_id: int | None) -> str:
    """Make the call, on the record and on the contact that was rung for it."""
    about = about_activity(activity)
    body = {"properties": _properties(activity, app_id), "associations": _associations(activity)}
    try:
        made = api.id_in(api.ask("POST", CALLS, about, json=body), about, like=ID)
    except TryAgain as lost:
        lost.retry_after = max(lost.retry_after or 0.0, _SEARCH_LAGS)
        raise
    try:
        _tell_of_recording(api, made, activity, app_id)
    except (AdminNeeded, TryAgain) as refused:
        # Its id is lost with this error: sooner than `find` can see it, another would be made beside it.
        raise TryAgain("crm_failed", refused.message, retry_after=_SEARCH_LAGS) from None
    return made


def update(api: JsonApi, activity: Activity, app_id: int | None) -> None:
    """Change the call, but not whose it is; Gone when somebody deleted it."""
    about = about_activity(activity)
    number = checked_id(activity.id or "", ID, "HubSpot", f"call {activity.id}")
    changed = without(_properties(activity, app_id), (OWNER,))
    api.ask("PATCH", f"{CALLS}/{number}", about, json={"properties": changed})
    _tell_of_recording(api, number, activity, app_id)


def find(api: JsonApi, activity: Activity) -> str | None:
    """The oldest call that holds our key, or None. HubSpot's search lags a few seconds behind its records."""
    about = about_activity(activity)
    same = {"propertyName": KEY, "operator": "EQ", "value": activity.key}
    rows = search(api, "calls", same, [KEY], about)
    ids = [api.id_in(row, about, like=ID) for row in rows if _key_in(row) == activity.key]
    return min(ids, key=lambda number: (len(number), number)) if ids else None


def _key_in(row: dict[str, Any]) -> Any:
    properties = row.get("properties")
    return properties.get(KEY) if isinstance(properties, dict) else None


def _properties(activity: Activity, app_id: int | None) -> dict[str, str]:
    """The mapping's fields as HubSpot takes them, all texts; queues and archived owners have no calls."""
    fields = given(activity)
    owner = activity.record.owner if activity.record else {}
    if owner.get("type") == "QUEUE" or owner.get("archived"):
        fields.pop(OWNER, None)
    if app_id is not None:
        fields |= {"hs_call_source": "INTEGRATIONS_PLATFORM", "hs_call_app_id": app_id}
    return {name: _as_text(value) for name, value in fields.items()} | {KEY: activity.key}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _associations(activity: Activity) -> list[dict[str, Any]]:
    record = activity.record.record if activity.record else {}
    tied = [_tie(kind_of(activity.object), str(record.get("id") or activity.record_id))]
    contact = record.get(THROUGH)
    if isinstance(contact, dict) and contact.get("id"):
        tied.append(_tie(CONTACT, str(contact["id"])))
    return tied


def _tie(kind: Kind, record_id: str) -> dict[str, Any]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind.association}]
    return {"to": {"id": record_id}, "types": types}


def _tell_of_recording(api: JsonApi, number: str, activity: Activity, app_id: int | None) -> None:
    """Let HubSpot's own player and transcription fetch the recording; only calls of an app have them."""
    if app_id is None or not activity.fields.get(RECORDING):
        return
    path, about = "crm/v3/extensions/calling/recordings/ready", about_activity(activity)
    try:
        api.ask("POST", path, about, json={"engagementId": int(number)})
    except Gone:
        # Of this address "not found" is not the call's: taken for that, the call would be made a second time.
        raise AdminNeeded(
            "crm_rejected",
            f"HubSpot does not take the recording of app {app_id} ({about}): set up its calling settings, or "
            "take app_id out of the connection.",
        ) from None
