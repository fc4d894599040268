"""Every request we send is well formed by Pipedrive's own OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
import yaml
from contract_pipedrive import DO_NOT_CALL
from openapi_documents import Document, document
from test_pipedrive import ENDED, LEAD, activity, pipedrive, says

from connector.model import Click, Phase, Wanted

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def judges() -> list[Document]:
    return [document("pipedrive-v1.yaml", "/v1"), document("pipedrive-v2.yaml", "/api/v2")]


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def verdict(judges: list[Document], request: requests.PreparedRequest) -> list[str]:
    return min((judge.problems(request) for judge in judges), key=len)


def held(judges: list[Document], net: responses.RequestsMock) -> None:
    """Every request that left is one of theirs, and has nothing they do not know."""
    told = {f"{call.request.method} {call.request.url}": verdict(judges, call.request) for call in net.calls}
    assert {name: problems for name, problems in told.items() if problems} == {}


def test_it_reads_as_they_say(judges: list[Document], net: responses.RequestsMock) -> None:
    for path, name in (
        ("api/v2/persons/42", "person.json"),
        ("api/v2/deals/9", "deal.json"),
        (f"v1/leads/{LEAD}", "lead.json"),
        ("api/v2/organizations/3", "organization.json"),
        ("v1/users/7", "user.json"),
        ("v1/users/find", "users_found.json"),
        (f"api/v2/dealFields/{DO_NOT_CALL}", "person_field.json"),
    ):
        says(net, "GET", path, name)
    crm, owner = pipedrive(), ["phone"]
    crm.read(
        Click("pipedrive", "person", "42", user="ravi@example.test"), Wanted(["phone"], owner, ["phone"])
    )
    crm.read(Click("pipedrive", "deal", "9"), Wanted(["org.name", f"custom_fields.{DO_NOT_CALL}"]))
    crm.read(Click("pipedrive", "lead", LEAD), Wanted(["person.phone"]))
    held(judges, net)


def test_it_checks_as_they_say(judges: list[Document], net: responses.RequestsMock) -> None:
    says(net, "GET", "v1/users/me", "user_me.json")
    says(net, "GET", "api/v2/persons", "persons.json")
    says(net, "GET", "v1/leads", "persons.json")
    says(net, "GET", "v1/activityTypes", "activity_types.json")
    pipedrive().check_live({"person": Wanted(["phone"]), "lead": Wanted(["id"])})
    held(judges, net)


def shipped(phase: Phase) -> dict[str, Any]:
    """The fields of the shipped mapping, each with a value of its own kind."""
    words = {
        "{record.name}": "Asha Example",
        "owner.id": 7,
        "call.started_date_utc": "2026-01-31",
        "call.started_time_utc": "09:05",
        "call.talk_hhmm": "00:02",
        "call.story_html": "Both were connected.",
    }
    fields = yaml.safe_load((ROOT / "mappings" / "pipedrive.yaml").read_text("utf-8"))["activity"]["fields"]
    made = {name: words.get(given, given) for name, given in fields.items() if isinstance(given, str)}
    return {**made, "done": fields["done"]["to"][str(phase)]}


@pytest.mark.parametrize(
    ("kind", "record_id"), [("person", "42"), ("deal", "9"), ("lead", LEAD), ("organization", "3")]
)
def test_it_writes_as_they_say(
    judges: list[Document], net: responses.RequestsMock, kind: str, record_id: str
) -> None:
    says(net, "GET", "api/v2/activities", "activities_none.json")
    says(net, "POST", "api/v2/activities", "activity.json")
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    says(net, "GET", "v1/callLogs", "call_logs_none.json")
    says(net, "POST", "v1/callLogs", "call_log.json")
    crm = pipedrive(call_logs="on")
    crm.write(activity(kind, record_id, look_first=True, fields=shipped(Phase.PLACED)))
    crm.write(activity(kind, record_id, Phase.ENDED, id="7007", call=ENDED, fields=shipped(Phase.ENDED)))
    held(judges, net)


def test_the_judge_sees_what_is_wrong(judges: list[Document]) -> None:
    activities = "https://acme.pipedrive.com/api/v2/activities"
    for wrong in (
        requests.Request("POST", activities, json={"owner_id": "7"}),
        requests.Request("POST", activities, json={"subjekt": "Call"}),
        requests.Request("GET", activities, params={"persson_id": 42}),
        requests.Request("GET", activities, params={"sort_by": "name"}),
        requests.Request("POST", "https://acme.pipedrive.com/v1/callLogs", json={"outcome": "connected"}),
        requests.Request("PUT", activities),
    ):
        assert verdict(judges, wrong.prepare()), wrong.url


def test_the_kits_webhook_is_one_they_make(judges: list[Document]) -> None:
    made = json.loads((ROOT / "kits" / "pipedrive" / "webhook.json").read_text("utf-8"))
    request = requests.Request("POST", "https://acme.pipedrive.com/v1/webhooks", json=made).prepare()
    assert verdict(judges, request) == []
