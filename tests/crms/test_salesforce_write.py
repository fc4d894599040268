"""Calls as Tasks: one per call, with the external id field and without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from salesforce_stand_in import (
    API,
    CALL,
    CONTACT_18,
    LEAD_18,
    QUEUE_18,
    TASK_18,
    TOKEN,
    USER_18,
    activity,
    recorded,
    salesforce,
)

from connector.errors import AdminNeeded, Gone, TryAgain

TASKS = API + "sobjects/Task"
UPSERT = f"{TASKS}/CallerDesk_Call__c/{CALL}"
QUERY = API + "query/"


@pytest.fixture
def org() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.post(TOKEN, body=recorded("token.json"))
        yield mock


def sent(org: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(org.calls[number].request.body or "null")


def test_it_upserts_the_task_by_our_key(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    assert salesforce().create(activity()) == TASK_18
    assert sent(org) == {
        "TaskSubtype": "Call",
        "CallType": "Outbound",
        "CallObject": CALL,
        "Subject": "Call with Asha Example",
        "WhoId": CONTACT_18,
        "OwnerId": USER_18,
    }


def test_it_does_not_repeat_the_key_field_in_the_body(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    salesforce().create(activity(fields={"CallerDesk_Call__c": CALL, "WhoId": CONTACT_18}))
    assert "CallerDesk_Call__c" not in sent(org)


def test_it_quotes_a_key_that_would_change_the_address(org: responses.RequestsMock) -> None:
    org.patch(
        f"{TASKS}/CallerDesk_Call__c/a%2Fb%3Fc%23d%20e", body=recorded("upsert_created.json"), status=201
    )
    assert salesforce().create(activity(key="a/b?c#d e")) == TASK_18


def test_it_takes_an_upsert_that_changed_an_earlier_task(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_updated.json"), status=200)
    assert salesforce().create(activity()) == TASK_18


def test_it_asks_for_the_id_when_an_upsert_answers_without_a_body(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, status=204)
    org.get(QUERY, body=recorded("query_task_found.json"))
    assert salesforce().create(activity()) == TASK_18
    assert (
        f"CallerDesk_Call__c = '{CALL}'" in parse_qs(urlsplit(org.calls[-1].request.url or "").query)["q"][0]
    )


def test_it_needs_an_admin_when_several_tasks_hold_the_key(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_several.json"), status=300)
    with pytest.raises(AdminNeeded) as caught:
        salesforce().create(activity())
    assert caught.value.code == "crm_key_not_unique"


def test_it_leaves_the_subtype_out_where_it_may_not_be_set(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("error_task_subtype.json"), status=400)
    org.patch(UPSERT, body=recorded("upsert_updated.json"), status=200)
    assert salesforce().create(activity()) == TASK_18
    assert "TaskSubtype" in sent(org, 1)
    assert "TaskSubtype" not in sent(org, 2)


def test_it_makes_a_task_that_names_the_call_where_the_org_lacks_the_key_field(
    org: responses.RequestsMock,
) -> None:
    org.patch(UPSERT, body=recorded("error_external_id_missing.json"), status=404)
    org.get(QUERY, body=recorded("query_none.json"))
    org.post(TASKS, body=recorded("create_task.json"), status=201)
    assert salesforce().create(activity()) == TASK_18
    query = parse_qs(urlsplit(org.calls[2].request.url or "").query)["q"][0]
    assert query == f"SELECT Id FROM Task WHERE CallObject = '{CALL}' ORDER BY CreatedDate LIMIT 2"
    assert sent(org)["CallObject"] == CALL
    assert sent(org)["TaskSubtype"] == "Call"


@pytest.mark.parametrize("found", ["query_task_found.json", "query_task_twice.json"])
def test_it_changes_the_earlier_task_where_the_org_lacks_the_key_field(
    org: responses.RequestsMock, found: str
) -> None:
    org.patch(UPSERT, body=recorded("error_external_id_missing.json"), status=404)
    org.get(QUERY, body=recorded(found))
    org.patch(f"{TASKS}/{TASK_18}", status=204)
    assert salesforce().create(activity()) == TASK_18
    assert "TaskSubtype" not in sent(org)


def test_it_understands_the_missing_key_field_said_the_other_way(org: responses.RequestsMock) -> None:
    said = recorded("error_task_field.json").replace(b"Recording__c", b"CallerDesk_Call__c")
    org.patch(UPSERT, body=said, status=400)
    org.get(QUERY, body=recorded("query_none.json"))
    org.post(TASKS, body=recorded("create_task.json"), status=201)
    assert salesforce().create(activity()) == TASK_18


def test_it_makes_a_plain_task_when_the_mapping_names_no_key(org: responses.RequestsMock) -> None:
    org.post(TASKS, body=recorded("create_task.json"), status=201)
    assert salesforce().create(activity(key_field=None)) == TASK_18


def test_a_second_try_finds_the_task_of_the_first_before_making_one(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_task_found.json"))
    org.patch(f"{TASKS}/{TASK_18}", status=204)
    assert salesforce().write(activity(look_first=True)) == TASK_18


def test_it_updates_by_id_without_what_only_a_create_may_set(org: responses.RequestsMock) -> None:
    org.patch(f"{TASKS}/{TASK_18}", status=204)
    fields = {"TaskSubtype": "Call", "Status": "Completed", "WhoId": CONTACT_18}
    assert salesforce().write(activity(id=TASK_18[:15], fields=fields)) == TASK_18[:15]
    assert sent(org) == {
        "CallType": "Outbound",
        "CallObject": CALL,
        "Status": "Completed",
        "WhoId": CONTACT_18,
    }


@pytest.mark.parametrize("body", ["error_not_found.json", "error_deleted.json"])
def test_it_says_gone_when_the_task_was_deleted(org: responses.RequestsMock, body: str) -> None:
    org.patch(f"{TASKS}/{TASK_18}", body=recorded(body), status=404)
    with pytest.raises(Gone):
        salesforce().update(activity(id=TASK_18))


def test_it_says_gone_without_asking_when_the_id_cannot_be_one() -> None:
    with pytest.raises(Gone):
        salesforce().update(activity(id="../User/1"))


def test_it_makes_a_new_task_in_place_of_a_deleted_one(org: responses.RequestsMock) -> None:
    org.patch(f"{TASKS}/00T5g00000XyZacEAF", body=recorded("error_deleted.json"), status=404)
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    assert salesforce().write(activity(id="00T5g00000XyZac")) == TASK_18


WHOM: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"WhoId": CONTACT_18, "WhatId": "006"}, {"WhoId": CONTACT_18, "WhatId": "006"}),
    ({"WhoId": LEAD_18, "WhatId": "006"}, {"WhoId": LEAD_18}),
    ({"WhoId": "0065g00000OpPoR"}, {"WhatId": "0065g00000OpPoR"}),
    ({"WhoId": None}, {"WhoId": CONTACT_18}),
    ({}, {"WhoId": CONTACT_18}),
    ({"WhatId": "006"}, {"WhatId": "006"}),
    ({"OwnerId": QUEUE_18}, {"WhoId": CONTACT_18}),
    ({"OwnerId": None}, {"WhoId": CONTACT_18}),
    ({"OwnerId": USER_18}, {"WhoId": CONTACT_18, "OwnerId": USER_18}),
]


@pytest.mark.parametrize(("mapped", "expected"), WHOM)
def test_it_hangs_the_task_on_the_record_and_owner_that_can_have_it(
    org: responses.RequestsMock, mapped: dict[str, Any], expected: dict[str, Any]
) -> None:
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    salesforce().create(activity(fields=mapped))
    whom = {name: value for name, value in sent(org).items() if name in ("WhoId", "WhatId", "OwnerId")}
    assert whom == expected


def test_it_shortens_a_text_rather_than_lose_the_call(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    salesforce().create(
        activity(fields={"Subject": "x" * 300, "Description": "y" * 40_000, "Other__c": "z" * 300})
    )
    assert [len(sent(org)[name]) for name in ("Subject", "Description", "Other__c")] == [255, 32_000, 300]


def test_it_sends_moments_and_days_as_text(org: responses.RequestsMock) -> None:
    org.patch(UPSERT, body=recorded("upsert_created.json"), status=201)
    at = datetime(2026, 11, 23, 2, 44, 42, tzinfo=UTC)
    salesforce().create(activity(fields={"Started__c": at, "ActivityDate": date(2026, 11, 23)}))
    assert (sent(org)["Started__c"], sent(org)["ActivityDate"]) == ("2026-11-23T02:44:42+00:00", "2026-11-23")


def test_it_writes_another_kind_of_object_as_it_is(org: responses.RequestsMock) -> None:
    org.patch(f"{API}sobjects/Phone_Call__c/Call__c/{CALL}", body=recorded("upsert_created.json"), status=201)
    call = activity(kind="Phone_Call__c", key_field="Call__c", fields={"Contact__c": CONTACT_18})
    assert salesforce().create(call) == TASK_18
    assert sent(org) == {"Contact__c": CONTACT_18}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "says"),
    [
        (400, "error_task_field.json", AdminNeeded, "unknown_field", "Task has no field 'Recording__c'"),
        (400, "error_picklist.json", AdminNeeded, "crm_rejected", "Status: bad value"),
        (400, "error_inactive_owner.json", AdminNeeded, "crm_rejected", "inactive user"),
        (400, "error_row_lock.json", TryAgain, "crm_failed", "UNABLE_TO_LOCK_ROW"),
        (400, "error_duplicate_value.json", TryAgain, "crm_failed", "DUPLICATE_VALUE"),
        (403, "error_no_access.json", AdminNeeded, "crm_forbidden", "INSUFFICIENT_ACCESS"),
        (404, "error_deleted.json", Gone, "record_not_found", "no such record"),
        (201, "query_none.json", TryAgain, "crm_not_json", "which activity"),
    ],
)
def test_it_says_why_a_task_could_not_be_written(
    org: responses.RequestsMock, status: int, body: str, kind: type[Exception], code: str, says: str
) -> None:
    org.patch(UPSERT, body=recorded(body), status=status)
    with pytest.raises(kind) as caught:
        salesforce().create(activity())
    assert getattr(caught.value, "code", "") == code
    assert says in str(caught.value)


def test_another_kind_without_its_key_field_needs_an_admin(org: responses.RequestsMock) -> None:
    org.patch(
        f"{API}sobjects/Phone_Call__c/Call__c/{CALL}",
        body=recorded("error_external_id_missing.json"),
        status=404,
    )
    with pytest.raises(AdminNeeded) as caught:
        salesforce().create(activity(kind="Phone_Call__c", key_field="Call__c"))
    assert caught.value.code == "unknown_field"
