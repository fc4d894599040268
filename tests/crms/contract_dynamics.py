"""The contract with Microsoft Dynamics 365 Sales."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.crms.dynamics_call import id_of
from connector.model import Click, Wanted

CONTACT, LEAD = "6d81597f-0f9f-4711-8122-000000000042", "9a3b1f60-77aa-4c11-9d10-000000000043"
OPPORTUNITY, RAVI = "c0ffee00-1234-4d56-8abc-000000000044", "75c2dd85-e89e-4711-8122-000000000005"
API = "https://acme.crm8.dynamics.com/api/data/v9.2/"
CALL = id_of(KEY)
#: Conditions that a write carries: make it only, or change it only.
NEW, THERE = "If-None-Match: *", "If-Match: *"


def _owner(**changes: Any) -> Callable[[Any], Any]:
    return lambda told: {**told, "owninguser": {**told["owninguser"], **changes}}


def undated(told: Any) -> Any:
    """A webhook recorded long ago would ring nobody any more: the same without its dates."""
    (parameter,) = told["InputParameters"]
    dates = ("createdon", "modifiedon")
    kept = [each for each in parameter["value"]["Attributes"] if each["key"] not in dates]
    target = {**parameter, "value": {**parameter["value"], "Attributes": kept}}
    return {**told, "InputParameters": [target], "OperationCreatedOn": None}


def _contract() -> Contract:
    contact, lead, call = f"{API}contacts({CONTACT})", f"{API}leads({LEAD})", f"{API}phonecalls({CALL})"
    token = Say(
        "POST",
        "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token",
        body("dynamics", "token.json"),
    )
    state = Say("GET", call, body("dynamics", "call_open.json"))
    change = Say("PATCH", call, b"", 204, condition=THERE)
    phoneless = _owner(mobilephone=None, address1_telephone1=None)
    return Contract(
        crm="dynamics",
        settings={
            "base_url": "https://acme.crm8.dynamics.com",
            "tenant": "acme.example",
            "client_id": "00000000-0000-0000-0000-00000000c11e",
            "client_secret": "canary-of-dynamics-secret",
        },
        secrets=("canary-of-dynamics-secret", json.loads(token.body)["access_token"]),
        login=[token],
        clicked=Click("dynamics", "contact", CONTACT),
        hook=Hook(
            "POST", body("dynamics", "webhook_contact_created.json", undated), "application/json", {}, {}
        ),
        names=[("contact", CONTACT)],
        auth="header",
        wanted=Wanted(record=["fullname", "mobilephone"], owner=["mobilephone", "internalemailaddress"]),
        owner_phone="mobilephone",
        read=[Say("GET", contact, body("dynamics", "contact.json"))],
        unowned=[Say("GET", contact, body("dynamics", "contact.json", phoneless))],
        gone=[Say("GET", contact, body("dynamics", "not_found.json"), 404)],
        unknown_field=(
            "mobilefone",
            [Say("GET", contact, body("dynamics", "no_such_field.json"), 400)],
        ),
        create=[Say("PATCH", call, b"", 204, condition=NEW)],
        found=[Say("GET", call, body("dynamics", "call_found.json"))],
        update=[state, change],
        end=[state, change],
        activity_id=CALL,
        fields={"subject": "Call with Asha Example", "ownerid": RAVI, "from": RAVI},
        queue=(
            Click("dynamics", "lead", LEAD),
            Wanted(record=["fullname", "mobilephone"], owner=["mobilephone"]),
            [Say("GET", lead, body("dynamics", "lead_owned_by_team.json"))],
        ),
        do_not_call=(
            "record.donotphone",
            True,
            [
                Say(
                    "GET",
                    contact,
                    body("dynamics", "contact.json", lambda told: {**told, "donotphone": True}),
                )
            ],
        ),
        renewals=1,
        deleted=(404, body("dynamics", "call_not_found.json")),
    )


CONTRACT = _contract()
