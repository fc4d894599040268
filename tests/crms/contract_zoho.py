"""The contract with Zoho CRM."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

CONTACT, RAVI, CALL = "554023000000527002", "554023000000235011", "554023000000610001"
API = "https://www.zohoapis.in/crm/v8/"


def _row(**changes: Any) -> Callable[[Any], Any]:
    return lambda told: {**told, "data": [{**told["data"][0], **changes}]}


def _user(**changes: Any) -> Callable[[Any], Any]:
    return lambda told: {**told, "users": [{**told["users"][0], **changes}]}


def _contract() -> Contract:
    contact, lead = API + f"Contacts/{CONTACT}", API + "Leads/554023000000527003"
    token = Say("POST", "https://accounts.zoho.in/oauth/v2/token", body("zoho", "token.json"))
    owner = Say("GET", API + f"users/{RAVI}", body("zoho", "user.json"))
    return Contract(
        crm="zoho",
        settings={
            "client_id": "1000.MADEUPCLIENT",
            "client_secret": "canary-of-zoho-secret",
            "refresh_token": "1000.canary-of-zoho-refresh",
        },
        secrets=(
            "canary-of-zoho-secret",
            "1000.canary-of-zoho-refresh",
            json.loads(token.body)["access_token"],
        ),
        login=[token],
        clicked=Click("zoho", "Contacts", CONTACT),
        hook=Hook("POST", body("zoho", "button.json"), "application/json", {}, {}),
        names=[("Contacts", CONTACT)],
        auth="header",
        wanted=Wanted(record=["Full_Name", "Mobile"], owner=["mobile", "email"]),
        owner_phone="mobile",
        read=[Say("GET", contact, body("zoho", "contact.json")), owner],
        unowned=[
            Say("GET", contact, body("zoho", "contact.json")),
            Say("GET", owner.url, body("zoho", "user.json", _user(mobile=None, phone=None))),
        ],
        gone=[Say("GET", contact, b"", 204)],
        unknown_field=("Mobile", [Say("GET", contact, body("zoho", "contact_other_fields.json"))]),
        create=[Say("POST", API + "Calls", body("zoho", "call_added.json"), 201)],
        found=[Say("POST", API + "coql", body("zoho", "found.json"))],
        update=[Say("PUT", API + f"Calls/{CALL}", body("zoho", "call_updated.json"))],
        end=[Say("PUT", API + f"Calls/{CALL}", body("zoho", "call_updated.json"))],
        activity_id=CALL,
        fields={"Subject": "Call with Asha Example", "Call_Type": "Outbound", "Owner": RAVI},
        kind="Calls",
        key_field="CallerDesk_Call",
        queue=(
            Click("zoho", "Leads", "554023000000527003"),
            Wanted(record=["Full_Name", "Mobile"], owner=["mobile"]),
            [Say("GET", lead, body("zoho", "lead_without_owner.json"))],
        ),
        do_not_call=(
            "record.Consent.Contact_Through_Phone",
            False,
            [
                Say(
                    "GET",
                    contact,
                    body("zoho", "contact.json", _row(Consent={"Contact_Through_Phone": False})),
                ),
                owner,
            ],
        ),
        renewals=1,
        deleted=(400, body("zoho", "call_gone.json")),
    )


CONTRACT = _contract()
