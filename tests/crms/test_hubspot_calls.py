"""What is asked of HubSpot: records, owners and people read; calls made, changed and found, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from hubspot_stand_in import API, KEY, TOKEN, activity, hubspot, recorded
from responses import matchers

from connector.errors import AdminNeeded, ConnectorError, Refused, TryAgain
from connector.model import Click, Phase, Record, Wanted

CONTACT, OWNER = API + "crm/v3/objects/contacts/501", API + "crm/v3/owners/41629779"
CALLS, SEARCH = API + "crm/v3/objects/calls", API + "crm/v3/objects/calls/search"
READY = API + "crm/v3/extensions/calling/recordings/ready"


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def sent(net: responses.RequestsMock, number: int = 0) -> Any:
    return json.loads(net.calls[number].request.body or "null")


def read(wanted: Wanted, click: Click | None = None) -> Record:
    return hubspot().read(click or Click("hubspot", "Contact", "501"), wanted)


def with_properties(name: str, **properties: Any) -> Any:
    whole = recorded(name)
    return {**whole, "properties": {**whole["properties"], **properties}}


# -- Reading -------------------------------------------------------------------------------------------------


def test_a_record_and_its_owner_are_two_requests(net: responses.RequestsMock) -> None:
    asked = {"properties": "firstname,mobilephone,hubspot_owner_id"}
    net.get(CONTACT, json=recorded("contact"), match=[matchers.query_param_matcher(asked)])
    net.get(OWNER, json=recorded("owner"))
    record = read(Wanted(record=["firstname", "mobilephone", "id"], owner=["email", "id"]))
    assert (record.record["mobilephone"], record.record["id"]) == ("98765 00001", "501")
    assert (record.owner["email"], record.owner["id"]) == ("ravi@example.test", "41629779")
    assert net.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_an_owner_is_not_asked_for_when_no_path_names_one(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    assert read(Wanted(record=["firstname"])).owner == {"type": None}


def test_an_owners_phone_is_the_one_in_the_hubspot_users_profile(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(OWNER, json=recorded("owner"))
    net.post(API + "crm/v3/objects/users/search", json=recorded("users_search"))
    assert read(Wanted(owner=["hs_additional_phone"])).owner["hs_additional_phone"] == "98765 00101"
    (group,) = sent(net, 2)["filterGroups"]
    assert group["filters"] == [{"propertyName": "hs_internal_user_id", "operator": "EQ", "value": "9586504"}]


def test_a_queue_has_no_profile_to_look_into(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=with_properties("contact", hubspot_owner_id="41629780"))
    net.get(API + "crm/v3/owners/41629780", json=recorded("owner_queue"))
    owner = read(Wanted(owner=["hs_additional_phone", "email"])).owner
    assert (owner["hs_additional_phone"], owner["type"]) == (None, "QUEUE")


def test_a_deactivated_owner_is_nobody(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(OWNER, json=recorded("contact_not_found"), status=404)
    assert read(Wanted(owner=["email", "id"])).owner == {"email": None, "id": None, "type": None}


def test_an_empty_property_that_hubspot_leaves_out_is_empty_and_no_mistake(
    net: responses.RequestsMock,
) -> None:
    whole = recorded("contact")
    whole["properties"].pop("phone")
    net.get(CONTACT, json=whole)
    net.get(API + "crm/v3/properties/contacts/phone", json={"name": "phone"})
    assert read(Wanted(record=["phone"])).record["phone"] is None


def test_the_contact_of_a_deal_is_read_through_it(net: responses.RequestsMock) -> None:
    asked = {"properties": "dealname,hubspot_owner_id", "associations": "contacts"}
    net.get(
        API + "crm/v3/objects/deals/9001",
        json=recorded("deal"),
        match=[matchers.query_param_matcher(asked)],
    )
    net.get(CONTACT, json=recorded("contact"))
    record = read(Wanted(record=["dealname", "contact.mobilephone"]), Click("hubspot", "Deal", "9001")).record
    assert (record["dealname"], record["contact"]["mobilephone"]) == ("Yearly plan", "98765 00001")


def test_a_deal_without_contacts_has_none(net: responses.RequestsMock) -> None:
    alone = {key: value for key, value in recorded("deal").items() if key != "associations"}
    net.get(API + "crm/v3/objects/deals/9001", json=alone)
    record = read(Wanted(record=["contact.phone"]), Click("hubspot", "Deal", "9001")).record
    assert record["contact"] is None


def test_of_several_contacts_none_is_guessed(net: responses.RequestsMock) -> None:
    deal = recorded("deal")
    deal["associations"]["contacts"]["results"].append({"id": "502", "type": "deal_to_contact"})
    net.get(API + "crm/v3/objects/deals/9001", json=deal)
    with pytest.raises(Refused) as caught:
        read(Wanted(record=["contact.phone"]), Click("hubspot", "Deal", "9001"))
    assert caught.value.code == "contact_unclear" and "Deal 9001 has 2 contacts" in caught.value.message


@pytest.mark.parametrize(
    ("user", "path", "query", "body"),
    [
        (
            "ravi@example.test",
            "crm/v3/owners",
            {"email": "ravi@example.test", "limit": "2"},
            "owners_by_email",
        ),
        ("9586504", "crm/v3/owners/9586504", {"idProperty": "userId"}, "owner"),
    ],
)
def test_who_clicked_is_found_by_email_or_by_user_id(
    net: responses.RequestsMock, user: str, path: str, query: dict[str, str], body: str
) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(API + path, json=recorded(body), match=[matchers.query_param_matcher(query)])
    found = read(Wanted(user=["id", "firstName"]), Click("hubspot", "Contact", "501", user=user)).user
    assert (found["id"], found["firstName"]) == ("41629779", "Ravi")


def test_an_object_that_calls_cannot_be_put_on_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        read(Wanted(), Click("hubspot", "2-1234567", "1"))
    assert caught.value.code == "unknown_object"


# -- Writing -------------------------------------------------------------------------------------------------


def test_a_call_is_made_with_its_record_and_our_key(net: responses.RequestsMock) -> None:
    net.post(CALLS, json=recorded("call_created"), status=201)
    fields = {"hs_timestamp": "2026-01-31T09:05:00Z", "hs_call_duration": 35000, "hs_call_body": None}
    assert hubspot().create(activity(fields=fields)) == "34566345"
    assert sent(net) == {
        "properties": {
            "hs_timestamp": "2026-01-31T09:05:00Z",
            "hs_call_duration": "35000",
            "hs_call_external_id": KEY,
        },
        "associations": [
            {
                "to": {"id": "501"},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("object", "number"),
    [("Contact", 194), ("Company", 182), ("Deal", 206), ("Ticket", 220), ("Lead", 596)],
)
def test_a_call_points_at_each_object_by_its_own_number(
    net: responses.RequestsMock, object: str, number: int
) -> None:
    net.post(CALLS, json=recorded("call_created"), status=201)
    hubspot().create(activity(object=object))
    (tied,) = sent(net)["associations"]
    assert tied["types"][0]["associationTypeId"] == number


def test_a_call_for_a_deal_stands_on_the_contact_who_was_rung_too(net: responses.RequestsMock) -> None:
    net.post(CALLS, json=recorded("call_created"), status=201)
    record = Record({"id": "9001", "contact": {"id": "501"}})
    hubspot().create(activity(object="Deal", record_id="9001", record=record))
    assert [tied["to"]["id"] for tied in sent(net)["associations"]] == ["9001", "501"]


@pytest.mark.parametrize("owner", [{"type": "QUEUE"}, {"type": "PERSON", "archived": True}])
def test_a_call_belongs_to_no_queue_and_to_nobody_who_is_gone(
    net: responses.RequestsMock, owner: dict[str, Any]
) -> None:
    net.post(CALLS, json=recorded("call_created"), status=201)
    fields = {"hs_timestamp": "2026-01-31T09:05:00Z", "hubspot_owner_id": "41629780"}
    hubspot().create(activity(fields=fields, record=Record({"id": "501"}, owner)))
    assert "hubspot_owner_id" not in sent(net)["properties"]


def test_a_change_of_a_call_sends_its_properties_only(net: responses.RequestsMock) -> None:
    net.patch(CALLS + "/34566345", json=recorded("call_created"))
    hubspot().update(activity(Phase.ENDED, id="34566345"))
    assert set(sent(net)) == {"properties"}


def test_an_earlier_call_is_searched_by_our_key_and_the_oldest_counts(net: responses.RequestsMock) -> None:
    found = recorded("call_found")
    found["results"].append({**found["results"][0], "id": "9876543"})
    net.post(SEARCH, json=found)
    assert hubspot().find(activity()) == "9876543"
    (group,) = sent(net)["filterGroups"]
    assert group["filters"] == [{"propertyName": "hs_call_external_id", "operator": "EQ", "value": KEY}]


def test_a_search_that_found_another_call_found_none(net: responses.RequestsMock) -> None:
    found = recorded("call_found")
    found["results"][0]["properties"]["hs_call_external_id"] = "fedcba9876543210"
    net.post(SEARCH, json=found)
    assert hubspot().find(activity()) is None


def test_a_call_of_an_app_names_it_and_tells_of_its_recording(net: responses.RequestsMock) -> None:
    net.patch(CALLS + "/34566345", json=recorded("call_created"))
    net.post(READY, status=204)
    fields = {"hs_call_recording_url": "https://connector.example.com/recordings/1"}
    hubspot(app_id=1234567).update(activity(Phase.ENDED, id="34566345", fields=fields))
    told = sent(net)["properties"]
    assert (told["hs_call_app_id"], told["hs_call_source"]) == ("1234567", "INTEGRATIONS_PLATFORM")
    assert sent(net, 1) == {"engagementId": 34566345}


def test_without_an_app_or_a_recording_nobody_is_told_of_one(net: responses.RequestsMock) -> None:
    net.patch(CALLS + "/34566345", json=recorded("call_created"))
    fields = {"hs_call_recording_url": "https://connector.example.com/recordings/1"}
    hubspot().update(activity(Phase.ENDED, id="34566345", fields=fields))
    hubspot(app_id=1234567).update(activity(Phase.PLACED, id="34566345"))
    assert len(net.calls) == 2 and "hs_call_source" not in sent(net)["properties"]


def test_a_recording_that_is_not_taken_makes_no_second_call(net: responses.RequestsMock) -> None:
    net.patch(CALLS + "/34566345", json=recorded("call_created"))
    net.post(READY, json=recorded("contact_not_found"), status=404)
    fields = {"hs_call_recording_url": "https://connector.example.com/recordings/1"}
    with pytest.raises(AdminNeeded) as caught:
        hubspot(app_id=1234567).write(activity(Phase.ENDED, id="34566345", fields=fields))
    assert "app_id" in caught.value.message


@pytest.mark.parametrize("lost", [504, 502])
def test_after_a_lost_answer_the_search_is_given_time_to_catch_up(
    net: responses.RequestsMock, lost: int
) -> None:
    net.post(CALLS, body="", status=lost)
    with pytest.raises(TryAgain) as caught:
        hubspot().write(activity())
    assert (caught.value.retry_after or 0) >= 15


def test_a_wait_that_hubspot_asks_for_is_not_made_shorter(net: responses.RequestsMock) -> None:
    net.post(CALLS, body="", status=503, headers={"Retry-After": "120"})
    with pytest.raises(TryAgain) as caught:
        hubspot().write(activity())
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_call_made_without_its_recording_is_looked_for_before_another_is_made(
    net: responses.RequestsMock, status: int
) -> None:
    net.post(CALLS, json=recorded("call_created"), status=201)
    net.post(READY, json={}, status=status)
    fields = {"hs_call_recording_url": "https://connector.example.com/recordings/1"}
    with pytest.raises(TryAgain) as caught:
        hubspot(app_id=1234567).write(activity(Phase.ENDED, fields=fields))
    assert (caught.value.retry_after or 0) >= 15


def test_whose_call_it_is_stays_as_people_changed_it(net: responses.RequestsMock) -> None:
    net.patch(CALLS + "/34566345", json=recorded("call_created"))
    fields = {"hs_call_title": "Call with Asha", "hubspot_owner_id": "41629779"}
    hubspot().update(activity(Phase.ENDED, id="34566345", fields=fields))
    assert "hubspot_owner_id" not in sent(net)["properties"]


# -- What HubSpot says when it does not ----------------------------------------------------------------------


def failing(net: responses.RequestsMock, status: int, body: Any, **headers: str) -> ConnectorError:
    net.get(CONTACT, json=body, status=status, headers=headers)
    with pytest.raises(ConnectorError) as caught:
        read(Wanted(record=["firstname"]))
    return caught.value


@pytest.mark.parametrize(
    ("body", "wait", "word"),
    [("rate_limited", 10.0, "ten_secondly_rolling"), ("daily_limit", 1800.0, "daily")],
)
def test_a_limit_without_a_wait_is_waited_for_as_long_as_it_lasts(
    net: responses.RequestsMock, body: str, wait: float, word: str
) -> None:
    slow = failing(net, 429, recorded(body))
    assert isinstance(slow, TryAgain) and slow.code == "crm_rate_limited"
    assert slow.retry_after == wait and word in slow.message


@pytest.mark.parametrize(
    ("status", "headers", "wait"), [(477, {"Retry-After": "86"}, 86.0), (477, {}, 2.0), (423, {}, 2.0)]
)
def test_an_account_that_is_locked_or_moving_is_waited_for(
    net: responses.RequestsMock, status: int, headers: dict[str, str], wait: float
) -> None:
    busy = failing(net, status, {}, **headers)
    assert isinstance(busy, TryAgain) and busy.retry_after == wait


def test_a_missing_scope_is_named(net: responses.RequestsMock) -> None:
    denied = failing(net, 403, recorded("missing_scopes"))
    assert (denied.code, "crm.objects.contacts.read" in denied.message) == ("crm_forbidden", True)


def test_a_property_that_a_call_does_not_have_is_named(net: responses.RequestsMock) -> None:
    net.post(CALLS, json=recorded("invalid_property"), status=400)
    with pytest.raises(AdminNeeded) as caught:
        hubspot().create(activity(fields={"hs_timestamp": "2026-01-31T09:05:00Z", "call_mood": "fine"}))
    assert caught.value.code == "crm_rejected" and "call_mood" in caught.value.message


@pytest.mark.parametrize("body", [{"errors": 5}, {"errors": [None, {"context": []}]}, [], None, "x"])
def test_an_error_may_hold_anything(net: responses.RequestsMock, body: Any) -> None:
    assert failing(net, 403, body).code == "crm_forbidden"


# -- Login ---------------------------------------------------------------------------------------------------


def test_an_oauth_app_renews_its_token_and_never_shows_it(net: responses.RequestsMock) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": "app-of-ours",
        "client_secret": "canary-of-hubspot-secret",
        "refresh_token": "canary-of-hubspot-refresh",
    }
    net.post(API + "oauth/v1/token", json=recorded("token"), match=[matchers.urlencoded_params_matcher(form)])
    net.get(CONTACT, json=recorded("contact"))
    settings: dict[str, Any] = {key: value for key, value in form.items() if key != "grant_type"}
    crm = hubspot(access_token=None, **settings)
    crm.read(Click("hubspot", "Contact", "501"), Wanted(record=["firstname"]))
    assert net.calls[1].request.headers["Authorization"] == "Bearer canary-of-hubspot-access"
    assert "canary" not in repr(crm)


# -- check --live --------------------------------------------------------------------------------------------

EMPTY: dict[str, Any] = {"results": []}


def test_check_live_names_what_is_missing(net: responses.RequestsMock) -> None:
    net.get(API + "crm/v3/owners", json=EMPTY)
    net.get(API + "crm/v3/properties/contacts", json=recorded("properties_contacts"))
    net.get(API + "crm/v3/properties/deals", json=recorded("missing_scopes"), status=403)
    net.get(API + "crm/v3/properties/users", json={"results": [{"name": "hs_additional_phone"}]})
    net.get(CALLS, json=EMPTY)
    wanted = {
        "Contact": Wanted(record=["phone", "mobile_phone"], owner=["email", "hs_additional_phone"]),
        "Deal": Wanted(record=["dealname", "contact.phone"]),
        "2-77": Wanted(record=["x"]),
    }
    told = {finding.what: finding for finding in hubspot().check_live(wanted)}
    assert {what for what, finding in told.items() if finding.ok} == {
        "access token, owners",
        "Contact",
        "Contact.phone",
        "Deal.contact",
        "Deal.contact.phone",
        "owner",
        "owner.hs_additional_phone",
        "calls",
    }
    assert "'mobilephone'" in told["Contact.mobile_phone"].advice
    assert "crm.objects.contacts.read" in told["Deal"].advice
    assert not told["2-77"].ok


def test_check_live_says_at_once_that_the_token_is_wrong(net: responses.RequestsMock) -> None:
    net.get(API + "crm/v3/owners", json={"status": "error"}, status=401)
    (finding,) = hubspot().check_live({"Contact": Wanted(record=["phone"])})
    assert not finding.ok and "key or token" in finding.advice
