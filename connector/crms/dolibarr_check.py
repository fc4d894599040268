"""What `check --live` asks Dolibarr: is the key good, may the agenda be read, do records have the fields?

Dolibarr has no list of fields: the latest record of each kind is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import fields_there
from connector.crms.dolibarr_said import API
from connector.errors import ConnectorError, Gone
from connector.model import Wanted

_LATEST = {"limit": "1", "sortfield": "t.rowid", "sortorder": "DESC"}


def findings(api: JsonApi, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the key, and one each for the agenda, every object and users."""
    try:
        api.rows("GET", f"{API}/agendaevents", "agendaevents", params={"limit": "1"})
    except Gone:
        agenda = Finding("agendaevents", True)
    except ConnectorError as error:
        if error.code != "crm_forbidden":
            return [Finding("key", False, error.message)]
        agenda = Finding("agendaevents", False, error.message)
    else:
        agenda = Finding("agendaevents", True)
    people = [path for paths in wanted.values() for path in (*paths.owner, *paths.user)]
    asked = {name: paths.record for name, paths in wanted.items()} | ({"users": people} if people else {})
    return [Finding("key", True), agenda, *(each for one in asked.items() for each in _fields(api, *one))]


def _fields(api: JsonApi, kind: str, paths: Iterable[str]) -> list[Finding]:
    try:
        rows = api.rows("GET", f"{API}/{kind}", kind, params=_LATEST)
    except Gone:  # an empty list, in some versions
        rows = []
    except ConnectorError as error:
        return [Finding(kind, False, error.message)]
    return fields_there(kind, paths, rows[0]) if rows else [Finding(kind, True, "There is none to look at.")]
