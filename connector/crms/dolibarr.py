"""Dolibarr: contacts and third parties, with calls as events of the agenda.

Vendor's documentation: https://wiki.dolibarr.org/index.php/Module_Web_Services_API_REST_(developer), and the
explorer of each Dolibarr, /api/index.php/explorer. Facts without another source were seen on a live 23.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import (
    NUMBER,
    ApiSchema,
    JsonApi,
    about_activity,
    checked_id,
    given,
    known,
    secret_text,
)
from connector.crms.base_read import behind, if_there, kept
from connector.crms.base_write import reference, with_reference, without
from connector.crms.dolibarr_check import findings
from connector.crms.dolibarr_click import EXTRAS, OBJECTS, parse_dolibarr_click, ticked
from connector.crms.dolibarr_said import API, WHO, explain
from connector.errors import Gone, Refused, TryAgain
from connector.model import Activity, Click, Record, Wanted

EVENTS = f"{API}/agendaevents"
#: Telephone call, among the types of events.
_CALL = "AC_TEL"


class DolibarrSchema(ApiSchema):
    """Settings of a Dolibarr connection."""

    api_key = secret_text()
    #: Code of the complementary attribute, a checkbox, that rings when it is ticked; empty: every save rings.
    box = fields.Str(load_default="callerdesk_call", validate=validate.Regexp(r"[a-z0-9_]{0,64}\Z"))
    #: Triggers whose webhooks are clicks.
    triggers = fields.List(
        fields.Str(validate=validate.OneOf(sorted(OBJECTS))), load_default=lambda: list(OBJECTS)
    )


class Dolibarr(Crm):
    """One Dolibarr, seen through one user's key."""

    name: ClassVar[str] = "dolibarr"
    settings_schema: ClassVar[type[ApiSchema]] = DolibarrSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        key = {"DOLAPIKEY": account.settings["api_key"]}
        self._api, self._box = JsonApi(WHO, account, headers=key, explain=explain), account.settings["box"]

    def parse(self, hook: Hook) -> list[Click]:
        """Read the webhook of a box that was ticked, or our own format."""
        return parse_dolibarr_click(hook, self.account)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record; then, where wanted, its company's sales representative and the acting user.

        Who acted, of a webhook, is whoever changed the record last, once the ticked box is seen to be saved:
        until then TryAgain (`crm_not_saved_yet`), for the numbers may be old as well.
        """
        about = f"{click.object} {click.record_id}"
        row = self._row(click.object, click.record_id, about, click.raw.get("triggercode"))
        record = _kept(row, wanted.record, about) | {"id": click.record_id}
        record["socid"] = _number(row.get("socid") if click.object == "contacts" else click.record_id)
        acting = click.user
        if acting is None and "triggercode" in click.raw and ticked(row, self._box):
            acting = _number(row.get("user_modification_id")) or _number(row.get("user_creation_id"))
        owner = self._representative(record["socid"], wanted.owner, about) if wanted.owner else {}
        return Record(record, owner, self._user(acting, wanted.user))

    def create(self, activity: Activity) -> str:
        """Put the call into the agenda, once the box that asked for it is unticked: it is a button again."""
        about = about_activity(activity)
        if self._box and activity.click.get("triggercode"):
            box = {EXTRAS: {f"options_{self._box}": "0"}}
            self._api.ask("PUT", _path(activity.object, activity.record_id, about), about, json=box)
        body = {"type_code": _CALL, "userownerid": "0", **_where(activity), **_values(activity)}
        made = self._api.ask("POST", EVENTS, about, json=body)
        return self._api.id_in({"id": made}, about)

    def update(self, activity: Activity) -> None:
        """Write the event again, leaving whose it is; Gone when it was deleted."""
        about = about_activity(activity)
        values = without(_values(activity), ("userownerid",))
        number = checked_id(str(activity.id), NUMBER, WHO, f"event {activity.id}")
        self._api.ask("PUT", f"{EVENTS}/{number}", about, json=values)

    def find(self, activity: Activity) -> str | None:
        """Look for our key at the end of notes."""
        ours, about = reference(activity), about_activity(activity)
        asked = {"sqlfilters": f"(t.note:like:'%{ours}%')", "limit": "10"}
        # 404 is none, in the words of a list.
        rows = if_there(self._api.rows, "GET", EVENTS, about, params=asked) or []
        return next((self._api.id_in(row, about) for row in rows if ours in json.dumps(row)), None)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the key, and one each for the agenda, every object's fields and users."""
        return findings(self._api, wanted)

    def _row(self, kind: str, number: str, about: str, trigger: Any) -> dict[str, Any]:
        """The record as it is saved; a webhook comes a moment before that."""
        try:
            row = self._api.object("GET", _path(kind, number, about), about)
        except Gone:
            if str(trigger).endswith("_CREATE"):
                raise _not_saved(about) from None
            raise
        if trigger and self._box and ticked(row, self._box) is False:
            raise _not_saved(about)
        return row

    def _representative(self, company: str | None, paths: Iterable[str], about: str) -> dict[str, Any]:
        """The first of the company's sales representatives, by name; nobody where Dolibarr tells none.

        Dolibarr 22 and 23 answer 404 for every company (its issue 38985).
        """
        if company is None:
            return {}
        path = f"{API}/thirdparties/{company}/representatives"
        rows = if_there(self._api.rows, "GET", path, about)
        return self._user(_number(rows[0].get("id")), paths) if rows else {}

    def _user(self, user: str | None, paths: Iterable[str]) -> dict[str, Any]:
        """A user by id, e-mail or login; nobody when there is none."""
        if not (user and paths):
            return {}
        by = "" if NUMBER.fullmatch(user) else "email/" if "@" in user else "login/"
        about = f"user {user}"
        row = if_there(self._api.object, "GET", f"{API}/users/{by}{quote(user, safe='')}", about)
        return _kept(row, paths, about) | {"id": _number(row.get("id"))} if row is not None else {}


def _path(kind: str, number: str, about: str) -> str:
    if kind not in OBJECTS.values():
        raise Refused("unknown_object", f"{WHO} has no {kind[:80]!r} here: `contacts` or `thirdparties`.")
    return f"{API}/{kind}/{checked_id(number, NUMBER, WHO, about)}"


def _not_saved(about: str) -> TryAgain:
    return TryAgain("crm_not_saved_yet", f"{WHO} has not saved what it told of, or it was undone ({about}).")


def _number(value: Any) -> str | None:
    """An id, which comes as a text or a number; None for none."""
    text = str(value)
    return text if NUMBER.fullmatch(text) else None


def _kept(row: Mapping[str, Any], paths: Iterable[str], about: str) -> dict[str, Any]:
    """The wanted fields, empty texts as None; a record without complementary attributes has `[]` for them."""
    listed = list(paths)
    just = {name: value or None for name, value in kept(row, listed, WHO, about).items()}
    if EXTRAS in just:
        names = behind(listed, EXTRAS)
        extras = just[EXTRAS] or dict.fromkeys(names)
        known(extras, names, WHO, f"{about}, complementary attributes")
        just[EXTRAS] = extras
    return just


def _where(activity: Activity) -> dict[str, Any]:
    """What puts the event on the record's page: the company, and the contact as one who takes part."""
    company = activity.record.record.get("socid") if activity.record else None
    where: dict[str, Any] = {"socid": company} if company else {}
    if activity.object == "contacts":
        number = activity.record_id
        where |= {"contact_id": number, "socpeopleassigned": {number: {"id": number}}}
    return where


def _values(activity: Activity) -> dict[str, Any]:
    """The mapping's fields without empty ones, the note with our key at its end."""
    values = given(activity)
    return {**values, "note_private": with_reference(values.get("note_private"), activity)}
