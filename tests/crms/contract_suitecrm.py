"""The contract with SuiteCRM: a logic hook's click, signed with HMAC-SHA256."""

from __future__ import annotations

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

CONTACT, RAVI = "7a5d1c0e-2b1f-4a7e-9f1e-5f2f0f0a0001", "c0ffee00-1111-4222-8333-444455550005"
#: What our key makes of it, for the first and the second call in its place.
CALL, SECOND = "179534b6-68c3-5b30-8c88-7da897d16148", "639a9a2b-f6b3-5ab1-93af-71887733e38d"
BASE = "https://crm.example.com/Api/"
MODULE = BASE + "V8/module"
CONTACTS, USERS, CALLS = f"{MODULE}/Contacts/{CONTACT}", f"{MODULE}/Users/{RAVI}", f"{MODULE}/Calls/"


def told(name: str, number: str = CALL) -> bytes:
    return body("suitecrm", name).replace(b"@ID@", number.encode())


def _contract() -> Contract:
    contact, user = Say("GET", CONTACTS, told("contact.json")), Say("GET", USERS, told("user.json"))
    written = Say("PATCH", MODULE, told("call.json"), 201)
    return Contract(
        crm="suitecrm",
        settings={
            "base_url": "https://crm.example.com",
            "client_id": "b1b1b1b1-0000-4000-8000-000000000001",
            "client_secret": "canary-of-suitecrm-secret",
        },
        secrets=("canary-of-suitecrm-secret", "canary.of-suitecrm.token"),
        auth="hmac-sha256",
        login=[Say("POST", BASE + "access_token", told("token.json"))],
        renewals=1,
        clicked=Click("suitecrm", "Contacts", CONTACT),
        hook=Hook("POST", told("button.json"), "application/json", {}, {}),
        names=[("Contacts", CONTACT)],
        wanted=Wanted(record=["name", "phone_mobile"], owner=["phone_mobile", "email1"]),
        owner_phone="phone_mobile",
        read=[contact, user],
        unowned=[contact, Say("GET", USERS, told("user_without_phone.json"))],
        gone=[Say("GET", CONTACTS, told("contact_not_found.json"), 400)],
        unknown_field=("phone_mobil", [Say("GET", CONTACTS, told("field_not_found.json"), 400)]),
        create=[Say("POST", MODULE, told("call.json"), 201)],
        found=[Say("GET", CALLS + CALL, told("call.json"))],
        update=[written],
        end=[written],
        activity_id=CALL,
        fields={"name": "Call with Asha", "status": "Planned", "assigned_user_id": RAVI},
        kind="Calls",
        queue=(
            Click("suitecrm", "Contacts", CONTACT),
            Wanted(record=["name"], owner=["phone_mobile"]),
            [Say("GET", CONTACTS, told("contact_without_owner.json"))],
        ),
        do_not_call=(
            "record.do_not_call",
            True,
            [Say("GET", CONTACTS, told("contact_do_not_call.json")), user],
        ),
        deleted=(400, told("call_not_found.json")),
    )


CONTRACT = _contract()
