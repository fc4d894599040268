"""A workflow's action waits for its call and is completed with the outcome, whatever happens meanwhile.

Journal, mapping, flow and dispatcher are the real ones; HubSpot answers what was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from contract_hubspot import CONTRACT
from crm_contracts import Contract
from house_kit import HouseKit, a_member, calm, report
from hubspot_stand_in import API, hook, hubspot, recorded
from test_crm_contract_service import Whole

from connector.crms.hubspot import HubSpot
from connector.errors import AdminNeeded, TryAgain
from connector.model import Call, Click, Ending, Outcome, Record, State
from connector.web.answers import answer_of

pytestmark = pytest.mark.both_engines

MAPPING = Path(__file__).parents[2] / "mappings" / "hubspot.yaml"
CALLBACK = "ap-102670506-56776413549-7-0"
COMPLETE = f"{API}automation/v4/actions/callbacks/{CALLBACK}/complete"
CALLS = API + "crm/v3/objects/calls"


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(API + "crm/v3/objects/contacts/501", json=recorded("contact"))
        mock.get(API + "crm/v3/owners/41629779", json=recorded("owner"))
        mock.post(CALLS, json=recorded("call_created"), status=201)
        mock.patch(CALLS + "/34566345", json=recorded("call_created"))
        yield mock


@pytest.fixture
def house(tmp_path: Path, net: responses.RequestsMock) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path, crm=hubspot("shop"), mapping=MAPPING)
    kit.desk.listed = [a_member()]
    yield kit
    kit.close()


def crm_of(house: HouseKit) -> HubSpot:
    assert isinstance(house.shop.crm, HubSpot)
    return house.shop.crm


def fire(house: HouseKit, **changes: Any) -> tuple[Call, dict[str, str]]:
    """The action's request comes in; the row, and the output fields of the answer."""
    crm = crm_of(house)
    clicks = crm.parse(hook({**recorded("action"), **changes}))
    call, repeat = house.dispatcher.accept(clicks[0])
    wire = crm.answer([answer_of(call, repeat, "https://connector.example.com/calls/1")], clicks)
    assert wire is not None and wire.status == 200
    fields: dict[str, str] = json.loads(wire.body)["outputFields"]
    return house.call(call.id), fields


def completions(net: responses.RequestsMock) -> list[Any]:
    return [
        json.loads(call.request.body or "null") for call in net.calls if str(call.request.url) == COMPLETE
    ]


def test_it_waits_while_the_call_goes_on_and_goes_on_with_its_outcome(
    house: HouseKit, net: responses.RequestsMock
) -> None:
    net.post(COMPLETE, status=204)
    call, fields = fire(house)
    assert fields == {"hs_execution_state": "BLOCK", "hs_expiration_duration": "P2D"}
    assert (call.state, completions(net)) == (State.PLACED, [])
    house.hear(report(call, house.clock))
    (told,) = completions(net)
    assert told["typedOutputs"] == {}
    expected = {"hs_execution_state": "SUCCESS", "outcome": "answered", "talk_seconds": "35"}
    assert told["outputFields"] == {**expected, "call_id": call.id}


def test_the_activity_is_written_before_the_workflow_goes_on(
    house: HouseKit, net: responses.RequestsMock
) -> None:
    net.post(COMPLETE, status=204)
    call, _ = fire(house)
    house.hear(report(call, house.clock))
    asked = [f"{one.request.method} {one.request.url}" for one in net.calls]
    assert asked[-2:] == [f"PATCH {CALLS}/34566345", f"POST {COMPLETE}"]


def test_a_completion_that_failed_is_made_by_whichever_process_is_there(
    house: HouseKit, net: responses.RequestsMock
) -> None:
    net.post(COMPLETE, status=503)
    call, _ = fire(house)
    house.hear(report(call, house.clock))
    assert len(completions(net)) == 1
    net.replace(responses.POST, COMPLETE, status=204)
    other = HouseKit(house.folder, like=house, worker="w2", crm=hubspot("shop"), mapping=MAPPING)
    other.look(2)
    other.look(60)
    now = other.call(call.id)
    assert len(completions(net)) == 2 and now.written == now.wanted
    other.close()


def test_a_completion_that_is_done_already_does_no_harm(house: HouseKit, net: responses.RequestsMock) -> None:
    net.post(COMPLETE, json=recorded("callback_unknown"), status=404)
    call, _ = fire(house)
    house.hear(report(call, house.clock))
    now = house.call(call.id)
    assert len(completions(net)) == 1 and now.written == now.wanted and not now.write_dead


def test_a_refused_call_lets_the_workflow_go_on_with_the_reason(
    tmp_path: Path, net: responses.RequestsMock
) -> None:
    net.post(COMPLETE, status=204)
    policy = calm(workflow_dialling=None)
    house = HouseKit(tmp_path, crm=hubspot("shop"), mapping=MAPPING, policy=policy)
    house.desk.listed = [a_member()]
    call, _ = fire(house)
    house.look(2)
    (told,) = completions(net)
    fields = told["outputFields"]
    assert (fields["hs_execution_state"], fields["outcome"]) == ("FAIL_CONTINUE", "not_called")
    assert (fields["code"], fields["message"]) == ("workflow_dialling_off", call.message)
    assert house.desk.rung == [] and not any(str(one.request.url) == CALLS for one in net.calls)
    house.close()


def test_the_same_request_again_waits_for_the_same_call(house: HouseKit, net: responses.RequestsMock) -> None:
    first, _ = fire(house)
    again, fields = fire(house)
    assert again.id == first.id and fields["hs_execution_state"] == "BLOCK"
    assert len(house.desk.rung) == 1


def test_a_repeat_after_the_end_is_answered_with_the_end(
    house: HouseKit, net: responses.RequestsMock
) -> None:
    """HubSpot did not hear that it was to wait, so it was never completed: it asks again hours later."""
    net.post(COMPLETE, json=recorded("callback_unknown"), status=404)
    call, _ = fire(house)
    house.hear(report(call, house.clock))
    house.clock.advance(hours=8)
    again, fields = fire(house)
    assert (again.id, fields["hs_execution_state"], fields["outcome"]) == (call.id, "SUCCESS", "answered")
    assert len(house.desk.rung) == 1


def test_a_second_workflow_seconds_later_does_not_wait_for_ever(
    house: HouseKit, net: responses.RequestsMock
) -> None:
    first, _ = fire(house)
    second, fields = fire(house, callbackId="ap-102670506-56776413550-3-0")
    assert second.id == first.id and len(house.desk.rung) == 1
    assert (fields["hs_execution_state"], fields["code"]) == ("FAIL_CONTINUE", "called_recently")


def over(accepted_at: datetime) -> Call:
    click = Click("hubspot", "Contact", "501", raw={"callback_id": CALLBACK}, awaited=True)
    ending = Ending(Outcome.CUSTOMER_NO_ANSWER, recording_url="https://connector.example.com/recordings/1")
    call = Call("c1", "hubspot", click, State.ENDED, accepted_at, accepted_at, record=Record({}))
    return replace(call, ending=ending)


def test_a_completion_that_is_quicker_than_our_answer_is_made_again(net: responses.RequestsMock) -> None:
    """A call may be refused before HubSpot has read that it is to wait: its "no such" is not the end."""
    net.post(COMPLETE, json=recorded("callback_unknown"), status=404)
    with pytest.raises(TryAgain):
        hubspot().conclude(over(datetime.now(UTC)))
    hubspot().conclude(over(datetime.now(UTC) - timedelta(minutes=2)))


@pytest.mark.parametrize("status", [404, 409, 410])
def test_whatever_says_that_nothing_waits_is_the_end(net: responses.RequestsMock, status: int) -> None:
    net.post(COMPLETE, status=status)
    hubspot().conclude(over(datetime.now(UTC) - timedelta(hours=1)))
    (told,) = completions(net)
    assert told["outputFields"]["outcome"] == "customer_no_answer"
    assert told["outputFields"]["recording_url"] == "https://connector.example.com/recordings/1"


def test_a_missing_scope_is_said_and_not_taken_for_the_end(net: responses.RequestsMock) -> None:
    body = json.dumps(recorded("missing_scopes")).replace("crm.objects.contacts.read", "automation")
    net.post(COMPLETE, body=body, status=403)
    with pytest.raises(AdminNeeded, match=re.escape("automation")):
        hubspot().conclude(over(datetime.now(UTC) - timedelta(hours=1)))


def test_how_long_it_waits_is_a_setting() -> None:
    crm = hubspot(action_wait="PT6H")
    clicks = crm.parse(hook("action"))
    now = datetime.now(UTC)
    call = Call("c1", "hubspot", clicks[0], State.ACCEPTED, now, now)
    wire = crm.answer([answer_of(call, False, "")], clicks)
    assert wire is not None
    assert json.loads(wire.body)["outputFields"]["hs_expiration_duration"] == "PT6H"


# -- Over HTTP -----------------------------------------------------------------------------------------------


def served(contract: Contract, folder: Path, closing: ExitStack) -> Whole:
    return Whole(contract, folder, MAPPING.read_text(encoding="utf-8"), closing)


def test_an_action_signed_the_older_way_rings_and_is_told_to_wait(tmp_path: Path) -> None:
    contract = replace(CONTRACT, hook=hook("action"), query="", auth="hubspot-v2")
    with ExitStack() as closing:
        whole = served(contract, tmp_path, closing)
        whole.say(contract.shipped_read, contract.create)
        answer = whole.send(whole.signed())
        assert answer.get_json()["outputFields"]["hs_execution_state"] == "BLOCK"
        assert whole.calls()[0].click.delivery == CALLBACK
        assert whole.rung() == [(contract.customer, contract.member)]


def test_events_that_ring_nobody_are_answered_politely(tmp_path: Path) -> None:
    contract = replace(CONTRACT, hook=hook("app_webhooks"), query="")
    with ExitStack() as closing:
        whole = served(contract, tmp_path, closing)
        answer = whole.send(whole.signed())
        assert (answer.status_code, answer.get_json()) == (200, {"calls": []})
        assert whole.calls() == [] and whole.rung() == []
