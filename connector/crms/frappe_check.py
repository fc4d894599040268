"""What `check --live` asks a Frappe site: key, time zone, the fields of documents and users, call logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.frappe_api import address, document
from connector.crms.frappe_read import AGENT, AGENTS, Reader
from connector.errors import ConnectorError
from connector.model import Wanted

#: Of Frappe CRM and of ERPNext: one of them will do, unless the mapping names a third.
CALL_LOGS = ("CRM Call Log", "Call Log")


def findings(api: JsonApi, reader: Reader, zone: str, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for key and secret, the time zone, every DocType, User and the call log.

    Fields are looked for in one document of each DocType, as a call would read it.
    """
    try:
        me = api.object("GET", "api/method/frappe.auth.get_logged_user", "own user").get("message")
    except ConnectorError as error:
        return [Finding("api_key and api_secret", False, error.message)]
    found = [Finding("api_key and api_secret", True), _zone(api, zone)]
    for doctype, paths in wanted.items():
        owner = [reader.owner_field(doctype)] if paths.owner else []
        found.append(_fields(api, doctype, None, [*paths.record, *owner]))
    people = dict.fromkeys(path for paths in wanted.values() for path in (*paths.owner, *paths.user))
    of_user = [path for path in people if path.partition(".")[0] not in (AGENT, "name")]
    if of_user:
        found.append(_fields(api, "User", str(me), of_user))
    of_agent = [path.partition(".")[2] for path in people if path.partition(".")[0] == AGENT]
    if of_agent:
        found.append(_fields(api, AGENTS, None, of_agent))
    return [*found, _call_log(api)]


def _zone(api: JsonApi, zone: str) -> Finding:
    """Whether the site's clock is the one we write on."""
    try:
        told = api.object("GET", "api/method/frappe.client.get_time_zone", "time zone").get("message")
    except ConnectorError as error:
        return Finding("time_zone", False, f"The site's time zone could not be read: {error.message}")
    site = told.get("time_zone") if isinstance(told, dict) else None
    advice = f"The site's clock is {site}: set `time_zone` to it, or calls stand at wrong times."
    return Finding("time_zone", True) if site in (zone, None) else Finding("time_zone", False, advice)


def _fields(api: JsonApi, doctype: str, name: str | None, paths: Sequence[str]) -> Finding:
    try:
        name = name or _any(api, doctype)
        if name is None:
            return Finding(doctype, True, f"There is no {doctype} yet, so its fields could not be checked.")
        known = document(api, doctype, name, doctype)
    except ConnectorError as error:
        return Finding(doctype, False, error.message)
    missing = [path for path in dict.fromkeys(paths) if path.partition(".")[0] not in known]
    if not missing:
        return Finding(doctype, True)
    close = get_close_matches(missing[0], known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return Finding(doctype, False, f"{doctype} has no field {', '.join(map(repr, missing))}.{hint}")


def _any(api: JsonApi, doctype: str) -> str | None:
    rows: list[Any] = api.rows("GET", address(doctype), doctype, at="data", params={"limit_page_length": 1})
    return str(rows[0]["name"]) if rows and rows[0].get("name") else None


def _call_log(api: JsonApi) -> Finding:
    """Whether call logs can be read; whether they can be written shows only when one is."""
    advice = ""
    for doctype in CALL_LOGS:
        try:
            _any(api, doctype)
        except ConnectorError as error:
            advice = advice or error.message
        else:
            return Finding(doctype, True)
    return Finding(CALL_LOGS[0], False, advice)
