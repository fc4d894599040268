"""The contract with EspoCRM: a webhook that tells of a ticked field."""

from __future__ import annotations

from typing import Any

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://crm.example.com/api/v1/"
    contact, user, calls = url + "Contact/6b03a9b7d615d3474", url + "User/6b03a9b7a11ce0005", url + "Call"
    owner = Say("GET", user, body("espocrm", "user.json"))

    def of_contact(**changes: Any) -> Say:
        return Say("GET", contact, body("espocrm", "contact.json", lambda told: {**told, **changes}))

    def without(name: str) -> bytes:
        def changed(told: Any) -> Any:
            return {key: value for key, value in told.items() if key != name}

        return body("espocrm", "contact.json", changed)

    def phoneless(told: Any) -> Any:
        return {**told, "phoneNumber": None, "emailAddress": None}

    written = Say("PUT", calls + "/6b03a9b7ca11a0001", body("espocrm", "call.json"))
    reason = {"X-Status-Reason": "Record does not exist."}
    return Contract(
        crm="espocrm",
        settings={
            "base_url": "https://crm.example.com",
            "api_key": "canary-of-espocrm-key",
            "events": {"Contact": ["cCallNow"]},
        },
        secrets=("canary-of-espocrm-key",),
        auth="espo",
        clicked=Click("espocrm", "Contact", "6b03a9b7d615d3474"),
        hook=Hook(
            "POST", body("espocrm", "webhook_update.json"), "application/json", {}, {"entity": "Contact"}
        ),
        query="?entity=Contact",
        names=[("Contact", "6b03a9b7d615d3474")],
        wanted=Wanted(record=["name", "phoneNumber"], owner=["name", "phoneNumber"]),
        owner_phone="phoneNumber",
        read=[of_contact(), owner],
        unowned=[of_contact(), Say("GET", user, body("espocrm", "user.json", phoneless))],
        gone=[Say("GET", contact, b"", 404, reason)],
        unknown_field=("phoneNumber", [Say("GET", contact, without("phoneNumber"))]),
        create=[Say("POST", calls, body("espocrm", "call.json"))],
        found=[Say("GET", calls, body("espocrm", "calls_found.json"))],
        update=[written],
        end=[written],
        activity_id="6b03a9b7ca11a0001",
        fields={
            "name": "Call with Asha Example",
            "status": "Planned",
            "assignedUserId": "6b03a9b7a11ce0005",
            "description": f"Asked for by a click.\n\nCallerDesk {KEY}",
        },
        kind="Call",
        queue=(
            Click("espocrm", "Contact", "6b03a9b7d615d3474"),
            Wanted(record=["name"], owner=["phoneNumber"]),
            [Say("GET", contact, body("espocrm", "contact_without_owner.json"))],
        ),
        do_not_call=("record.doNotCall", True, [of_contact(doNotCall=True), owner]),
    )


CONTRACT = _contract()
