"""What `check --live` asks Bitrix24: is the app's login good, has it the scopes, are the fields there?

Bitrix24, "scope", "crm.contact.fields", "user.fields": all in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.crms.base import Finding
from connector.crms.base_check import fields_asked, people_paths
from connector.crms.bitrix24_api import Api
from connector.errors import ConnectorError
from connector.model import Wanted

#: What the app needs, and which scopes give it.
_SCOPES = {"telephony": ("telephony",), "crm": ("crm",), "user": ("user", "user_basic")}
_FIELDS = {"CONTACT": "crm.contact.fields", "LEAD": "crm.lead.fields", "COMPANY": "crm.company.fields"}
#: Made here from `PHONE`.
_MADE = ("PHONE_FIRST", "PHONE_MOBILE", "PHONE_WORK", "PHONE_HOME", "PHONE_OTHER")


def findings(api: Api, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding for the login, one for each scope, object and missing field, and one for users."""
    try:
        scopes = api.call("scope", "scopes")
    except ConnectorError as error:
        return [Finding("OAuth app", False, error.message)]
    held = set(scopes) if isinstance(scopes, list) else set()
    found = [Finding("OAuth app", True)]
    for name, any_of in _SCOPES.items():
        ok = bool(held.intersection(any_of))
        found.append(Finding(f"scope {name}", ok, "" if ok else f"Give the app the permission {name}."))
    for name, paths in wanted.items():
        found += _fields(api, name, _FIELDS.get(name), paths.record)
    people = people_paths(wanted)
    return [*found, *_fields(api, "users", "user.fields", people)] if people else found


def _fields(api: Api, what: str, method: str | None, paths: Iterable[str]) -> list[Finding]:
    if method is None:
        return [Finding(what, False, f"Calls are made from {', '.join(_FIELDS)}.")]
    return fields_asked(what, paths, lambda: [*api.row(api.call(method, what), what), *_MADE])
