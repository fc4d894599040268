"""The contract with Frappe CRM."""

from __future__ import annotations

from typing import Any

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://crm.example.com/api/resource/"
    lead, user = url + "CRM%20Lead/CRM-LEAD-2026-00001", url + "User/ravi%40example.test"
    logs = url + "CRM%20Call%20Log"
    owner = Say("GET", user, body("frappe", "user.json"))

    def of_lead(**changes: Any) -> Say:
        return Say(
            "GET", lead, body("frappe", "lead.json", lambda told: {"data": {**told["data"], **changes}})
        )

    def without_mobile(told: Any) -> Any:
        return {"data": {name: value for name, value in told["data"].items() if name != "mobile_no"}}

    def phoneless(told: Any) -> Any:
        return {"data": {**told["data"], "mobile_no": "", "email": ""}}

    written = Say("PUT", f"{logs}/{KEY}", body("frappe", "call_log.json"))
    return Contract(
        crm="frappe",
        settings={
            "base_url": "https://crm.example.com",
            "api_key": "canary-of-frappe-key",
            "api_secret": "canary-of-frappe-secret",
        },
        secrets=("canary-of-frappe-key", "canary-of-frappe-secret"),
        auth="frappe",
        clicked=Click("frappe", "CRM Lead", "CRM-LEAD-2026-00001"),
        # Frappe's webhooks name no content type.
        hook=Hook("POST", body("frappe", "webhook.json"), "", {}, {}),
        names=[("CRM Lead", "CRM-LEAD-2026-00001")],
        wanted=Wanted(record=["lead_name", "mobile_no"], owner=["full_name", "mobile_no"]),
        owner_phone="mobile_no",
        read=[Say("GET", lead, body("frappe", "lead.json")), owner],
        unowned=[of_lead(), Say("GET", user, body("frappe", "user.json", phoneless))],
        gone=[Say("GET", lead, body("frappe", "not_found.json"), 404)],
        unknown_field=("mobile_no", [Say("GET", lead, body("frappe", "lead.json", without_mobile)), owner]),
        create=[Say("POST", logs, body("frappe", "call_log.json"))],
        found=[written],
        update=[written],
        end=[written],
        activity_id=KEY,
        fields={"type": "Outgoing", "status": "In Progress", "from": "+919876500101", "to": "+919876500001"},
        kind="CRM Call Log",
        key_field="id",
        queue=(
            Click("frappe", "CRM Lead", "CRM-LEAD-2026-00001"),
            Wanted(record=["lead_name"], owner=["mobile_no"]),
            [of_lead(lead_owner=None)],
        ),
        do_not_call=("record.custom_do_not_call", True, [of_lead(custom_do_not_call=1), owner]),
        slow_down=(429, body("frappe", "too_many.json")),
        deleted=(404, body("frappe", "call_log_not_found.json")),
    )


CONTRACT = _contract()
