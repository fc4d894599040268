"""One entry for each CRM: how to make its adapter, and what its server says on which occasion.

Bodies are the recorded ones of `tests/payloads/<crm>/`. The checks are in `test_crm_contract.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import responses

from connector.crms import adapter
from connector.crms.base import Account, Crm, Hook
from connector.mapping.templates import parse_request
from connector.model import Activity, Click, Phase, Record, Wanted

PAYLOADS = Path(__file__).parents[1] / "payloads"
KEY = "0123456789abcdef"


@dataclass(frozen=True)
class Say:
    """One answer of the CRM's server: to which request, with what."""

    method: str
    url: str
    body: str | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def on(self, net: responses.RequestsMock) -> None:
        kind = "text/html" if bytes(self.body[:1] if isinstance(self.body, bytes) else b"") == b"<" else None
        net.add(
            self.method,
            self.url,
            body=self.body,
            status=self.status,
            headers=dict(self.headers),
            content_type=kind or "application/json",
        )


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
    create: list[Say]
    #: Looks for the activity of an earlier create and finds it; the first is the search.
    found: list[Say]
    update: list[Say]
    end: list[Say]
    activity_id: str
    fields: Mapping[str, Any]
    login: list[Say] = field(default_factory=list)
    clicks: Mapping[str, Any] = field(default_factory=dict)
    requests: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    key_field: str | None = None
    #: How often a refused credential is renewed and the request sent again.
    renewals: int = 0
    #: Whether the wait that a CRM asks for reaches the error.
    hears_retry_after: bool = True

    def make(self) -> Crm:
        kind = adapter(self.crm)
        compiled = {name: parse_request(name, raw) for name, raw in self.requests.items()}
        settings = kind.settings_schema().load(dict(self.settings))
        return kind(Account(self.clicked.connection, settings, self.clicks, compiled))

    def activity(self, phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
        given: dict[str, Any] = {
            "key": KEY,
            "connection": self.clicked.connection,
            "object": self.clicked.object,
            "record_id": self.clicked.record_id,
            "kind": self.kind,
            "key_field": self.key_field,
            "fields": self.fields,
            "phase": phase,
            "record": Record({}, {"id": 5, "active": True}),
        }
        return Activity(**{**given, **changes})


def body(crm: str, name: str, change: Callable[[Any], Any] | None = None) -> bytes:
    raw = (PAYLOADS / crm / name).read_bytes()
    return raw if change is None else json.dumps(change(json.loads(raw))).encode()


def _rest() -> Contract:
    url = "https://shop.example.com/crm/"
    contact, activities = url + "contacts/1", url + "activities"
    nobody = lambda told: {**told, "owner": {**told["owner"], "phone": None}}  # noqa: E731
    return Contract(
        crm="rest",
        settings={"base_url": "https://shop.example.com", "auth": {"bearer": "canary-of-rest-key"}},
        secrets=("canary-of-rest-key",),
        requests={
            "read": {"get": "/crm/contacts/{click.id}"},
            "owner": "record.owner",
            "find": {"get": "/crm/activities", "params": {"key": "activity.key"}, "id": "0.id"},
            "create": {"post": "/crm/activities", "id": "id"},
            "update": {"patch": "/crm/activities/{activity.id}"},
        },
        clicked=Click("shop", "Contact", "1"),
        hook=Hook("POST", body("rest", "click.json"), "application/json", {}, {}),
        names=[("Contact", "1")],
        wanted=Wanted(record=["name", "mobile"], owner=["phone"]),
        owner_phone="phone",
        read=[Say("GET", contact, body("rest", "contact.json"))],
        unowned=[Say("GET", contact, body("rest", "contact.json", nobody))],
        gone=[Say("GET", contact, b'{"error": "not found"}', 404)],
        unknown_field=(
            "mobile",
            [Say("GET", contact, b'{"id": "1", "Name": "Asha", "Mobile": "98765 00001"}')],
        ),
        create=[Say("POST", activities, b'{"id": "a1"}', 201)],
        found=[Say("GET", activities, b'[{"id": "a1"}]')],
        update=[Say("PATCH", activities + "/a1", b"{}")],
        end=[Say("PATCH", activities + "/a1", b"{}")],
        activity_id="a1",
        fields={"contact_id": "1", "subject": "Call with Asha"},
    )


def _odoo() -> Contract:
    url = "https://odoo.example.com/json/2/"
    types = [
        Say("POST", url + "res.partner/fields_get", body("odoo", "fields_res_partner.json")),
        Say("POST", url + "res.users/fields_get", body("odoo", "fields_res_users.json")),
    ]
    read = url + "res.partner/web_read"
    phoneless = lambda rows: [{**rows[0], "user_id": {**rows[0]["user_id"], "phone": False}}]  # noqa: E731
    written = Say("POST", url + "mail.activity/write", body("odoo", "write.json"))
    return Contract(
        crm="odoo",
        settings={"base_url": "https://odoo.example.com", "database": "lab", "api_key": "canary-of-odoo-key"},
        secrets=("canary-of-odoo-key",),
        clicked=Click("odoo", "res.partner", "9"),
        hook=Hook("POST", body("odoo", "webhook_button.json"), "application/json", {}, {}),
        names=[("res.partner", "9")],
        wanted=Wanted(record=["name", "phone"], owner=["name", "phone", "email"]),
        owner_phone="phone",
        read=[Say("POST", read, body("odoo", "read.json")), *types],
        unowned=[Say("POST", read, body("odoo", "read.json", phoneless)), *types],
        gone=[Say("POST", read, body("odoo", "read_no_such_record.json"))],
        unknown_field=("mobile", [Say("POST", read, body("odoo", "read_unknown_field.json"), 500)]),
        create=[Say("POST", url + "res.partner/activity_schedule", body("odoo", "schedule.json"))],
        found=[
            Say(
                "POST",
                url + "mail.activity/search_read",
                body("odoo", "find.json", lambda rows: [{**rows[0], "note": f"<p>CallerDesk {KEY}</p>"}]),
            )
        ],
        update=[written],
        end=[
            Say("POST", url + "mail.activity/read", b'[{"id": 11, "active": true}]'),
            written,
            Say("POST", url + "mail.activity/action_feedback", body("odoo", "feedback.json")),
        ],
        activity_id="11",
        fields={"summary": "Call with Asha", "note": "Ringing …0001.", "user_id": 5},
    )


def _salesforce() -> Contract:
    url = "https://acme.my.salesforce.com/"
    data = url + "services/data/v62.0/"
    query, task, contact = data + "query/", "00T5g00000XyZabEAF", "0035g00000ABcDeAAL"

    def phoneless(told: Any) -> Any:
        (row,) = told["records"]
        return {**told, "records": [{**row, "Owner": {**row["Owner"], "MobilePhone": None}}]}

    token = Say("POST", url + "services/oauth2/token", body("salesforce", "token.json"))
    return Contract(
        crm="salesforce",
        settings={
            "domain": "acme.my",
            "consumer_key": "made-up-consumer-key",
            "consumer_secret": "canary-of-salesforce-secret",
        },
        secrets=("canary-of-salesforce-secret", json.loads(token.body)["access_token"]),
        login=[token],
        clicks={"organization_id": "00D5g000000aBcD"},
        clicked=Click("sales", "Contact", contact),
        hook=Hook("POST", body("salesforce", "outbound_two.xml"), "text/xml; charset=utf-8", {}, {}),
        names=[("Contact", contact), ("Contact", "0035g00000ABcDfAAL")],
        wanted=Wanted(record=["Name", "Phone"], owner=["MobilePhone"]),
        owner_phone="MobilePhone",
        read=[Say("GET", query, body("salesforce", "query_contact.json"))],
        unowned=[Say("GET", query, body("salesforce", "query_contact.json", phoneless))],
        gone=[Say("GET", query, body("salesforce", "query_none.json"))],
        unknown_field=(
            "MobilPhone",
            [Say("GET", query, body("salesforce", "error_invalid_field.json"), 400)],
        ),
        create=[
            Say(
                "PATCH",
                f"{data}sobjects/Task/CallerDesk_Call__c/{KEY}",
                body("salesforce", "upsert_created.json"),
                201,
            )
        ],
        found=[Say("GET", query, body("salesforce", "query_task_found.json"))],
        update=[Say("PATCH", f"{data}sobjects/Task/{task}", b"", 204)],
        end=[Say("PATCH", f"{data}sobjects/Task/{task}", b"", 204)],
        activity_id=task,
        fields={"Subject": "Call with Asha Example", "WhoId": contact},
        kind="Task",
        key_field="CallerDesk_Call__c",
        renewals=1,
        # Its client library drops the headers of a refusal.
        hears_retry_after=False,
    )


CONTRACTS: dict[str, Contract] = {made.crm: made for made in (_rest(), _odoo(), _salesforce())}

#: A record that nobody, or no person, owns: what the server says of it.
QUEUES: dict[str, tuple[Click, Wanted, list[Say]]] = {
    "rest": (
        Click("shop", "Contact", "12"),
        CONTRACTS["rest"].wanted,
        [Say("GET", "https://shop.example.com/crm/contacts/12", body("rest", "contact_without_owner.json"))],
    ),
    "odoo": (
        CONTRACTS["odoo"].clicked,
        CONTRACTS["odoo"].wanted,
        [
            Say("POST", CONTRACTS["odoo"].read[0].url, body("odoo", "read_without_salesperson.json")),
            *CONTRACTS["odoo"].read[1:],
        ],
    ),
    "salesforce": (
        Click("sales", "Lead", "00Q5g00000LeAdAEAV"),
        CONTRACTS["salesforce"].wanted,
        [Say("GET", CONTRACTS["salesforce"].read[0].url, body("salesforce", "query_lead_queue_owner.json"))],
    ),
}
