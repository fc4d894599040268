"""`check --live`: what is missing in an org is named before anybody presses Call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses
from salesforce_stand_in import API, TOKEN, recorded, salesforce

from connector.crms.base import Finding
from connector.model import Wanted

USAGE = {"Sforce-Limit-Info": "api-usage=18/5000"}


@pytest.fixture
def org() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.post(TOKEN, body=recorded("token.json"))
        yield mock


def describe(org: responses.RequestsMock, name: str, body: str, status: int = 200) -> None:
    org.get(API + f"sobjects/{name}/describe", body=recorded(body), status=status, headers=USAGE)


def by_name(wanted: dict[str, Wanted]) -> dict[str, Finding]:
    return {finding.what: finding for finding in salesforce().check_live(wanted)}


def test_it_finds_nothing_wrong_in_an_org_that_has_everything(org: responses.RequestsMock) -> None:
    describe(org, "Task", "describe_task.json")
    describe(org, "Contact", "describe_contact.json")
    describe(org, "Account", "describe_account.json")
    describe(org, "User", "describe_user.json")
    found = by_name(
        {"Contact": Wanted(record=("MobilePhone", "Account.Name"), owner=("Phone", "type"), user=("Email",))}
    )
    assert [finding.what for finding in found.values() if not finding.ok] == []
    assert set(found) == {
        "Salesforce login",
        "Contact",
        "Contact.MobilePhone",
        "Contact.Account.Name",
        "User",
        "User.Email",
        "User.Phone",
        "Task.CallerDesk_Call__c",
        "Salesforce API requests today: 18 of 5000",
    }


def test_it_names_what_is_missing_and_what_was_meant(org: responses.RequestsMock) -> None:
    describe(org, "Task", "describe_task.json")
    describe(org, "Contact", "describe_contact.json")
    describe(org, "Account", "describe_account.json")
    describe(org, "User", "describe_user.json")
    describe(org, "Contct", "error_not_found.json", status=404)
    found = by_name(
        {
            "Contact": Wanted(record=("MobilPhone", "Acount.Name", "Account.Nam"), owner=("Extension",)),
            "Contct": Wanted(record=("Name",)),
        }
    )
    assert "did you mean 'MobilePhone'" in found["Contact.MobilPhone"].advice
    assert "did you mean 'Account'" in found["Contact.Acount.Name"].advice
    assert "did you mean 'Name'" in found["Contact.Account.Nam"].advice
    assert "User has no field 'Extension'" in found["User.Extension"].advice
    assert not found["Contct"].ok
    assert "Contct.Name" not in found


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ("describe_task_no_key.json", "Deploy kits/salesforce"),
        ("describe_task_key_not_unique.json", "Tick Unique"),
    ],
)
def test_it_looks_at_the_key_field_of_the_task(org: responses.RequestsMock, body: str, advice: str) -> None:
    describe(org, "Task", body)
    found = by_name({})["Task.CallerDesk_Call__c"]
    assert not found.ok
    assert advice in found.advice


def test_it_says_only_that_the_login_fails_when_it_fails() -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as org:
        org.post(TOKEN, body=recorded("token_invalid_client.json"), status=400)
        (found,) = salesforce().check_live({"Contact": Wanted(record=("Name",))})
    assert (found.what, found.ok) == ("Salesforce login", False)
    assert "invalid_client" in found.advice


def test_it_warns_when_the_days_requests_run_out(org: responses.RequestsMock) -> None:
    org.get(
        API + "sobjects/Task/describe",
        body=recorded("describe_task.json"),
        headers={"Sforce-Limit-Info": "api-usage=4900/5000"},
    )
    assert not by_name({})["Salesforce API requests today: 4900 of 5000"].ok
