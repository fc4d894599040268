"""Reading EspoCRM records: the record, what it is linked to, its owner and the person who pressed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connector.crms.base_api import JsonApi, only_one
from connector.crms.base_read import first_parts, if_there, split_paths
from connector.crms.espocrm_api import WHO, address, search
from connector.errors import Refused
from connector.model import Click, Record, Wanted

USER = "User"
#: The attribute that names a record's owner.
OWNER = "assignedUserId"
#: Links a path may go through, and the entity type behind each; `parent` names its type in `parentType`.
LINKS = {"account": "Account", "contact": "Contact", "lead": "Lead", "parent": None}
_USER_ID = re.compile(r"[0-9a-f]{17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Reader:
    """Reads records through one API user."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Return the wanted fields: a request for the record, one for each link and person they name."""
        about = f"{click.object} {click.record_id}"
        whole = self._whole(click.object, click.record_id, about)
        record = self._through_links(whole, wanted.record, about)
        owner: Mapping[str, Any] = {}
        if wanted.owner and whole.get(OWNER):
            owner = self._user(str(whole[OWNER]), wanted.owner, f"owner of {about}")
        user: Mapping[str, Any] = {}
        if wanted.user and click.user:
            found = self._user_id(click.user, f"user who clicked {about}")
            user = self._user(found, wanted.user, f"user who clicked {about}") if found else {}
        return Record(record, owner, user)

    def _user(self, user: str, paths: Sequence[str], about: str) -> Mapping[str, Any]:
        whole = if_there(self._whole, USER, user, about)
        return {} if whole is None else only(whole, paths, about)

    def _whole(self, entity: str, record_id: str, about: str) -> dict[str, Any]:
        return self._api.object("GET", address(entity, record_id, about), about)

    def _user_id(self, user: str, about: str) -> str | None:
        """The id of a user given by id, user name or e-mail address; None unless there is just one."""
        if _USER_ID.fullmatch(user) or user == "1":
            return user
        either = [("equals", "userName", user), ("equals", "emailAddress", user)]
        asked = search(either, "id,userName,emailAddress", 2)
        rows = self._api.rows("GET", address(USER), about, at="list", params=asked)
        found = only_one(rows, user, "userName", "emailAddress")
        return self._api.id_in(found, about) if found else None

    def _through_links(self, whole: Mapping[str, Any], paths: Sequence[str], about: str) -> dict[str, Any]:
        """The wanted fields; those behind a link from the linked record."""
        own, through = split_paths(paths, LINKS)
        record = only(whole, own, about)
        for name, behind in through.items():
            linked = only(whole, [f"{name}Id", *([] if LINKS[name] else [f"{name}Type"])], about)
            record[name] = self._linked(
                LINKS[name] or linked.get(f"{name}Type"), linked[f"{name}Id"], behind, about
            )
        return record

    def _linked(self, entity: Any, record_id: Any, paths: Sequence[str], about: str) -> dict[str, Any] | None:
        if not entity or not record_id:
            return None
        named = f"{entity} of {about}"
        whole = if_there(self._whole, str(entity), str(record_id), named)
        return None if whole is None else only(whole, paths, named)


def only(whole: Mapping[str, Any], paths: Sequence[str], about: str) -> dict[str, Any]:
    """The wanted fields of a record, None for an empty one; Refused naming one it was answered without.

    An empty field is answered as null; one that our user's role may not read is left out like one unheard of.
    """
    names = first_parts(paths)
    for name in names:
        if name not in whole:
            raise Refused(
                "unknown_field",
                f"{WHO} answered {about} without the field {name!r}: correct its name in the mapping,"
                " or let our user's role read it.",
            )
    return {name: None if whole[name] == "" else whole[name] for name in names}
