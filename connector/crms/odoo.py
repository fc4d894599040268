"""Odoo 19 and later: contacts, leads and any other model with activities.

Vendor's documentation: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
Facts without another source were seen on a live Odoo 19.0 Community with an ordinary user's API key.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import ApiSchema, about_activity, given
from connector.crms.odoo_click import parse_odoo_click
from connector.crms.odoo_json2 import Json2, Transport, rows_of
from connector.crms.odoo_read import CONTACT_OF_LEAD, LEAD, Reader, record_number
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.model import Activity, Click, Phase, Record, Source, Wanted

#: Odoo's own activity type "Call". A missing one is silently replaced by "To-Do", so `check_live` looks.
CALL_TYPE = "mail.mail_activity_data_call"
CONTACT = "res.partner"
#: Stands before our key at the end of every note; `find` searches for both.
REFERENCE = "CallerDesk"
#: Set when the activity is made, then left to people: who does it, and by when.
_ONLY_AT_FIRST = frozenset({"user_id", "date_deadline"})
_FINISHED = frozenset({Phase.ENDED, Phase.REFUSED})
_EVEN_DONE = {"active_test": False}
_LINK = re.compile(r"https?://[^\s<]+")


class OdooSchema(ApiSchema):
    """Settings of an Odoo connection."""

    database = fields.Str(required=True, validate=validate.Length(min=1))
    api_key = fields.Str(required=True, validate=validate.Length(min=1))
    #: Names of the "Send Webhook Notification" actions that a person's button runs; all others are rules.
    buttons = fields.List(fields.Str(), load_default=["CallerDesk call"])


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
        self._odoo = transport or Json2(
            "Odoo",
            settings["base_url"],
            settings["database"],
            settings["api_key"],
            settings["timeout"],
            account.named,
        )
        self._reader = Reader(self._odoo)
        self._own_user: int | None = None

    def parse(self, hook: Hook) -> list[Click]:
        """Read Odoo's "Send Webhook Notification" body, or our own JSON; BadRequest names what is wrong."""
        return [parse_odoo_click(hook, self.account, self._buttons)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record with its salesperson (`user_id`) in one request, the acting user in a second.

        A model's field types are asked for once more, when its first empty value has come.
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
        """Schedule a call activity on the record under `user_id`, done at once when the call is over.

        Without a salesperson, or with one who is archived, it goes to the API key's own user.
        """
        about, values = about_activity(activity), _values(activity)
        feedback = values.pop("feedback", None)
        if not values.get("user_id") or self._is_archived(values["user_id"], activity):
            values["user_id"] = self._own_id()
        record = record_number(activity.object, activity.record_id)
        try:
            made = self._odoo.call(
                activity.object,
                "activity_schedule",
                about=about,
                ids=[record],
                act_type_xmlid=CALL_TYPE,
                **values,
            )
        except AdminNeeded as error:
            # A deleted record looks like a missing right: 403 "security restrictions".
            if error.code == "crm_forbidden" and not self._reader.exists(activity.object, record):
                raise Gone("record_not_found", f"Odoo has no such record any more ({about}).") from None
            raise
        if not isinstance(made, list) or not made:
            raise TryAgain("crm_failed", f"Odoo made no activity ({about}).")
        if activity.phase in _FINISHED:
            self._finish(made[0], feedback, about)
        return str(made[0])

    def update(self, activity: Activity) -> None:
        """Write the activity; mark it done, once, when the call is over. Gone when it was deleted.

        A done activity stays done: its text is corrected, nothing is posted a second time.
        """
        about, number = about_activity(activity), int(activity.id or 0)
        values = {name: value for name, value in _values(activity).items() if name not in _ONLY_AT_FIRST}
        if activity.phase not in _FINISHED:
            self._odoo.call("mail.activity", "write", about=about, ids=[number], vals=values)
            return
        answer = self._odoo.call(
            "mail.activity", "read", about=about, ids=[number], fields=["active"], context=_EVEN_DONE
        )
        found = rows_of(answer, about)
        if not found:
            raise Gone("activity_gone", f"Odoo has no such activity any more ({about}).")
        still_open = bool(found[0].get("active"))
        feedback = values.pop("feedback", None) if still_open else None
        self._odoo.call("mail.activity", "write", about=about, ids=[number], vals=values)
        if still_open:
            self._finish(number, feedback, about)

    def find(self, activity: Activity) -> str | None:
        """Look for our key in the notes of the record's activities, done ones too."""
        reference, about = f"{REFERENCE} {activity.key}", about_activity(activity)
        answer = self._odoo.call(
            "mail.activity",
            "search_read",
            about=about,
            domain=[
                ["res_model", "=", activity.object],
                ["res_id", "=", record_number(activity.object, activity.record_id)],
                ["note", "ilike", reference],
            ],
            fields=["note"],
            order="id",
            context=_EVEN_DONE,
        )
        found = rows_of(answer, about)
        return next((str(row["id"]) for row in found if reference in str(row.get("note"))), None)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check the key and database, each object's fields, and Odoo's activity type for calls."""
        try:
            self._own_id()
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

    def _finish(self, number: int, feedback: str | None, about: str) -> None:
        self._odoo.call(
            "mail.activity", "action_feedback", about=about, ids=[number], feedback=feedback or False
        )

    def _own_id(self) -> int:
        if self._own_user is None:
            self._own_user = int(self._odoo.call("res.users", "context_get")["uid"])
        return self._own_user

    @staticmethod
    def _is_archived(user: Any, activity: Activity) -> bool:
        owner = activity.record.owner if activity.record else {}
        return str(owner.get("id")) == str(user) and owner.get("active") is False


def _values(activity: Activity) -> dict[str, Any]:
    """The mapping's fields as Odoo takes them: no empty ones, the note as HTML with our key at its end."""
    values = given(activity)
    if "date_deadline" in values:
        values["date_deadline"] = str(values["date_deadline"])[:10]  # a date, also from a full time stamp
    text = f"{values.get('note', '')}\n\n{REFERENCE} {activity.key}"
    return {**values, "note": _as_html(text.strip())}


def _as_html(text: str) -> str:
    """Plain text as HTML: escaped, blank line = paragraph, links made clickable."""
    paragraphs: Sequence[str] = re.split(r"\n\s*\n", html.escape(text, quote=True))
    linked = (_LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', part) for part in paragraphs)
    return "".join("<p>" + part.strip().replace("\n", "<br/>") + "</p>" for part in linked)
