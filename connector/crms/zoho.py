"""Zoho CRM: contacts, leads and other modules, with calls as records of the module Calls.

Vendor's documentation: https://www.zoho.com/crm/developer/docs/api/v8/ ("Get Records", "Insert Records",
"Update Records", "Query API", "Users"). "Insert or Update (Upsert)" does not list Calls among its modules: a
call is inserted, and a field that allows no duplicates makes Zoho name the call that is there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from marshmallow import fields, validate

from connector.crms.base import Account, Crm, Finding, Hook
from connector.crms.base_api import (
    ApiSchema,
    about_activity,
    check_base_url,
    checked_id,
    known,
    only_one,
)
from connector.crms.base_oauth import RefreshSchema
from connector.crms.base_read import first_parts, kept
from connector.crms.zoho_api import DATACENTRES, WHO, Api, Taken
from connector.crms.zoho_call import ID, changed, inserted, kind_of, name_in, query
from connector.crms.zoho_check import findings
from connector.crms.zoho_click import parse_zoho_click
from connector.errors import Gone, TryAgain
from connector.model import Activity, Click, Record, Source, Wanted

#: Users looked through for an e-mail address, by the page.
_PAGE, _MOST_PAGES = 200, 10


class ZohoSchema(RefreshSchema):
    """Settings of a Zoho CRM connection."""

    datacentre = fields.Str(load_default="in", validate=validate.OneOf(list(DATACENTRES)))
    base_url = fields.Str(validate=check_base_url)
    accounts_url = fields.Str(validate=check_base_url)


class Zoho(Crm):
    """One Zoho CRM account, seen with one refresh token."""

    name: ClassVar[str] = "zoho"
    settings_schema: ClassVar[type[ApiSchema]] = ZohoSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret", "refresh_token"})
    #: Webhooks come from workflow rules; the button's function says of itself that it is one.
    default_source: ClassVar[Source] = Source.RULE

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = Api(account)

    def parse(self, hook: Hook) -> list[Click]:
        """Read what an admin let a webhook, a function or PhoneBridge send, or our own format."""
        return [parse_zoho_click(hook, self.account)]

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record with its owner's name and e-mail; owner and user themselves only where wanted."""
        about = f"{click.object} {click.record_id}"
        path = f"{name_in(click.object)}/{checked_id(click.record_id, ID, WHO, about)}"
        names = sorted({"Owner", *first_parts(wanted.record)})
        row = self._api.one("GET", path, about, params={"fields": ",".join(names)})
        known(row, wanted.record, WHO, about)
        owner = self._owner(row.get("Owner"), wanted.owner, about)
        return Record(row, owner, self._user(click.user, wanted.user))

    def create(self, activity: Activity) -> str:
        """Insert the call; where our key is there already, an earlier insert made it, and it is changed."""
        about = about_activity(activity)
        try:
            made = self._api.write("POST", kind_of(activity), about, inserted(activity))
        except Taken as earlier:
            if earlier.field != activity.key_field or not earlier.record_id:
                raise
            self.update(replace(activity, id=earlier.record_id))
            return earlier.record_id
        if made is None:
            raise TryAgain("crm_answer_odd", f"{WHO} answered the new call ({about}) with nothing.")
        return made

    def update(self, activity: Activity) -> None:
        """Change the call, all but its type, owner and record; Gone when it was deleted."""
        about = about_activity(activity)
        number = checked_id(activity.id or "", ID, WHO, f"call {activity.id}")
        self._api.write("PUT", f"{kind_of(activity)}/{number}", about, changed(activity))

    def find(self, activity: Activity) -> str | None:
        """Look for our key in its field, or else in the descriptions of the record's latest 200 calls."""
        text, column = query(activity)
        found = self._api.rows("POST", "coql", about_activity(activity), json={"select_query": text})
        ours = (row for row in found if activity.key in str(row.get(column)))
        return next((str(row["id"]) for row in ours if ID.fullmatch(str(row.get("id")))), None)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """One finding for the token, each module, each missing field, the users, and the key's field."""
        return findings(self._api, wanted)

    def _owner(self, owner: Any, wanted: Sequence[str], about: str) -> Mapping[str, Any]:
        """What the record says of its owner will often do; phones stand in the user's own record."""
        names = first_parts(wanted)
        if not wanted or not isinstance(owner, dict) or set(names) <= owner.keys():
            return owner if isinstance(owner, dict) else {}
        user = self._by_id(str(owner.get("id")), f"owner of {about}")
        if not user:
            return {**dict.fromkeys(names), **owner}
        return kept({**owner, **user}, [*owner, *names], WHO, f"the owner of {about}")

    def _user(self, user: str | None, wanted: Sequence[str]) -> Mapping[str, Any]:
        """The one acting user by id, e-mail (case ignored) or `zuid` (PhoneBridge's); {} when unclear."""
        if not wanted or not user:
            return {}
        about = "the user who clicked"
        if ID.fullmatch(user):
            found_by_id = self._by_id(user, about)
            return kept(found_by_id, wanted, WHO, about) if found_by_id else {}
        users: list[Mapping[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            params = {"type": "AllUsers", "page": page, "per_page": _PAGE}
            found = self._api.rows("GET", "users", about, at="users", params=params)
            users += found
            if len(found) < _PAGE:
                break
        by_zuid = [row for row in users if str(row.get("zuid")) == user and row.get("zuid")]
        one = only_one(users, user) or (by_zuid[0] if len(by_zuid) == 1 else None)
        return kept(one, wanted, WHO, about) if one else {}

    def _by_id(self, user: str, about: str) -> Mapping[str, Any]:
        try:
            return self._api.one("GET", f"users/{checked_id(user, ID, WHO, about)}", about, at="users")
        except Gone:
            return {}
