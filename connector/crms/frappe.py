"""Frappe CRM and ERPNext: any document with a phone number, its calls as call logs.

Vendor's documentation: https://docs.frappe.io/framework/user/en/api/rest and https://docs.frappe.io/crm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import ApiSchema, about_activity, given, on_clock, secret_text
from connector.crms.base_write import without
from connector.crms.frappe_api import AlreadyThere, address, api_of
from connector.crms.frappe_check import findings
from connector.crms.frappe_click import parse_frappe_click
from connector.crms.frappe_read import Reader
from connector.errors import Gone
from connector.model import Activity, Click, Record, Source, Wanted

#: Frappe CRM's; ERPNext's `Call Log` is the mapping's to name.
CALL_LOG = "CRM Call Log"
#: The field that names a call log, and must be unique.
ID = "id"
#: Set when the call log is made, then left to people: a lead becomes a deal, and its calls go with it.
_ONLY_AT_FIRST = frozenset({"caller", "receiver", "reference_doctype", "reference_docname", "links"})


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(f"{name!r} is no time zone; write one such as Asia/Kolkata.") from None


class FrappeSchema(ApiSchema):
    """Settings of a Frappe connection."""

    api_key = secret_text()
    api_secret = secret_text()
    #: The site's zone (System Settings): its times tell none, and are taken in it.
    time_zone = fields.Str(load_default="Asia/Kolkata", validate=_check_zone)
    #: DocType -> the field that names its owner, where it is not the usual one.
    owner_fields = fields.Dict(
        keys=fields.Str(), values=fields.Str(validate=validate.Length(min=1)), load_default=dict
    )


class Frappe(Crm):
    """One Frappe site, seen through one user's key and secret."""

    name: ClassVar[str] = "frappe"
    settings_schema: ClassVar[type[ApiSchema]] = FrappeSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key", "api_secret"})
    #: A webhook tells of a document that was saved; a button says so in its body.
    default_source: ClassVar[Source] = Source.RULE

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = api_of(account)
        self._reader = Reader(self._api, account.settings["owner_fields"])
        self._zone = ZoneInfo(account.settings["time_zone"])

    def parse(self, hook: Hook) -> list[Click]:
        """Read a webhook's body, or our own JSON; BadRequest names what is wrong."""
        return [parse_frappe_click(hook, self.account)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """One request for the document, one for each link and each person that the mapping names."""
        return self._reader.read(click, wanted)

    def create(self, activity: Activity) -> str:
        """Make the call log under our own id; one that is there already is brought up to date instead."""
        about = about_activity(activity)
        body = {**self._values(activity), ID: activity.key}
        try:
            answer = self._api.object("POST", address(_kind(activity), about=about), about, json=body)
        except AlreadyThere as taken:
            try:
                self.update(replace(activity, id=activity.key))
            except Gone:
                raise taken from None  # another field must be unique, and is not
            return activity.key
        return self._api.id_in(answer.get("data"), about, "name")

    def update(self, activity: Activity) -> None:
        """Write the call log again, but not whose it is and what it is tied to; Gone when deleted."""
        about = about_activity(activity)
        path = address(_kind(activity), str(activity.id), about)
        changed = without(self._values(activity), _ONLY_AT_FIRST)
        self._api.ask("PUT", path, about, json=changed)

    def find(self, activity: Activity) -> str | None:
        """Our own key, unasked: the log would have it for a name, and an update tells when there is none."""
        return activity.key

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check key and secret, the site's time zone, each DocType's fields, users and call logs."""
        return findings(self._api, self._reader, str(self._zone), wanted)

    def _values(self, activity: Activity) -> dict[str, Any]:
        """The mapping's fields as Frappe takes them: moments on the clock of the site."""
        values = given(activity).items()
        return {name: on_clock(value, self._zone) for name, value in values if name != ID}


def _kind(activity: Activity) -> str:
    return activity.kind or CALL_LOG
