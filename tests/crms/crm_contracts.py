"""What a contract with a CRM says: how to make its adapter, and what its server says on which occasion.

Each CRM has its own in `contract_<crm>.py`, with the recorded bodies of `tests/payloads/<crm>/`. The checks
are in `test_crm_contract.py` (the adapter by itself) and `test_crm_contract_service.py` (the whole way).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import requests
import responses
import responses.matchers

from connector.crms import REGISTRY, adapter
from connector.crms.base import Account, Crm, Hook
from connector.mapping.templates import parse_request
from connector.model import Activity, Click, Phase, Record, Wanted

PAYLOADS = Path(__file__).parents[1] / "payloads"
KEY = "0123456789abcdef"


@dataclass(frozen=True)
class Say:
    """One answer of the CRM's server: to which request, with what."""

    method: str
    url: str | re.Pattern[str]
    body: str | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Of a CRM where one address makes and changes: the header that tells which, `If-None-Match: *`.
    condition: str = ""

    @property
    def label(self) -> str:
        """What `label_of` calls the request that is answered so."""
        return f"{self.method} {self.url} {self.condition}".strip()

    def on(self, net: responses.RequestsMock) -> None:
        name, _, value = self.condition.partition(": ")
        kind = "text/html" if bytes(self.body[:1] if isinstance(self.body, bytes) else b"") == b"<" else None
        net.add(
            self.method,
            self.url,
            body=self.body,
            status=self.status,
            headers=dict(self.headers),
            content_type=kind or "application/json",
            match=[responses.matchers.header_matcher({name: value})] if name else (),
        )


def label_of(request: requests.PreparedRequest) -> str:
    """Method, address and condition of a request."""
    said = [
        f"{name}: {request.headers[name]}"
        for name in ("If-Match", "If-None-Match")
        if name in request.headers
    ]
    return " ".join([str(request.method), str(request.url).partition("?")[0], *said])


@dataclass(frozen=True)
class Contract:
    """Everything the checks need to know of one CRM."""

    crm: str
    settings: Mapping[str, Any]
    #: Texts that may never be shown: what `settings` holds, and what the server hands out.
    secrets: tuple[str, ...]
    clicked: Click
    #: A click in the CRM's own format, and the records it names.
    hook: Hook
    names: list[tuple[str, str]]
    wanted: Wanted
    #: The field of `owner` that a member's number is read from.
    owner_phone: str
    read: list[Say]
    unowned: list[Say]
    gone: list[Say]
    unknown_field: tuple[str, list[Say]]
    #: Makes the activity; the first request of it is the one that makes it.
    create: list[Say]
    #: Looks for the activity of an earlier create and finds it; the first is the search.
    found: list[Say]
    update: list[Say]
    end: list[Say]
    activity_id: str
    fields: Mapping[str, Any]
    #: A record that nobody, or no person, owns: who clicks it, what is wanted, what the server says.
    queue: tuple[Click, Wanted, list[Say]]
    #: Path and value by which a record says that it is not to be called, and what the server says of one.
    #: Where the shipped mapping has no rule for it (the CRM has no field of its own), one is added.
    do_not_call: tuple[str, Any, list[Say]]
    #: The scheme of `clicks: {auth: …}` that its page tells to use; how `hook` is signed follows from it.
    auth: str = "token"
    #: What stands behind the hook's address, `?…`, for a CRM that names the record there.
    query: str = ""
    #: The numbers that are rung for `hook` by the shipped mapping.
    customer: str = "+919876500001"
    member: str = "+919876500101"
    #: Further keys of the connection, such as `members`.
    connection: Mapping[str, Any] = field(default_factory=dict)
    #: What the shipped mapping's reads are answered, where that is more than `read`.
    shipped_read: list[Say] = field(default_factory=list)
    login: list[Say] = field(default_factory=list)
    clicks: Mapping[str, Any] = field(default_factory=dict)
    requests: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    key_field: str | None = None
    #: How often a refused credential is renewed and the request sent again.
    renewals: int = 0
    #: Whether the wait that a CRM asks for reaches the error, and one unit of it in seconds.
    hears_retry_after: bool = True
    retry_after_unit: float = 1.0
    #: Status and body of "slow down", of "no such record" when written to, and of a new activity.
    slow_down: tuple[int, bytes] = (429, b"<html>slow down</html>")
    deleted: tuple[int, bytes] = (404, b"")
    #: What is asked after a write that was refused, beside the write itself.
    after_refusal: list[Say] = field(default_factory=list)

    def make(self) -> Crm:
        kind = adapter(self.crm)
        compiled = {name: parse_request(name, raw) for name, raw in self.requests.items()}
        settings = kind.settings_schema().load(dict(self.settings))
        return kind(Account(self.clicked.connection, settings, self.clicks, compiled))

    @property
    def first(self) -> Phase:
        """The phase in which a call comes onto the record."""
        return Phase.PLACED if Phase.PLACED in adapter(self.crm).shows else Phase.ENDED

    def activity(self, phase: Phase | None = None, **changes: Any) -> Activity:
        given: dict[str, Any] = {
            "key": KEY,
            "connection": self.clicked.connection,
            "object": self.clicked.object,
            "record_id": self.clicked.record_id,
            "kind": self.kind,
            "key_field": self.key_field,
            "fields": self.fields,
            "phase": phase or self.first,
            "record": Record({}, {"id": 5, "active": True}),
        }
        return Activity(**{**given, **changes})


def body(crm: str, name: str, change: Callable[[Any], Any] | None = None) -> bytes:
    raw = (PAYLOADS / crm / name).read_bytes()
    return raw if change is None else json.dumps(change(json.loads(raw))).encode()


@cache
def contracts() -> dict[str, Contract]:
    """The contract of every CRM in the registry; ModuleNotFoundError names the file one lacks."""
    return {name: import_module(f"contract_{name}").CONTRACT for name in REGISTRY}
