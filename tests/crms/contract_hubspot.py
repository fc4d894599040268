"""The contract with HubSpot."""

from __future__ import annotations

from typing import Any

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://api.hubapi.com/crm/v3/"
    contact, calls = url + "objects/contacts/501", url + "objects/calls"
    owner, users = url + "owners/41629779", url + "objects/users/search"
    wanted = Wanted(record=["firstname", "mobilephone"], owner=["email", "hs_additional_phone"])

    def told(of_contact: dict[str, Any] | None = None, **of_owner: Any) -> list[Say]:
        def with_properties(known: Any) -> Any:
            return {**known, "properties": {**known["properties"], **(of_contact or {})}}

        return [
            Say("GET", contact, body("hubspot", "contact.json", with_properties)),
            Say("GET", owner, body("hubspot", "owner.json", lambda known: {**known, **of_owner})),
        ]

    def phone(number: str | None) -> Say:
        def changed(found: Any) -> Any:
            (user,) = found["results"]
            properties = {**user["properties"], "hs_additional_phone": number}
            return {**found, "results": [{**user, "properties": properties}]}

        return Say("POST", users, body("hubspot", "users_search.json", changed))

    query = {
        "portalId": "102670506",
        "userId": "9586504",
        "userEmail": "ravi@example.test",
        "appId": "1234567",
    }
    written = Say("PATCH", calls + "/34566345", body("hubspot", "call_created.json"))
    gone = body("hubspot", "contact_not_found.json")
    unknown = body("hubspot", "contact.json", lambda known: {**known, "properties": {"firstname": "Asha"}})
    return Contract(
        crm="hubspot",
        settings={"access_token": "canary-of-hubspot-token", "portal_id": 102670506},
        secrets=("canary-of-hubspot-token",),
        clicked=Click("hubspot", "Contact", "501"),
        hook=Hook("POST", body("hubspot", "card_click.json"), "application/json", {}, query),
        query="?" + "&".join(f"{key}={value}" for key, value in query.items()),
        names=[("Contact", "501")],
        wanted=wanted,
        owner_phone="hs_additional_phone",
        read=[*told(), phone("98765 00101")],
        shipped_read=told(),
        unowned=[*told(email="somebody.else@example.test"), phone(None)],
        gone=[Say("GET", contact, gone, 404)],
        unknown_field=(
            "mobilephone",
            [
                Say("GET", contact, unknown),
                Say("GET", url + "properties/contacts/mobilephone", gone, 404),
            ],
        ),
        create=[Say("POST", calls, body("hubspot", "call_created.json"), 201)],
        found=[
            Say("POST", calls + "/search", body("hubspot", "call_found.json")),
        ],
        update=[written],
        end=[written],
        activity_id="34566345",
        fields={"hs_timestamp": "2026-01-31T09:05:00Z", "hs_call_title": "Call with Asha Menon"},
        queue=(
            Click("hubspot", "Contact", "501"),
            wanted,
            [
                told({"hubspot_owner_id": "41629780"})[0],
                Say("GET", url + "owners/41629780", body("hubspot", "owner_queue.json")),
            ],
        ),
        do_not_call=("record.do_not_call", "true", told({"do_not_call": "true"})),
        deleted=(404, gone),
        auth="hubspot-v3",
        connection={"members": {"ravi@example.test": "+919876500101"}},
    )


CONTRACT = _contract()
