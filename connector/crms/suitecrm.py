"""SuiteCRM 7 and 8: contacts, leads, accounts and their calls, over the JSON:API of version 8.

Vendor's documentation: https://docs.suitecrm.com/developer/api/developer-setup-guide/json-api/
Facts without another source were seen on a live SuiteCRM 7.12.14, or read in its own source (`Api/V8`).
"""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from connector.crms.base import Account, Crm, Finding
from connector.crms.base_api import (
    ApiSchema,
    JsonApi,
    about_activity,
    checked_id,
    given,
    known,
)
from connector.crms.base_login import Grant
from connector.crms.base_oauth import ClientSchema, client_form, login_of
from connector.crms.base_read import first_parts, if_there
from connector.crms.base_write import without
from connector.crms.suitecrm_check import findings
from connector.crms.suitecrm_said import MODULES, WHO, Taken, explain
from connector.errors import Gone, Refused
from connector.model import Activity, Click, Record, Wanted

CALLS = "Calls"
_JSON_API = {"Accept": "application/vnd.api+json", "Content-Type": "application/vnd.api+json"}
_MODULE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
#: Usually a GUID; the first user's id is `1`.
_ID = re.compile(r"[0-9A-Za-z_-]{1,36}")
#: What our ids of calls are made from, with our key. It may never change.
_OURS = uuid.UUID("b4f4c1de-6d3a-4d6c-9a55-0c1f6e2f6a10")
#: A deleted call keeps its id for good: so often one is made again in place of a deleted one.
_TURNS = 3
#: Boxes come as "0" and "1"; of other fields nobody can tell a box from a text.
_BOXES = frozenset({"do_not_call"})
_NOT_TICKED = ("0", 0, "", None)
#: The field that puts a call under *Activities* of who took part; `parent_id` alone does not.
_TAKES_PART = {"Contacts": "contact_id", "Leads": "lead_id"}
#: This form is taken with 201, and the time is lost: only `YYYY-MM-DD HH:MM:SS`, in UTC, is kept.
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")


class SuiteCrmSchema(ClientSchema):
    """Settings of a SuiteCRM connection."""


class SuiteCrm(Crm):
    """One SuiteCRM, seen through the user of one OAuth2 client."""

    name: ClassVar[str] = "suitecrm"
    settings_schema: ClassVar[type[ApiSchema]] = SuiteCrmSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        grant = Grant(
            account.settings["base_url"],
            "Api/access_token",
            client_form(account, "client_credentials"),
            advice="see Admin, OAuth2 Clients and Tokens",
        )
        login = login_of(WHO, account, grant)
        self._api = JsonApi(WHO, account, login=login, headers=_JSON_API, explain=explain)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """One request each for the record, its owner and the acting user, as far as they are wanted."""
        about = f"{click.object} {click.record_id}"
        if not _MODULE.fullmatch(click.object):
            raise Refused("unknown_object", f"{click.object[:80]!r} is not the name of a {WHO} module.")
        owners = ["assigned_user_id"] if wanted.owner else []
        row = self._row(click.object, click.record_id, [*first_parts(wanted.record), *owners], about)
        owner = self._user(row.get("assigned_user_id"), wanted.owner, f"the owner of {about}")
        return Record(row, owner, self._user(click.user, wanted.user, "the user who clicked"))

    def create(self, activity: Activity) -> str:
        """Make the call under an id that our key alone decides: made twice it is still one call.

        What SuiteCRM answers (nothing at all, at times) is therefore not needed.
        """
        for turn in range(_TURNS):
            made = replace(activity, id=_id_of(activity.key, turn))
            try:
                self._write("POST", made)
            except Taken:
                try:
                    self.update(made)
                except Gone:
                    continue
            return str(made.id)
        raise Refused("activity_gone", f"{WHO}: this call is deleted each time ({about_activity(activity)}).")

    def update(self, activity: Activity) -> None:
        """Write the call again, leaving who it is assigned to; Gone when it was deleted."""
        self._write("PATCH", activity, leave=("assigned_user_id",))

    def find(self, activity: Activity) -> str | None:
        """Look whether an earlier create, whose answer was lost, has come through."""
        kind, number = activity.kind or CALLS, _id_of(activity.key, 0)
        call = if_there(self._row, kind, number, ["name"], about_activity(activity))
        return None if call is None else number

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the client, each module's fields, and whether calls may be read."""
        return findings(self._api, wanted)

    def _row(self, module: str, number: str, fields: Iterable[str], about: str) -> dict[str, Any]:
        path = f"{MODULES}/{module}/{checked_id(number, _ID, WHO, about)}"
        asked = list(dict.fromkeys(name for name in fields if name != "id"))
        params = {f"fields[{module}]": ",".join(asked)} if asked else None
        answer = self._api.object("GET", path, about, params=params)
        found = self._api.as_object(answer.get("data"), about)
        told = self._api.as_object(found.get("attributes") or {}, about)
        known(told, asked, WHO, about)
        return {name: _value(name, told[name]) for name in asked} | {"id": number}

    def _user(self, number: Any, paths: Iterable[str], about: str) -> dict[str, Any]:
        """The user of this id; without phones when there is none (any more)."""
        fields = first_parts(paths)
        if not (fields and isinstance(number, str) and _ID.fullmatch(number)):
            return {}
        if fields == ["id"]:
            return {"id": number}
        found = if_there(self._row, "Users", number, fields, about)
        return dict.fromkeys(fields) | {"id": number} if found is None else found

    def _write(self, method: str, activity: Activity, leave: Container[str] = ()) -> None:
        attributes = without(_attributes(activity), leave)
        data = {"type": activity.kind or CALLS, "id": activity.id, "attributes": attributes}
        self._api.ask(method, MODULES, about_activity(activity), json={"data": data})


def _id_of(key: str, turn: int) -> str:
    return str(uuid.uuid5(_OURS, f"{key}/{turn}"))


def _value(name: str, value: Any) -> Any:
    """A box as true or false, a text as it was typed (quotes and `&` come as HTML), empty as None."""
    if name in _BOXES:
        return value not in _NOT_TICKED
    return html.unescape(value) or None if isinstance(value, str) else value


def _attributes(activity: Activity) -> dict[str, Any]:
    """The mapping's fields as SuiteCRM takes them: nothing empty, nothing false, times without T and Z."""
    where = {"parent_type": activity.object, "parent_id": activity.record_id}
    if activity.object in _TAKES_PART:
        where[_TAKES_PART[activity.object]] = activity.record_id
    return where | {name: _told(value) for name, value in given(activity).items() if value != ""}


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return str(int(value))
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]} {found[2]}" if found else value
