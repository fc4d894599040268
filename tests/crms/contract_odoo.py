"""The contract with Odoo."""

from __future__ import annotations

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://odoo.example.com/json/2/"
    types = [
        Say("POST", url + "res.partner/fields_get", body("odoo", "fields_res_partner.json")),
        Say("POST", url + "res.users/fields_get", body("odoo", "fields_res_users.json")),
    ]
    read = url + "res.partner/web_read"
    phoneless = lambda rows: [{**rows[0], "user_id": {**rows[0]["user_id"], "phone": False}}]  # noqa: E731
    blacklisted = lambda rows: [{**rows[0], "phone_sanitized_blacklisted": True}]  # noqa: E731
    written = Say("POST", url + "mail.activity/write", body("odoo", "write.json"))
    return Contract(
        crm="odoo",
        settings={"base_url": "https://odoo.example.com", "database": "lab", "api_key": "canary-of-odoo-key"},
        secrets=("canary-of-odoo-key",),
        clicked=Click("odoo", "res.partner", "9"),
        hook=Hook("POST", body("odoo", "webhook_button.json"), "application/json", {}, {}),
        names=[("res.partner", "9")],
        wanted=Wanted(record=["name", "phone"], owner=["name", "phone", "email"]),
        owner_phone="phone",
        read=[Say("POST", read, body("odoo", "read.json")), *types],
        unowned=[Say("POST", read, body("odoo", "read.json", phoneless)), *types],
        gone=[Say("POST", read, body("odoo", "read_no_such_record.json"))],
        unknown_field=("mobile", [Say("POST", read, body("odoo", "read_unknown_field.json"), 500)]),
        create=[Say("POST", url + "res.partner/activity_schedule", body("odoo", "schedule.json"))],
        found=[
            Say(
                "POST",
                url + "mail.activity/search_read",
                body("odoo", "find.json", lambda rows: [{**rows[0], "note": f"<p>CallerDesk {KEY}</p>"}]),
            )
        ],
        update=[written],
        end=[
            Say("POST", url + "mail.activity/read", b'[{"id": 11, "active": true}]'),
            written,
            Say("POST", url + "mail.activity/action_feedback", body("odoo", "feedback.json")),
        ],
        activity_id="11",
        fields={"summary": "Call with Asha", "note": "Ringing …0001.", "user_id": 5},
        queue=(
            Click("odoo", "res.partner", "9"),
            Wanted(record=["name", "phone"], owner=["name", "phone", "email"]),
            [Say("POST", read, body("odoo", "read_without_salesperson.json")), *types],
        ),
        do_not_call=(
            "record.phone_sanitized_blacklisted",
            True,
            [Say("POST", read, body("odoo", "read.json", blacklisted)), *types],
        ),
        deleted=(404, b'{"name": "odoo.exceptions.MissingError", "message": "gone"}'),
        # It looks whether a forbidden record is still there.
        after_refusal=[Say("POST", url + "res.partner/read", b'[{"id": 9}]')],
    )


CONTRACT = _contract()
