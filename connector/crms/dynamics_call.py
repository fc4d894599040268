"""A call as a record of Dataverse's table phonecall: its id, its fields, the people in it, its end.

Vendor's documentation: https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/phonecall
("Completed and canceled phone calls are read-only and can't be edited") and "ActivityParty table reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from connector.crms.base_api import about_activity, given
from connector.crms.base_write import shortened, without
from connector.crms.dynamics_api import USERS, guid_of, name_in
from connector.model import Activity

PHONECALLS = "phonecalls"
_OURS = UUID("5b0e6a4e-3d0c-5d5f-9a55-7c1f0e8f2a10")
_FROM, _TO = 1, 2
#: Tables whose records can be called, each with the address of its records.
_PEOPLE = {"contact": "contacts", "lead": "leads", "account": "accounts"}
#: Whom an opportunity is with, the person first: relation, table.
_CUSTOMERS = (("parentcontactid", "contact"), ("parentaccountid", "account"))
#: Written by a request of their own, after everything else: a closed call takes no change.
STATE = ("statecode", "statuscode")
OPEN = {"statecode": 0, "statuscode": 1}
#: Set when the call is made, then left to people: the member's user under both names.
_ONLY_AT_FIRST = ("ownerid", "from")
_LONGEST = {"subject": 200, "description": 2000, "phonenumber": 200}


def id_of(key: str) -> str:
    """The id that every write of this call uses, whatever became of the others."""
    return str(uuid5(_OURS, key))


def state_of(activity: Activity) -> dict[str, Any]:
    """The mapping's `statecode` and `statuscode`, as far as they end the call; {} while it goes on."""
    told = {name: value for name, value in given(activity).items() if name in STATE}
    return told if told.get("statecode") else {}


def changed(activity: Activity) -> dict[str, Any]:
    """The mapping's fields, all but state, owner and caller; texts cut to what Dataverse takes."""
    return shortened(without(given(activity), (*STATE, *_ONLY_AT_FIRST)), _LONGEST)


def made(activity: Activity, records: str) -> dict[str, Any]:
    """The same with owner, record and parties; `records` is how the clicked table is addressed.

    A user who is disabled cannot own anything: then the call is our own user's.
    """
    values, about = changed(activity), about_activity(activity)
    record = guid_of(activity.record_id, about)
    regarding = f"regardingobjectid_{name_in(activity.object)}_phonecall@odata.bind"
    values[regarding] = f"/{records}({record})"
    owner = activity.fields.get("ownerid")
    if owner and not _is_disabled(owner, activity):
        values["ownerid@odata.bind"] = f"/{USERS}({guid_of(str(owner), about)})"
    parties = []
    caller = activity.fields.get("from")
    if caller:
        parties.append(_party("systemuser", f"/{USERS}({guid_of(str(caller), about)})", _FROM))
    called = _called(activity, record)
    if called:
        parties.append(_party(called[0], f"/{_PEOPLE[called[0]]}({called[1]})", _TO))
    if parties:
        values["phonecall_activity_parties"] = parties
    return values


def _party(table: str, address: str, role: int) -> dict[str, Any]:
    return {f"partyid_{table}@odata.bind": address, "participationtypemask": role}


def _called(activity: Activity, record: str) -> tuple[str, str] | None:
    """Table and id of whoever was called: the record itself, or the customer of an opportunity."""
    if activity.object in _PEOPLE:
        return activity.object, record
    known = activity.record.record if activity.record else {}
    for relation, table in _CUSTOMERS:
        customer = known.get(relation)
        number = customer.get(f"{table}id") if isinstance(customer, Mapping) else None
        if number:
            return table, guid_of(str(number), about_activity(activity))
    return None


def _is_disabled(user: Any, activity: Activity) -> bool:
    owner = activity.record.owner if activity.record else {}
    return owner.get("isdisabled") is True and str(owner.get("systemuserid")) == str(user)
