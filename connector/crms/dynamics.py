"""Microsoft Dynamics 365 Sales: contacts, leads, accounts, opportunities and other Dataverse tables.

Vendor's documentation: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/ ("Retrieve a
table row", "Upsert a table row", "Perform conditional operations"). Calls are rows of its table phonecall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import ApiSchema, about_activity, check_base_url, known
from connector.crms.base_oauth import ClientSchema
from connector.crms.base_read import if_there
from connector.crms.dynamics_api import OWNER, USERS, WHO, AlreadyThere, Api, UnknownField, guid_of
from connector.crms.dynamics_call import (
    OPEN,
    PHONECALLS,
    STATE,
    changed,
    id_of,
    made,
    state_of,
)
from connector.crms.dynamics_check import findings
from connector.crms.dynamics_click import CREATED, parse_dynamics_click
from connector.errors import Gone, Refused
from connector.model import Activity, Click, Record, Source, Wanted

#: Tables of activities, our own phone calls among them: writing one must never ring.
_ACTIVITIES = (
    "activitypointer",
    "activityparty",
    "phonecall",
    "task",
    "appointment",
    "email",
    "letter",
    "fax",
)


#: Asked of every owner: a disabled one cannot be given the call.
MAY_OWN = f"{OWNER}.isdisabled"


class DynamicsSchema(ClientSchema):
    """Settings of a Dynamics 365 connection."""

    tenant = fields.Str(required=True, validate=validate.Regexp(r"[0-9A-Za-z][0-9A-Za-z.-]{0,99}\Z"))
    login_url = fields.Str(load_default="https://login.microsoftonline.com", validate=check_base_url)
    #: Which webhooks ring: table -> `create`, or the fields whose change rings.
    events = fields.Dict(
        keys=fields.Str(
            validate=[
                validate.Regexp(r"[a-z_][a-z0-9_]*\Z"),
                validate.NoneOf(_ACTIVITIES, error="Activities ring nobody: our own calls are among them."),
            ]
        ),
        values=fields.List(fields.Str(validate=validate.Regexp(r"[a-z_][a-z0-9_]*\Z"))),
        load_default=lambda: {"contact": [CREATED], "lead": [CREATED]},
    )


class Dynamics(Crm):
    """One Dataverse environment, seen by one application user."""

    name: ClassVar[str] = "dynamics"
    settings_schema: ClassVar[type[ApiSchema]] = DynamicsSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})
    #: Flows and the button speak our own format, and say who asks.
    default_source: ClassVar[Source] = Source.BUTTON

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = Api(account)

    def parse(self, hook: Hook) -> list[Click]:
        """Read a service endpoint's webhook, or our own format as a flow sends it."""
        return parse_dynamics_click(hook, self.account)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record with its owner in one request, the acting user in a second; only where wanted."""
        about = f"{click.object} {click.record_id}"
        paths = [*wanted.record, *(f"{OWNER}.{path}" for path in wanted.owner)]
        try:
            address = self._api.address(click.object, click.record_id, about)
            row = self._api.one(address, [*paths, *([MAY_OWN] if wanted.owner else [])], about)
            user = self._user(click.user, wanted.user)
        except UnknownField as error:
            raise Refused("unknown_field", error.message) from None
        known(row, wanted.record, WHO, about)
        owner = row.get(OWNER) if wanted.owner else None
        if isinstance(owner, dict):
            known(owner, wanted.owner, WHO, f"the owner of {about}")
        return Record(row, owner if isinstance(owner, dict) else {}, user)

    def create(self, activity: Activity) -> str:
        """Make the call open, under an id that our key gives; close it by another request when it is over.

        Where the id is taken, an earlier create has been here, and its call is changed.
        """
        number, about = id_of(activity.key), about_activity(activity)
        address = f"{PHONECALLS}({number})"
        values = made(activity, self._api.set_of(activity.object))
        try:
            self._api.patch(address, values, about, new=True)
        except AlreadyThere:
            self.update(replace(activity, id=number))
            return number
        if end := state_of(activity):
            self._api.patch(address, end, about)
        return number

    def update(self, activity: Activity) -> None:
        """Change the call, then close it; Gone when it was deleted.

        A closed call takes no change: it is opened again, changed, and closed as it was found.
        """
        about = about_activity(activity)
        address = f"{PHONECALLS}({guid_of(activity.id or '', f'call {activity.id}')})"
        told = self._api.ask(f"{address}?$select={','.join(STATE)}", about)
        found = {name: told.get(name) for name in STATE} if isinstance(told, dict) else {}
        was_closed = bool(found.get("statecode"))
        if was_closed:
            self._api.patch(address, OPEN, about)
        self._api.patch(address, changed(activity), about)
        if end := found if was_closed else state_of(activity):
            self._api.patch(address, end, about)

    def find(self, activity: Activity) -> str | None:
        """Look whether there is a call under the id that our key gives."""
        number = id_of(activity.key)
        call = if_there(self._api.one, f"{PHONECALLS}({number})", ["activityid"], about_activity(activity))
        return None if call is None else number

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the login, the application user, each table, missing field and right."""
        return findings(self._api, wanted)

    def _user(self, user: str | None, wanted: Sequence[str]) -> Mapping[str, Any]:
        """The acting user by id, Entra object id, e-mail or user name (case ignored); {} when unknown."""
        if not user or not wanted:
            return {}
        try:
            number = guid_of(user, "user")
            where = f"systemuserid eq {number} or azureactivedirectoryobjectid eq {number}"
        except Gone:
            quoted = user.replace("'", "''")
            where = f"internalemailaddress eq '{quoted}' or domainname eq '{quoted}'"
        about = "the user who clicked"
        found = self._api.some(USERS, wanted, about, top=2, where=where)
        if len(found) != 1:
            return {}
        known(found[0], wanted, WHO, about)
        return found[0]
