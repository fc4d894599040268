"""The contract with Odoo."""

from __future__ import annotations

from typing import Any

from crm_contracts import KEY, Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://odoo.example.com/json/2/"
    more = {"phone_sanitized": {"type": "char"}, "phone_sanitized_blacklisted": {"type": "boolean"}}
    types = [
        Say("POST", f"{url}{model}/fields_get", body("odoo", name, lambda known: {**known, **more}))
        for model, name in (
            ("res.partner", "fields_res_partner.json"),
            ("res.users", "fields_res_users.json"),
        )
    ]
    read = url + "res.partner/web_read"

    def told(blacklisted: bool = False, **owner: Any) -> list[Say]:
        def shipped(rows: Any) -> Any:
            of_owner = {**rows[0]["user_id"], "phone_sanitized": "+919876500101", **owner}
            return [{**rows[0], "phone_sanitized_blacklisted": blacklisted, "user_id": of_owner}]

        return [Say("POST", read, body("odoo", "read.json", shipped)), *types]

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
        shipped_read=told(),
        unowned=told(phone=False, phone_sanitized=False),
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
        do_not_call=("record.phone_sanitized_blacklisted", True, told(blacklisted=True)),
        deleted=(404, b'{"name": "odoo.exceptions.MissingError", "message": "gone"}'),
        # It looks whether a forbidden record is still there.
        after_refusal=[Say("POST", url + "res.partner/read", b'[{"id": 9}]')],
    )


CONTRACT = _contract()
