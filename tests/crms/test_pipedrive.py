"""Reading, writing and refusals of Pipedrive: what leaves and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses
from contract_pipedrive import CONTRACT, DO_NOT_CALL
from crm_contracts import KEY, body
from marshmallow import ValidationError
from responses import matchers

from connector.crms.pipedrive import Pipedrive, PipedriveSchema
from connector.crms.pipedrive_log import OUTCOMES, log_of
from connector.errors import AdminNeeded, Gone, Refused, TryAgain
from connector.model import Activity, Click, Outcome, Phase, Record, Wanted

URL = "https://acme.pipedrive.com/"
V2 = URL + "api/v2/"
LEAD = "adf21080-0e10-11eb-879b-05d71fb426ec"
ENDED = {
    "outcome": "answered",
    "started_at_space": "2026-01-31 09:05:00",
    "ended_at_space": "2026-01-31 09:07:00",
    "customer": "+919876500001",
    "talk_seconds": 95,
}


def pipedrive(**settings: Any) -> Pipedrive:
    crm = replace(CONTRACT, settings={**CONTRACT.settings, **settings}).make()
    assert isinstance(crm, Pipedrive)
    return crm


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def says(
    net: responses.RequestsMock, method: str, path: str, name: str, status: int = 200, **more: Any
) -> None:
    net.add(method, URL + path, body=body("pipedrive", name), status=status, **more)


def activity(
    kind: str = "person", record_id: str = "42", phase: Phase = Phase.PLACED, **changes: Any
) -> Activity:
    made = CONTRACT.activity(
        phase, object=kind, record_id=record_id, record=Record({"person_id": 42}, {"id": 7})
    )
    return replace(made, **changes)


def sent(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or "{}")


# -- Reading -------------------------------------------------------------------------------------------------


def test_a_persons_main_number_is_the_one_marked_as_primary(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    wanted = Wanted(record=["phone", "email", "phones.0.value", f"custom_fields.{DO_NOT_CALL}"])
    record = pipedrive().read(Click("pipedrive", "person", "42"), wanted).record
    assert (record["phone"], record["email"]) == ("98765 00001", "asha@example.test")
    assert record["phones"][0]["value"] == "98765 00009"
    assert record["custom_fields"] == {DO_NOT_CALL: None}
    assert net.calls[0].request.headers["x-api-token"] == "canary-of-pipedrive-token"


def test_only_what_the_mapping_names_is_kept(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    says(net, "GET", "v1/users/7", "user.json")
    found = pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["name"], ["phone"]))
    assert found.record == {"id": 42, "owner_id": 7, "name": "Asha Example"}
    assert found.owner == {"id": 7, "phone": "+91 98765 00101", "active_flag": True}


def test_a_person_without_a_number_has_an_empty_one(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person_without_phone.json")
    assert pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["phone"])).record["phone"] is None


def test_a_deal_is_read_with_its_person_and_organization(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/deals/9", "deal.json")
    says(net, "GET", "api/v2/persons/42", "person.json")
    says(net, "GET", "api/v2/organizations/3", "organization.json")
    wanted = Wanted(record=["title", "person.name", "person.phone", "org.name"])
    record = pipedrive().read(Click("pipedrive", "deal", "9"), wanted).record
    assert record["title"] == "Looms for Kaveri"
    assert (record["person"]["name"], record["person"]["phone"]) == ("Asha Example", "98765 00001")
    assert record["org"]["name"] == "Kaveri Textiles"


def test_a_lead_has_the_custom_fields_of_deals_in_their_place(net: responses.RequestsMock) -> None:
    says(net, "GET", f"v1/leads/{LEAD}", "lead.json")
    says(net, "GET", "api/v2/persons/42", "person.json")
    wanted = Wanted(record=["title", "person.phone", "org.name", f"custom_fields.{DO_NOT_CALL}"])
    record = pipedrive().read(Click("pipedrive", "lead", LEAD), wanted).record
    assert record["custom_fields"] == {DO_NOT_CALL: "yes"}
    assert record["person"]["phone"] == "98765 00001"
    assert record["org"] is None


@pytest.mark.parametrize("linked", ["none", "deleted", "not found"])
def test_a_deal_without_a_person_has_no_number(net: responses.RequestsMock, linked: str) -> None:
    says(net, "GET", "api/v2/deals/9", "deal_without_person.json" if linked == "none" else "deal.json")
    if linked != "none":
        name, status = ("person_deleted.json", 200) if linked == "deleted" else ("person_not_found.json", 404)
        says(net, "GET", "api/v2/persons/42", name, status)
    assert (
        pipedrive().read(Click("pipedrive", "deal", "9"), Wanted(["person.phone"])).record["person"] is None
    )


def test_a_deleted_person_is_gone(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person_deleted.json")
    with pytest.raises(Gone, match="person 42"):
        pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["phone"]))


@pytest.mark.parametrize(
    ("kind", "record_id"), [("person", "x"), ("lead", "42"), ("note", "1"), ("deal", "1/2")]
)
def test_no_request_is_sent_for_what_is_no_record_of_theirs(kind: str, record_id: str) -> None:
    with responses.RequestsMock(), pytest.raises(Gone):
        pipedrive().read(Click("pipedrive", kind, record_id), Wanted(["phone"]))


def test_a_custom_field_left_out_of_the_answer_is_asked_for_once(net: responses.RequestsMock) -> None:
    bare = body(
        "pipedrive", "person.json", lambda told: {**told, "data": {**told["data"], "custom_fields": {}}}
    )
    net.add("GET", V2 + "persons/42", body=bare)
    says(net, "GET", f"api/v2/personFields/{DO_NOT_CALL}", "person_field.json")
    crm, wanted = pipedrive(), Wanted([f"custom_fields.{DO_NOT_CALL}"])
    for _ in range(3):
        record = crm.read(Click("pipedrive", "person", "42"), wanted).record
        assert record["custom_fields"] == {DO_NOT_CALL: None}
    assert len(net.calls) == 4


@pytest.mark.parametrize("name", ["f" * 40, "do_not_call"])
def test_a_custom_field_that_does_not_exist_is_named(name: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        says(net, "GET", "api/v2/persons/42", "person.json")
        says(net, "GET", f"api/v2/personFields/{name}", "field_not_found.json", 404)
        with pytest.raises(Refused, match=name) as refusal:
            pipedrive().read(Click("pipedrive", "person", "42"), Wanted([f"custom_fields.{name}"]))
    assert refusal.value.code == "unknown_field"


def test_an_owner_whom_we_may_not_see_has_no_number(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    says(net, "GET", "v1/users/7", "user_not_found.json", 404)
    owner = pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["name"], ["phone", "email"])).owner
    assert owner == {"phone": None, "email": None}


def test_whoever_pressed_is_read_by_id_and_once_if_it_is_the_owner(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    says(net, "GET", "v1/users/7", "user.json")
    click = Click("pipedrive", "person", "42", user="7")
    found = pipedrive().read(click, Wanted(["name"], ["phone"], ["phone"]))
    assert found.user["phone"] == found.owner["phone"] == "+91 98765 00101"
    assert len(net.calls) == 2


def test_whoever_clicked_is_found_by_e_mail_and_never_guessed(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    query = {"term": "Ravi@Example.test", "search_by_email": "1"}
    says(net, "GET", "v1/users/find", "users_found.json", match=[matchers.query_param_matcher(query)])
    click = Click("pipedrive", "person", "42", user="Ravi@Example.test")
    assert pipedrive().read(click, Wanted(["name"], user=["phone"])).user["id"] == 7
    unknown = replace(click, user="ravi")
    assert pipedrive().read(unknown, Wanted(["name"], user=["phone"])).user == {"phone": None}


def test_of_several_users_with_one_address_none_is_guessed(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "person.json")
    found = json.loads(body("pipedrive", "users_found.json"))
    twice = [{**user, "email": "ravi@example.test"} for user in found["data"]]
    net.add("GET", URL + "v1/users/find", json={**found, "data": twice})
    click = Click("pipedrive", "person", "42", user="ravi@example.test")
    assert pipedrive().read(click, Wanted(["name"], user=["phone"])).user == {"phone": None}


# -- Writing -------------------------------------------------------------------------------------------------


def test_the_activity_of_a_person_ties_him_as_its_participant(net: responses.RequestsMock) -> None:
    says(net, "POST", "api/v2/activities", "activity.json", 201)
    fields = {
        "subject": "Call",
        "owner_id": 7,
        "done": False,
        "note": "Asked for by a click.",
        "duration": None,
    }
    assert pipedrive().create(activity(fields=fields)) == "7007"
    assert sent(net) == {
        "type": "call",
        "participants": [{"person_id": 42, "primary": True}],
        "subject": "Call",
        "owner_id": 7,
        "done": False,
        "note": f"Asked for by a click.<br/>CallerDesk {KEY}",
    }


@pytest.mark.parametrize(
    ("kind", "record_id", "tie"),
    [
        ("deal", "9", {"deal_id": 9}),
        ("lead", LEAD, {"lead_id": LEAD}),
        ("organization", "3", {"org_id": 3}),
    ],
)
def test_the_activity_of_anything_else_ties_it_and_its_person(
    net: responses.RequestsMock, kind: str, record_id: str, tie: dict[str, Any]
) -> None:
    says(net, "POST", "api/v2/activities", "activity.json")
    pipedrive().create(activity(kind, record_id, fields={"owner_id": "7"}))
    participants = [{"person_id": 42, "primary": True}]
    note = f"CallerDesk {KEY}"
    assert sent(net) == {"type": "call", **tie, "participants": participants, "owner_id": 7, "note": note}


def test_an_owner_who_has_left_gets_no_activity(net: responses.RequestsMock) -> None:
    says(net, "POST", "api/v2/activities", "activity.json")
    left = Record({}, {"id": 7, "active_flag": False})
    pipedrive().create(activity(fields={"owner_id": 7}, record=left))
    assert "owner_id" not in sent(net)


def test_an_end_changes_what_became_of_the_call_and_leaves_the_rest_to_people(
    net: responses.RequestsMock,
) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    fields = {
        "subject": "Call",
        "owner_id": 7,
        "type": "call",
        "org_id": 3,
        "done": True,
        "duration": "00:02",
    }
    pipedrive().update(activity(phase=Phase.ENDED, id="7007", fields=fields))
    assert sent(net) == {"subject": "Call", "done": True, "duration": "00:02", "note": f"CallerDesk {KEY}"}


def test_an_activity_in_the_bin_is_gone(net: responses.RequestsMock) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity_deleted.json")
    with pytest.raises(Gone):
        pipedrive().update(activity(id="7007"))


def test_an_earlier_activity_is_found_by_our_key_in_its_note(net: responses.RequestsMock) -> None:
    query = {"deal_id": "9", "sort_by": "add_time", "sort_direction": "desc", "limit": "500"}
    says(net, "GET", "api/v2/activities", "activities.json", match=[matchers.query_param_matcher(query)])
    assert pipedrive().find(activity("deal", "9")) == "7007"
    assert pipedrive().find(activity("deal", "9", key="fedcba9876543210")) is None


def test_a_refused_field_is_told_in_pipedrives_words(net: responses.RequestsMock) -> None:
    says(net, "POST", "api/v2/activities", "person_id_is_read_only.json", 400)
    with pytest.raises(AdminNeeded, match="Add a primary participant") as refusal:
        pipedrive().create(activity())
    assert refusal.value.code == "crm_rejected"


# -- Call logs -----------------------------------------------------------------------------------------------


def test_an_ended_call_becomes_one_call_log(net: responses.RequestsMock) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    says(net, "GET", "v1/callLogs", "call_logs_none.json")
    says(net, "POST", "v1/callLogs", "call_log.json")
    crm, ended = pipedrive(call_logs="on"), activity(phase=Phase.ENDED, id="7007", call=ENDED, fields={})
    crm.update(ended)
    assert sent(net) == {
        "activity_id": 7007,
        "outcome": "connected",
        "to_phone_number": "+919876500001",
        "start_time": "2026-01-31 09:05:00",
        "end_time": "2026-01-31 09:07:00",
        "duration": "95",
        "note": f"CallerDesk {KEY}",
    }
    net.replace("GET", URL + "v1/callLogs", body=body("pipedrive", "call_logs.json"))
    crm.update(ended)
    assert [call.request.method for call in net.calls] == ["PATCH", "GET", "POST", "PATCH", "GET"]


def test_a_call_log_whose_answer_was_lost_is_not_written_twice(net: responses.RequestsMock) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    says(net, "GET", "v1/callLogs", "call_logs_none.json")
    net.add("POST", URL + "v1/callLogs", body="", status=504)
    crm, ended = pipedrive(call_logs="on"), activity(phase=Phase.ENDED, id="7007", call=ENDED)
    with pytest.raises(TryAgain):
        crm.write(ended)
    net.replace("GET", URL + "v1/callLogs", body=body("pipedrive", "call_logs.json"))
    assert crm.write(ended) == "7007"
    assert [call.request.method for call in net.calls].count("POST") == 1


@pytest.mark.parametrize("status", [404, 410])
def test_a_call_log_that_is_refused_as_gone_makes_no_second_activity(
    net: responses.RequestsMock, status: int
) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    says(net, "GET", "v1/callLogs", "call_logs_none.json")
    net.add("POST", URL + "v1/callLogs", json={"success": False, "error": "not found"}, status=status)
    crm, ended = pipedrive(call_logs="on"), activity(phase=Phase.ENDED, id="7007", call=ENDED)
    with pytest.raises(AdminNeeded, match="call_logs") as caught:
        crm.write(ended)
    assert caught.value.code == "crm_rejected"
    assert [call.request.url for call in net.calls if call.request.method == "POST"] == [URL + "v1/callLogs"]


@pytest.mark.parametrize(
    ("setting", "phase"), [("off", Phase.ENDED), ("on", Phase.PLACED), ("on", Phase.REFUSED)]
)
def test_there_is_no_call_log_unless_wanted_and_ended(
    net: responses.RequestsMock, setting: str, phase: Phase
) -> None:
    says(net, "PATCH", "api/v2/activities/7007", "activity.json")
    pipedrive(call_logs=setting).update(activity(phase=phase, id="7007", call=ENDED))
    assert len(net.calls) == 1


def test_each_outcome_has_its_word_and_a_doubt_has_none() -> None:
    assert OUTCOMES.keys() == set(Outcome)
    for outcome, word in OUTCOMES.items():
        made = log_of({**ENDED, "outcome": str(outcome)}, 7007, "")
        assert (made or {}).get("outcome") == word
    for missing in ("outcome", "started_at_space", "ended_at_space", "customer"):
        assert log_of({**ENDED, missing: None}, 7007, "") is None


# -- Refusals and credentials --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-ratelimit-reset": "2"}, 2.0),
        ({"x-ratelimit-reset": "2", "Retry-After": "5"}, 5.0),
        ({"x-ratelimit-reset": "soon"}, None),
        ({}, None),
        ({"x-daily-ratelimit-token-remaining": "0", "x-ratelimit-reset": "2"}, 3600.0),
    ],
)
def test_it_waits_as_long_as_pipedrive_says(
    net: responses.RequestsMock, headers: dict[str, str], wait: float | None
) -> None:
    says(net, "GET", "api/v2/persons/42", "too_many_requests.json", 429, headers=headers)
    with pytest.raises(TryAgain) as slow:
        pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["phone"]))
    assert (slow.value.code, slow.value.retry_after) == ("crm_rate_limited", wait)


def test_the_firewalls_page_is_no_missing_right(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "cloudflare_ban.html", 403)
    with pytest.raises(TryAgain) as turned_away:
        pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["phone"]))
    assert turned_away.value.code == "crm_rate_limited"


def test_a_missing_scope_is_told_in_pipedrives_words(net: responses.RequestsMock) -> None:
    says(net, "GET", "api/v2/persons/42", "scope_missing.json", 403)
    with pytest.raises(AdminNeeded, match="Scope and URL mismatch") as refusal:
        pipedrive().read(Click("pipedrive", "person", "42"), Wanted(["phone"]))
    assert refusal.value.code == "crm_forbidden"


def test_an_app_logs_in_with_its_refresh_token_and_takes_the_next_one(net: responses.RequestsMock) -> None:
    basic = matchers.header_matcher({"Authorization": "Basic bWFkZS11cC1pZDpjYW5hcnktc2VjcmV0"})
    token = "https://oauth.pipedrive.com/oauth/token"
    for refresh in ("canary-refresh-1", "canary-of-pipedrive-refresh-2"):
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        match = [basic, matchers.urlencoded_params_matcher(form)]
        net.add("POST", token, body=body("pipedrive", "token.json"), match=match)
    bearer = matchers.header_matcher({"Authorization": "Bearer canary-of-pipedrive-access"})
    says(net, "GET", "api/v2/persons/42", "unauthorised.json", 401, match=[bearer])
    says(net, "GET", "api/v2/persons/42", "person.json", match=[bearer])
    app = {"client_id": "made-up-id", "client_secret": "canary-secret", "refresh_token": "canary-refresh-1"}
    settings = {"base_url": "https://acme.pipedrive.com", **app}
    crm = replace(CONTRACT, settings=settings).make()
    assert crm.read(Click("pipedrive", "person", "42"), Wanted(["name"])).record["name"] == "Asha Example"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_token": ""},
        {"client_id": "a", "client_secret": "b"},
        {"api_token": "a", "client_id": "a", "client_secret": "b", "refresh_token": "c"},
        {"api_token": "a", "events": {"note": ["create"]}},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PipedriveSchema().load({"base_url": "https://acme.pipedrive.com", **given})


# -- check --live --------------------------------------------------------------------------------------------


def test_the_check_names_each_thing_that_is_missing(net: responses.RequestsMock) -> None:
    says(net, "GET", "v1/users/me", "user_me.json")
    says(net, "GET", "api/v2/persons", "persons.json")
    says(net, "GET", "api/v2/deals", "scope_missing.json", 403)
    says(net, "GET", f"api/v2/personFields/{DO_NOT_CALL}", "person_field.json")
    says(net, "GET", f"api/v2/personFields/{'f' * 40}", "field_not_found.json", 404)
    says(net, "GET", "v1/activityTypes", "activity_types.json")
    person = ["phone", "mobile", f"custom_fields.{DO_NOT_CALL}", f"custom_fields.{'f' * 40}"]
    wanted = {
        "person": Wanted(person, ["phone"]),
        "deal": Wanted(["title", "person.phone"], ["telephone"]),
        "note": Wanted(["content"]),
    }
    told = {finding.what: finding.ok for finding in pipedrive().check_live(wanted)}
    assert told == {
        "credential": True,
        "person": True,
        "person phone": True,
        "person mobile": False,
        f"person custom_fields.{DO_NOT_CALL}": True,
        f"person custom_fields.{'f' * 40}": False,
        "user phone": True,
        "user telephone": False,
        "deal": False,
        "note": False,
        "activity type call": True,
    }


def test_a_bad_credential_ends_the_check(net: responses.RequestsMock) -> None:
    says(net, "GET", "v1/users/me", "unauthorised.json", 401)
    (finding,) = pipedrive().check_live({"person": Wanted(["phone"])})
    assert (finding.what, finding.ok) == ("credential", False)
    assert "unauthorized access" in finding.advice


def test_an_account_without_the_type_call_is_told_to_switch_it_on(net: responses.RequestsMock) -> None:
    says(net, "GET", "v1/users/me", "user_me.json")
    net.add(
        "GET",
        URL + "v1/activityTypes",
        body=b'{"success": true, "data": [{"key_string": "call", "active_flag": false}]}',
    )
    told = pipedrive().check_live({})
    assert (told[-1].what, told[-1].ok) == ("activity type call", False)
