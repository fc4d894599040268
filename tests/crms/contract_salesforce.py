"""The contract with Salesforce."""

from __future__ import annotations

import json
from typing import Any

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://acme.my.salesforce.com/"
    data = url + "services/data/v62.0/"
    query, task, contact = data + "query/", "00T5g00000XyZabEAF", "0035g00000ABcDeAAL"

    def phoneless(told: Any) -> Any:
        (row,) = told["records"]
        return {**told, "records": [{**row, "Owner": {**row["Owner"], "MobilePhone": None}}]}

    def asked_not(told: Any) -> Any:
        return {**told, "records": [{**told["records"][0], "DoNotCall": True}]}

    token = Say("POST", url + "services/oauth2/token", body("salesforce", "token.json"))
    return Contract(
        crm="salesforce",
        settings={
            "domain": "acme.my",
            "consumer_key": "made-up-consumer-key",
            "consumer_secret": "canary-of-salesforce-secret",
        },
        secrets=("canary-of-salesforce-secret", json.loads(token.body)["access_token"]),
        login=[token],
        clicks={"organization_id": "00D5g000000aBcD"},
        clicked=Click("sales", "Contact", contact),
        hook=Hook("POST", body("salesforce", "outbound_two.xml"), "text/xml; charset=utf-8", {}, {}),
        names=[("Contact", contact), ("Contact", "0035g00000ABcDfAAL")],
        wanted=Wanted(record=["Name", "Phone"], owner=["MobilePhone"]),
        owner_phone="MobilePhone",
        read=[Say("GET", query, body("salesforce", "query_contact.json"))],
        unowned=[Say("GET", query, body("salesforce", "query_contact.json", phoneless))],
        gone=[Say("GET", query, body("salesforce", "query_none.json"))],
        unknown_field=(
            "MobilPhone",
            [Say("GET", query, body("salesforce", "error_invalid_field.json"), 400)],
        ),
        create=[
            Say(
                "PATCH",
                f"{data}sobjects/Task/CallerDesk_Call__c/{KEY}",
                body("salesforce", "upsert_created.json"),
                201,
            )
        ],
        found=[Say("GET", query, body("salesforce", "query_task_found.json"))],
        update=[Say("PATCH", f"{data}sobjects/Task/{task}", b"", 204)],
        end=[Say("PATCH", f"{data}sobjects/Task/{task}", b"", 204)],
        activity_id=task,
        fields={"Subject": "Call with Asha Example", "WhoId": contact},
        kind="Task",
        key_field="CallerDesk_Call__c",
        renewals=1,
        # Its client library drops the headers of a refusal.
        hears_retry_after=False,
        queue=(
            Click("sales", "Lead", "00Q5g00000LeAdAEAV"),
            Wanted(record=["Name", "Phone"], owner=["MobilePhone"]),
            [Say("GET", query, body("salesforce", "query_lead_queue_owner.json"))],
        ),
        do_not_call=(
            "record.DoNotCall",
            True,
            [Say("GET", query, body("salesforce", "query_contact.json", asked_not))],
        ),
        member="+919876500002",
    )


CONTRACT = _contract()
