"""Which fields a Frappe site knows: a document is answered without its empty ones, so absent may be either.

Read in Frappe's source (`json_handler`: `as_dict(no_nulls=True)`). A list names its fields in the request and
fails for one that there is none of, each version with another error: what counts is that it works without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from connector.crms.base_api import JsonApi
from connector.crms.frappe_api import address
from connector.errors import ConnectorError

#: Errors that say nothing of the fields: nobody can tell just now.
_NO_ANSWER = frozenset(
    {"crm_not_json", "crm_rate_limited", "crm_timeout", "crm_unauthorised", "crm_unreachable"}
)


class Fields:
    """Remembers, for the life of the process, which fields of which DocType the site has listed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._known: set[tuple[str, str]] = set()

    def unknown(self, doctype: str, names: Iterable[str]) -> list[str]:
        """Those of the names that the site cannot list; [] where it lists nothing of the DocType to us.

        One request when all are known, none when all were known before. Child tables cannot be listed.
        """
        asked = [name for name in dict.fromkeys(names) if (doctype, name) not in self._known]
        if not asked or self._lists(doctype, asked):
            return []
        if self.closed(doctype):
            return []
        return asked if len(asked) == 1 else [name for name in asked if not self._lists(doctype, [name])]

    def listed(self, doctype: str, name: str) -> bool:
        """Whether the site has listed this field to us."""
        return (doctype, name) in self._known

    def closed(self, doctype: str) -> ConnectorError | None:
        """Why not even the names of its documents are listed to us; None when they are."""
        try:
            self._ask(doctype, [])
        except ConnectorError as error:
            return error
        return None

    def _lists(self, doctype: str, names: Sequence[str]) -> bool:
        try:
            rows = self._ask(doctype, names)
        except ConnectorError as error:
            if error.code in _NO_ANSWER:
                raise
            return False
        if any(name not in row for row in rows for name in names):
            return False  # what our user may not see is left out of a list without a word
        self._known.update((doctype, name) for name in names)
        return True

    def _ask(self, doctype: str, names: Sequence[str]) -> list[Any]:
        params = {"fields": json.dumps(["name", *names]), "limit_page_length": 1}
        return self._api.rows("GET", address(doctype), doctype, at="data", params=params)
