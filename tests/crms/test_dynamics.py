"""What is only Dynamics 365's: its webhooks, what is asked of Dataverse, how a call is made and closed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from contract_dynamics import API, CALL, CONTACT, CONTRACT, LEAD, NEW, OPPORTUNITY, RAVI, THERE
from crm_contracts import Say, body
from marshmallow import ValidationError

from connector.crms.base import Account, Crm, Hook
from connector.crms.dynamics import Dynamics, DynamicsSchema
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.model import Click, Phase, Record, Source, Wanted

URL = f"{API}contacts({CONTACT})"
PHONECALL = f"{API}phonecalls({CALL})"
TOKEN = CONTRACT.login[0]


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        TOKEN.on(mock)
        yield mock


@pytest.fixture
def crm() -> Crm:
    return CONTRACT.make()


def told(name: str) -> bytes:
    return body("dynamics", name)


def dynamics(**settings: Any) -> Crm:
    return replace(CONTRACT, settings={**CONTRACT.settings, **settings}).make()


def webhook(name: str, **headers: str) -> Hook:
    return Hook("POST", told(f"webhook_{name}.json"), "application/json", headers, {})


def sent(net: responses.RequestsMock) -> list[tuple[str, Any]]:
    """Method and body of every request but the login."""
    asked = [call.request for call in net.calls][1:]
    return [(str(each.method), json.loads(each.body) if each.body else None) for each in asked]


def query(net: responses.RequestsMock, number: int = -1) -> str:
    return str(net.calls[number].request.url).partition("?")[2]


# -- Webhooks ------------------------------------------------------------------------------------------------


def test_a_new_contact_is_a_rules_click_of_whoever_made_it(crm: Crm) -> None:
    (click,) = crm.parse(webhook("contact_created"))
    assert (click.object, click.record_id, click.source, click.user) == (
        "contact",
        CONTACT,
        Source.RULE,
        RAVI,
    )
    assert click.delivery == f"Create contact {CONTACT} 4af10637-4ea2-4711-8122-000000000001"
    assert click.clicked_at == datetime(2017, 9, 26, 0, 4, 7, tzinfo=UTC)


def test_what_came_along_can_be_read_in_the_mapping_without_numbers(crm: Crm) -> None:
    (click,) = crm.parse(webhook("contact_created"))
    target = click.raw["target"]
    assert click.raw["message"] == "Create"
    assert (target["fullname"], target["preferredcontactmethodcode"], target["ownerid"]) == (
        "Asha Example",
        3,
        RAVI,
    )
    assert target["mobilephone"] == "…0001"


@pytest.mark.parametrize("name", ["contact_updated", "call_wanted", "phonecall_created", "contact_deleted"])
def test_what_nobody_asked_to_ring_for_is_no_click(crm: Crm, name: str) -> None:
    assert crm.parse(webhook(name)) == []


def test_a_named_field_rings_when_it_changes_and_not_when_it_is_unticked() -> None:
    crm = dynamics(events={"contact": ["acme_callnow"]})
    assert [click.record_id for click in crm.parse(webhook("call_wanted"))] == [CONTACT]
    for name in ("call_no_longer_wanted", "contact_updated", "contact_created"):
        assert crm.parse(webhook(name)) == []


def test_our_own_phone_calls_cannot_be_made_to_ring() -> None:
    for table in ("phonecall", "task", "activitypointer"):
        with pytest.raises(ValidationError, match="Activities ring nobody"):
            DynamicsSchema().load({**CONTRACT.settings, "events": {table: ["create"]}})


def test_a_body_that_was_too_large_still_names_its_record() -> None:
    crm = dynamics(events={"contact": ["acme_callnow"]})
    (click,) = crm.parse(webhook("too_large", **{"x-ms-dynamics-msg-size-exceeded": "true"}))
    assert (click.object, click.record_id, click.raw["target"]) == ("contact", CONTACT, {})
    assert click.clicked_at == datetime(2017, 9, 26, 0, 4, 8, tzinfo=UTC)
    assert crm.parse(webhook("too_large")) == []


def test_a_step_without_a_system_job_is_known_by_what_all_of_one_change_share(crm: Crm) -> None:
    (click,) = crm.parse(webhook("synchronous"))
    assert click.delivery == f"Create contact {CONTACT} b374239d-4233-41a9-8b17-000000000001"
    assert click.clicked_at == datetime(2017, 9, 26, 0, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "hour"),
    [
        ("/Date(1506409448000-0700)/", 0),
        ("/Date(1506409448000+0000)/", 7),
        ("/Date(1506409448000+0530)/", 12),
        ("/Date(1506409448000)/", 7),
        ("/Date(999999999999999)/", None),
        ("2017-09-26", None),
        (None, None),
    ],
)
def test_a_dates_zone_is_the_zone_of_its_clock(crm: Crm, stamp: Any, hour: int | None) -> None:
    whole = json.loads(told("webhook_synchronous.json"))
    raw = json.dumps({**whole, "OperationCreatedOn": stamp}).encode()
    (click,) = crm.parse(Hook("POST", raw, "application/json", {}, {}))
    assert (click.clicked_at and click.clicked_at.hour) == hour


@pytest.mark.parametrize(
    "changes",
    [{"PrimaryEntityId": "42"}, {"PrimaryEntityId": None}, {"PrimaryEntityId": f"{CONTACT})/x"}],
)
def test_a_webhook_that_names_no_record_is_the_senders_fault(crm: Crm, changes: Any) -> None:
    whole = json.loads(told("webhook_contact_created.json"))
    with pytest.raises(BadRequest) as refused:
        crm.parse(Hook("POST", json.dumps({**whole, **changes}).encode(), "application/json", {}, {}))
    assert refused.value.status == 422


@pytest.mark.parametrize("part", ["MessageName", "InputParameters", "PrimaryEntityName"])
@pytest.mark.parametrize("odd", [None, 5, [], [5], [{"key": 5}], {"key": "Target"}, "x"])
def test_odd_parts_of_a_webhook_ring_nobody(part: str, odd: Any) -> None:
    crm = dynamics(events={"contact": ["acme_callnow"]})
    whole = {**json.loads(told("webhook_call_wanted.json")), part: odd}
    assert crm.parse(Hook("POST", json.dumps(whole).encode(), "application/json", {}, {})) == []


def test_a_flows_click_is_a_persons(crm: Crm) -> None:
    (click,) = crm.parse(Hook("POST", told("flow.json"), "application/json", {}, {}))
    assert (click.source, click.user) == (Source.BUTTON, "ravi@example.test")
    assert click.delivery == "08584000000000000000000000001CU01"


def test_ids_in_braces_and_capitals_are_the_same_record(crm: Crm) -> None:
    raw = json.dumps({"object": "contact", "id": f"{{{CONTACT.upper()}}}", "user": f"{{{RAVI}}}"})
    (click,) = crm.parse(Hook("POST", raw.encode(), "application/json", {}, {}))
    assert (click.record_id, click.user) == (CONTACT, RAVI)


# -- Reading -------------------------------------------------------------------------------------------------


def test_record_and_owner_come_in_one_request_with_just_the_wanted_fields(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.read[0].on(net)
    record = crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert record.owner["internalemailaddress"] == "Ravi@example.test"
    assert query(net) == (
        "$select=fullname,mobilephone&$expand=owninguser($select=mobilephone,internalemailaddress,isdisabled)"
    )
    headers = net.calls[-1].request.headers
    assert headers["Authorization"] == "Bearer eyJ0.canary-of-dynamics-token.0001"
    assert (headers["OData-Version"], headers["OData-MaxVersion"]) == ("4.0", "4.0")


def test_a_path_through_a_lookup_is_expanded(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", f"{API}opportunities({OPPORTUNITY})", body=told("opportunity.json"))
    paths = ["name", "parentcontactid.mobilephone", "parentcontactid.parentcustomerid_account.name"]
    record = crm.read(Click("dynamics", "opportunity", OPPORTUNITY), Wanted(record=paths))
    assert record.record["parentcontactid"]["mobilephone"] == "98765 00001"
    assert query(net) == (
        "$select=name&$expand=parentcontactid($select=mobilephone;"
        "$expand=parentcustomerid_account($select=name))"
    )


def test_a_table_of_your_own_is_looked_up_once(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", f"{API}EntityDefinitions(LogicalName='acme_visit')", body=told("table_visit.json"))
    net.add("GET", f"{API}acme_visits({LEAD})", json={"acme_name": "Surat", "createdon": "x"})
    for _ in range(2):
        crm.read(Click("dynamics", "acme_visit", LEAD), Wanted(record=["acme_name"]))
    assert len(net.calls) == 4


def test_a_table_that_is_not_there_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    where = f"{API}EntityDefinitions(LogicalName='acme_visitt')"
    net.add("GET", where, body=told("no_such_table_defined.json"), status=404)
    with pytest.raises(AdminNeeded, match="acme_visitt"):
        crm.read(Click("dynamics", "acme_visitt", LEAD), CONTRACT.wanted)


def test_the_acting_user_is_found_by_id_of_dataverse_or_entra(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    net.add("GET", f"{API}systemusers", body=told("users_found.json"))
    click = replace(CONTRACT.clicked, user=RAVI)
    assert (
        crm.read(click, Wanted(["fullname"], user=["mobilephone"])).user["mobilephone"] == "+91 98765 00101"
    )
    where = f"systemuserid%20eq%20{RAVI}%20or%20azureactivedirectoryobjectid%20eq%20{RAVI}"
    assert query(net) == f"$select=mobilephone&$filter={where}&$top=2"


def test_the_acting_user_is_found_by_e_mail_and_never_guessed(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    (row,) = json.loads(told("users_found.json"))["value"]
    net.add("GET", f"{API}systemusers", json={"value": [row, row]})
    net.add("GET", f"{API}systemusers", body=told("users_none.json"))
    click = replace(CONTRACT.clicked, user="o'hara@example.test")
    for _ in range(2):
        assert crm.read(click, Wanted(["fullname"], user=["mobilephone"])).user == {}
    assert "internalemailaddress%20eq%20%27o%27%27hara%40example.test%27" in query(net)


@pytest.mark.parametrize("wrong", ["42", "../x", f"{CONTACT})/telephone1", f"{CONTACT}?$select=x"])
def test_what_is_no_id_of_theirs_never_stands_in_an_address(wrong: str) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(Gone):
        CONTRACT.make().read(Click("dynamics", "contact", wrong), CONTRACT.wanted)
    assert len(nobody.calls) == 0


@pytest.mark.parametrize("path", ["full name", "fullname,telephone1", "a)($select=b", "x-y"])
def test_what_is_no_name_of_a_field_never_stands_in_an_address(path: str) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(AdminNeeded, match="correct the mapping"):
        CONTRACT.make().read(CONTRACT.clicked, Wanted(record=[path]))
    assert len(nobody.calls) == 0


def test_a_field_the_owner_lacks_is_named_with_its_table(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", URL, body=told("no_such_field_uncoded.json"), status=400)
    with pytest.raises(Refused, match="'Mobilephone' on systemuser"):
        crm.read(CONTRACT.clicked, CONTRACT.wanted)


# -- Writing -------------------------------------------------------------------------------------------------

PLACED = {
    "subject": "Call with Asha Example",
    "ownerid": RAVI,
    "from": RAVI,
    "directioncode": True,
    "actualstart": "2026-01-31T09:05:00Z",
    "actualdurationminutes": None,
    "description": "Ringing …0001.",
    "statecode": 0,
    "statuscode": 1,
}
ENDED = {**PLACED, "actualdurationminutes": 2, "description": "Answered.", "statecode": 1, "statuscode": 2}
CHANGED = {
    "subject": "Call with Asha Example",
    "directioncode": True,
    "actualstart": "2026-01-31T09:05:00Z",
    "actualdurationminutes": 2,
    "description": "Answered.",
}
MADE = Say("PATCH", PHONECALL, b"", 204, condition=NEW)
CHANGE = Say("PATCH", PHONECALL, b"", 204, condition=THERE)


def state(name: str) -> Say:
    return Say("GET", PHONECALL, told(name))


def parties(body: Any) -> dict[int, str]:
    return {
        party["participationtypemask"]: next(value for name, value in party.items() if "bind" in name)
        for party in body["phonecall_activity_parties"]
    }


def test_a_call_is_made_open_with_owner_record_and_both_parties(
    net: responses.RequestsMock, crm: Crm
) -> None:
    MADE.on(net)
    assert crm.write(CONTRACT.activity(fields=PLACED)) == CALL
    assert sent(net) == [
        (
            "PATCH",
            {
                "subject": "Call with Asha Example",
                "directioncode": True,
                "actualstart": "2026-01-31T09:05:00Z",
                "description": "Ringing …0001.",
                "ownerid@odata.bind": f"/systemusers({RAVI})",
                "regardingobjectid_contact_phonecall@odata.bind": f"/contacts({CONTACT})",
                "phonecall_activity_parties": [
                    {"partyid_systemuser@odata.bind": f"/systemusers({RAVI})", "participationtypemask": 1},
                    {"partyid_contact@odata.bind": f"/contacts({CONTACT})", "participationtypemask": 2},
                ],
            },
        )
    ]


def test_the_end_is_written_first_and_the_state_last_by_itself(net: responses.RequestsMock, crm: Crm) -> None:
    for each in (state("call_open.json"), CHANGE):
        each.on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED, id=CALL))
    assert sent(net) == [
        ("GET", None),
        ("PATCH", CHANGED),
        ("PATCH", {"statecode": 1, "statuscode": 2}),
    ]
    assert query(net, 1) == "$select=statecode,statuscode"


def test_a_call_that_rang_nobody_is_made_and_cancelled(net: responses.RequestsMock, crm: Crm) -> None:
    for each in (MADE, CHANGE):
        each.on(net)
    crm.write(CONTRACT.activity(Phase.REFUSED, fields={**PLACED, "statecode": 2, "statuscode": 3}))
    assert [method for method, _ in sent(net)] == ["PATCH", "PATCH"]
    assert "statecode" not in sent(net)[0][1]
    assert sent(net)[1][1] == {"statecode": 2, "statuscode": 3}


@pytest.mark.parametrize(("name", "found"), [("call_completed", (1, 4)), ("call_cancelled", (2, 3))])
def test_a_late_correction_opens_a_closed_call_and_closes_it_as_it_was(
    net: responses.RequestsMock, crm: Crm, name: str, found: tuple[int, int]
) -> None:
    for each in (state(f"{name}.json"), CHANGE):
        each.on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED, id=CALL))
    assert sent(net)[1:] == [
        ("PATCH", {"statecode": 0, "statuscode": 1}),
        ("PATCH", CHANGED),
        ("PATCH", {"statecode": found[0], "statuscode": found[1]}),
    ]


def test_an_earlier_unheard_create_is_met_by_its_id(net: responses.RequestsMock, crm: Crm) -> None:
    replace(MADE, body=told("call_exists.json"), status=412).on(net)
    for each in (state("call_open.json"), CHANGE):
        each.on(net)
    assert crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED)) == CALL
    assert [method for method, _ in sent(net)] == ["PATCH", "GET", "PATCH", "PATCH"]


def test_a_call_that_is_not_there_is_not_found(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", PHONECALL, body=told("call_not_found.json"), status=404)
    assert crm.find(CONTRACT.activity()) is None


def test_a_deleted_call_is_made_again_under_the_same_id(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", PHONECALL, body=told("call_not_found.json"), status=404)
    for each in (MADE, CHANGE):
        each.on(net)
    assert crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED, id=CALL)) == CALL
    assert sent(net)[-1] == ("PATCH", {"statecode": 1, "statuscode": 2})


def test_an_opportunitys_call_goes_to_its_contact(net: responses.RequestsMock, crm: Crm) -> None:
    MADE.on(net)
    known = json.loads(told("opportunity.json"))
    about = {"object": "opportunity", "record_id": OPPORTUNITY, "record": Record(known)}
    crm.write(CONTRACT.activity(fields=PLACED, **about))
    ((_, made),) = sent(net)
    assert parties(made) == {1: f"/systemusers({RAVI})", 2: f"/contacts({CONTACT})"}
    assert made["regardingobjectid_opportunity_phonecall@odata.bind"] == f"/opportunities({OPPORTUNITY})"


def test_a_team_owned_records_call_has_no_caller_and_is_our_own_users(
    net: responses.RequestsMock, crm: Crm
) -> None:
    MADE.on(net)
    crm.write(CONTRACT.activity(fields={**PLACED, "ownerid": None, "from": None}))
    ((_, made),) = sent(net)
    assert parties(made) == {2: f"/contacts({CONTACT})"}
    assert "ownerid@odata.bind" not in made


def test_a_disabled_owner_is_the_caller_and_owns_nothing(net: responses.RequestsMock, crm: Crm) -> None:
    MADE.on(net)
    left = Record({}, {"systemuserid": RAVI, "isdisabled": True})
    crm.write(CONTRACT.activity(fields=PLACED, record=left))
    ((_, made),) = sent(net)
    assert parties(made)[1] == f"/systemusers({RAVI})" and "ownerid@odata.bind" not in made


def test_texts_that_are_too_long_are_cut(net: responses.RequestsMock, crm: Crm) -> None:
    MADE.on(net)
    crm.write(CONTRACT.activity(fields={"subject": "x" * 300, "description": "y" * 3000}))
    ((_, made),) = sent(net)
    assert (len(made["subject"]), len(made["description"])) == (200, 2000)


# -- Refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "kind", "code", "said"),
    [
        ("privilege_missing.json", 403, AdminNeeded, "crm_forbidden", "lacks prvReadContact"),
        ("not_a_member.json", 403, AdminNeeded, "crm_unauthorised", "no application user"),
        ("no_such_table.json", 404, AdminNeeded, "unknown_object", "contacs"),
        ("not_found.json", 404, Gone, "record_not_found", CONTACT),
        ("invalid.json", 400, AdminNeeded, "crm_rejected", "not a valid status code"),
        ("call_exists.json", 412, TryAgain, "crm_failed", "already"),
    ],
)
def test_a_refusal_says_in_their_own_terms_what_to_do(
    net: responses.RequestsMock, crm: Crm, name: str, status: int, kind: type[Exception], code: str, said: str
) -> None:
    net.add("GET", URL, body=told(name), status=status)
    with pytest.raises(kind, match=re.escape(said)) as refused:
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert refused.value.code == code  # type: ignore[attr-defined]


def test_a_written_field_that_is_not_there_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    replace(MADE, body=told("no_such_field_written.json"), status=400).on(net)
    with pytest.raises(AdminNeeded, match="'outcome' on phonecall") as refused:
        crm.write(CONTRACT.activity(fields={**PLACED, "outcome": "x"}))
    assert refused.value.code == "unknown_field"


def test_a_limit_that_was_met_is_waited_for_in_seconds(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", URL, body=told("too_many_requests.json"), status=429, headers={"Retry-After": "37"})
    with pytest.raises(TryAgain) as slow:
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert slow.value.retry_after == 37


# -- Login ---------------------------------------------------------------------------------------------------


def test_a_token_that_ran_out_is_renewed_once_for_this_environment(crm: Crm) -> None:
    with responses.RequestsMock() as net:
        TOKEN.on(net)
        net.add("GET", URL, status=401)
        replace(TOKEN, body=told("token_again.json")).on(net)
        CONTRACT.read[0].on(net)
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
        form = str(net.calls[0].request.body)
        assert net.calls[-1].request.headers["Authorization"].endswith(".0002")
    assert "grant_type=client_credentials" in form
    assert "scope=https%3A%2F%2Facme.crm8.dynamics.com%2F.default" in form


def test_a_secret_that_ran_out_is_said_with_entras_own_word() -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told("token_refused.json"), status=401).on(net)
        with pytest.raises(AdminNeeded, match=r"AADSTS7000215.*make a new client secret") as refused:
            CONTRACT.make().read(CONTRACT.clicked, CONTRACT.wanted)
    assert refused.value.code == "crm_unauthorised"


def test_another_cloud_has_another_login() -> None:
    own = {"login_url": "https://login.microsoftonline.us", "base_url": "https://acme.crm9.dynamics.com/"}
    made = Dynamics(Account("dynamics", DynamicsSchema().load({**CONTRACT.settings, **own})))
    with responses.RequestsMock() as net:
        url = "https://login.microsoftonline.us/acme.example/oauth2/v2.0/token"
        net.add("POST", url, body=told("token.json"))
        net.add(
            "GET",
            f"https://acme.crm9.dynamics.com/api/data/v9.2/contacts({CONTACT})",
            body=told("contact.json"),
        )
        made.read(CONTRACT.clicked, Wanted(record=["fullname"]))


@pytest.mark.parametrize("tenant", ["", "a/b", "../x", "acme?x"])
def test_a_tenant_that_would_change_the_address_is_refused(tenant: str) -> None:
    with pytest.raises(ValidationError):
        DynamicsSchema().load({**CONTRACT.settings, "tenant": tenant})


# -- Check ---------------------------------------------------------------------------------------------------

RIGHT = re.compile(re.escape(API) + r"systemusers\(.*RetrieveUserPrivilegeByPrivilegeName.*")
ME = Say("GET", f"{API}WhoAmI()", body("dynamics", "whoami.json"))


def check(net: responses.RequestsMock, *said: Say, wanted: Wanted = CONTRACT.wanted) -> dict[str, str]:
    for each in said:
        each.on(net)
    found = CONTRACT.make().check_live({"contact": wanted})
    return {each.what: each.advice for each in found if not each.ok}


def rows(table: str, name: str = "rows.json", status: int = 200) -> Say:
    return Say("GET", f"{API}{table}", told(name), status)


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock) -> None:
    wanted = replace(CONTRACT.wanted, user=["mobilephone"])
    right = Say("GET", RIGHT, told("privileges.json"))
    assert (
        check(net, ME, rows("contacts"), rows("systemusers"), rows("phonecalls"), right, wanted=wanted) == {}
    )


def test_the_check_names_every_missing_field(net: responses.RequestsMock) -> None:
    wrong = [rows("contacts", name, 400) for name in ("no_such_field.json", "no_such_field_uncoded.json")]
    right = Say("GET", RIGHT, told("privileges.json"))
    wanted = Wanted(["mobilefone", "fullname"], ["Mobilephone"])
    faults = check(net, ME, *wrong, rows("contacts"), rows("phonecalls"), right, wanted=wanted)
    assert set(faults) == {"contact.mobilefone", "systemuser.Mobilephone"}
    assert net.calls[4].request.url == f"{API}contacts?$select=fullname&$top=1"


def test_the_check_names_every_missing_right(net: responses.RequestsMock) -> None:
    forbidden = rows("contacts", "privilege_missing.json", 403)
    lacking = Say("GET", RIGHT, told("privileges_none.json"))
    faults = check(net, ME, forbidden, rows("phonecalls"), lacking)
    assert "prvReadContact" in faults["contact"]
    assert {name for name in faults if name != "contact"} == {
        f"right prv{verb}Activity" for verb in ("Read", "Create", "Write", "Append", "Assign")
    }


def test_a_version_that_cannot_tell_of_rights_is_no_fault(net: responses.RequestsMock) -> None:
    unknown = Say("GET", RIGHT, told("no_such_table.json"), 404)
    assert check(net, ME, rows("contacts"), rows("phonecalls"), unknown) == {}


def test_the_check_ends_where_the_app_has_no_user(net: responses.RequestsMock) -> None:
    faults = check(net, replace(ME, body=told("not_a_member.json"), status=403))
    assert set(faults) == {"application user"} and "make one" in faults["application user"]


def test_the_check_ends_at_a_refused_login() -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told("token_refused.json"), status=401).on(net)
        (only,) = CONTRACT.make().check_live({"contact": CONTRACT.wanted})
    assert (only.what, only.ok) == ("login", False)
