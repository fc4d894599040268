"""A call as a phone activity of its record, done when the call is over.

Vendor's documentation: https://www.odoo.com/documentation/19.0/applications/essentials/activities.html. Seen
on a live Odoo 19.0: a done activity stays, archived. Odoo 17 and 18 delete it (unless its type says "Keep
Done") and leave a message that holds its note: there a call is found, and corrected, in the chatter.
"""

from __future__ import annotations

from typing import Any

from connector.crms.base_api import about_activity, given
from connector.crms.base_write import reference, without
from connector.crms.odoo_calls import Transport, number_made, number_of, rows_of
from connector.crms.odoo_chatter import Chatter
from connector.crms.odoo_note import note_of
from connector.crms.odoo_read import Reader, record_number
from connector.errors import AdminNeeded, Gone, TryAgain
from connector.model import Activity, Phase

#: Odoo's own activity type "Call". A missing one is silently replaced by "To-Do", so `check_live` looks.
CALL_TYPE = "mail.mail_activity_data_call"
#: Set when the activity is made, then left to people: who does it, and by when.
_ONLY_AT_FIRST = frozenset({"user_id", "date_deadline"})
_FINISHED = frozenset({Phase.ENDED, Phase.REFUSED})
_EVEN_DONE = {"active_test": False}


class Activities:
    """Calls as activities, of one Odoo."""

    def __init__(self, odoo: Transport, reader: Reader) -> None:
        self._odoo, self._reader = odoo, reader
        self._own_user: int | None = None
        #: Where a done activity is deleted, a message is all that is left of it.
        self._left = Chatter(odoo) if odoo.early else None

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
        number = number_made(made) or self._made(activity)
        if activity.phase in _FINISHED:
            self._finish(number, feedback, about)
        return str(number)

    def update(self, activity: Activity) -> None:
        """Write the activity; mark it done, once, when the call is over. Gone when it was deleted.

        A done activity stays done: its text is corrected, nothing is posted a second time.
        """
        about, number = about_activity(activity), int(activity.id or 0)
        values = without(_values(activity), _ONLY_AT_FIRST)
        if activity.phase not in _FINISHED:
            self._odoo.call("mail.activity", "write", about=about, ids=[number], vals=values)
            return
        found = self._active(number, about)
        if not found and self._left and self._left.corrected(activity):
            return
        if not found:
            raise Gone("activity_gone", f"Odoo has no such activity any more ({about}).")
        still_open = bool(found[0].get("active"))
        feedback = values.pop("feedback", None) if still_open else None
        self._odoo.call("mail.activity", "write", about=about, ids=[number], vals=values)
        if still_open:
            self._finish(number, feedback, about)

    def find(self, activity: Activity) -> str | None:
        """Look for our key in the notes of the record's activities, done ones too."""
        number = self._found(activity)
        if number is None and self._left:
            return self._left.find(activity)
        return number

    def _found(self, activity: Activity) -> str | None:
        line, about = reference(activity), about_activity(activity)
        answer = self._odoo.call(
            "mail.activity",
            "search_read",
            about=about,
            domain=[
                ["res_model", "=", activity.object],
                ["res_id", "=", record_number(activity.object, activity.record_id)],
                ["note", "ilike", line],
            ],
            fields=["note"],
            order="id",
            context=_EVEN_DONE,
        )
        found = rows_of(answer, about)
        return next((str(number_of(row, about)) for row in found if line in str(row.get("note"))), None)

    def _active(self, number: int, about: str) -> list[dict[str, Any]]:
        asked = {"fields": ["active"], "context": _EVEN_DONE}
        try:
            return rows_of(
                self._odoo.call("mail.activity", "read", about=about, ids=[number], **asked), about
            )
        except Gone:
            return []

    def _finish(self, number: int, feedback: str | None, about: str) -> None:
        self._odoo.call(
            "mail.activity", "action_feedback", about=about, ids=[number], feedback=feedback or False
        )

    def _made(self, activity: Activity) -> int:
        """The activity a version of Odoo made without telling its number; TryAgain when there is none."""
        number = self._found(activity)
        if number is None:
            raise TryAgain("crm_failed", f"Odoo made no activity ({about_activity(activity)}).")
        return int(number)

    def _own_id(self) -> int:
        if self._own_user is None:
            self._own_user = self._odoo.user()
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
    return {**values, "note": note_of(activity)}
