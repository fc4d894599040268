"""A call as a record of Zoho's module Calls, and the query that finds it again.

Zoho CRM, "Insert Records", Calls; Zoho community, "Kaizen 38: Calls API" (what may change, what a completed
call needs). The one place for what no documentation settles: `Call_Duration` is written as minutes and
seconds, though that post says hours and minutes; a call changes from Scheduled to Completed.
"""

from __future__ import annotations

import re
from typing import Any

from connector.crms.base_api import about_activity, checked_id, given
from connector.crms.base_write import shortened, with_reference, without
from connector.crms.zoho_api import WHO
from connector.errors import AdminNeeded
from connector.model import Activity

CALLS, CONTACTS = "Calls", "Contacts"
#: A record's id, of a call as of a contact; people's own ids (`zuid`) are shorter.
ID = re.compile(r"[0-9]{13,25}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")
#: Of a call that has been made, Zoho lets nobody change the type, and of a completed one not the owner.
_ONLY_AT_FIRST = frozenset({"Call_Type", "Owner", "Who_Id", "What_Id", "$se_module"})
_LOOKUPS = ("Owner", "Who_Id", "What_Id")
#: The longest text each field takes; a longer one would be refused as a whole.
_LONGEST = {"Subject": 255, "Description": 32_000}
_COMPLETED, _NO_TALK = "Completed", "00:00"


def name_in(text: str) -> str:
    """The API name of a module or field, if it looks like one; AdminNeeded when it does not."""
    if _NAME.fullmatch(text):
        return text
    raise AdminNeeded("unknown_object", f"{WHO} has no module or field {text[:60]!r}: correct the mapping.")


def kind_of(activity: Activity) -> str:
    """The module calls stand in: Calls, unless the mapping names another."""
    return name_in(activity.kind or CALLS)


def inserted(activity: Activity) -> dict[str, Any]:
    """The mapping's fields as Zoho takes them, with the record and our key.

    A contact is `Who_Id`, any other record `What_Id` with its module. Times carry an offset; a completed call
    has a duration, which Zoho demands, even when nobody talked.
    """
    values = given(activity)
    if activity.key_field:
        values[name_in(activity.key_field)] = activity.key
    else:
        text, longest = values.get("Description"), _LONGEST["Description"]
        values["Description"] = with_reference(text, activity, longest=longest)
    values.setdefault(relation(activity), activity.record_id)
    if relation(activity) == "What_Id":
        values.setdefault("$se_module", activity.object)
    for name in _LOOKUPS:
        if isinstance(values.get(name), str | int):
            values[name] = {"id": str(values[name])}
    started = values.get("Call_Start_Time")
    if isinstance(started, str) and started.endswith("Z"):
        values["Call_Start_Time"] = f"{started[:-1]}+00:00"
    if values.get("Outgoing_Call_Status") == _COMPLETED:
        values.setdefault("Call_Duration", _NO_TALK)
    return shortened(values, _LONGEST)


def changed(activity: Activity) -> dict[str, Any]:
    """The same without what Zoho, or a person, decides once the call is there."""
    return without(inserted(activity), {*_ONLY_AT_FIRST, activity.key_field or ""})


def relation(activity: Activity) -> str:
    """The field of a call that names this record."""
    return "Who_Id" if activity.object == CONTACTS else "What_Id"


def query(activity: Activity) -> tuple[str, str]:
    """COQL for the calls that may be this one, and the column that holds our key in the right one.

    Without a field for the key these are the record's latest 200 calls.
    """
    about = about_activity(activity)
    key = checked_id(activity.key, _KEY, WHO, about)
    if activity.key_field:
        column, condition = name_in(activity.key_field), f"{activity.key_field} = '{key}'"
    else:
        number = checked_id(activity.record_id, ID, WHO, about)
        column, condition = "Description", f"{relation(activity)} = '{number}'"
    text = f"select id, {column} from {kind_of(activity)} where {condition} order by id desc limit 200"  # noqa: S608 - each word is checked
    return text, column
