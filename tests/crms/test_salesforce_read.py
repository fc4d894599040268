"""Reading a record, its owner and the acting user; and what each refusal of Salesforce becomes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from salesforce_stand_in import (
    API,
    CONTACT,
    CONTACT_18,
    LEAD_18,
    QUEUE_18,
    SECRET,
    TOKEN,
    USER_18,
    click,
    recorded,
    salesforce,
)

from connector.errors import AdminNeeded, BadRequest, ConnectorError, Gone, Refused, TryAgain
from connector.model import Wanted

QUERY = API + "query/"
WANTED = Wanted(
    record=("Name", "MobilePhone", "Phone", "DoNotCall", "Account.Name"),
    owner=("MobilePhone", "Phone", "Id", "Department"),
)


@pytest.fixture
def org() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.post(TOKEN, body=recorded("token.json"))
        yield mock


def soql(org: responses.RequestsMock, number: int) -> str:
    """The query of the number-th request after the login."""
    return parse_qs(urlsplit(org.calls[number].request.url or "").query)["q"][0]


def test_it_reads_record_and_owner_in_one_request(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    read = salesforce().read(click(), WANTED)
    assert soql(org, 1) == (
        "SELECT Id, Name, MobilePhone, Phone, DoNotCall, Account.Name, OwnerId, Owner.MobilePhone, "
        f"Owner.Phone, Owner.Department FROM Contact WHERE Id = '{CONTACT_18}'"
    )
    assert read.record == {
        "Id": CONTACT_18,
        "Name": "Asha Example",
        "MobilePhone": "+91 98765 00001",
        "Phone": "011 4000 0001",
        "DoNotCall": False,
        "Account": {"Name": "Example Traders"},
    }
    assert read.owner == {
        "Id": USER_18,
        "type": "User",
        "MobilePhone": "+91 98765 00002",
        "Phone": None,
        "Department": "Sales",
    }
    assert read.user == {}


def test_it_logs_in_with_the_apps_credentials_and_bears_the_token(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    salesforce().read(click(), WANTED)
    login, query = (call.request for call in org.calls)
    assert login.body == "grant_type=client_credentials"
    assert (login.headers["Authorization"] or "").startswith("Basic ")
    assert query.headers["Authorization"] == "Bearer 00D5g000000aBcD!TOKEN.CANARY.ONE"


def test_it_says_none_for_a_field_without_a_value_and_for_a_missing_relation(
    org: responses.RequestsMock,
) -> None:
    org.get(QUERY, body=recorded("query_contact_nulls.json"))
    read = salesforce().read(click(), Wanted(record=("MobilePhone", "Account.Name"), owner=("MobilePhone",)))
    assert read.record == {"Id": CONTACT_18, "MobilePhone": None, "Account": {"Name": None}}
    assert read.owner == {"Id": USER_18, "type": "User", "MobilePhone": None}


def test_it_reads_no_owner_that_nobody_looks_at(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    read = salesforce().read(click(), Wanted(record=("Name",)))
    assert soql(org, 1) == f"SELECT Id, Name FROM Contact WHERE Id = '{CONTACT_18}'"
    assert read.owner == {}


def test_it_lengthens_the_id_it_asks_for(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    salesforce().read(click(record_id=CONTACT), Wanted(record=("Name",)))
    assert soql(org, 1).endswith(f"WHERE Id = '{CONTACT_18}'")


def test_it_answers_in_the_mappings_own_spelling(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    read = salesforce().read(click(), Wanted(record=("mobilephone", "MobilePhone", "account.name")))
    assert soql(org, 1).count("obile") == 1
    assert read.record["mobilephone"] == read.record["MobilePhone"] == "+91 98765 00001"
    assert read.record["account"] == {"name": "Example Traders"}


def test_it_asks_a_leads_owner_by_kind_because_it_may_be_a_queue(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_lead_user_owner.json"))
    read = salesforce().read(
        click(object="Lead", record_id=LEAD_18),
        Wanted(record=("Name", "Phone"), owner=("MobilePhone", "Email")),
    )
    assert soql(org, 1) == (
        "SELECT Id, Name, Phone, OwnerId, TYPEOF Owner WHEN User THEN MobilePhone, Email WHEN Group THEN "
        f"Name END FROM Lead WHERE Id = '{LEAD_18}'"
    )
    assert read.owner == {
        "Id": USER_18,
        "type": "User",
        "MobilePhone": "+91 98765 00002",
        "Email": "ravi@example.test",
    }


def test_it_says_that_a_queue_owns_the_lead(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_lead_queue_owner.json"))
    read = salesforce().read(
        click(object="Lead", record_id=LEAD_18), Wanted(owner=("MobilePhone", "Phone", "Type"))
    )
    assert read.owner == {
        "Id": QUEUE_18,
        "type": "Queue",
        "Type": "Queue",
        "Name": "Inside Sales Queue",
        "MobilePhone": None,
        "Phone": None,
    }


def test_it_never_names_a_relationship_beside_and_inside_typeof(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_lead_user_owner.json"))
    read = salesforce().read(
        click(object="Lead", record_id=LEAD_18), Wanted(record=("Owner.Name", "Name"), owner=("Email",))
    )
    assert "Owner.Name" not in soql(org, 1)
    assert "WHEN User THEN Email, Name WHEN" in soql(org, 1)
    assert read.record["Owner"] == {"Name": "Ravi Example"}


def test_it_asks_once_whether_a_custom_objects_owner_may_be_a_queue(org: responses.RequestsMock) -> None:
    describe = org.get(API + "sobjects/Site_Visit__c/describe", body=recorded("describe_custom.json"))
    org.get(QUERY, body=recorded("query_lead_user_owner.json"))
    org.get(QUERY, body=recorded("query_lead_user_owner.json"))
    crm = salesforce()
    for _ in range(2):
        crm.read(click(object="Site_Visit__c", record_id=LEAD_18), Wanted(owner=("Email",)))
    assert describe.call_count == 1
    assert "TYPEOF Owner" in soql(org, 3)


def test_it_reads_the_acting_user_by_id_only_when_the_mapping_looks_at_it(
    org: responses.RequestsMock,
) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    org.get(QUERY, body=recorded("query_user.json"))
    read = salesforce().read(click(user=USER_18), Wanted(record=("Name",), user=("MobilePhone",)))
    assert soql(org, 2) == f"SELECT Id, MobilePhone FROM User WHERE Id = '{USER_18}'"
    assert read.user == {"Id": USER_18, "MobilePhone": "+91 98765 00002"}


def test_it_finds_the_acting_user_by_name_and_keeps_quotes_harmless(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    org.get(QUERY, body=recorded("query_none.json"))
    read = salesforce().read(
        click(user="o'hara\\@example.test"), Wanted(record=("Name",), user=("MobilePhone",))
    )
    assert r"Username = 'o\'hara\\@example.test'" in soql(org, 2)
    assert read.user == {"Id": None, "MobilePhone": None}


def test_it_has_no_acting_user_when_nobody_clicked(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    read = salesforce().read(click(), Wanted(record=("Name",), user=("MobilePhone",)))
    assert read.user == {"Id": None, "MobilePhone": None}
    assert len(org.calls) == 2


@pytest.mark.parametrize("path", ["Name, Id FROM User--", "Na'me", "a..b", ".Name", "1Name", "Náme", ""])
def test_it_lets_no_strange_field_name_into_a_query(path: str) -> None:
    with pytest.raises(Refused) as caught:
        salesforce().read(click(), Wanted(record=(path,)))
    assert caught.value.code == "unknown_field"


def test_it_lets_no_strange_object_or_id_into_a_query() -> None:
    with pytest.raises(Refused) as caught:
        salesforce().read(click(object="Contact WHERE Id != null"), Wanted(record=("Name",)))
    assert caught.value.code == "unknown_object"
    with pytest.raises(BadRequest) as invalid:
        salesforce().read(click(record_id="' OR Id != '"), Wanted(record=("Name",)))
    assert invalid.value.code == "record_id_invalid"


def test_it_says_gone_when_no_row_comes_back(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_none.json"))
    with pytest.raises(Gone) as caught:
        salesforce().read(click(), WANTED)
    assert CONTACT_18 in caught.value.message


REFUSALS: list[tuple[int, str, type[ConnectorError], str, int, str]] = [
    (400, "error_invalid_field.json", Refused, "unknown_field", 422, "Contact has no field 'MobilPhone'"),
    (400, "error_invalid_relationship.json", Refused, "unknown_field", 422, "relationship 'Acount'"),
    (400, "error_invalid_type.json", Refused, "unknown_object", 422, "no object 'Contct'"),
    (400, "error_malformed_query.json", AdminNeeded, "crm_rejected", 502, "MALFORMED_QUERY"),
    (403, "error_request_limit.json", TryAgain, "crm_rate_limited", 503, "daily API requests"),
    (403, "error_forbidden.json", AdminNeeded, "crm_forbidden", 502, "API_DISABLED_FOR_ORG"),
    (404, "error_not_found.json", Gone, "record_not_found", 422, "no such record"),
    (503, "error_server_unavailable.json", TryAgain, "crm_failed", 502, "SERVER_UNAVAILABLE"),
    (503, "error_503.html", TryAgain, "crm_failed", 502, "503"),
    (429, "error_503.html", TryAgain, "crm_rate_limited", 503, "slow down"),
    (302, "error_503.html", AdminNeeded, "crm_redirected", 502, "redirected"),
    (200, "error_503.html", TryAgain, "crm_not_json", 502, "API"),
    (200, "error_forbidden.json", TryAgain, "crm_not_json", 502, "API"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "ours", "says"), REFUSALS)
def test_it_puts_each_refusal_into_our_words(
    org: responses.RequestsMock,
    status: int,
    body: str,
    kind: type[ConnectorError],
    code: str,
    ours: int,
    says: str,
) -> None:
    org.get(QUERY, body=recorded(body), status=status, headers={"location": "https://elsewhere.example/"})
    with pytest.raises(kind) as caught:
        salesforce().read(click(), WANTED)
    assert (caught.value.code, caught.value.status) == (code, ours)
    assert says in caught.value.message
    assert "salesforce.com" not in caught.value.message
    assert "98765" not in caught.value.message


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (requests.ReadTimeout("https://acme.my.salesforce.com/?q=SELECT"), "crm_timeout", 504),
        (requests.ConnectTimeout(), "crm_timeout", 504),
        (requests.ConnectionError("https://acme.my.salesforce.com/?q=SELECT"), "crm_unreachable", 502),
    ],
)
def test_it_tries_again_later_when_nothing_came_back(
    org: responses.RequestsMock, failure: Exception, code: str, status: int
) -> None:
    org.get(QUERY, body=failure)
    with pytest.raises(TryAgain) as caught:
        salesforce().read(click(), WANTED)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert "SELECT" not in caught.value.message


def test_it_stops_reading_an_endless_answer(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(TryAgain) as caught:
        salesforce().read(click(), WANTED)
    assert caught.value.code == "crm_answer_too_large"


def test_it_puts_a_time_limit_on_every_request(org: responses.RequestsMock) -> None:
    org.get(QUERY, body=recorded("query_contact.json"))
    salesforce().read(click(), WANTED)
    kwargs: list[Any] = [call.request.req_kwargs for call in org.calls]  # type: ignore[attr-defined]
    assert [each["timeout"] for each in kwargs] == [(3.05, 6.0), (3.05, 6.0)]


@pytest.mark.parametrize(
    "status_and_body", [(401, "error_invalid_session.json"), (400, "error_malformed_query.json")]
)
def test_no_secret_reaches_a_log_or_a_traceback(
    org: responses.RequestsMock, caplog: pytest.LogCaptureFixture, status_and_body: tuple[int, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    status, body = status_and_body
    if status == 401:
        org.post(TOKEN, body=recorded("token_again.json"))
    org.get(QUERY, body=recorded(body), status=status)
    crm = salesforce()
    try:
        crm.read(click(), WANTED)
    except AdminNeeded as error:
        logging.getLogger("test").exception("failed")
        told = [caplog.text, str(error), repr(error), repr(crm), repr(vars(crm)["_calls"])]
    for text in told:
        for secret in ("CANARY", SECRET, "SELECT", "98765", "Basic ", "Bearer"):
            assert secret not in text
    assert "Traceback" in caplog.text
