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

    # An empty field is left out of the answer: whether there is such a field, a list tells.
    of_users = Say("GET", url + "User", body("frappe", "list_users.json"))
    of_leads = Say("GET", url + "CRM%20Lead", body("frappe", "list_leads.json"))
    unowned_leads = Say("GET", of_leads.url, body("frappe", "list_leads_owner.json"))

    def of_lead(**changes: Any) -> Say:
        def changed(told: Any) -> Any:
            return {"data": {**told["data"], **changes}}

        return Say("GET", lead, body("frappe", "lead.json", changed))

    def without(*names: str) -> Say:
        def changed(told: Any) -> Any:
            return {"data": {name: value for name, value in told["data"].items() if name not in names}}

        return Say("GET", lead, body("frappe", "lead.json", changed))

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
        shipped_read=[of_lead(), owner, of_users],
        unowned=[of_lead(), Say("GET", user, body("frappe", "user.json", phoneless)), of_users],
        gone=[Say("GET", lead, body("frappe", "not_found.json"), 404)],
        unknown_field=(
            "mobile_no",
            [
                without("mobile_no"),
                Say("GET", of_leads.url, body("frappe", "list_unknown_field.json"), 500),
                of_leads,
            ],
        ),
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
            [without("lead_owner"), unowned_leads],
        ),
        do_not_call=("record.custom_do_not_call", True, [of_lead(custom_do_not_call=1), owner, of_users]),
        slow_down=(429, body("frappe", "too_many.json")),
        deleted=(404, body("frappe", "call_log_not_found.json")),
    )


CONTRACT = _contract()
