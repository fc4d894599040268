"""What `check --live` asks Dolibarr: is the key good, may the agenda be read, do records have the fields?

Dolibarr has no list of fields: the latest record of each kind is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import fields_there, people_paths
from connector.crms.base_read import if_there
from connector.crms.dolibarr_said import API
from connector.errors import ConnectorError
from connector.model import Wanted

_LATEST = {"limit": "1", "sortfield": "t.rowid", "sortorder": "DESC"}


def findings(api: JsonApi, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the key, and one each for the agenda, every object and users."""
    try:
        if_there(api.rows, "GET", f"{API}/agendaevents", "agendaevents", params={"limit": "1"})
    except ConnectorError as error:
        if error.code != "crm_forbidden":
            return [Finding("key", False, error.message)]
        agenda = Finding("agendaevents", False, error.message)
    else:
        agenda = Finding("agendaevents", True)
    people = people_paths(wanted)
    asked = {name: paths.record for name, paths in wanted.items()} | ({"users": people} if people else {})
    return [Finding("key", True), agenda, *(each for one in asked.items() for each in _fields(api, *one))]


def _fields(api: JsonApi, kind: str, paths: Iterable[str]) -> list[Finding]:
    try:
        # An empty list is 404 in some versions.
        rows = if_there(api.rows, "GET", f"{API}/{kind}", kind, params=_LATEST)
    except ConnectorError as error:
        return [Finding(kind, False, error.message)]
    return fields_there(kind, paths, rows[0]) if rows else [Finding(kind, True, "There is none to look at.")]
