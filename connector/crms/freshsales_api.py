"""Freshsales' API: where things are, its key, its refusals, the ids that every account has its own of.

Source: Freshworks, "CRM API" (https://developers.freshworks.com/crm/api/). What stands below as "not
confirmed" was seen in other people's clients only.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.crms.base import Account
from connector.crms.base_api import NUMBER, JsonApi, checked_id
from connector.crms.base_said import body_of, said
from connector.errors import AdminNeeded, ConnectorError, Gone
from connector.http import Reply

WHO = "Freshsales"
ACTIVITIES = "sales_activities"
#: Not confirmed: that a record brings its activities along when asked for them.
WITH_ACTIVITIES = "sales_activities"
#: Not confirmed: that the users a record brings along have these; without them they are empty.
USER_PHONES = frozenset({"mobile_number", "work_number"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One object: where its records are, and what activities call it."""

    records: str
    target: str
    #: What else is asked for with a record, beside its owner.
    brings: tuple[str, ...] = ()


#: object of a mapping file -> what Freshsales calls it
KINDS = {
    "contact": Kind("contacts", "Contact"),
    "deal": Kind("deals", "Deal", ("contacts",)),
    "sales_account": Kind("sales_accounts", "SalesAccount"),
}


def api_of(account: Account) -> JsonApi:
    """Requests with the connection's API key."""
    key = account.settings["api_key"]
    return JsonApi(WHO, account, headers={"Authorization": f"Token token={key}"}, explain=explain)


def path_of(name: str, record_id: str) -> str:
    """Where a record is; Gone when the object or the id is none of theirs."""
    if name not in KINDS:
        raise Gone("record_not_found", f"Calls are made from Freshsales' {', '.join(KINDS)}: not {name}.")
    return f"{KINDS[name].records}/{checked_id(record_id, NUMBER, WHO, f'{name} {record_id}')}"


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """Freshsales' own refusals, `{"errors": {"message": …}}` or `{"message": …}`, in its words."""
    on = f" ({about})" if about else ""
    words = _words(reply)
    if reply.status in (400, 422):
        return AdminNeeded("crm_rejected", f"Freshsales rejected the request{on}.{words}")
    if reply.status == 401:
        return AdminNeeded(
            "crm_unauthorised", f"Freshsales refused the API key{on}: copy it again from its user.{words}"
        )
    if reply.status == 403:
        return AdminNeeded(
            "crm_forbidden", f"Freshsales does not let the API key's user do this{on}: give the right.{words}"
        )
    return None


def _words(reply: Reply) -> str:
    body = body_of(reply)
    errors = body.get("errors")
    told = errors.get("message") if isinstance(errors, dict) else body.get("message")
    words = said(". ".join(map(str, told)) if isinstance(told, list) else told)
    return f" It says: {words}" if words else ""


class ActivityType:
    """The account's own id of the sales activity type that calls are shown as; a name is looked up once."""

    def __init__(self, api: JsonApi, name: str) -> None:
        self._api, self._name = api, name
        self._id: int | None = int(name) if name.isdecimal() else None

    def id(self) -> int:
        """Its id; AdminNeeded (`crm_rejected`) naming the types there are when there is none of that name."""
        if self._id is None:
            types = self._api.rows(
                "GET", "selector/sales_activity_types", "activity types", at="sales_activity_types"
            )
            names = {str(each.get("name")).lower(): each.get("id") for each in types}
            found = names.get(self._name.lower())
            if not isinstance(found, int):
                there = ", ".join(str(each.get("name")) for each in types)
                raise AdminNeeded(
                    "crm_rejected",
                    f"Freshsales has no sales activity type {self._name!r}:"
                    f" set `activity_type` to one of {there}.",
                )
            self._id = found
        return self._id
