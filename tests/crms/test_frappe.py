"""Frappe's own: every form of click, the exact requests, its clock, its refusals, and what check finds."""

from __future__ import annotations

import json
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
from connector.crms.frappe import Frappe
from connector.errors import AdminNeeded, BadRequest, ConnectorError, Gone, Refused, TryAgain
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

ROOT = Path(__file__).parents[2]
PAYLOADS = ROOT / "tests" / "payloads" / "frappe"
SITE = "https://crm.example.com/api/"
URL = SITE + "resource/"
KEY = "0123456789abcdef"
LOG, LOGS = URL + f"CRM%20Call%20Log/{KEY}", URL + "CRM%20Call%20Log"
LEAD, USER = URL + "CRM%20Lead/CRM-LEAD-2026-00001", URL + "User/ravi%40example.test"
CONTACT = URL + "Contact/Asha%20Example-Kaveri%20Textiles"
CLICK = Click("crm", "CRM Lead", "CRM-LEAD-2026-00001")
#: The options of `status` that CRM Call Log and Call Log share.
THEIR_STATUSES = ["Ringing", "In Progress", "Completed", "Failed", "Busy", "No Answer", "Queued", "Canceled"]
CHANGED = "2026-11-23 14:35:10.123456"


def frappe(clicks: Mapping[str, Any] | None = None, **more: Any) -> Frappe:
    settings = {
        "base_url": "https://crm.example.com",
        "api_key": "made-up-key",
        "api_secret": "made-up-secret",
    }
    return Frappe(Account("crm", Frappe.settings_schema().load({**settings, **more}), clicks or {}))


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))


def data(name: str, /, **changes: Any) -> Any:
    return {"data": {**recorded(name)["data"], **changes}}


def hook(body: Any, kind: str = "", **query: str) -> Hook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook("POST", raw, kind, {}, query)


def listing(net: responses.RequestsMock, url: str, *names: str, known: bool = True) -> None:
    """The site's answer to a list of documents with these fields."""
    asked = {"fields": json.dumps(["name", *names]), "limit_page_length": "1"}
    answer = recorded("list_leads" if known else "list_unknown_field")
    for row in answer.get("data", ()):
        row |= dict.fromkeys(names)  # a list, unlike a document, tells of empty fields
    match = [matchers.query_param_matcher(asked)]
    net.get(url, json=answer, status=200 if known else 500, match=match)


def posted(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"")


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    fields = {"type": "Outgoing", "status": "In Progress", "from": "+919876500101", "to": "+919876500001"}
    given = {"fields": {**fields, **changes.pop("fields", {})}, "kind": "CRM Call Log", **changes}
    return Activity(KEY, "crm", CLICK.object, CLICK.record_id, key_field="id", phase=phase, **given)


# -- Clicks ------------------------------------------------------------------------------------------------


def test_it_takes_a_webhooks_template_without_a_content_type() -> None:
    (click,) = frappe().parse(hook(recorded("webhook")))
    assert (click.object, click.record_id) == ("CRM Lead", "CRM-LEAD-2026-00001")
    assert (click.source, click.user) == (Source.RULE, "sales@example.test")
    assert click.delivery == f"CRM Lead CRM-LEAD-2026-00001 {CHANGED}"


def test_an_empty_field_of_a_template_reads_none_and_is_empty() -> None:
    (click,) = frappe().parse(hook(recorded("webhook_with_none")))
    assert click.user is None
    assert click.delivery == f"CRM Lead CRM-LEAD-2026-00001 {CHANGED}"


def test_all_three_tries_for_one_change_are_one_click() -> None:
    """With our template, with a template that names only the change, and with a table of fields."""
    adapter = frappe()
    tries = [
        adapter.parse(hook(recorded("webhook")))[0],
        adapter.parse(hook(recorded("webhook_with_none")))[0],
        adapter.parse(hook(recorded("webhook_fields"), object="CRM Lead"))[0],
    ]
    assert len({click.delivery for click in tries}) == 1
    later = {**recorded("webhook_with_none"), "modified": "2026-11-23 14:35:11.000001"}
    assert adapter.parse(hook(later))[0].delivery != tries[0].delivery


def test_a_table_of_fields_is_taken_with_the_doctype_in_the_address() -> None:
    (click,) = frappe().parse(hook(recorded("webhook_fields"), object="CRM Lead"))
    assert (click.object, click.record_id) == ("CRM Lead", "CRM-LEAD-2026-00001")
    assert (click.source, click.user) == (Source.RULE, "sales@example.test")
    assert click.raw["lead_name"] == "Asha Example"
    assert "98765" not in json.dumps(click.raw)


def test_a_table_that_names_its_doctype_needs_no_address() -> None:
    body = {**recorded("webhook_fields"), "doctype": "CRM Deal"}
    assert frappe().parse(hook(body, object="CRM Lead"))[0].object == "CRM Deal"


def test_a_table_of_fields_without_a_doctype_is_refused() -> None:
    with pytest.raises(BadRequest, match="'object'"):
        frappe().parse(hook(recorded("webhook_fields")))


def test_a_webhook_that_names_no_change_has_no_delivery() -> None:
    (click,) = frappe().parse(hook({"object": "CRM Lead", "id": "CRM-LEAD-2026-00001", "click_id": None}))
    assert click.delivery is None


def test_a_button_says_that_it_is_one() -> None:
    (click,) = frappe().parse(hook(recorded("button"), "application/json"))
    assert (click.source, click.user) == (Source.BUTTON, "ravi@example.test")
    assert click.delivery == "0b9c2a5e-4f2d-4a53-9d0e-6f1c5b8a7e21"


def test_the_manifest_may_say_that_clicks_are_buttons() -> None:
    adapter = frappe({"source": "button"})
    assert adapter.parse(hook({"object": "Contact", "id": "Asha"}))[0].source is Source.BUTTON
    assert adapter.parse(hook(recorded("webhook_fields"), object="Contact"))[0].source is Source.BUTTON


@pytest.mark.parametrize(
    "body",
    [
        {"object": "None", "id": "CRM-LEAD-2026-00001"},
        {"object": "CRM Lead", "id": "None"},
        {"object": "CRM Lead", "id": ""},
        {"object": "../User", "id": "x"},
        {"name": ["x"], "doctype": "CRM Lead"},
        {"object": "CRM Lead", "id": "x", "mobile_no": "+919876500001"},
    ],
)
def test_it_refuses_what_names_no_document(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        frappe().parse(hook(body))
    assert refused.value.status == 422


# -- Reading -----------------------------------------------------------------------------------------------


def test_it_reads_a_lead_and_its_owner_with_one_request_each(net: responses.RequestsMock) -> None:
    token = matchers.header_matcher({"Authorization": "token made-up-key:made-up-secret"})
    net.get(LEAD, json=recorded("lead"), match=[token])
    net.get(USER, json=recorded("user"), match=[token])
    record = frappe().read(CLICK, Wanted(["lead_name", "mobile_no", "phone"], ["mobile_no"]))
    assert record == Record(
        {"lead_name": "Asha Example", "mobile_no": "+919876500001", "phone": None},
        {"name": "ravi@example.test", "mobile_no": "+919876500101"},
    )


def test_an_empty_field_is_left_out_by_the_site_and_empty_here(net: responses.RequestsMock) -> None:
    """Whether there is such a field is asked for once, for all documents."""
    net.get(LEAD, json=recorded("lead"))
    net.get(USER, json=recorded("user"))
    listing(net, URL + "CRM%20Lead", "organization", "website")
    listing(net, URL + "User", "phone")
    adapter, wanted = frappe(), Wanted(["mobile_no", "organization", "website"], ["phone"])
    for _ in range(2):
        record = adapter.read(CLICK, wanted)
        assert (record.record["organization"], record.record["website"]) == (None, None)
        assert record.owner["phone"] is None
    assert len(net.calls) == 6


def test_of_several_absent_fields_the_unknown_one_is_named(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    listing(net, URL + "CRM%20Lead", "organization", "mobile", known=False)
    listing(net, URL + "CRM%20Lead")
    listing(net, URL + "CRM%20Lead", "organization")
    listing(net, URL + "CRM%20Lead", "mobile", known=False)
    with pytest.raises(Refused, match="no field 'mobile'") as refused:
        frappe().read(CLICK, Wanted(["organization", "mobile"]))
    assert refused.value.code == "unknown_field"


def test_a_box_that_is_hidden_from_our_user_is_not_read_as_unticked(net: responses.RequestsMock) -> None:
    """Frappe leaves a field of a higher permission level out, of the document and silently of the list."""
    net.get(LEAD, json=recorded("lead"))
    net.get(URL + "CRM%20Lead", json={"data": [{"name": "CRM-LEAD-2026-00001"}]})
    with pytest.raises(Refused, match="custom_do_not_call") as refused:
        frappe().read(CLICK, Wanted(["custom_do_not_call"]))
    assert refused.value.code == "unknown_field"


def test_of_a_site_that_lists_nothing_to_us_absent_fields_are_unread(net: responses.RequestsMock) -> None:
    """Empty, hidden or misspelt, nobody can tell: a rule that forbids calls must not take it for "no"."""
    net.get(LEAD, json=recorded("lead"))
    net.get(URL + "CRM%20Lead", json=recorded("no_permission"), status=403)
    assert frappe().read(CLICK, Wanted(["mobile_no", "organization"])).record.keys() == {"mobile_no"}


def test_of_a_site_that_lists_nothing_to_us_an_absent_owner_is_nobody(net: responses.RequestsMock) -> None:
    lead = recorded("lead")
    lead["data"].pop("lead_owner")
    net.get(LEAD, json=lead)
    net.get(URL + "CRM%20Lead", json=recorded("no_permission"), status=403)
    assert frappe().read(CLICK, Wanted(["contact.mobile_no"], ["mobile_no"])).owner == {}


@pytest.mark.parametrize("status", [401, 429])
def test_a_site_that_does_not_answer_the_question_is_asked_again_later(
    net: responses.RequestsMock, status: int
) -> None:
    net.get(LEAD, json=recorded("lead"))
    net.get(URL + "CRM%20Lead", status=status)
    with pytest.raises((TryAgain, AdminNeeded)):
        frappe().read(CLICK, Wanted(["organization"]))


def test_an_owner_that_nobody_wants_is_not_asked_for(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    assert frappe().read(CLICK, Wanted(["mobile_no"])).owner == {}


def test_names_with_spaces_and_slashes_stay_in_their_place(net: responses.RequestsMock) -> None:
    net.get(URL + "CRM%20Lead/A%2FB%20%26%20C%20100%25%3F", json=recorded("lead"))
    frappe().read(Click("crm", "CRM Lead", "A/B & C 100%?"), Wanted(["mobile_no"]))


@pytest.mark.parametrize("name", ["..", "../User/x", "a/../b", "./a", "a/.", "x" * 141, "a\nb"])
def test_a_name_that_would_be_another_address_is_gone(name: str) -> None:
    with pytest.raises(Gone):
        frappe().read(Click("crm", "CRM Lead", name), Wanted(["mobile_no"]))


def test_a_deals_number_comes_from_its_contact_where_it_has_none(net: responses.RequestsMock) -> None:
    net.get(URL + "CRM%20Deal/CRM-DEAL-2026-00007", json=recorded("deal"))
    net.get(CONTACT, json=recorded("contact"))
    net.get(USER, json=recorded("user"))
    wanted = Wanted(["mobile_no", "contact.mobile_no", "contact.phone", "contacts.0.contact"], ["mobile_no"])
    record = frappe().read(Click("crm", "CRM Deal", "CRM-DEAL-2026-00007"), wanted)
    assert record.record["mobile_no"] is None
    assert record.record["contact"] == {"mobile_no": "+91-9876500001", "phone": "080 2345 6789"}
    assert record.record["contacts"][0]["is_primary"] == 1
    assert record.owner["mobile_no"] == "+919876500101"


@pytest.mark.parametrize(("linked", "status"), [(None, None), ("Asha Example-Kaveri Textiles", 404)])
def test_a_deal_without_a_contact_is_no_failure(
    net: responses.RequestsMock, linked: str | None, status: int | None
) -> None:
    net.get(URL + "CRM%20Deal/CRM-DEAL-2026-00007", json=data("deal", contact=linked))
    if status:
        net.get(CONTACT, json=recorded("not_found"), status=status)
    record = frappe().read(Click("crm", "CRM Deal", "CRM-DEAL-2026-00007"), Wanted(["contact.mobile_no"]))
    assert record.record == {"contact": None}


def test_a_link_it_cannot_follow_is_named(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    with pytest.raises(Refused, match="'status'") as refused:
        frappe().read(CLICK, Wanted(["status.color"]))
    assert refused.value.code == "unknown_field"


def test_a_field_of_the_linked_document_that_is_not_there_is_named(net: responses.RequestsMock) -> None:
    net.get(URL + "CRM%20Deal/CRM-DEAL-2026-00007", json=recorded("deal"))
    net.get(CONTACT, json=recorded("contact"))
    listing(net, URL + "Contact", "mobile", known=False)
    listing(net, URL + "Contact")
    with pytest.raises(Refused, match="'mobile'"):
        frappe().read(Click("crm", "CRM Deal", "CRM-DEAL-2026-00007"), Wanted(["contact.mobile"]))


def test_a_contacts_owner_is_who_created_it(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=recorded("contact"))
    net.get(URL + "User/meera%40example.test", json=data("user", name="meera@example.test", phone="1"))
    record = frappe().read(
        Click("crm", "Contact", "Asha Example-Kaveri Textiles"), Wanted(["phone"], ["phone"])
    )
    assert record.owner["name"] == "meera@example.test"


def test_the_manifest_may_name_another_field_for_the_owner(net: responses.RequestsMock) -> None:
    net.get(CONTACT, json=data("contact", custom_agent="Ravi@Example.test"))
    net.get(USER, json=recorded("user"))
    adapter = frappe(owner_fields={"Contact": "custom_agent"})
    record = adapter.read(Click("crm", "Contact", "Asha Example-Kaveri Textiles"), Wanted([], ["mobile_no"]))
    assert record.owner["mobile_no"] == "+919876500101"


@pytest.mark.parametrize("owner", ["Administrator", "administrator", "GUEST", " Guest ", None, ""])
def test_a_lead_that_no_person_owns_has_no_owner(net: responses.RequestsMock, owner: str | None) -> None:
    net.get(LEAD, json=data("lead", lead_owner=owner))
    assert frappe().read(CLICK, Wanted(["mobile_no"], ["mobile_no", "name"])).owner == {}


def test_a_deleted_owner_has_no_number(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    net.get(USER, json=recorded("not_found"), status=404)
    assert frappe().read(CLICK, Wanted(["mobile_no"], ["mobile_no"])).owner == {}


def test_the_telephony_agent_is_read_without_the_user(net: responses.RequestsMock) -> None:
    """Not every role may read User; what the agent and the name answer is not asked there."""
    net.get(LEAD, json=recorded("lead"))
    net.get(URL + "CRM%20Telephony%20Agent/ravi%40example.test", json=recorded("agent"))
    owner = frappe().read(CLICK, Wanted(["mobile_no"], ["agent.mobile_no", "name"])).owner
    assert owner == {"name": "ravi@example.test", "agent": {"mobile_no": "+919876500101"}}


def test_an_owner_who_is_no_telephony_agent_is_no_failure(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    net.get(USER, json=recorded("user"))
    net.get(URL + "CRM%20Telephony%20Agent/ravi%40example.test", json=recorded("not_found"), status=404)
    owner = frappe().read(CLICK, Wanted(["mobile_no"], ["agent.mobile_no", "mobile_no"])).owner
    assert (owner["agent"], owner["mobile_no"]) == (None, "+919876500101")


def test_the_person_who_pressed_is_found_whatever_the_case(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    net.get(USER, json=recorded("user"))
    click = Click("crm", CLICK.object, CLICK.record_id, user="Ravi@Example.Test")
    assert (
        frappe().read(click, Wanted(["mobile_no"], user=["mobile_no"])).user["mobile_no"] == "+919876500101"
    )


def test_a_user_who_may_not_be_read_says_which_right_is_missing(net: responses.RequestsMock) -> None:
    net.get(LEAD, json=recorded("lead"))
    net.get(USER, json=recorded("no_permission"), status=403)
    with pytest.raises(AdminNeeded) as missing:
        frappe().read(CLICK, Wanted(["mobile_no"], ["mobile_no"]))
    assert missing.value.code == "crm_forbidden"
    assert "for document User. Give its role the missing right." in missing.value.message


# -- Writing -----------------------------------------------------------------------------------------------


def test_a_call_is_made_under_our_own_id(net: responses.RequestsMock) -> None:
    net.post(LOGS, json=recorded("call_log"))
    assert frappe().write(activity(fields={"note": None})) == KEY
    assert posted(net) == {
        "id": KEY,
        "type": "Outgoing",
        "status": "In Progress",
        "from": "+919876500101",
        "to": "+919876500001",
    }


@pytest.mark.parametrize(("body", "status"), [("duplicate", 409), ("not_unique", 417), (None, 409)])
def test_the_same_id_again_is_a_success_and_brings_it_up_to_date(
    net: responses.RequestsMock, body: str | None, status: int
) -> None:
    net.post(LOGS, status=status, **({"json": recorded(body)} if body else {"body": "<html>conflict</html>"}))
    net.put(LOG, json=recorded("call_log"))
    assert frappe().create(activity(fields={"status": "Completed"})) == KEY
    assert posted(net)["status"] == "Completed" and "id" not in posted(net)


def test_another_field_that_must_be_unique_is_no_success(net: responses.RequestsMock) -> None:
    net.post(LOGS, json=recorded("not_unique"), status=417)
    net.put(LOG, json=recorded("call_log_not_found"), status=404)
    with pytest.raises(TryAgain):
        frappe().create(activity())


def test_a_lost_answer_is_followed_by_an_update_under_the_same_name(net: responses.RequestsMock) -> None:
    net.put(LOG, json=recorded("call_log"))
    assert frappe().write(activity(Phase.ENDED, look_first=True)) == KEY


def test_a_create_that_never_came_through_is_made_after_all(net: responses.RequestsMock) -> None:
    net.put(LOG, json=recorded("call_log_not_found"), status=404)
    net.post(LOGS, json=recorded("call_log"))
    assert frappe().write(activity(look_first=True)) == KEY


def test_erpnexts_call_log_is_the_mappings_to_name(net: responses.RequestsMock) -> None:
    net.post(URL + "Call%20Log", json=recorded("call_log"))
    net.put(URL + f"Call%20Log/{KEY}", json=recorded("call_log"))
    adapter = frappe()
    made = adapter.create(activity(kind="Call Log", fields={"links": [{"link_doctype": "Lead"}]}))
    adapter.update(activity(kind="Call Log", id=made))
    assert posted(net, 0)["links"] == [{"link_doctype": "Lead"}]


def test_an_update_leaves_to_people_whose_it_is_and_what_it_is_tied_to(net: responses.RequestsMock) -> None:
    net.put(LOG, json=recorded("call_log"))
    tied = {
        "caller": "ravi@example.test",
        "reference_doctype": "CRM Lead",
        "reference_docname": "CRM-LEAD-2026-00001",
        "links": [{"link_doctype": "CRM Lead"}],
    }
    frappe().update(activity(id=KEY, fields={"status": "Completed", **tied}))
    assert posted(net)["status"] == "Completed" and not tied.keys() & posted(net).keys()


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        (None, "2026-11-24 00:05:10"),
        ("UTC", "2026-11-23 18:35:10"),
        ("America/New_York", "2026-11-23 13:35:10"),
    ],
)
def test_moments_are_written_on_the_clock_of_the_site(
    net: responses.RequestsMock, zone: str | None, local: str
) -> None:
    net.put(LOG, json=recorded("call_log"))
    told = {"start_time": "2026-11-23T18:35:10Z", "medium": "at 2026-11-23T18:35:10Z", "duration": 95}
    adapter = frappe(**({"time_zone": zone} if zone else {}))
    adapter.update(activity(id=KEY, fields=told))
    assert posted(net)["start_time"] == local
    assert (posted(net)["medium"], posted(net)["duration"]) == ("at 2026-11-23T18:35:10Z", 95)


def test_a_zone_that_is_none_is_refused_by_name() -> None:
    for wrong in ("IST (India)", "../etc", ""):
        with pytest.raises(ValidationError, match="time zone"):
            frappe(time_zone=wrong)


@pytest.mark.parametrize(
    ("body", "status", "kind", "code", "word"),
    [
        ("mandatory", 417, AdminNeeded, "crm_rejected", "From, To"),
        ("wrong_option", 417, AdminNeeded, "crm_rejected", 'Status cannot be "Ended"'),
        ("wrong_link", 417, AdminNeeded, "crm_rejected", "Could not find Caller"),
        ("no_permission", 403, AdminNeeded, "crm_forbidden", "role permission"),
        ("doctype_not_found", 404, AdminNeeded, "unknown_object", "'CRM Call Log'"),
        ("wrong_key", 401, AdminNeeded, "crm_unauthorised", "credentials"),
        ("changed_meanwhile", 417, TryAgain, "crm_failed", "modified"),
        ("too_many", 429, TryAgain, "crm_rate_limited", "slow down"),
        ("too_many", 417, TryAgain, "crm_rate_limited", "slow down"),
    ],
)
def test_its_refusals_are_told_in_its_own_words(
    net: responses.RequestsMock, body: str, status: int, kind: type[ConnectorError], code: str, word: str
) -> None:
    net.post(LOGS, json=recorded(body), status=status, headers={"Retry-After": "7"})
    with pytest.raises(kind) as failed:
        frappe().create(activity())
    assert failed.value.code == code
    assert word in failed.value.message and "<" not in failed.value.message
    if isinstance(failed.value, TryAgain) and code == "crm_rate_limited":
        assert failed.value.retry_after == 7


@pytest.mark.parametrize("messages", ["[]", "{", '["x"]', "[1]", '["{}"]', 5, None])
def test_odd_messages_break_nothing(net: responses.RequestsMock, messages: Any) -> None:
    told = {"exc_type": "ValidationError", "exception": "frappe.exceptions.ValidationError: no"}
    net.post(LOGS, json={**told, "_server_messages": messages}, status=417)
    with pytest.raises(AdminNeeded) as failed:
        frappe().create(activity())
    assert failed.value.code == "crm_rejected"


# -- The shipped mappings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["mappings/frappe.yaml", "kits/frappe/erpnext.yaml"])
def test_the_shipped_mappings_load(path: str) -> None:
    mapping = load((ROOT / path).read_text("utf-8"), path)
    assert mapping.crm == "frappe"
    assert {rules.activity.key_field for rules in mapping.objects.values()} == {"id"}


@pytest.mark.parametrize("path", ["mappings/frappe.yaml", "kits/frappe/erpnext.yaml"])
@pytest.mark.parametrize(
    ("state", "outcome", "status"),
    [
        (State.PLACED, None, "In Progress"),
        (State.UNKNOWN, None, "In Progress"),
        (State.REFUSED, None, "Canceled"),
        (State.ENDED, Outcome.ANSWERED, "Completed"),
        (State.ENDED, Outcome.CUSTOMER_BUSY, "Busy"),
        (State.ENDED, Outcome.MEMBER_NO_ANSWER, "No Answer"),
        (State.ENDED, Outcome.CUSTOMER_UNREACHABLE, "Failed"),
        (State.ENDED, Outcome.CANCELLED, "Canceled"),
        (State.ENDED, Outcome.UNKNOWN, "Failed"),
    ],
)
def test_the_status_is_one_of_theirs_and_all_required_fields_are_there(
    path: str, state: State, outcome: Outcome | None, status: str
) -> None:
    mapping = load((ROOT / path).read_text("utf-8"), path)
    kind = "CRM Lead" if "CRM Lead" in mapping.objects else "Lead"
    moment = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    call = Call(KEY, "crm", Click("crm", kind, "L1"), state, moment, moment)
    if outcome:
        call = replace(call, ending=Ending(outcome))
    fields = mapping.activity(call).fields
    assert fields["status"] == status and status in THEIR_STATUSES
    # Nobody was rung in some of these, so there are no numbers: Frappe wants something all the same.
    assert (fields["type"], fields["from"], fields["to"]) == ("Outgoing", "not known", "not known")


# -- check --live ------------------------------------------------------------------------------------------


def told(adapter: Frappe, wanted: Mapping[str, Wanted]) -> dict[str, tuple[bool, str]]:
    return {finding.what: (finding.ok, finding.advice) for finding in adapter.check_live(wanted)}


def test_check_finds_everything_in_order(net: responses.RequestsMock) -> None:
    net.get(SITE + "method/frappe.auth.get_logged_user", json=recorded("logged_user"))
    net.get(SITE + "method/frappe.client.get_time_zone", json=recorded("time_zone"))
    listing(net, URL + "CRM%20Lead")
    listing(net, URL + "CRM%20Lead", "lead_owner", "mobile_no")
    listing(net, URL + "User")
    listing(net, URL + "User", "mobile_no")
    listing(net, LOGS)
    net.get(URL + "Call%20Log", json=recorded("doctype_not_found"), status=404)
    found = told(frappe(), {"CRM Lead": Wanted(["mobile_no"], ["mobile_no", "name"])})
    assert list(found) == ["api_key and api_secret", "time_zone", "CRM Lead", "User", "CRM Call Log"]
    assert all(value == (True, "") for value in found.values())


def test_check_follows_links_and_leaves_child_tables_alone(net: responses.RequestsMock) -> None:
    net.get(SITE + "method/frappe.auth.get_logged_user", json=recorded("logged_user"))
    net.get(SITE + "method/frappe.client.get_time_zone", json=recorded("time_zone"))
    listing(net, URL + "CRM%20Deal")
    listing(net, URL + "CRM%20Deal", "contact")
    listing(net, URL + "Contact")
    listing(net, URL + "Contact", "mobile", "phone", known=False)
    listing(net, URL + "Contact", "mobile", known=False)
    listing(net, URL + "Contact", "phone")
    listing(net, LOGS)
    net.get(URL + "Call%20Log", json=recorded("doctype_not_found"), status=404)
    found = told(frappe(), {"CRM Deal": Wanted(["contact.mobile", "contact.phone", "contacts.0.contact"])})
    assert found["CRM Deal"] == (True, "")
    assert found["Contact"] == (False, "Contact has no field 'mobile': correct its name in the mapping.")


def test_check_names_each_thing_that_will_not_do(net: responses.RequestsMock) -> None:
    net.get(SITE + "method/frappe.auth.get_logged_user", json=recorded("logged_user"))
    net.get(SITE + "method/frappe.client.get_time_zone", json={"message": {"time_zone": "America/New_York"}})
    listing(net, URL + "CRM%20Lead")
    listing(net, URL + "CRM%20Lead", "lead_owner", "mobile", known=False)
    listing(net, URL + "CRM%20Lead", "lead_owner")
    listing(net, URL + "CRM%20Lead", "mobile", known=False)
    net.get(URL + "User", json=recorded("no_permission"), status=403)
    net.get(URL + "CRM%20Telephony%20Agent", json=recorded("doctype_not_found"), status=404)
    net.get(LOGS, json=recorded("doctype_not_found"), status=404)
    net.get(URL + "Call%20Log", json=recorded("no_permission"), status=403)
    found = told(frappe(), {"CRM Lead": Wanted(["mobile"], ["mobile_no", "agent.mobile_no"])})
    assert found["time_zone"][0] is False and "America/New_York" in found["time_zone"][1]
    assert found["CRM Lead"] == (False, "CRM Lead has no field 'mobile': correct its name in the mapping.")
    assert found["User"][0] is False and "missing right" in found["User"][1]
    assert found["CRM Telephony Agent"][0] is False
    assert found["CRM Call Log"][0] is False and "'CRM Call Log'" in found["CRM Call Log"][1]


def test_check_takes_erpnexts_call_log_and_a_site_that_does_not_tell_its_zone(
    net: responses.RequestsMock,
) -> None:
    net.get(SITE + "method/frappe.auth.get_logged_user", json=recorded("logged_user"))
    net.get(SITE + "method/frappe.client.get_time_zone", json=recorded("no_permission"), status=403)
    net.get(LOGS, json=recorded("doctype_not_found"), status=404)
    listing(net, URL + "Call%20Log")
    found = told(frappe(), {})
    assert found["Call Log"] == (True, "")
    assert found["time_zone"] == (
        True,
        "The site did not tell its time zone; it is taken to be Asia/Kolkata.",
    )


def test_check_stops_at_a_wrong_key(net: responses.RequestsMock) -> None:
    net.get(SITE + "method/frappe.auth.get_logged_user", json=recorded("wrong_key"), status=401)
    ((what, (ok, advice)),) = told(frappe(), {"CRM Lead": Wanted(["mobile_no"])}).items()
    assert (what, ok) == ("api_key and api_secret", False) and "credentials" in advice
