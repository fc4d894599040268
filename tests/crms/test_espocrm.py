"""EspoCRM's own: every form of click, the exact requests, its refusals, and what check finds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses
from marshmallow import ValidationError
from responses import matchers

from connector.crms.base import Account, Hook
from connector.crms.espocrm import EspoCrm
from connector.errors import AdminNeeded, BadRequest, Gone, Refused
from connector.mapping import load
from connector.model import (
    Activity,
    Call,
    Click,
    Ending,
    Outcome,
    Phase,
    Record,
    Source,
    State,
    Wanted,
)
from connector.signatures import Signed, verify

ROOT = Path(__file__).parents[2]
PAYLOADS, KIT = ROOT / "tests" / "payloads" / "espocrm", ROOT / "kits" / "espocrm"
URL = "https://crm.example.com/api/v1/"
KEY, RAVI, OURS = "0123456789abcdef", "6b03a9b7a11ce0005", "6b03a9b7c0ffee001"
CONTACT_ID, CALL_ID = "6b03a9b7d615d3474", "6b03a9b7ca11a0001"
CONTACT, USER, CALLS = URL + f"Contact/{CONTACT_ID}", URL + f"User/{RAVI}", URL + "Call"
CLICK = Click("crm", "Contact", CONTACT_ID)


def espocrm(clicks: Mapping[str, Any] | None = None, **more: Any) -> EspoCrm:
    settings = {"base_url": "https://crm.example.com", "api_key": "made-up-key", **more}
    return EspoCrm(Account("crm", EspoCrm.settings_schema().load(settings), clicks or {}))


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))


def hook(body: Any, **query: str) -> Hook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook("POST", raw, "application/json", {}, query)


def posted(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"")


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    fields = {
        "name": "Call with Asha",
        "status": "Planned",
        "assignedUserId": RAVI,
        "description": "Ringing.",
    }
    given = {"fields": {**fields, **changes.pop("fields", {})}, "key_field": None, **changes}
    return Activity(KEY, "crm", "Contact", CONTACT_ID, "Call", phase=phase, **given)


# -- Webhooks ----------------------------------------------------------------------------------------------


def test_a_ticked_field_rings_as_a_rule() -> None:
    adapter = espocrm(events={"Contact": ["cCallNow"]})
    (click,) = adapter.parse(hook(recorded("webhook_update"), entity="Contact"))
    assert (click.object, click.record_id) == ("Contact", CONTACT_ID)
    assert (click.source, click.user, click.clicked_at) == (Source.RULE, RAVI, None)
    assert click.raw["modifiedByName"] == "Ravi Example"
    assert "9876500001" not in json.dumps(click.raw)


def test_a_hook_on_one_field_is_taken_as_well() -> None:
    adapter = espocrm(events={"Contact": ["cCallNow"]})
    (click,) = adapter.parse(hook(recorded("webhook_field"), entity="Contact"))
    assert (click.record_id, click.user) == (CONTACT_ID, None)


def test_of_a_batch_just_the_records_that_are_to_ring_do() -> None:
    adapter = espocrm(events={"Contact": ["cCallNow"]})
    clicks = adapter.parse(hook(recorded("webhook_batch"), entity="Contact"))
    assert [click.record_id for click in clicks] == [CONTACT_ID, "6b03a9b7d615d3477"]
    assert len({click.delivery for click in clicks}) == 2


@pytest.mark.parametrize(
    ("events", "rings"),
    [
        ({}, False),
        ({"Lead": ["cCallNow"]}, False),
        ({"Contact": ["create"]}, False),
        ({"Contact": ["status", "cCallNow"]}, True),
        ({"Contact": ["cCallNow=True"]}, True),
        ({"Contact": ["cCallNow=Later"]}, False),
        ({"Contact": ["phoneNumber=+919876500001"]}, True),
    ],
)
def test_other_changes_are_answered_and_ring_nobody(events: dict[str, list[str]], rings: bool) -> None:
    adapter = espocrm(events=events)
    assert bool(adapter.parse(hook(recorded("webhook_update"), entity="Contact"))) is rings


def test_an_update_that_our_own_write_caused_rings_nobody() -> None:
    changed = recorded("webhook_other_update")
    assert espocrm(events={"Contact": ["cCallNow", "create"]}).parse(hook(changed, entity="Contact")) == []
    # Even where a formula of theirs ticks the very field while we write.
    ticked = [{**changed[0], "cCallNow": True}]
    adapter = espocrm(events={"Contact": ["cCallNow"]}, api_user=OURS)
    assert adapter.parse(hook(ticked, entity="Contact")) == []
    assert len(adapter.parse(hook(recorded("webhook_update"), entity="Contact"))) == 1


def test_a_created_record_rings_once_for_ever_and_tells_when() -> None:
    adapter = espocrm(events={"Contact": ["create"]})
    (click,) = adapter.parse(hook(recorded("webhook_create"), entity="Contact"))
    assert click.delivery == f"Contact {CONTACT_ID} create"
    assert click.clicked_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert click.user == OURS


def test_a_created_record_with_the_field_ticked_is_no_change_of_it() -> None:
    adapter = espocrm(events={"Contact": ["cCallNow"]})
    assert adapter.parse(hook(recorded("webhook_create"), entity="Contact")) == []


def test_a_webhook_sent_again_in_other_company_is_the_same_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = espocrm(events={"Contact": ["cCallNow"]})
    moment = 1_795_000_000.0 - 1_795_000_000.0 % 3600

    def delivery(body: Any, seconds: float) -> str | None:
        monkeypatch.setattr(time, "time", lambda: moment + seconds)
        return adapter.parse(hook(body, entity="Contact"))[0].delivery

    batch = recorded("webhook_batch")
    first = delivery(batch[:1], 60)
    assert delivery(batch, 660) == delivery(batch, 1860) == first
    assert delivery(batch, 3660) != first  # the same box ticked again in the next hour is another wish
    assert delivery([{**batch[0], "modifiedById": OURS}], 60) != first


def test_the_entity_type_comes_from_the_address_or_the_setting() -> None:
    body = recorded("webhook_update")
    adapter = espocrm(events={"Contact": ["cCallNow"], "Lead": ["cCallNow"]}, entity="Lead")
    assert adapter.parse(hook(body))[0].object == "Lead"
    assert adapter.parse(hook(body, entity="Contact"))[0].object == "Contact"
    with pytest.raises(BadRequest, match=r"\?entity=Contact") as refused:
        espocrm(events={"Contact": ["cCallNow"]}).parse(hook(body))
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "body", [b"[]", b"[1]", b'[{"id": 7}]', b'[{"name": "x"}]', b"[", b'["x"]', b"[null]"]
)
def test_a_list_that_holds_no_records_is_the_senders_fault(body: bytes) -> None:
    with pytest.raises(BadRequest):
        espocrm(events={"Contact": ["create"]}).parse(hook(body, entity="Contact"))


def test_both_of_its_signatures_are_taken() -> None:
    """`X-Signature` up to version 8, both of them from 9 on; recomputed here as its source does."""
    body, secret, name = json.dumps(recorded("webhook_update")).encode(), "5e" * 16, b"6b03a9b7web001:"
    raw = hmac.new(secret.encode(), body, hashlib.sha256)
    old = ("X-Signature", base64.b64encode(name + raw.digest()).decode())
    new = ("Signature", base64.b64encode(name + raw.hexdigest().encode()).decode())
    for headers in ([old], [new], [old, new]):
        signed = Signed("POST", "https://x.example/hooks/espocrm?entity=Contact", None, headers, body)
        verify("espo", signed, [secret], datetime.now(UTC))
    with pytest.raises(BadRequest):
        verify("espo", replace(signed, body=body + b" "), [secret], datetime.now(UTC))


# -- Our own form: "Send HTTP Request" -----------------------------------------------------------------------


def filled(name: str) -> Any:
    """A payload of the kit with its placeholders filled, as the workflow does."""
    values = {"id": CONTACT_ID, "modifiedById": RAVI, "modifiedAt": "2026-11-23 09:05:10"}
    text = (KIT / name).read_text("utf-8")
    for attribute, value in values.items():
        text = text.replace("{$" + attribute + "}", value)
    assert "{$" not in text
    return json.loads(text)


def test_a_workflows_request_is_taken_as_a_rules_click() -> None:
    assert filled("workflow_rule.json") == recorded("workflow")
    (click,) = espocrm().parse(hook(filled("workflow_rule.json")))
    assert (click.object, click.record_id, click.user) == ("Contact", CONTACT_ID, RAVI)
    assert (click.source, click.delivery) == (Source.RULE, f"{CONTACT_ID} 2026-11-23 09:05:10")


def test_a_workflows_button_is_a_press_each_time() -> None:
    (click,) = espocrm().parse(hook(filled("workflow_button.json")))
    assert (click.source, click.delivery, click.user) == (Source.BUTTON, None, None)


def test_the_kits_webhook_names_its_entity_and_a_field() -> None:
    asked = json.loads((KIT / "webhook.json").read_text("utf-8"))
    entity, event, field = asked["event"].split(".")
    assert (entity, event) == ("Contact", "fieldUpdate")
    assert asked["url"].endswith(f"?entity={entity}")
    adapter = espocrm(events={entity: [field]})
    assert len(adapter.parse(hook([{"id": CONTACT_ID, field: True}], entity=entity))) == 1


def test_an_object_that_is_no_entity_type_is_refused() -> None:
    with pytest.raises(BadRequest):
        espocrm().parse(hook({"object": "../User", "id": CONTACT_ID}))


def test_an_event_of_no_entity_type_is_refused_at_the_start() -> None:
    for wrong in ({"events": {"contacts": ["create"]}}, {"entity": "a/b"}):
        with pytest.raises(ValidationError, match="written like Contact"):
            espocrm(**wrong)


# -- Reading -----------------------------------------------------------------------------------------------


def test_it_reads_the_record_and_its_assigned_user(net: responses.RequestsMock) -> None:
    key = matchers.header_matcher({"X-Api-Key": "made-up-key"})
    net.get(CONTACT, json=recorded("contact"), match=[key])
    net.get(USER, json=recorded("user"), match=[key])
    record = espocrm().read(CLICK, Wanted(["name", "phoneNumber", "title"], ["phoneNumber", "id"]))
    assert record == Record(
        {"name": "Asha Example", "phoneNumber": "+919876500001", "title": None},
        {"phoneNumber": "+919876500101", "id": RAVI},
    )


def test_the_number_is_the_records_own_not_the_list_that_may_be_stale(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    record = espocrm().read(CLICK, Wanted(["phoneNumber", "phoneNumberData.0.type"])).record
    assert record["phoneNumber"] == "+919876500001"
    assert record["phoneNumberData"][0]["phoneNumber"] == "+919876500009"


def test_a_cases_contact_is_read_through_its_link(net: responses.RequestsMock) -> None:
    net.get(URL + "Case/6b03a9b7d615dca5e", json=recorded("case"))
    net.get(CONTACT, json=recorded("contact"))
    wanted = Wanted(["name", "contactId", "contact.phoneNumber", "contact.doNotCall"])
    record = espocrm().read(Click("crm", "Case", "6b03a9b7d615dca5e"), wanted).record
    assert record == {
        "name": "Printer",
        "contactId": CONTACT_ID,
        "contact": {"phoneNumber": "+919876500001", "doNotCall": False},
    }


@pytest.mark.parametrize("gone", [False, True])
def test_a_case_without_a_contact_is_no_failure(net: responses.RequestsMock, gone: bool) -> None:
    net.get(
        URL + "Case/6b03a9b7d615dca5e", json={**recorded("case"), **({} if gone else {"contactId": None})}
    )
    if gone:
        net.get(CONTACT, status=404)
    record = espocrm().read(Click("crm", "Case", "6b03a9b7d615dca5e"), Wanted(["contact.phoneNumber"]))
    assert record.record == {"contact": None}


def test_a_parent_is_read_by_its_own_type(net: responses.RequestsMock) -> None:
    net.get(URL + "Task/1", json={"parentType": "Contact", "parentId": CONTACT_ID})
    net.get(CONTACT, json=recorded("contact"))
    record = espocrm().read(Click("crm", "Task", "1"), Wanted(["parent.phoneNumber"])).record
    assert record == {"parent": {"phoneNumber": "+919876500001"}}


def test_a_field_that_is_not_answered_is_named(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    with pytest.raises(Refused, match=r"'mobile'.*role") as refused:
        espocrm().read(CLICK, Wanted(["mobile"]))
    assert refused.value.code == "unknown_field"


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 37, "", "a b"])
def test_an_id_that_is_none_of_theirs_is_gone(name: str) -> None:
    with pytest.raises(Gone):
        espocrm().read(Click("crm", "Contact", name), Wanted(["name"]))


def test_a_deleted_owner_has_no_number(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(USER, status=404)
    assert espocrm().read(CLICK, Wanted(["name"], ["phoneNumber"])).owner == {}


@pytest.mark.parametrize("who", [RAVI, "RAVI", "ravi@EXAMPLE.test"])
def test_the_person_who_pressed_is_found_by_id_name_or_e_mail(net: responses.RequestsMock, who: str) -> None:
    net.get(CONTACT, json=recorded("contact"))
    if who != RAVI:
        asked = {
            "where[0][type]": "or",
            "where[0][value][0][type]": "equals",
            "where[0][value][0][attribute]": "userName",
            "where[0][value][0][value]": who,
            "where[0][value][1][type]": "equals",
            "where[0][value][1][attribute]": "emailAddress",
            "where[0][value][1][value]": who,
            "select": "id,userName,emailAddress",
            "maxSize": "2",
            "orderBy": "createdAt",
            "order": "desc",
        }
        match = [matchers.query_param_matcher(asked)]
        net.get(URL + "User", json=recorded("users_found"), match=match)
    net.get(USER, json=recorded("user"))
    click = replace(CLICK, user=who)
    assert (
        espocrm().read(click, Wanted(["name"], user=["phoneNumber"])).user["phoneNumber"] == "+919876500101"
    )


def test_a_person_it_does_not_know_is_nobody(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(URL + "User", json=recorded("list_none"))
    assert espocrm().read(replace(CLICK, user="meera"), Wanted(["name"], user=["phoneNumber"])).user == {}


# -- Writing -----------------------------------------------------------------------------------------------


def test_a_call_is_made_with_utc_times_lists_of_ids_and_our_key(net: responses.RequestsMock) -> None:
    skip = matchers.header_matcher({"X-Skip-Duplicate-Check": "true"})
    net.post(CALLS, json=recorded("call"), match=[skip])
    more = {
        "dateStart": "2026-11-23T09:05:10Z",
        "contactsIds": CONTACT_ID,
        "usersIds": [RAVI, OURS],
        "parentId": None,
    }
    assert espocrm().create(activity(fields=more)) == CALL_ID
    assert posted(net) == {
        "name": "Call with Asha",
        "status": "Planned",
        "assignedUserId": RAVI,
        "dateStart": "2026-11-23 09:05:10",
        "contactsIds": [CONTACT_ID],
        "usersIds": [RAVI, OURS],
        "description": f"Ringing.\n\nCallerDesk {KEY}",
    }


def test_a_call_without_an_owner_is_our_own_users(net: responses.RequestsMock) -> None:
    net.get(URL + "App/user", json=recorded("app_user"))
    net.post(CALLS, json=recorded("call"))
    adapter = espocrm()
    for _ in range(2):
        adapter.create(activity(fields={"assignedUserId": None}))
        assert posted(net)["assignedUserId"] == OURS
    assert len(net.calls) == 3


def test_a_key_field_of_ones_own_holds_our_key(net: responses.RequestsMock) -> None:
    net.post(CALLS, json=recorded("call"))
    espocrm().create(activity(key_field="cCallerDeskCall"))
    assert posted(net)["cCallerDeskCall"] == KEY and posted(net)["description"] == "Ringing."


@pytest.mark.parametrize(
    ("key_field", "sought"),
    [
        (None, ("contains", "description", f"CallerDesk {KEY}")),
        ("cCallerDeskCall", ("equals", "cCallerDeskCall", KEY)),
    ],
)
def test_a_lost_answer_is_followed_by_a_search_and_an_update(
    net: responses.RequestsMock, key_field: str | None, sought: tuple[str, str, str]
) -> None:
    at = "where[0][value][0]"
    asked = {"where[0][type]": "or", "select": "id", "maxSize": "1", "orderBy": "createdAt", "order": "desc"}
    asked |= dict(zip((f"{at}[type]", f"{at}[attribute]", f"{at}[value]"), sought, strict=True))
    net.get(CALLS, json=recorded("calls_found"), match=[matchers.query_param_matcher(asked)])
    net.put(f"{CALLS}/{CALL_ID}", json=recorded("call"))
    done = activity(Phase.ENDED, look_first=True, key_field=key_field, fields={"status": "Held"})
    assert espocrm().write(done) == CALL_ID
    assert posted(net)["status"] == "Held"


def test_an_update_leaves_to_people_whose_it_is_and_whom_it_is_with(net: responses.RequestsMock) -> None:
    net.put(f"{CALLS}/{CALL_ID}", json=recorded("call"))
    more = {
        "contactsIds": CONTACT_ID,
        "parentType": "Lead",
        "parentId": "1",
        "dateEnd": "2026-11-23T09:07:00Z",
    }
    espocrm().update(activity(Phase.ENDED, id=CALL_ID, fields=more))
    assert posted(net) == {
        "name": "Call with Asha",
        "status": "Planned",
        "dateEnd": "2026-11-23 09:07:00",
        "description": f"Ringing.\n\nCallerDesk {KEY}",
    }


@pytest.mark.parametrize(
    ("status", "reason", "code", "word"),
    [
        (400, "Field validation failure; entityType: Call, field: dateEnd.", "crm_rejected", "dateEnd."),
        (400, None, "crm_rejected", "a field is missing or wrong"),
        (403, "No create access.", "crm_forbidden", "No create access."),
        (403, None, "crm_forbidden", "right"),
        (401, None, "crm_unauthorised", "credentials"),
    ],
)
def test_its_refusals_are_told_in_its_own_words(
    net: responses.RequestsMock, status: int, reason: str | None, code: str, word: str
) -> None:
    net.post(CALLS, status=status, headers={"X-Status-Reason": reason} if reason else {})
    with pytest.raises(AdminNeeded) as failed:
        espocrm().create(activity())
    assert failed.value.code == code and word in failed.value.message
    assert f"call {KEY}" in failed.value.message


# -- The shipped mapping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Contact", "Lead", "Account", "Case"])
@pytest.mark.parametrize(
    ("state", "outcome", "status"),
    [
        (State.PLACED, None, "Planned"),
        (State.UNKNOWN, None, "Planned"),
        (State.REFUSED, None, "Not Held"),
        (State.ENDED, Outcome.ANSWERED, "Held"),
        (State.ENDED, Outcome.MEMBER_NO_ANSWER, "Not Held"),
        (State.ENDED, Outcome.UNKNOWN, "Not Held"),
    ],
)
def test_whatever_becomes_of_a_call_it_has_all_that_espocrm_wants(
    net: responses.RequestsMock, kind: str, state: State, outcome: Outcome | None, status: str
) -> None:
    mapping = load((ROOT / "mappings/espocrm.yaml").read_text("utf-8"), "mappings/espocrm.yaml")
    moment = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    read = Record({"id": CONTACT_ID, "name": "Asha", "contactId": CONTACT_ID}, {"id": RAVI})
    call = Call(KEY, "crm", Click("crm", kind, CONTACT_ID), state, moment, moment, record=read)
    if outcome:
        call = replace(call, ending=Ending(outcome))
    net.post(CALLS, json=recorded("call"))
    espocrm().create(mapping.activity(call))
    body = posted(net)
    assert (body["status"], body["dateStart"], body["dateEnd"]) == (status, *["2026-11-23 09:05:00"] * 2)
    assert (body["direction"], body["assignedUserId"], body["usersIds"]) == ("Outbound", RAVI, [RAVI])
    tied = {name: body.get(name) for name in ("contactsIds", "leadsIds", "parentType")}
    assert tied == {
        "contactsIds": [CONTACT_ID] if kind in ("Contact", "Case") else None,
        "leadsIds": [CONTACT_ID] if kind == "Lead" else None,
        "parentType": kind if kind != "Contact" else None,
    }


# -- check --live ------------------------------------------------------------------------------------------


def told(adapter: EspoCrm, wanted: Mapping[str, Wanted]) -> dict[str, tuple[bool, str]]:
    return {finding.what: (finding.ok, finding.advice) for finding in adapter.check_live(wanted)}


def test_check_finds_everything_in_order(net: responses.RequestsMock) -> None:
    net.get(URL + "App/user", json=recorded("app_user"))
    net.get(URL + "Contact", json=recorded("list_contacts"))
    net.get(CONTACT, json=recorded("contact"))
    net.get(URL + "User", json=recorded("users_found"))
    net.get(USER, json=recorded("user"))
    found = told(espocrm(), {"Contact": Wanted(["phoneNumber", "account.phoneNumber"], ["phoneNumber"])})
    assert list(found) == ["api_key", "Contact", "User", "Call: create, read, edit"]
    assert all(value == (True, "") for value in found.values())


def test_check_names_each_thing_that_will_not_do(net: responses.RequestsMock) -> None:
    me = recorded("app_user")
    me["acl"]["table"]["Call"] |= {"create": "no", "edit": "no"}
    net.get(URL + "App/user", json=me)
    net.get(URL + "Contact", json=recorded("list_contacts"))
    net.get(CONTACT, json=recorded("contact"))
    net.get(URL + "Lead", json=recorded("list_none"))
    net.get(URL + "User", status=403, headers={"X-Status-Reason": "No access to 'User'."})
    found = told(espocrm(), {"Contact": Wanted(["phoneNumbr"], ["phoneNumber"]), "Lead": Wanted(["name"])})
    assert found["Contact"] == (
        False,
        "Contact has no field 'phoneNumbr', or our user's role may not read it. Did you mean 'phoneNumber'?",
    )
    assert found["Lead"] == (True, "There is no Lead yet, so its fields could not be checked.")
    assert found["User"][0] is False and "No access to 'User'" in found["User"][1]
    assert found["Call: create, read, edit"] == (
        False,
        "Give our user's role the access create, edit on Call.",
    )


@pytest.mark.parametrize(("acl", "ok"), [({"table": {"Call": False}}, False), ({}, True), (None, True)])
def test_check_takes_rights_as_far_as_they_are_told(net: responses.RequestsMock, acl: Any, ok: bool) -> None:
    net.get(URL + "App/user", json={"user": {"id": OURS}, "acl": acl})
    assert told(espocrm(), {})["Call: create, read, edit"][0] is ok


def test_check_stops_at_a_wrong_key(net: responses.RequestsMock) -> None:
    net.get(URL + "App/user", status=401)
    assert list(told(espocrm(), {"Contact": Wanted(["name"])})) == ["api_key"]


@pytest.mark.parametrize("odd", ["", " ", "../1", None, 7.5, "x" * 37])
def test_a_webhook_with_a_record_that_has_no_proper_id_is_the_senders_fault(odd: Any) -> None:
    changed = [{**recorded("webhook_update")[0], "id": odd}]
    with pytest.raises(BadRequest) as refusal:
        espocrm(events={"Contact": ["cCallNow"]}).parse(hook(changed, entity="Contact"))
    assert refusal.value.code == "body_broken"
