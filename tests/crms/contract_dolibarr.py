"""The contract with Dolibarr: a webhook with the secret in its address."""

from __future__ import annotations

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

API = "https://erp.example.com/api/index.php/"
CONTACT, RAVI, EVENTS = API + "contacts/9", API + "users/5", API + "agendaevents"
STAFF = API + "thirdparties/3/representatives"


def told(name: str) -> bytes:
    return body("dolibarr", name).replace(b"@KEY@", KEY.encode())


def _contract() -> Contract:
    contact, staff = (
        Say("GET", CONTACT, told("contact.json")),
        Say("GET", STAFF, told("representatives.json")),
    )
    user = Say("GET", RAVI, told("user.json"))
    written = Say("PUT", EVENTS + "/71", told("event.json"))
    return Contract(
        crm="dolibarr",
        settings={"base_url": "https://erp.example.com", "api_key": "canary-of-dolibarr-key"},
        secrets=("canary-of-dolibarr-key",),
        clicked=Click("dolibarr", "contacts", "9"),
        hook=Hook("POST", told("webhook_contact_modify.json"), "application/x-www-form-urlencoded", {}, {}),
        names=[("contacts", "9")],
        wanted=Wanted(record=["lastname", "phone_mobile"], owner=["user_mobile", "email"]),
        owner_phone="user_mobile",
        read=[contact, staff, user],
        unowned=[contact, staff, Say("GET", RAVI, told("user_without_phone.json"))],
        gone=[Say("GET", CONTACT, told("not_found.json"), 404)],
        unknown_field=("phone_mobile", [Say("GET", CONTACT, told("contact_other_fields.json"))]),
        create=[Say("POST", EVENTS, told("event_made.json")), Say("PUT", CONTACT, told("contact.json"))],
        found=[Say("GET", EVENTS, told("events.json"))],
        update=[written],
        end=[written],
        activity_id="71",
        fields={"label": "Call with Asha", "datep": 1772433300, "percentage": 0, "userownerid": "5"},
        queue=(
            Click("dolibarr", "contacts", "9"),
            Wanted(record=["lastname"], owner=["user_mobile"]),
            [Say("GET", CONTACT, told("contact_without_company.json"))],
        ),
        do_not_call=(
            "record.array_options.options_do_not_call",
            True,
            [Say("GET", CONTACT, told("contact_do_not_call.json")), staff, user],
        ),
        deleted=(404, told("not_found.json")),
    )


CONTRACT = _contract()
