"""Pipedrive: persons, deals and leads, called from an app's modal or for a webhook, shown as call activities.

Vendor's documentation: https://developers.pipedrive.com/docs/api/v1 and https://pipedrive.readme.io/docs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms import pipedrive_click
from connector.crms.base import Account, Answer, Crm, Finding, Hook, Wire
from connector.crms.base_api import NUMBER, ApiSchema, about_activity, check_base_url, given
from connector.crms.base_oauth import TokenOrAppSchema
from connector.crms.base_write import reference, with_reference, without
from connector.crms.pipedrive_api import ACTIVITIES, RECORDS, WHO, api_of, data_of
from connector.crms.pipedrive_check import findings
from connector.crms.pipedrive_log import write_log
from connector.crms.pipedrive_read import Reader
from connector.errors import Gone
from connector.model import Activity, Click, Phase, Record, Wanted

#: object -> the activity's field that ties it to the record; a person is tied as its primary participant.
TIES = {"deal": "deal_id", "lead": "lead_id", "organization": "org_id"}
#: Set when the activity is made, then left to people.
_ONLY_AT_FIRST = frozenset({"owner_id", "type", "deal_id", "lead_id", "org_id", "participants"})
#: Numbers are never texts in version 2.
_NUMBERS = frozenset({"owner_id", "deal_id", "org_id", "project_id", "priority"})
#: The most activities one request gives.
_PAGE = 500


class PipedriveSchema(TokenOrAppSchema):
    """Settings of a Pipedrive connection: an API token, or an OAuth app with a refresh token."""

    fixed = "api_token"
    api_token = fields.Str(validate=validate.Length(min=1))
    oauth_url = fields.Str(load_default="https://oauth.pipedrive.com", validate=check_base_url)
    #: Which webhooks ring: object -> `create`, or the fields whose change rings.
    events = fields.Dict(
        keys=fields.Str(validate=validate.OneOf(list(RECORDS))),
        values=fields.List(fields.Str(validate=validate.Length(min=1))),
        load_default=lambda: {"person": ["create"], "deal": ["create"], "lead": ["create"]},
    )
    #: Whether an ended call is also written as one of Pipedrive's call logs.
    call_logs = fields.Bool(load_default=False)


class Pipedrive(Crm):
    """One Pipedrive company, seen through one user's API token or one app's OAuth tokens."""

    name: ClassVar[str] = "pipedrive"
    settings_schema: ClassVar[type[ApiSchema]] = PipedriveSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_token", "client_secret", "refresh_token"})
    draws: ClassVar[bool] = True

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = api_of(account)
        self._reader = Reader(self._api)
        self._logs = bool(account.settings["call_logs"])

    def parse(self, hook: Hook) -> list[Click]:
        """Read a webhook, a press in the modal, or our own JSON; [] for a webhook that rings nobody."""
        return pipedrive_click.parse(hook, self.account, self.default_source)

    def opened(self, hook: Hook) -> Wire | None:
        """The modal's blocks, for whoever its token vouches for."""
        return pipedrive_click.drawn(hook, self.account)

    def answer(self, answers: Sequence[Answer], clicks: Sequence[Click]) -> Wire | None:
        """A press is answered as a modal wants it, everything else as ours."""
        return pipedrive_click.answered(answers, clicks)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """One request for the record, one for each link and each user that the mapping names."""
        return self._reader.read(click, wanted)

    def create(self, activity: Activity) -> str:
        """Make the call activity on the record; under the token's own user when the owner is not active."""
        about, values = about_activity(activity), self._values(activity)
        owner = activity.record.owner if activity.record else {}
        if owner.get("active_flag") is False and str(owner.get("id")) == str(values.get("owner_id")):
            del values["owner_id"]
        answer = self._api.object(
            "POST", ACTIVITIES, about, json={"type": "call", **_ties(activity), **values}
        )
        number = self._api.id_in(data_of(answer), about, like=NUMBER)
        self._log(activity, number, values)
        return number

    def update(self, activity: Activity) -> None:
        """Write the activity again, leaving owner and ties to people; Gone when it was deleted."""
        about, number = about_activity(activity), str(activity.id)
        values = self._values(activity)
        changed = without(values, _ONLY_AT_FIRST)
        row = data_of(self._api.ask("PATCH", f"{ACTIVITIES}/{int(number)}", about, json=changed))
        if isinstance(row, dict) and row.get("is_deleted") is True:
            raise Gone("activity_gone", f"{WHO} has no such activity any more ({about}).")
        self._log(activity, number, values)

    def find(self, activity: Activity) -> str | None:
        """Look for our key in the notes of the record's latest activities."""
        tie = TIES.get(activity.object, "person_id")
        asked = {tie: activity.record_id, "sort_by": "add_time", "sort_direction": "desc", "limit": _PAGE}
        rows = self._api.rows("GET", ACTIVITIES, about_activity(activity), at="data", params=asked)
        ours = reference(activity)
        found = [row for row in rows if ours in str(row.get("note")) and row.get("is_deleted") is not True]
        return self._api.id_in(found[-1], about_activity(activity), like=NUMBER) if found else None

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Check the credential, each object's fields, and the activity type Call."""
        return findings(self._api, self._reader, wanted)

    def _log(self, activity: Activity, number: str, values: Mapping[str, Any]) -> None:
        if self._logs and activity.phase is Phase.ENDED:
            write_log(self._api, activity, number, values["note"])

    def _values(self, activity: Activity) -> dict[str, Any]:
        """The mapping's fields as Pipedrive takes them, the note with our key at its end."""
        values = {
            name: int(value) if name in _NUMBERS and str(value).isdecimal() else value
            for name, value in given(activity).items()
        }
        return {**values, "note": with_reference(values.get("note"), activity, gap="<br/>")}


def _ties(activity: Activity) -> dict[str, Any]:
    """What ties the activity to its record and to the record's person."""
    read = activity.record.record if activity.record else {}
    person = activity.record_id if activity.object == "person" else read.get("person_id")
    ties: dict[str, Any] = {}
    if activity.object in TIES:
        lead = activity.object == "lead"
        ties[TIES[activity.object]] = activity.record_id if lead else int(activity.record_id)
    if person:
        # `person_id` itself may only be read: a request with it is refused.
        ties["participants"] = [{"person_id": int(person), "primary": True}]
    return ties
