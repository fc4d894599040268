"""Bitrix24: contacts, leads and companies, with calls of a telephony app.

Vendor's documentation: https://apidocs.bitrix24.com/api-reference/telephony/ (telephony.externalCall with
register, finish and attachRecord; voximplant.statistic.get). A call is registered when the phones ring, and
comes onto the timeline when it is finished, which can be done once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from marshmallow import fields

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import (
    NUMBER,
    ApiSchema,
    about_activity,
    check_base_url,
    checked_id,
    given,
    known,
)
from connector.crms.base_oauth import RefreshSchema
from connector.crms.base_read import first_parts, row_with
from connector.crms.bitrix24_api import WHO, Api
from connector.crms.bitrix24_check import findings
from connector.crms.bitrix24_click import CALL_BACK, STARTED, parse_bitrix24_click
from connector.errors import Gone, Refused
from connector.model import Activity, Click, Phase, Record, Wanted

#: Our name of an object, which is theirs in telephony -> what reads it.
GET = {"CONTACT": "crm.contact.get", "LEAD": "crm.lead.get", "COMPANY": "crm.company.get"}
#: Lists of values that are left out where they are empty, and what a mapping reads of the phones by type.
_LISTS = ("PHONE", "EMAIL", "WEB", "IM", "LINK")
_FIRST = "PHONE_FIRST"
_BY_TYPE = re.compile(r"PHONE_([A-Z]+)")
#: Which fields of the mapping go with which method.
_BOTH = ("USER_ID", "USER_PHONE_INNER", "ADD_TO_CHAT")
_REGISTER = (
    *_BOTH,
    "PHONE_NUMBER",
    "TYPE",
    "CALL_START_DATE",
    "LINE_NUMBER",
    "CALL_LIST_ID",
    "SHOW",
    "CRM_SOURCE",
)
_FINISH = (*_BOTH, "DURATION", "COST", "COST_CURRENCY", "STATUS_CODE", "FAILED_REASON", "VOTE")
_RECORD = ("RECORD_URL", "FILENAME")
_OVER = frozenset({Phase.ENDED, Phase.REFUSED})
_OUTGOING, _CALLED_BACK = 1, 4


class Bitrix24Schema(RefreshSchema):
    """Settings of a Bitrix24 connection."""

    oauth_url = fields.Str(load_default="https://oauth.bitrix.info", validate=check_base_url)


class Bitrix24(Crm):
    """One Bitrix24, seen through one app."""

    name: ClassVar[str] = "bitrix24"
    settings_schema: ClassVar[type[ApiSchema]] = Bitrix24Schema
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret", "refresh_token"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = Api(account)

    def parse(self, hook: Hook) -> list[Click]:
        """Read an event, an automation rule's webhook, or our own format."""
        return parse_bitrix24_click(hook, self.account)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record, who is responsible for it and who clicked in one batch."""
        about = f"{click.object} {click.record_id}"
        if click.object not in GET:
            raise Refused(
                "unknown_object", f"{WHO} calls from {', '.join(GET)}, not from {click.object[:80]!r}."
            )
        number = checked_id(click.record_id, NUMBER, WHO, about)
        commands = {"record": f"{GET[click.object]}?ID={number}"}
        if wanted.owner:
            commands["owner"] = "user.get?ID=$result[record][ASSIGNED_BY_ID]"
        acting = click.user if wanted.user and NUMBER.fullmatch(click.user or "") else None
        if acting:
            commands["user"] = f"user.get?ID={acting}"
        told = self._api.batch(commands, about)
        row = self._api.row(told.get("record"), about)
        return Record(
            _kept(row, wanted.record, about),
            _person(told.get("owner"), row.get("ASSIGNED_BY_ID"), wanted.owner),
            _person(told.get("user"), acting, wanted.user),
        )

    def create(self, activity: Activity) -> str:
        """Register the call and return Bitrix24's id of it; a click on a number has registered it already.

        A call that never had a number cannot be registered: it is not shown, and has our own key for an id.
        """
        if activity.click.get("event") == STARTED and activity.click.get("click_id"):
            theirs = str(activity.click["click_id"])
            try:
                self._finish_if_over(theirs, activity)
                return theirs
            except Gone:  # too long ago for Bitrix24 to know it
                pass
        values = _of(activity, _REGISTER)
        if not values.get("PHONE_NUMBER"):
            return activity.key
        about = about_activity(activity)
        where = {"CRM_ENTITY_TYPE": activity.object, "CRM_ENTITY_ID": activity.record_id, "CRM_CREATE": 0}
        kind = _CALLED_BACK if activity.click.get("event") == CALL_BACK else _OUTGOING
        ours = {"TYPE": kind, "SHOW": 0, **where, "EXTERNAL_CALL_ID": activity.key}
        made = self._api.row(
            self._api.call("telephony.externalCall.register", about, **ours, **values), about
        )
        number = self._api.call_id(made, about)
        self._finish_if_over(number, activity)
        return number

    def update(self, activity: Activity) -> None:
        """Finish the call when it is over, and attach its recording; Gone when Bitrix24 has dropped it."""
        if activity.id != activity.key:
            self._finish_if_over(str(activity.id), activity)

    def find(self, activity: Activity) -> str | None:
        """The finished call of our key. One that is only registered is registered again, to the same id."""
        row = self._finished({"EXTERNAL_CALL_ID": activity.key}, activity)
        return self._api.call_id(row, about_activity(activity)) if row else None

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the app's login, each scope, every object's fields and the users'."""
        return findings(self._api, wanted)

    def _finish_if_over(self, call: str, activity: Activity) -> None:
        if activity.phase not in _OVER:
            return
        about = about_activity(activity)
        try:
            told = _of(activity, _FINISH)
            self._api.row(self._api.call("telephony.externalCall.finish", about, CALL_ID=call, **told), about)
        except Gone:
            # It can be finished once only; one that is in the statistics is.
            if not self._finished({"CALL_ID": call}, activity):
                raise
        record = _of(activity, _RECORD)
        if record.get("RECORD_URL"):
            given_name = {"FILENAME": f"{activity.key}.mp3", **record}
            self._api.call("telephony.externalCall.attachRecord", about, CALL_ID=call, **given_name)

    def _finished(self, by: Mapping[str, str], activity: Activity) -> dict[str, Any] | None:
        about = about_activity(activity)
        rows = self._api.rows(self._api.call("voximplant.statistic.get", about, FILTER=dict(by)), about)
        return next((row for row in rows if all(row.get(name) == value for name, value in by.items())), None)


def _of(activity: Activity, names: Iterable[str]) -> dict[str, Any]:
    """The mapping's fields that go with one method; Refused for one that goes with none."""
    values = given(activity)
    for name in values:
        if name not in (*_REGISTER, *_FINISH, *_RECORD):
            raise Refused("unknown_field", f"{WHO}'s calls have no field {name!r}: correct the mapping.")
    if values.get("STATUS_CODE") == "200":
        values.pop("FAILED_REASON", None)
    return {name: values[name] for name in names if name in values}


def _kept(row: Mapping[str, Any], paths: Iterable[str], about: str) -> dict[str, Any]:
    """The wanted fields, empty as None, and phones by type (`PHONE_MOBILE`) or the first (`PHONE_FIRST`)."""
    names = first_parts(paths)
    plain = [name for name in names if name not in _LISTS and not _BY_TYPE.fullmatch(name)]
    known(row, plain, WHO, about)
    phones = [each for each in row.get("PHONE") or [] if isinstance(each, dict)]
    kept: dict[str, Any] = {name: row.get(name) or None for name in names} | {"ID": row.get("ID")}
    for name in names:
        kind = _BY_TYPE.fullmatch(name)
        if kind:
            fits = (each for each in phones if name == _FIRST or each.get("VALUE_TYPE") == kind[1])
            kept[name] = next((each.get("VALUE") or None for each in fits), None)
    return kept


def _person(rows: Any, number: Any, paths: Iterable[str]) -> dict[str, Any]:
    """The user of this id among those who came; a field that is empty is left out, so all may be None."""
    found = row_with(rows, number, "ID")
    return {name: found.get(name) or None for name in first_parts(paths)} if found else {}
