"""Calls as Tasks: one per call, however often it is written.

Salesforce, "Object Reference", Task, and "REST API Developer Guide", Insert or Update (Upsert) a Record Using
an External ID. The library's own upsert neither quotes the key nor ends on a 401: its plain request is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from connector.crms.base_write import shortened, without
from connector.crms.salesforce_calls import Calls
from connector.crms.salesforce_said import KeyFieldMissing, NotSettable, UnknownField
from connector.crms.salesforce_soql import checked_field, checked_object, full_id, key_query
from connector.errors import AdminNeeded, Gone, Refused, TryAgain
from connector.model import Activity

TASK = "Task"
#: Always holds our call id, so that a Task is found again in an org without the external id field.
_OUR_KEY = "CallObject"
_SUBTYPE = "TaskSubtype"
_CONTACT, _LEAD, _QUEUE = "003", "00Q", "00G"
#: The longest text each field takes; a longer one would be refused as a whole.
_LONGEST = {"Subject": 255, "CallDisposition": 255, "Description": 32_000}


def create(calls: Calls, activity: Activity) -> str:
    """Make the activity, or change the one an earlier request made unheard; its id."""
    kind = _kind(activity)
    about = f"{kind} for {activity.object} {activity.record_id}"
    body = _body(activity)
    first = {_SUBTYPE: "Call", **body} if kind == TASK else body
    if not activity.key_field:
        return _made(_write(calls, "POST", f"sobjects/{kind}", about, first))
    path = f"sobjects/{kind}/{checked_field(activity.key_field)}/{quote(activity.key, safe='')}"
    try:
        answer = _write(calls, "PATCH", path, about, first)
    except KeyFieldMissing:
        if kind != TASK:
            raise
        return _create_without_key(calls, activity, first, about)
    return _made(answer) if answer else _found(calls, kind, activity.key_field, activity.key, about)


def update(calls: Calls, activity: Activity) -> None:
    """Make the activity `activity.id` equal to its fields; Gone when there is none."""
    kind = _kind(activity)
    task_id = full_id(activity.id or "")
    if task_id is None:
        raise Gone("record_not_found", f"{activity.id!r} is not the id of a Salesforce {kind}.")
    _write(calls, "PATCH", f"sobjects/{kind}/{task_id}", f"{kind} {task_id}", _body(activity))


def find(calls: Calls, activity: Activity) -> str | None:
    """The id of the Task that holds our call id, or None; other kinds are found by their key field."""
    kind = _kind(activity)
    field = _OUR_KEY if kind == TASK else activity.key_field
    if not field:
        return None
    rows = calls.query(key_query(kind, field, activity.key), f"{kind} of call {activity.key}")
    return full_id(str(rows[0].get("Id"))) if rows else None


def _create_without_key(calls: Calls, activity: Activity, first: Mapping[str, Any], about: str) -> str:
    earlier = find(calls, activity)
    if earlier is None:
        return _made(_write(calls, "POST", f"sobjects/{TASK}", about, first))
    _write(calls, "PATCH", f"sobjects/{TASK}/{earlier}", about, _body(activity))
    return earlier


def _kind(activity: Activity) -> str:
    return checked_object(activity.kind or TASK)


def _body(activity: Activity) -> dict[str, Any]:
    """The mapping's fields as Salesforce takes them on a create and on an update alike.

    The key stands in the path and may not be repeated. Of a Task: `WhoId` takes contacts and leads only, so
    any other record is its `WhatId`; a lead's Task has no `WhatId`; a queue does not own it.
    """
    body = {name: _plain(value) for name, value in activity.fields.items() if name != activity.key_field}
    if _kind(activity) != TASK:
        return body
    body.pop(_SUBTYPE, None)
    who, what = str(body.pop("WhoId", None) or ""), str(body.pop("WhatId", None) or "")
    if not who and not what:
        who = activity.record_id
    if who.startswith((_CONTACT, _LEAD)):
        body["WhoId"] = who
    else:
        what = what or who
    if what and not who.startswith(_LEAD):
        body["WhatId"] = what
    if str(body.get("OwnerId") or _QUEUE).startswith(_QUEUE):
        body.pop("OwnerId", None)
    return {"CallType": "Outbound", **shortened(body, _LONGEST), _OUR_KEY: activity.key}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _write(calls: Calls, method: str, path: str, about: str, body: Mapping[str, Any]) -> Any:
    try:
        return calls.rest(method, path, about, body)
    except NotSettable as error:
        # It can be set only as a Task is made, and in some orgs not even then: the call matters more.
        if _SUBTYPE not in body or _SUBTYPE not in error.fields:
            raise
        return _write(calls, method, path, about, without(body, (_SUBTYPE,)))
    except UnknownField as error:
        # Of a write, an unknown field is the admin's to mend, not the end of the call.
        missing_key = error.field is not None and f"/{error.field}/" in path
        raise (KeyFieldMissing if missing_key else AdminNeeded)(error.code, error.message) from None
    except Refused as error:
        raise AdminNeeded(error.code, error.message) from None


def _made(answer: Any) -> str:
    made = full_id(str(answer.get("id"))) if isinstance(answer, Mapping) else None
    if made is None:
        raise TryAgain("crm_not_json", "Salesforce did not say which activity it made.")
    return made


def _found(calls: Calls, kind: str, field: str, key: str, about: str) -> str:
    """An upsert that changed an activity may answer without a body: ask for its id."""
    rows = calls.query(key_query(kind, field, key), about)
    if not rows:
        raise TryAgain("crm_failed", f"Salesforce took the {about} but does not show it.")
    return _made({"id": rows[0].get("Id")})
