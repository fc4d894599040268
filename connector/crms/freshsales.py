"""Freshsales (Freshworks CRM): contacts, deals and accounts, rung for workflows, shown as sales activities.

Vendor's documentation: https://developers.freshworks.com/crm/api/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import NUMBER, ApiSchema, about_activity, given, known, only_one, secret_text
from connector.crms.base_read import behind, first_parts, row_with
from connector.crms.base_write import reference, with_reference, without
from connector.crms.freshsales_api import (
    ACTIVITIES,
    KINDS,
    USER_PHONES,
    WHO,
    WITH_ACTIVITIES,
    ActivityType,
    api_of,
    path_of,
)
from connector.crms.freshsales_check import findings
from connector.crms.freshsales_click import parse_workflow
from connector.errors import Gone, Refused
from connector.model import Activity, Click, Record, Source, Wanted

CUSTOM = "custom_field"
#: Set when the activity is made, then left to people.
_ONLY_AT_FIRST = frozenset({"owner_id", "targetable_type", "targetable_id", "sales_activity_type_id"})
#: Activities that `find` opens when a record tells of them without their notes.
_MOST_OPENED = 5


class FreshsalesSchema(ApiSchema):
    """Settings of a Freshsales connection."""

    api_key = secret_text()
    #: Name, or number, of the sales activity type that calls are shown as.
    activity_type = fields.Str(load_default="Phone", validate=validate.Length(min=1))


class Freshsales(Crm):
    """One Freshsales account, seen through one user's API key."""

    name: ClassVar[str] = "freshsales"
    settings_schema: ClassVar[type[ApiSchema]] = FreshsalesSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})
    default_source: ClassVar[Source] = Source.RULE

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = api_of(account)
        self._type = ActivityType(self._api, account.settings["activity_type"])

    def parse(self, hook: Hook) -> list[Click]:
        """Read a workflow's webhook, or our own format, in JSON, XML or as a form."""
        return [parse_workflow(hook, self.account)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """One request for the record with its owner; one more for the acting user when that is wanted."""
        about = f"{click.object} {click.record_id}"
        kind = KINDS.get(click.object)
        named = first_parts(wanted.record)
        brings = [name for name in (kind.brings if kind else ()) if name in named]
        answer = self._with(click.object, click.record_id, "owner", *brings)
        row = self._api.as_object(answer.get(click.object), about)
        row |= {name: answer.get(name) or [] for name in brings}
        known(row, wanted.record, WHO, about)
        _check_custom(row, wanted.record, about)
        record = {name: value for name, value in row.items() if name in (*named, "id", "owner_id")}
        owner = _person(answer.get("users"), row["owner_id"], wanted.owner) if row.get("owner_id") else {}
        return Record(record, owner, self._acting(click.user, wanted.user))

    def create(self, activity: Activity) -> str:
        """Make the sales activity on the record."""
        about = about_activity(activity)
        body = {
            "sales_activity_type_id": self._type.id(),
            "targetable_type": KINDS[activity.object].target,
            "targetable_id": int(activity.record_id),
            **_values(activity),
        }
        answer = self._api.object("POST", ACTIVITIES, about, json={"sales_activity": body})
        return self._api.id_in(answer.get("sales_activity"), about, like=NUMBER)

    def update(self, activity: Activity) -> None:
        """Write the activity again, leaving owner and type to people; Gone when it was deleted."""
        about = about_activity(activity)
        changed = without(_values(activity), _ONLY_AT_FIRST)
        path = f"{ACTIVITIES}/{int(str(activity.id))}"
        answer = self._api.ask("PUT", path, about, json={"sales_activity": changed})
        row = answer.get("sales_activity") if isinstance(answer, dict) else None
        if isinstance(row, dict) and row.get("is_deleted") is True:
            raise Gone("activity_gone", f"{WHO} has no such activity any more ({about}).")

    def find(self, activity: Activity) -> str | None:
        """Look for our key in the notes of the record's activities; open the latest that come without."""
        rows = self._with(activity.object, activity.record_id, WITH_ACTIVITIES).get(WITH_ACTIVITIES)
        told = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        calls = [row for row in told if row.get("sales_activity_type_id") == self._type.id()] if told else []
        calls.sort(key=lambda row: str(row.get("created_at")), reverse=True)
        opened = [row if "notes" in row else self._opened(row.get("id")) for row in calls[:_MOST_OPENED]]
        ours = reference(activity)
        for row in [*opened, *(row for row in calls[_MOST_OPENED:] if "notes" in row)]:
            if ours in str(row.get("notes")) and row.get("is_deleted") is not True:
                return self._api.id_in(row, about_activity(activity), like=NUMBER)
        return None

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check the key, the activity type, and each object's fields."""
        return findings(self._api, self._type, wanted)

    def _with(self, kind: str, record_id: str, *brings: str) -> dict[str, Any]:
        asked = {"include": ",".join(brings)}
        return self._api.object("GET", path_of(kind, record_id), f"{kind} {record_id}", params=asked)

    def _opened(self, number: Any) -> dict[str, Any]:
        try:
            answer = self._api.object("GET", f"{ACTIVITIES}/{int(str(number))}", f"activity {number}")
        except (Gone, ValueError):
            return {}
        row = answer.get("sales_activity")
        return row if isinstance(row, dict) else {}

    def _acting(self, user: str | None, wanted: Iterable[str]) -> dict[str, Any]:
        """The user who acted, by id or e-mail; never guessed by name."""
        if not (user and wanted):
            return {}
        people = self._api.rows("GET", "selector/owners", f"user {user}", at="users")
        found = only_one(people, user)
        return _person(people, found.get("id") if found else user, wanted)


def _person(people: Any, number: Any, wanted: Iterable[str]) -> dict[str, Any]:
    """The wanted fields of the user with this id, empty when there is none among those who came along."""
    names, found = first_parts(wanted), row_with(people, number)
    if found is None:
        return dict.fromkeys(names)
    known(found, [name for name in names if name not in USER_PHONES], WHO, f"user {number}")
    return {"id": found.get("id")} | {name: found.get(name) for name in names}


def _check_custom(row: Mapping[str, Any], paths: Iterable[str], about: str) -> None:
    """Refused (`unknown_field`) for a custom field that did not come: no box must read as "no"."""
    there = row.get(CUSTOM)
    for name in behind(paths, CUSTOM):
        if not (isinstance(there, dict) and name in there):
            raise Refused(
                "unknown_field",
                f"{WHO} has no custom field {name!r} on {about}: correct its name in the mapping.",
            )


def _values(activity: Activity) -> dict[str, Any]:
    """The mapping's fields without empty ones, the notes with our key at their end."""
    values = given(activity)
    return {**values, "notes": with_reference(values.get("notes"), activity)}
