"""Odoo 17 and later: contacts, leads and any other model with activities.

Vendor's documentation: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
Facts without another source were seen on a live Odoo 19.0 Community with an ordinary user's API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import ApiSchema
from connector.crms.odoo_activity import Activities
from connector.crms.odoo_calls import Transport
from connector.crms.odoo_chatter import Chatter
from connector.crms.odoo_click import parse_odoo_click
from connector.crms.odoo_json2 import Json2
from connector.crms.odoo_jsonrpc import JsonRpc
from connector.crms.odoo_read import CONTACT_OF_LEAD, LEAD, Reader
from connector.errors import ConnectorError
from connector.model import Activity, Click, Record, Source, Wanted

CONTACT, WHO = "res.partner", "Odoo"


class OdooSchema(ApiSchema):
    """Settings of an Odoo connection."""

    database = fields.Str(required=True, validate=validate.Length(min=1))
    api_key = fields.Str(required=True, validate=validate.Length(min=1))
    #: Names of the "Send Webhook Notification" actions that a person's button runs; all others are rules.
    buttons = fields.List(fields.Str(), load_default=["CallerDesk call"])
    #: JSON-2 is there from Odoo 19 on; JSON-RPC is for 17 and 18, and takes the user's login as well.
    api = fields.Str(load_default="json2", validate=validate.OneOf(["json2", "jsonrpc"]))
    login = fields.Str(validate=validate.Length(min=1))

    @validates_schema
    def _check_login(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("api") == "jsonrpc" and not data.get("login"):
            raise ValidationError("JSON-RPC needs the login of the API key's user.", "login")


class Odoo(Crm):
    """One Odoo database, seen through one user's API key."""

    name: ClassVar[str] = "odoo"
    settings_schema: ClassVar[type[ApiSchema]] = OdooSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})
    #: Odoo's webhooks come from automation rules, unless the action is one of the `buttons`.
    default_source: ClassVar[Source] = Source.RULE

    def __init__(self, account: Account, transport: Transport | None = None) -> None:
        super().__init__(account)
        settings = account.settings
        self._buttons = frozenset(settings["buttons"])
        self._odoo = transport or _transport(account)
        self._reader = Reader(self._odoo)
        self._activities, self._chatter = Activities(self._odoo, self._reader), Chatter(self._odoo)

    def parse(self, hook: Hook) -> list[Click]:
        """Read Odoo's "Send Webhook Notification" body, or our own JSON; BadRequest names what is wrong."""
        return [parse_odoo_click(hook, self.account, self._buttons)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record with its salesperson (`user_id`) in one request, the acting user in a second.

        A model's field types are asked for once more, when its first empty value has come. TryAgain while
        Odoo 17 has not saved yet what it told of.
        """
        return self._reader.read(click, wanted)

    def same_change(self, click: Click, record: Record) -> Click | None:
        """A lead's contact: each takes over the other's phone, and Odoo tells of the contact first."""
        contact = record.record.get(CONTACT_OF_LEAD)
        number = contact.get("id") if isinstance(contact, dict) else contact
        if click.object != LEAD or click.source is not Source.RULE or not number:
            return None
        return replace(click, object=CONTACT, record_id=str(number), delivery=None)

    def create(self, activity: Activity) -> str:
        """Show the call as an activity, or as a message where the mapping's `activity.object` says so."""
        return self._shown(activity).create(activity)

    def update(self, activity: Activity) -> None:
        """Write it again, done when the call is over; Gone when it was deleted."""
        self._shown(activity).update(activity)

    def find(self, activity: Activity) -> str | None:
        """Look for our key among the record's activities or messages."""
        return self._shown(activity).find(activity)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check the key and database, each object's fields, and Odoo's activity type for calls."""
        try:
            self._odoo.user()
            calls = self._odoo.call(
                "mail.activity.type", "search_count", domain=[["category", "=", "phonecall"]]
            )
        except ConnectorError as error:
            return [Finding("key and database", False, error.message)]
        findings = [Finding("key and database", True)]
        for model, paths in wanted.items():
            findings += self._reader.findings(model, paths)
        advice = "" if calls else "Odoo has no activity type for phone calls: calls would show as To-Do."
        return [*findings, Finding("activity type Call", bool(calls), advice)]

    def _shown(self, activity: Activity) -> Activities | Chatter:
        return self._chatter if self._chatter.has(activity) else self._activities


def _transport(account: Account) -> Transport:
    settings = account.settings
    where = (WHO, settings["base_url"], settings["database"])
    how = (settings["api_key"], settings["timeout"], account.named)
    return JsonRpc(*where, settings["login"], *how) if settings["api"] == "jsonrpc" else Json2(*where, *how)
