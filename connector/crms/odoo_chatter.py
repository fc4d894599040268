"""A call as a message in the chatter of its record: an internal note, written again as the call goes on.

Vendor's documentation: https://www.odoo.com/documentation/19.0/developer/reference/backend/mixins.html
("Posting messages"). Seen on a live Odoo 19.0: an ordinary user may write the body of a message; writing one
that is gone answers true, so it is looked for first.
"""

from __future__ import annotations

from dataclasses import replace

from connector.crms.base_api import about_activity
from connector.crms.base_write import reference
from connector.crms.odoo_calls import Transport, number_made, number_of, rows_of
from connector.crms.odoo_note import message_of
from connector.crms.odoo_read import record_number
from connector.errors import Gone, TryAgain
from connector.model import Activity

MESSAGE = "mail.message"
#: An internal note: nobody outside the company is told of it.
_NOTE = "mail.mt_note"


class Chatter:
    """Calls as messages; their ids are Odoo's own references, `mail.message,522`."""

    def __init__(self, odoo: Transport) -> None:
        self._odoo = odoo

    @staticmethod
    def has(activity: Activity) -> bool:
        """Whether the activity is, or is to be, a message."""
        return activity.id.startswith(f"{MESSAGE},") if activity.id else activity.kind == MESSAGE

    def create(self, activity: Activity) -> str:
        """Post the note and return its reference."""
        about = about_activity(activity)
        made = self._odoo.call(
            activity.object,
            "message_post",
            about=about,
            ids=[record_number(activity.object, activity.record_id)],
            body=message_of(activity),
            body_is_html=True,
            message_type="comment",
            subtype_xmlid=_NOTE,
        )
        number = number_made(made)
        found = self.find(activity) if number is None else f"{MESSAGE},{number}"
        if found is None:
            raise TryAgain("crm_failed", f"Odoo posted no message ({about}).")
        return found

    def update(self, activity: Activity) -> None:
        """Write the note again; Gone when it was deleted."""
        about = about_activity(activity)
        number = int((activity.id or "").partition(",")[2])
        answer = self._odoo.call(
            MESSAGE, "search_read", about=about, domain=[["id", "=", number]], fields=["model"]
        )
        if not rows_of(answer, about):
            raise Gone("activity_gone", f"Odoo has no such message any more ({about}).")
        self._odoo.call(MESSAGE, "write", about=about, ids=[number], vals={"body": message_of(activity)})

    def find(self, activity: Activity) -> str | None:
        """Look for our key in the record's messages; the reference of the first that holds it."""
        about = about_activity(activity)
        answer = self._odoo.call(
            MESSAGE,
            "search_read",
            about=about,
            domain=[
                ["model", "=", activity.object],
                ["res_id", "=", record_number(activity.object, activity.record_id)],
                ["body", "ilike", reference(activity)],
            ],
            fields=["body"],
            order="id",
        )
        found = (row for row in rows_of(answer, about) if reference(activity) in str(row.get("body")))
        return next((f"{MESSAGE},{number_of(row, about)}" for row in found), None)

    def corrected(self, activity: Activity) -> bool:
        """Write the call into the message that tells of it; False when there is none."""
        found = self.find(activity)
        if found:
            self.update(replace(activity, id=found))
        return found is not None
