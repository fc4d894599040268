"""What `check --live` asks an org: does the login work, is every object and field there, is the Task's key?

Salesforce, "REST API Developer Guide", sObject Describe: names, references, `externalId`, `unique` of fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from connector.crms.base import Finding
from connector.crms.salesforce_calls import Calls
from connector.crms.salesforce_soql import split_owner
from connector.errors import ConnectorError
from connector.model import Wanted

#: The external id field that `kits/salesforce` deploys on Activity.
KEY_FIELD = "CallerDesk_Call__c"
#: Answered by the adapter, not fields of User.
_OURS = frozenset({"type"})

Described = dict[str, Mapping[str, Any] | None]


def findings(calls: Calls, wanted: Mapping[str, Wanted]) -> list[Finding]:
    """One finding each for the login, every object, every field, the key field and the API's daily use."""
    try:
        calls.rest("GET", "sobjects/Task/describe", "login")
    except ConnectorError as error:
        return [Finding("Salesforce login", False, error.message)]
    org = _Org(calls)
    found = [Finding("Salesforce login", True)]
    people: set[str] = set()
    for name, paths in wanted.items():
        own, through_owner = split_owner(paths.record)
        people.update([*paths.owner, *through_owner, *paths.user])
        found += org.check(name, own)
    if people:
        found += org.check("User", sorted(path for path in people if path.lower() not in _OURS))
    found += org.check_key()
    usage = calls.usage()
    if usage:
        used, allowed = usage
        advice = "" if used < allowed * 0.9 else "The org is about to run out of API requests for today."
        found.append(Finding(f"Salesforce API requests today: {used} of {allowed}", not advice, advice))
    return found


class _Org:
    """Describes of this check, each asked for once."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._described: Described = {}
        self._why: dict[str, str] = {}

    def check(self, name: str, paths: Iterable[str]) -> list[Finding]:
        if self._fields(name) is None:
            return [Finding(name, False, self._why[name])]
        return [Finding(name, True), *(self._path(name, path) for path in paths)]

    def _path(self, start: str, path: str) -> Finding:
        """Walk `Account.Name` from object to object; what points at several kinds is taken at its word."""
        what, name = f"{start}.{path}", start
        *relations, last = path.split(".")
        for relation in relations:
            fields = self._fields(name) or {}
            to = {f["relationshipName"]: f["referenceTo"] for f in fields.values() if f["relationshipName"]}
            target = _get(to, relation)
            if target is None:
                return Finding(what, False, _no_such(f"{name} has no relationship", relation, to))
            if len(target) != 1:
                return Finding(what, True)
            name = target[0]
        known = self._fields(name)
        if known is None:
            return Finding(what, False, self._why[name])
        if _get(known, last) is None:
            return Finding(what, False, _no_such(f"{name} has no field", last, known))
        return Finding(what, True)

    def check_key(self) -> list[Finding]:
        what = f"Task.{KEY_FIELD}"
        field = _get(self._fields("Task") or {}, KEY_FIELD)
        if field is None:
            advice = (
                "The org has no such field that our user may see: calls are found by CallObject instead. "
                "Deploy kits/salesforce and give its permission set to the app's user."
            )
            return [Finding(what, False, advice)]
        lacks = [
            word for word, flag in (("External ID", "externalId"), ("Unique", "unique")) if not field[flag]
        ]
        return [Finding(what, not lacks, f"Tick {' and '.join(lacks)} on the field." if lacks else "")]

    def _fields(self, name: str) -> Mapping[str, Any] | None:
        if name not in self._described:
            try:
                told = self._calls.rest("GET", f"sobjects/{name}/describe", name)
                self._described[name] = {field["name"]: _field(field) for field in told["fields"]}
            except ConnectorError as error:
                self._described[name] = None
                self._why[name] = error.message
        return self._described[name]


def _field(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "relationshipName": told.get("relationshipName"),
        "referenceTo": told.get("referenceTo") or [],
        "externalId": told.get("externalId") is True,
        "unique": told.get("unique") is True,
    }


def _get(named: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in named.items() if key.lower() == name.lower()), None)


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    hint = f"; did you mean {near[0]!r}?" if near else " that our user may see."
    return f"{what} {name!r}{hint}"
