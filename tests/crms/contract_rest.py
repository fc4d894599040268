"""The contract with any JSON API."""

from __future__ import annotations

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted


def _contract() -> Contract:
    url = "https://shop.example.com/crm/"
    contact, activities = url + "contacts/1", url + "activities"
    nobody = lambda told: {**told, "owner": {**told["owner"], "phone": None}}  # noqa: E731
    asked_not = lambda told: {**told, "do_not_call": True}  # noqa: E731
    return Contract(
        crm="rest",
        settings={"base_url": "https://shop.example.com", "auth": {"bearer": "canary-of-rest-key"}},
        secrets=("canary-of-rest-key",),
        requests={
            "read": {"get": "/crm/contacts/{click.id}"},
            "owner": "record.owner",
            "find": {"get": "/crm/activities", "params": {"key": "activity.key"}, "id": "0.id"},
            "create": {"post": "/crm/activities", "id": "id"},
            "update": {"patch": "/crm/activities/{activity.id}"},
        },
        clicked=Click("shop", "Contact", "1"),
        hook=Hook("POST", body("rest", "click.json"), "application/json", {}, {}),
        names=[("Contact", "1")],
        wanted=Wanted(record=["name", "mobile"], owner=["phone"]),
        owner_phone="phone",
        read=[Say("GET", contact, body("rest", "contact.json"))],
        unowned=[Say("GET", contact, body("rest", "contact.json", nobody))],
        gone=[Say("GET", contact, b'{"error": "not found"}', 404)],
        unknown_field=(
            "mobile",
            [Say("GET", contact, b'{"id": "1", "Name": "Asha", "Mobile": "98765 00001"}')],
        ),
        create=[Say("POST", activities, b'{"id": "a1"}', 201)],
        found=[Say("GET", activities, b'[{"id": "a1"}]')],
        update=[Say("PATCH", activities + "/a1", b"{}")],
        end=[Say("PATCH", activities + "/a1", b"{}")],
        activity_id="a1",
        fields={"contact_id": "1", "subject": "Call with Asha"},
        queue=(
            Click("shop", "Contact", "12"),
            Wanted(record=["name", "mobile"], owner=["phone"]),
            [Say("GET", url + "contacts/12", body("rest", "contact_without_owner.json"))],
        ),
        do_not_call=(
            "record.do_not_call",
            True,
            [Say("GET", contact, body("rest", "contact.json", asked_not))],
        ),
        auth="bearer",
    )


CONTRACT = _contract()
