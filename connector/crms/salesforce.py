"""Salesforce: clicks as Outbound Messages, JSON or a button's form; calls as Tasks.

Salesforce, "REST API Developer Guide" (Query, sObject Rows by External ID), "SOQL and SOSL Reference" and
"Object Reference" (Task): https://developer.salesforce.com/docs
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from connector.crms import salesforce_check, salesforce_soap, salesforce_task
from connector.crms import salesforce_soql as soql
from connector.crms.base import Account, Answer, ConnectionSchema, Crm, Finding, Hook, Wire
from connector.crms.salesforce_calls import Calls
from connector.errors import BadRequest, Gone
from connector.http import checked_base_url
from connector.model import Activity, Click, Record, Wanted

_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
#: Standard objects whose owner is always a user; Lead and Case may be a queue's too.
_OWNER_MIXED = {
    "account": False,
    "contact": False,
    "opportunity": False,
    "campaign": False,
    "contract": False,
    "asset": False,
    "lead": True,
    "case": True,
    "task": True,
}


class SalesforceSettings(ConnectionSchema):
    """Which org, and the credentials of one External Client App or Connected App in it."""

    #: The org's My Domain without `.salesforce.com`: `acme.my`, in a sandbox `acme--uat.sandbox.my`.
    domain = fields.String()
    #: Another address for token and API (a stand-in org); https, or http to loopback.
    base_url = fields.String()
    consumer_key = fields.String(required=True, validate=validate.Length(min=1))
    consumer_secret = fields.String(validate=validate.Length(min=1))
    username = fields.String(validate=validate.Length(min=1))
    private_key = fields.String(validate=validate.Length(min=1))
    private_key_file = fields.String(validate=validate.Length(min=1))
    #: `aud` of the JWT; the login host, for a sandbox the test host, unless it stands here.
    audience = fields.String()
    api_version = fields.String(load_default="62.0", validate=validate.Regexp(r"^[4-9]\d\.0$"))

    @validates_schema
    def _one_way_in(self, data: Mapping[str, Any], **_: Any) -> None:
        _check_address(data)
        keys = [name for name in ("private_key", "private_key_file") if data.get(name)]
        if bool(data.get("consumer_secret")) == bool(keys) or len(keys) > 1:
            raise ValidationError(
                "give either consumer_secret (client credentials) or username and one of private_key, "
                "private_key_file (JWT)",
                "consumer_secret",
            )
        if keys and not data.get("username"):
            raise ValidationError("a JWT needs the user name to log in as", "username")


def _check_address(data: Mapping[str, Any]) -> None:
    domain = data.get("domain")
    if not domain and not data.get("base_url"):
        raise ValidationError("is missing: the org's My Domain, like `acme.my`", "domain")
    if domain and (domain in ("login", "test") or not _HOST.fullmatch(domain)):
        raise ValidationError("takes the org's My Domain, like `acme.my`; never `login` or `test`", "domain")
    if domain and domain.endswith("salesforce.com"):
        raise ValidationError("takes the My Domain without `.salesforce.com`, like `acme.my`", "domain")
    if data.get("base_url"):
        try:
            checked_base_url(data["base_url"])
        except ValueError as error:
            raise ValidationError(str(error), "base_url") from None


class Salesforce(Crm):
    """One Salesforce org."""

    name = "salesforce"
    settings_schema = SalesforceSettings
    secrets = frozenset({"consumer_secret", "private_key"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._calls = Calls(account)
        self._owner_mixed = dict(_OWNER_MIXED)
        self._learning = threading.Lock()

    # -- Clicks --------------------------------------------------------------------------------------------

    def parse(self, hook: Hook) -> list[Click]:
        """Read an Outbound Message, our JSON, or a form with our own keys; every id in its 18-character form.

        Raises BadRequest (`record_id_invalid`, `organization_unknown`, `body_broken`, …), for a GET with 405:
        opening a link never asks for a call.
        """
        if hook.method != "POST":
            raise BadRequest(
                "confirm_needed", "Opening a link rings nobody: press Call on the page it shows.", status=405
            )
        if salesforce_soap.is_xml(hook.content_type, hook.body):
            return salesforce_soap.parse_outbound(hook.body, self.account)
        return [_with_full_ids(click) for click in super().parse(hook)]

    def answer(self, answers: Sequence[Answer], clicks: Sequence[Click]) -> Wire | None:
        """One acknowledgement for the whole Outbound Message; our JSON for anything else."""
        outbound = clicks and all(click.raw.get("shape") == salesforce_soap.SHAPE for click in clicks)
        return salesforce_soap.ACK if outbound else None

    # -- Reading -------------------------------------------------------------------------------------------

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read record and owner in one query, the acting user in a second one if the mapping looks at it."""
        record_id = soql.checked_id(click.record_id, click.object)
        about = f"{click.object} {record_id}"
        own, through_owner = soql.split_owner(wanted.record)
        owner_paths = [*wanted.owner, *through_owner]
        mixed = bool(owner_paths) and self._owner_may_be_queue(click.object, about)
        query = soql.record_query(click.object, record_id, own, owner_paths, mixed)
        rows = self._calls.query(query, about)
        if not rows:
            raise Gone("record_not_found", f"Salesforce has no {about} that our user may see.")
        record = {"Id": record_id, **soql.picked(rows[0], own)}
        owner = _owner(rows[0], owner_paths) if owner_paths else {}
        if through_owner:
            record["Owner"] = soql.picked(owner, through_owner)
        return Record(record, owner, self._user(click, wanted.user, about))

    def _owner_may_be_queue(self, name: str, about: str) -> bool:
        """Known for standard objects; of any other, Salesforce is asked once."""
        known = self._owner_mixed.get(name.lower())
        if known is None:
            with self._learning:
                told = self._calls.rest("GET", f"sobjects/{soql.checked_object(name)}/describe", about)
                owners = [f.get("referenceTo") or () for f in told["fields"] if f.get("name") == "OwnerId"]
                known = self._owner_mixed[name.lower()] = any("Group" in kinds for kinds in owners)
        return known

    def _user(self, click: Click, paths: Sequence[str], about: str) -> dict[str, Any]:
        if not paths:
            return {}
        rows = self._calls.query(soql.user_query(click.user, paths), about) if click.user else []
        return soql.picked(rows[0] if len(rows) == 1 else None, ["Id", *paths])

    # -- Writing -------------------------------------------------------------------------------------------

    def create(self, activity: Activity) -> str:
        """Upsert by our key where the org has the field, else find or make the Task that names the call."""
        return salesforce_task.create(self._calls, activity)

    def update(self, activity: Activity) -> None:
        """Change the activity by its id, which can never make one; Gone when it was deleted."""
        salesforce_task.update(self._calls, activity)

    def find(self, activity: Activity) -> str | None:
        """The Task that holds our call id in `CallObject`."""
        return salesforce_task.find(self._calls, activity)

    # -- Checking ------------------------------------------------------------------------------------------

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Log in, then look up each object, each field and the Task's external id field by name."""
        return salesforce_check.findings(self._calls, wanted)


def _with_full_ids(click: Click) -> Click:
    user = soql.full_id(click.user or "") or click.user
    return replace(click, record_id=soql.checked_id(click.record_id, click.object), user=user)


def _owner(row: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The owner's wanted fields with `Id`, `Name` of a queue, and `type`: `User` or `Queue`."""
    related = row.get("Owner")
    owner = soql.picked(related, paths)
    owner["Id"] = row.get("OwnerId")
    is_queue = str(owner["Id"] or "").startswith("00G")
    owner["type"] = "Queue" if is_queue else "User"
    if is_queue and isinstance(related, Mapping):
        owner["Name"] = related.get("Name")
    if "Type" in owner:
        owner["Type"] = owner["type"]
    return owner
