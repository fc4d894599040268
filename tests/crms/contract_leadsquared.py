"""The contract with LeadSquared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

URL = "https://api-in21.leadsquared.com/v2/"
LEAD, RAVI = "1bfdec89-f91b-46a3-85bd-fda3f3712518", "718ae557-9d0b-11e7-b0ab-02e89b2fb8f4"
CALL = "15d16ba6-91fe-11e7-b0ab-02e89b2fb8f4"
READ = URL + "LeadManagement.svc/Leads.GetById"
USER = URL + "UserManagement.svc/User/Retrieve/ByUserId"
LOG, UPDATE = URL + "Telephony.svc/LogCall", URL + "Telephony.svc/PhoneCallActivity/Update"
FIND = URL + "ProspectActivity.svc/Retrieve"


def _row(**changes: Any) -> Callable[[Any], Any]:
    return lambda told: [{**told[0], **changes}]


def _contract() -> Contract:
    lead = Say("GET", READ, body("leadsquared", "lead.json"))
    owner = Say("GET", USER, body("leadsquared", "user.json"))
    corrected = Say("POST", UPDATE, body("leadsquared", "call_updated.json"))
    return Contract(
        crm="leadsquared",
        settings={
            "base_url": "https://api-in21.leadsquared.com",
            "access_key": "canary-of-lsq-access",
            "secret_key": "canary-of-lsq-secret",
        },
        secrets=("canary-of-lsq-access", "canary-of-lsq-secret"),
        clicked=Click("lsq", "Lead", LEAD),
        hook=Hook("POST", body("leadsquared", "click2call.json"), "application/json", {}, {}),
        names=[("Lead", LEAD)],
        auth="header",
        wanted=Wanted(record=["FirstName", "Mobile"], owner=["PhoneMobile", "EmailAddress"]),
        owner_phone="PhoneMobile",
        read=[lead, owner],
        unowned=[lead, Say("GET", USER, body("leadsquared", "user.json", _row(PhoneMobile=None)))],
        gone=[Say("GET", READ, b"[]")],
        unknown_field=("Mobile", [Say("GET", READ, body("leadsquared", "lead_other_fields.json"))]),
        create=[Say("POST", LOG, body("leadsquared", "call_logged.json"))],
        found=[Say("POST", FIND, body("leadsquared", "activities.json"))],
        update=[corrected],
        end=[corrected],
        activity_id=CALL,
        fields={"Direction": "Outbound", "CallDuration": 95, "Status": "Answered"},
        queue=(
            Click("lsq", "Lead", "2cfdec89-f91b-46a3-85bd-fda3f3712519"),
            Wanted(record=["FirstName", "Mobile"], owner=["PhoneMobile"]),
            [Say("GET", READ, body("leadsquared", "lead_without_owner.json"))],
        ),
        do_not_call=(
            "record.DoNotCall",
            "1",
            [Say("GET", READ, body("leadsquared", "lead.json", _row(DoNotCall="1"))), owner],
        ),
        deleted=(500, body("leadsquared", "error_not_found.json")),
    )


CONTRACT = _contract()
