"""The worked example of docs/rest.md does what the page says: its mapping over its own API's answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from pages import ROOT, blocks

from connector import mapping as mappings
from connector.crms.base import Account, Hook
from connector.crms.rest import Rest, RestSchema
from connector.errors import Refused
from connector.mapping import Mapping
from connector.model import Call, CallPlan, Click, Ending, Outcome, Record, State
from connector.phone import read

PAGE = ROOT / "docs" / "rest.md"
URL = "https://crm.example.com"


def example(after: str) -> list[str]:
    """The blocks behind the heading of the worked example."""
    text = PAGE.read_text(encoding="utf-8")
    line = text.count("\n", 0, text.index(after)) + 1
    return [block.text for block in blocks(PAGE) if block.line > line]


PERSON, AGENT, MAPPING, CURL, SENT = example("## A worked example")[:5]


@pytest.fixture
def mapping() -> Mapping:
    return mappings.load(MAPPING, "inhouse.yaml")


@pytest.fixture
def crm(mapping: Mapping) -> Rest:
    settings = RestSchema().load({"base_url": URL, "auth": {"bearer": "made-up-key"}})
    return Rest(Account("inhouse", settings, {}, mapping.requests))


def click(crm: Rest) -> Click:
    body = re.search(r"-d '(.*)'", CURL)
    assert body
    (made,) = crm.parse(Hook("POST", body[1].encode(), "application/json", {}, {}))
    return made


def plan(mapping: Mapping, record: Record, made: Click) -> CallPlan:
    return mapping.plan(
        made.object,
        record,
        made,
        default_deskphone="01200000002",
        default_call_limit=None,
        read_number=lambda typed: read(typed, "IN").e164,
        member_number={"ravi@example.test": "+919876500101"}.get,
    )


@responses.activate
def read_record(crm: Rest, mapping: Mapping, made: Click, person: str = PERSON) -> Record:
    responses.get(f"{URL}/api/people/42", body=person)
    responses.get(f"{URL}/api/agents/5", body=AGENT)
    return crm.read(made, mapping.wanted("Person"))


def test_it_rings_the_person_and_the_agent_of_the_example(crm: Rest, mapping: Mapping) -> None:
    made = click(crm)
    found = plan(mapping, read_record(crm, mapping, made), made)
    assert (found.customer, found.member) == ("+919876500001", "+919876500101")
    assert (made.user, made.delivery) == ("ravi@example.test", "press-81")


def test_whoever_wants_no_calls_gets_none(crm: Rest, mapping: Mapping) -> None:
    made = click(crm)
    record = read_record(crm, mapping, made, PERSON.replace("true", "false"))
    with pytest.raises(Refused, match="Asha Example does not want calls"):
        plan(mapping, record, made)


@responses.activate
def test_it_writes_what_the_page_shows_and_the_same_again_by_put(crm: Rest, mapping: Mapping) -> None:
    made = click(crm)
    call = placed(crm, mapping, made)
    responses.post(f"{URL}/api/events", json={"data": {"id": 7}})
    responses.put(f"{URL}/api/events/7", json={})
    responses.get(f"{URL}/api/events", json={"data": [{"id": 7}]})
    assert crm.write(mapping.activity(call)) == "7"
    assert shown(0) == json.loads(SENT)["event"]
    # The answer was lost: it is looked for by our id, and changed.
    over = replace(call, state=State.ENDED, ending=Ending(Outcome.ANSWERED, talk_seconds=65))
    assert crm.write(mapping.activity(over, look_first=True)) == "7"
    assert [each.request.method for each in responses.calls] == ["POST", "GET", "PUT"]
    ended = shown(2)
    assert (ended["state"], ended["seconds"]) == ("done", 65)


def placed(crm: Rest, mapping: Mapping, made: Click) -> Call:
    record = Record(json.loads(PERSON), json.loads(AGENT))
    moment = datetime(2026, 1, 31, 9, tzinfo=UTC)
    return Call(
        "0f3a", "inhouse", made, State.PLACED, moment, moment, record=record, plan=plan(mapping, record, made)
    )


def shown(number: int) -> dict[str, Any]:
    """The event that was sent, with what differs from call to call written as the page writes it."""
    event = json.loads(responses.calls[number].request.body)["event"]
    assert event["external_id"] == "0f3a" and event["text"]
    if event["state"] == "running":
        event |= {"external_id": "<call id>", "text": "<what has happened so far>"}
    return event
