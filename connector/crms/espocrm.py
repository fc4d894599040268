"""EspoCRM: contacts, leads and other entities with a phone number, their calls as Calls.

Vendor's documentation: https://docs.espocrm.com/development/api/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import ApiSchema, about_activity, given, on_clock, secret_text
from connector.crms.base_write import reference, with_reference, without
from connector.crms.espocrm_api import ENTITY, ID, address, api_of, search
from connector.crms.espocrm_check import findings
from connector.crms.espocrm_click import parse_espocrm
from connector.crms.espocrm_read import OWNER, Reader
from connector.model import Activity, Click, Record, Wanted

CALL = "Call"
#: Set when the call is made, then left to people.
_ONLY_AT_FIRST = frozenset(
    {OWNER, "assignedUsersIds", "contactsIds", "leadsIds", "parentId", "parentType", "teamsIds", "usersIds"}
)
_AN_ENTITY = validate.Regexp(rf"(?:{ENTITY.pattern})\Z", error="An entity type is written like Contact.")


class EspoCrmSchema(ApiSchema):
    """Settings of an EspoCRM connection."""

    api_key = secret_text()
    #: Which webhooks ring: entity type -> `create`, a field that is filled or ticked, or `field=value`.
    events = fields.Dict(
        keys=fields.Str(validate=_AN_ENTITY),
        values=fields.List(fields.Str(validate=validate.Length(min=1))),
        load_default=dict,
    )
    #: What webhooks are of whose address does not say it (`?entity=Contact`).
    entity = fields.Str(load_default=None, validate=_AN_ENTITY)
    #: The id of the API user: what it changes itself rings nobody.
    api_user = fields.Str(load_default=None)


class EspoCrm(Crm):
    """One EspoCRM site, seen through one API user."""

    name: ClassVar[str] = "espocrm"
    settings_schema: ClassVar[type[ApiSchema]] = EspoCrmSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = api_of(account)
        self._reader = Reader(self._api)
        self._own_id: str | None = None

    def parse(self, hook: Hook) -> list[Click]:
        """Read a webhook's list of records, or our own JSON; [] when none of them is to ring."""
        return parse_espocrm(hook, self.account)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """One request for the record, one for each link and each person that the mapping names."""
        return self._reader.read(click, wanted)

    def create(self, activity: Activity) -> str:
        """Make the call; under our own user where the record has no owner, for EspoCRM wants one."""
        about, values = about_activity(activity), self._values(activity)
        if not values.get(OWNER):
            values[OWNER] = self._own()
        if activity.key_field:
            values[activity.key_field] = activity.key
        answer = self._api.object("POST", address(_kind(activity), about=about), about, json=values)
        return self._api.id_in(answer, about, like=ID)

    def update(self, activity: Activity) -> None:
        """Write the call again, leaving whose it is and whom it is with to people; Gone when deleted."""
        about = about_activity(activity)
        changed = without(self._values(activity), _ONLY_AT_FIRST)
        self._api.ask("PUT", address(_kind(activity), str(activity.id), about), about, json=changed)

    def find(self, activity: Activity) -> str | None:
        """Look for our key: in the field that the mapping names, else at the end of descriptions."""
        about, field = about_activity(activity), activity.key_field
        ours = ("contains", "description", reference(activity))
        sought = ("equals", field, activity.key) if field else ours
        params = search([sought], "id", 1)
        rows = self._api.rows("GET", address(_kind(activity)), about, at="list", params=params)
        return self._api.id_in(rows[0], about, like=ID) if rows else None

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check the key, each entity type's fields, users, and the right to make calls."""
        return findings(self._api, CALL, wanted)

    def _values(self, activity: Activity) -> dict[str, Any]:
        """The mapping's fields as EspoCRM takes them: times in UTC, ids of many in a list, our key."""
        values = {name: _plain(name, value) for name, value in given(activity).items()}
        if not activity.key_field:
            values["description"] = with_reference(values.get("description"), activity)
        return values

    def _own(self) -> str:
        if self._own_id is None:
            me = self._api.object("GET", "api/v1/App/user", "own user").get("user")
            self._own_id = self._api.id_in(me, "own user")
        return self._own_id


def _plain(name: str, value: Any) -> Any:
    if name.endswith("Ids") and not isinstance(value, list):
        return [value]
    return on_clock(value, UTC)


def _kind(activity: Activity) -> str:
    return activity.kind or CALL
