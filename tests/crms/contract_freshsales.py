"""The contract with Freshsales: a workflow's webhook with a secret in a header."""

from __future__ import annotations

from typing import Any

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

NUMBER = "402000000042"


def _contract() -> Contract:
    url = "https://acme.myfreshworks.com/crm/sales/api/"
    contact, activities = f"{url}contacts/{NUMBER}", url + "sales_activities"
    one = activities + "/402000000700"

    def asked_not(told: Any) -> Any:
        return {**told, "contact": {**told["contact"], "custom_field": {"cf_do_not_call": True}}}

    def without_mobile(told: Any) -> Any:
        kept = {name: value for name, value in told["contact"].items() if name != "mobile_number"}
        return {**told, "contact": kept}

    updated = Say("PUT", one, body("freshsales", "activity.json"))
    return Contract(
        crm="freshsales",
        settings={
            "base_url": "https://acme.myfreshworks.com/crm/sales/api",
            "api_key": "canary-of-freshsales-key",
            "activity_type": "402000002",
        },
        secrets=("canary-of-freshsales-key",),
        auth="header",
        clicked=Click("freshsales", "contact", NUMBER),
        hook=Hook("POST", body("freshsales", "workflow.json"), "application/json", {}, {}),
        names=[("contact", NUMBER)],
        wanted=Wanted(record=["display_name", "mobile_number"], owner=["mobile_number", "email"]),
        owner_phone="mobile_number",
        read=[Say("GET", contact, body("freshsales", "contact.json"))],
        unowned=[Say("GET", contact, body("freshsales", "contact_owner_without_phone.json"))],
        gone=[Say("GET", contact, body("freshsales", "not_found.json"), 404)],
        unknown_field=(
            "mobile_number",
            [Say("GET", contact, body("freshsales", "contact.json", without_mobile))],
        ),
        create=[Say("POST", activities, body("freshsales", "activity.json"), 201)],
        found=[Say("GET", contact, body("freshsales", "contact_with_activities.json"))],
        update=[updated],
        end=[updated],
        activity_id="402000000700",
        fields={"title": "Call with Asha Example", "notes": "Asked for by a click.", "owner_id": 70000},
        queue=(
            Click("freshsales", "contact", NUMBER),
            Wanted(record=["display_name"], owner=["mobile_number", "email"]),
            [Say("GET", contact, body("freshsales", "contact_without_owner.json"))],
        ),
        do_not_call=(
            "record.custom_field.cf_do_not_call",
            True,
            [Say("GET", contact, body("freshsales", "contact.json", asked_not))],
        ),
        slow_down=(429, body("freshsales", "too_many_requests.json")),
        deleted=(404, body("freshsales", "not_found.json")),
    )


CONTRACT = _contract()
