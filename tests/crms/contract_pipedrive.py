"""The contract with Pipedrive: a press in the app's modal."""

from __future__ import annotations

from typing import Any

from crm_contracts import Contract, Say, body

from connector.crms.base import Hook
from connector.model import Click, Wanted

DO_NOT_CALL = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"


def _contract() -> Contract:
    url = "https://acme.pipedrive.com/"
    person, user, activities = url + "api/v2/persons/42", url + "v1/users/7", url + "api/v2/activities"
    owner = Say("GET", user, body("pipedrive", "user.json"))

    def asked_not(told: Any) -> Any:
        return {**told, "data": {**told["data"], "custom_fields": {DO_NOT_CALL: 1}}}

    query = {"resource": "person", "view": "details", "userId": "7", "companyId": "3", "selectedIds": "42"}
    updated = Say("PATCH", activities + "/7007", body("pipedrive", "activity.json"))
    return Contract(
        crm="pipedrive",
        settings={"base_url": "https://acme.pipedrive.com", "api_token": "canary-of-pipedrive-token"},
        secrets=("canary-of-pipedrive-token",),
        clicked=Click("pipedrive", "person", "42"),
        hook=Hook(
            "POST",
            body("pipedrive", "modal_pressed.json"),
            "application/json",
            {},
            query,
            {"userId": 7, "companyId": 3},
        ),
        query="?" + "&".join(f"{name}={value}" for name, value in query.items()),
        auth="jwt",
        names=[("person", "42")],
        wanted=Wanted(record=["name", "phone"], owner=["phone", "email"]),
        owner_phone="phone",
        read=[Say("GET", person, body("pipedrive", "person.json")), owner],
        unowned=[
            Say("GET", person, body("pipedrive", "person.json")),
            Say("GET", user, body("pipedrive", "user_without_phone.json")),
        ],
        gone=[Say("GET", person, body("pipedrive", "person_not_found.json"), 404)],
        unknown_field=(
            "phone",
            [Say("GET", person, body("pipedrive", "person.json", _without_phones)), owner],
        ),
        create=[Say("POST", activities, body("pipedrive", "activity.json"))],
        found=[Say("GET", activities, body("pipedrive", "activities.json"))],
        update=[updated],
        end=[updated],
        activity_id="7007",
        fields={"subject": "Call with Asha Example", "note": "Asked for by a click.", "owner_id": 5},
        queue=(
            Click("pipedrive", "person", "42"),
            Wanted(record=["name", "phone"], owner=["phone", "email"]),
            [Say("GET", person, body("pipedrive", "person_without_owner.json"))],
        ),
        do_not_call=(
            f"record.custom_fields.{DO_NOT_CALL}",
            1,
            [Say("GET", person, body("pipedrive", "person.json", asked_not)), owner],
        ),
        slow_down=(429, body("pipedrive", "too_many_requests.json")),
        deleted=(404, body("pipedrive", "activity_not_found.json")),
    )


def _without_phones(told: Any) -> Any:
    return {**told, "data": {name: value for name, value in told["data"].items() if name != "phones"}}


CONTRACT = _contract()
