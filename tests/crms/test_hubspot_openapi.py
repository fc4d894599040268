"""HubSpot's own specification as the judge of every request we send, and of the kit's workflow action."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import responses
from hubspot_stand_in import API, activity, hubspot, recorded
from jsonschema import Draft202012Validator
from openapi_documents import document

from connector.crms.hubspot import HubSpot
from connector.crms.hubspot_action import outputs
from connector.model import Click, Ending, Outcome, Phase, Record, Wanted

KIT = Path(__file__).parents[2] / "kits" / "hubspot"
PREFIX = ""
READ = Wanted(record=["firstname", "mobilephone"], owner=["email"])
CONTACT = ("contacts", "GET", "crm/v3/objects/contacts/501", "contact")
CREATED = ("calls", "POST", "crm/v3/objects/calls", "call_created")
CHANGED = ("calls", "PATCH", "crm/v3/objects/calls/34566345", "call_created")
FULL = {
    "hs_timestamp": "2026-01-31T09:05:00Z",
    "hs_call_duration": 35000,
    "hs_call_direction": "OUTBOUND",
    "hs_call_status": "COMPLETED",
    "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "hubspot_owner_id": "41629779",
}
Act = Callable[[HubSpot], object]
TOLD: list[tuple[str, tuple[str, str, str, str], Act]] = [
    ("read", CONTACT, lambda crm: crm.read(Click("h", "Contact", "501"), Wanted(record=["firstname"]))),
    ("create", CREATED, lambda crm: crm.create(activity(fields=FULL))),
    (
        "create on a deal and its contact",
        CREATED,
        lambda crm: crm.create(
            activity(object="Deal", record_id="9001", record=Record({"id": "9001", "contact": {"id": "501"}}))
        ),
    ),
    ("update", CHANGED, lambda crm: crm.update(activity(Phase.ENDED, id="34566345", fields=FULL))),
    (
        "search",
        ("calls", "POST", "crm/v3/objects/calls/search", "call_found"),
        lambda crm: crm.find(activity()),
    ),
    (
        "who clicked, by e-mail",
        ("crmOwners", "GET", "crm/v3/owners", "owners_by_email"),
        lambda crm: crm.read(Click("h", "Contact", "501", user="ravi@example.test"), Wanted(user=["id"])),
    ),
    (
        "who clicked, by user id",
        ("crmOwners", "GET", "crm/v3/owners/9586504", "owner"),
        lambda crm: crm.read(Click("h", "Contact", "501", user="9586504"), Wanted(user=["id"])),
    ),
    (
        "owner",
        ("crmOwners", "GET", "crm/v3/owners/41629779", "owner"),
        lambda crm: crm.read(Click("h", "Contact", "501"), Wanted(owner=["email"])),
    ),
]


@pytest.mark.parametrize(("told", "act"), [each[1:] for each in TOLD], ids=[each[0] for each in TOLD])
def test_a_request_is_one_of_the_specification(told: tuple[str, str, str, str], act: Act) -> None:
    name, method, path, body = told
    judge = document(f"hubspot-{name}.json", PREFIX)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        net.add(method, API + path, json=recorded(body))
        net.get(API + CONTACT[2], json=recorded("contact"))
        act(hubspot())
        (request,) = [
            call.request
            for call in net.calls
            if call.request.method == method and str(call.request.url).split("?")[0] == API + path
        ]
    assert judge.problems(request) == []


def test_the_judge_sees_a_wrong_request() -> None:
    judge = document("hubspot-calls.json", PREFIX)
    with responses.RequestsMock() as net:
        net.post(API + CREATED[2], json=recorded("call_created"))
        hubspot().create(activity())
        request = net.calls[0].request
    body = json.loads(request.body or "{}")
    request.body = json.dumps({**body, "associations": [{"to": {"id": "501"}, "types": [{}]}]})
    assert judge.problems(request)
    request.body = json.dumps({"properties": body["properties"]})
    assert judge.problems(request)


def schema(name: str) -> Draft202012Validator:
    whole = document("hubspot-actionsV4.json", PREFIX).root
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": whole["components"]})


def faults(judge: Draft202012Validator, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(value)]


def test_the_kits_workflow_action_is_a_definition_that_hubspot_takes() -> None:
    definition = json.loads((KIT / "workflow-action.json").read_text())
    judge = schema("PublicActionDefinitionEgg")
    assert faults(judge, definition) == []
    assert faults(judge, {**definition, "labels": {"en": {}}}) != []


@pytest.mark.parametrize("ending", [None, Ending(Outcome.ANSWERED, talk_seconds=35)])
def test_a_completion_is_one_that_hubspot_takes(ending: Ending | None) -> None:
    body = {"outputFields": outputs("c1", "paused", "Paused.", ending), "typedOutputs": {}}
    assert faults(schema("CallbackCompletionRequest"), body) == []
