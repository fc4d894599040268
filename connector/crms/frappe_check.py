"""What `check --live` asks a Frappe site: key, time zone, the fields of documents and users, call logs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from connector.crms.base import Finding
from connector.crms.base_api import JsonApi
from connector.crms.base_check import looked_at
from connector.crms.base_read import first_parts, split_paths
from connector.crms.frappe_fields import Fields
from connector.crms.frappe_read import AGENT, AGENTS, LINKS, Reader
from connector.errors import ConnectorError
from connector.model import Wanted

#: Of Frappe CRM and of ERPNext: one of them will do, unless the mapping names a third.
CALL_LOGS = ("CRM Call Log", "Call Log")


def findings(api: JsonApi, reader: Reader, zone: str, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for key and secret, the time zone, every DocType that is read, and the call log."""
    ask = partial(api.object, "GET", "api/method/frappe.auth.get_logged_user", "own user")
    keys = looked_at("api_key and api_secret", ask)
    if not keys.ok:
        return [keys]
    found = [keys, _zone(api, zone)]
    for doctype, names in _asked(reader, wanted).items():
        found.append(_fields(reader.fields, doctype, list(names)))
    return [*found, _call_log(reader.fields)]


def _asked(reader: Reader, wanted: Mapping[str, Wanted]) -> dict[str, dict[str, None]]:
    """DocType -> the fields that will be read of it, links followed; child tables cannot be asked for."""
    asked: dict[str, dict[str, None]] = {}
    for doctype, paths in wanted.items():
        of_record = asked.setdefault(doctype, {})
        if paths.owner:
            of_record[reader.owner_field(doctype)] = None
        own, through = split_paths(paths.record, LINKS)
        of_record |= dict.fromkeys([*(path for path in own if "." not in path), *through])
        for name, further in through.items():
            asked.setdefault(LINKS[name], {}).update(dict.fromkeys(first_parts(further)))
        for path in (*paths.owner, *paths.user):
            name, _, behind = path.partition(".")
            if name == AGENT:
                asked.setdefault(AGENTS, {})[behind.partition(".")[0]] = None
            elif name != "name":
                asked.setdefault("User", {})[name] = None
    return asked


def _zone(api: JsonApi, zone: str) -> Finding:
    """Whether the site's clock is the one we write on."""
    try:
        told = api.object("GET", "api/method/frappe.client.get_time_zone", "time zone").get("message")
    except ConnectorError:
        told = None
    site = told.get("time_zone") if isinstance(told, dict) else None
    if site is None:
        return Finding("time_zone", True, f"The site did not tell its time zone; it is taken to be {zone}.")
    advice = f"The site's clock is {site}: set `time_zone` to it, or calls stand at wrong times."
    return Finding("time_zone", True) if site == zone else Finding("time_zone", False, advice)


def _fields(fields: Fields, doctype: str, names: list[str]) -> Finding:
    closed = fields.closed(doctype)
    if closed:
        return Finding(doctype, False, closed.message)
    try:
        missing = fields.unknown(doctype, names)
    except ConnectorError as error:
        return Finding(doctype, False, error.message)
    told = f"{doctype} has no field {', '.join(map(repr, missing))}: correct its name in the mapping."
    return Finding(doctype, False, told) if missing else Finding(doctype, True)


def _call_log(fields: Fields) -> Finding:
    """Whether call logs can be read; whether they can be written shows only when one is."""
    closed = {doctype: fields.closed(doctype) for doctype in CALL_LOGS}
    for doctype, why in closed.items():
        if why is None:
            return Finding(doctype, True)
    first = closed[CALL_LOGS[0]]
    return Finding(CALL_LOGS[0], False, first.message if first else "")
