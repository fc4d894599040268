"""LeadSquared: leads, with calls logged as phone call activities.

Vendor's documentation: https://apidocs.leadsquared.com/ ("Get Lead by Id", "Get a User by Id", "Get Users",
"Post a Call Log", "Update Call Recordings/Duration for Phone Call Activities", "Get Activities of a Lead",
"Error Handling"). A call log is final but for its duration and recording: a call is logged once, when it is
over. The keys go into headers, as public clients of theirs send them: the documentation puts them into the
query, which logs keep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import (
    ApiSchema,
    JsonApi,
    about_activity,
    checked_id,
    given,
    only_one,
    secret_text,
)
from connector.crms.base_read import first_parts, kept
from connector.crms.base_said import body_of, rejected, said
from connector.crms.leadsquared_check import findings
from connector.crms.leadsquared_click import parse_leadsquared_click
from connector.errors import ConnectorError, Gone, Refused, TryAgain
from connector.http import Reply
from connector.model import Activity, Click, Phase, Record, Wanted

WHO = "LeadSquared"
_LEADS, _USERS = "v2/LeadManagement.svc", "v2/UserManagement.svc"
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: An outbound phone call among the kinds of activities.
_PHONE_CALL = 22
_LATEST = 100
_NUMBERS = ("SourceNumber", "DestinationNumber", "DisplayNumber")
_INDIAN = re.compile(r"\+91([0-9]{10})")
#: Exceptions come as 500 whatever they mean, and are nowhere listed: the words their names are made of.
_NOT_FOUND = re.compile(r"NotFound")
_FINAL = re.compile(r"Mandatory|Invalid|Duplicate|NotSupported|Unauthori[sz]ed")


class LeadSquaredSchema(ApiSchema):
    """Settings of a LeadSquared connection."""

    access_key = secret_text()
    secret_key = secret_text()


class LeadSquared(Crm):
    """One LeadSquared account, seen with one pair of keys."""

    name: ClassVar[str] = "leadsquared"
    settings_schema: ClassVar[type[ApiSchema]] = LeadSquaredSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"access_key", "secret_key"})
    #: Logged once, when it is over: who was never rung has no phone call.
    shows: ClassVar[frozenset[Phase]] = frozenset({Phase.ENDED})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        keys = {
            "x-LSQ-AccessKey": account.settings["access_key"],
            "x-LSQ-SecretKey": account.settings["secret_key"],
        }
        self._api = JsonApi(WHO, account, headers=keys, explain=_explain)

    def parse(self, hook: Hook) -> list[Click]:
        """Read a connector's Click2Call, a lead's or activity's webhook, or our own format."""
        return [parse_leadsquared_click(hook, self.account)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the lead, its owner and the acting user where wanted; just the wanted fields are kept."""
        about = f"{click.object} {click.record_id}"
        lead = checked_id(click.record_id, _ID, WHO, about)
        row = self._first(f"{_LEADS}/Leads.GetById", about, id=lead)
        if row is None:
            raise Gone("record_not_found", f"{WHO} has no such lead ({about}). It may have been deleted.")
        record = kept(row, wanted.record, WHO, about)
        owner = self._person(row.get("OwnerId"), wanted.owner, f"the owner of {about}")
        user = self._person(self._user_id(click.user, wanted.user), wanted.user, "the user who clicked")
        return Record(record, owner, user)

    def create(self, activity: Activity) -> str:
        """Log the call and return its activity's id, or our own key where LeadSquared tells none.

        What the answer to a log holds is not documented; its neighbours tell `Message.Id`.
        """
        about = about_activity(activity)
        lead = checked_id(activity.record_id, _ID, WHO, about)
        body = {**_values(activity), "LeadId": lead, "CallSessionId": activity.key}
        answer = self._api.ask("POST", "v2/Telephony.svc/LogCall", about, json=body)
        if not isinstance(answer, dict) or answer.get("Status") is None:
            # Not to be tried again: it may be logged, and whether `find` could see it is not confirmed.
            raise Refused(
                "id_missing", f"{WHO} took the call log without a word ({about}): look at the lead's calls."
            )
        told = _success(answer, about).get("Message")
        made = str(told.get("Id")) if isinstance(told, dict) else ""
        return made if _ID.fullmatch(made) else activity.key

    def update(self, activity: Activity) -> None:
        """Correct duration and recording, all that a log lets anybody change; Gone when it was deleted."""
        about, number = about_activity(activity), activity.id
        if number == activity.key:
            number = self.find(activity)
            if number is None:
                raise Refused(
                    "id_missing", f"{WHO} tells no id of the call it logged ({about}): it stays as it is."
                )
        values = _values(activity)
        body = {
            "ActivityId": checked_id(number or "", _ID, WHO, f"activity {number}"),
            "CallDuration": str(values["CallDuration"]),
        }
        if values.get("ResourceURL"):
            body["RecordingURL"] = values["ResourceURL"]
        answer = self._api.ask("POST", "v2/Telephony.svc/PhoneCallActivity/Update", about, json=body)
        if answer is not None:
            _success(answer, about)

    def find(self, activity: Activity) -> str | None:
        """Look for our key, wherever it stands, in the lead's latest outbound calls.

        It was sent as `CallSessionId`; whether a list of activities shows that is not documented.
        """
        about = about_activity(activity)
        lead = checked_id(activity.record_id, _ID, WHO, about)
        body = {
            "Parameter": {"ActivityEvent": _PHONE_CALL},
            "Paging": {"Offset": "0", "RowCount": str(_LATEST)},
        }
        path = "v2/ProspectActivity.svc/Retrieve"
        rows = self._api.rows(
            "POST", path, about, at="ProspectActivities", params={"leadId": lead}, json=body
        )
        ours = (row for row in rows if activity.key in json.dumps(row))
        return next((str(row["Id"]) for row in ours if _ID.fullmatch(str(row.get("Id")))), None)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the keys, each missing field of leads, and the users. A log cannot be tried out."""
        return findings(self._api, wanted)

    def _person(self, user: Any, wanted: Sequence[str], about: str) -> Mapping[str, Any]:
        """A user by id; without phones when LeadSquared has no active user of this id."""
        if not wanted or not isinstance(user, str) or not _ID.fullmatch(user):
            return {}
        names = first_parts(wanted)
        if names == ["UserId"]:
            return {"UserId": user}
        row = self._first(f"{_USERS}/User/Retrieve/ByUserId", about, userId=user)
        if row is None:
            return {**dict.fromkeys(names), "UserId": user}
        return kept(row, wanted, WHO, about)

    def _user_id(self, user: str | None, wanted: Sequence[str]) -> str | None:
        """The acting user's id; found by e-mail (case ignored) where that is what came."""
        if not wanted or not user or _ID.fullmatch(user):
            return user
        rows = self._api.rows("GET", f"{_USERS}/Users.Get", "users")
        found = only_one(rows, user, "EmailAddress")
        return str(found.get("ID")) if found else None

    def _first(self, path: str, about: str, **params: str) -> dict[str, Any] | None:
        rows = self._api.rows("GET", path, about, params=params)
        return rows[0] if rows else None


def _values(activity: Activity) -> dict[str, Any]:
    """The mapping's fields as a call log takes them: numbers as `+91-9876500001`, a duration always."""
    values = given(activity)
    for name in _NUMBERS:
        found = _INDIAN.fullmatch(str(values.get(name)))
        if found:
            values[name] = f"+91-{found[1]}"
    values.setdefault("CallDuration", 0)
    return values


def _success(answer: Any, about: str) -> Mapping[str, Any]:
    """The answer to a write, if it says Success; what else it says, raised."""
    status = answer.get("Status") if isinstance(answer, dict) else None
    if status == "Success":
        return dict(answer)
    if status is None:
        raise TryAgain("crm_answer_odd", f"{WHO} answered with something that is no verdict ({about}).")
    raise rejected(WHO, about, said(answer.get("ExceptionMessage")))


def _explain(reply: Reply, about: str) -> ConnectorError | None:
    """What an exception means; None for those that may pass."""
    if reply.status < 400 or reply.status in (401, 429):
        return None
    told = body_of(reply)
    kind, message = said(told.get("ExceptionType"), 80), said(told.get("ExceptionMessage"))
    if _NOT_FOUND.search(kind):
        return Gone("record_not_found", f"{WHO} has no such record ({about}): {message}")
    if _FINAL.search(kind):
        return rejected(WHO, about, f"{kind}, {message}")
    return None
