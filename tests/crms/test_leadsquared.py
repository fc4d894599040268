"""What is only LeadSquared's: what a connector and webhooks send, what is read, logged and corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from contract_leadsquared import CALL, CONTRACT, FIND, LEAD, LOG, RAVI, READ, UPDATE, URL, USER
from crm_contracts import KEY, body
from responses import matchers

from connector.crms.base import Crm, Hook
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.mapping import load
from connector.model import Call, Click, Ending, Outcome, Phase, Source, State, Wanted

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ROOT = Path(__file__).parents[2]
USERS, FIELDS = URL + "UserManagement.svc/Users.Get", URL + "LeadManagement.svc/LeadsMetaData.Get"


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def crm() -> Crm:
    return CONTRACT.make()


def told(name: str) -> bytes:
    return body("leadsquared", name)


def sent(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"null")  # type: ignore[union-attr]


def hook(name: str) -> Hook:
    raw, form = told(name), name.endswith(".txt")
    return Hook("POST", raw, FORM if form else JSON, {}, dict(parse_qsl(raw.decode())) if form else {})


# -- Clicks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["click2call.json", "click2call_form.txt"])
def test_a_press_names_lead_and_user_and_its_numbers_are_not_kept(crm: Crm, name: str) -> None:
    (click,) = crm.parse(hook(name))
    assert (click.object, click.record_id, click.user) == ("Lead", LEAD, RAVI)
    assert (click.source, click.delivery) == (Source.BUTTON, None)
    assert "9876500001" not in json.dumps(dict(click.raw))


def test_a_press_with_nothing_but_numbers_is_told_what_to_send(crm: Crm) -> None:
    with pytest.raises(BadRequest) as refused:
        crm.parse(hook("click2call_numbers.txt"))
    assert (refused.value.code, refused.value.status) == ("record_missing", 422)
    assert "`lead_id`" in refused.value.message


@pytest.mark.parametrize(
    ("name", "delivery"),
    [
        ("webhook_lead_create.json", f"lead {LEAD} 2026-03-02 06:30:00"),
        ("webhook_lead_update.json", f"lead {LEAD} 2026-03-02 06:31:00"),
        ("webhook_activity.json", "activity 33d16ba6-91fe-11e7-b0ab-02e89b2fb8f4"),
    ],
)
def test_a_webhook_is_a_rules_and_known_again_by_what_it_tells_of(crm: Crm, name: str, delivery: str) -> None:
    (click,) = crm.parse(hook(name))
    assert (click.object, click.record_id, click.source) == ("Lead", LEAD, Source.RULE)
    assert (click.user, click.delivery) == (None, delivery)
    assert "9876500001" not in json.dumps(dict(click.raw))


def test_a_webhook_that_does_not_say_when_is_not_taken_for_a_repeat(crm: Crm) -> None:
    (click,) = crm.parse(Hook("POST", json.dumps({"ProspectID": LEAD}).encode(), JSON, {}, {}))
    assert click.delivery is None


def test_what_the_sender_says_of_source_and_click_is_taken(crm: Crm) -> None:
    raw = json.dumps({"lead_id": LEAD, "source": "rule", "click_id": "k7"}).encode()
    (click,) = crm.parse(Hook("POST", raw, JSON, {}, {}))
    assert (click.source, click.delivery) == (Source.RULE, "k7")


@pytest.mark.parametrize("value", ["1", 1, True, "true", "Yes", {"Value": "1"}])
def test_no_spelling_of_do_not_call_is_rung(net: responses.RequestsMock, crm: Crm, value: Any) -> None:
    mapping = load((ROOT / "mappings" / "leadsquared.yaml").read_text(encoding="utf-8"), "leadsquared.yaml")
    (lead,) = json.loads(told("lead.json"))
    net.add("GET", READ, json=[{**lead, "DoNotCall": value}])
    net.add("GET", USER, body=told("user.json"))
    record = crm.read(CONTRACT.clicked, mapping.wanted("Lead"))
    with pytest.raises(Refused) as refused:
        mapping.plan(
            "Lead",
            record,
            CONTRACT.clicked,
            default_deskphone="08045670000",
            default_call_limit=None,
            read_number=str,
            member_number=lambda email: None,
        )
    assert refused.value.code == "refused_by_rule"


# -- Reading -------------------------------------------------------------------------------------------------


def test_the_keys_go_in_headers_and_only_what_is_wanted_is_kept(
    net: responses.RequestsMock, crm: Crm
) -> None:
    by_id = matchers.query_param_matcher({"id": LEAD})
    net.add("GET", READ, body=told("lead.json"), match=[by_id])
    net.add("GET", USER, body=told("user.json"), match=[matchers.query_param_matcher({"userId": RAVI})])
    record = crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert record.record == {"FirstName": "Asha", "Mobile": "+91-9876500001"}
    assert record.owner == {"PhoneMobile": "+91-9876500101", "EmailAddress": "Ravi@example.test"}
    headers = net.calls[0].request.headers
    assert headers["x-LSQ-AccessKey"] == "canary-of-lsq-access"
    assert headers["x-LSQ-SecretKey"] == "canary-of-lsq-secret"


def test_nobody_is_asked_for_an_owner_of_whom_only_the_id_is_wanted(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.read[0].on(net)
    assert crm.read(CONTRACT.clicked, Wanted(record=["Mobile"], owner=["UserId"])).owner == {"UserId": RAVI}


def test_an_owner_who_is_not_active_has_no_phone(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    net.add("GET", USER, body=b"[]")
    assert crm.read(CONTRACT.clicked, CONTRACT.wanted).owner == {
        "PhoneMobile": None,
        "EmailAddress": None,
        "UserId": RAVI,
    }


def test_the_user_who_clicked_is_found_by_e_mail(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    net.add("GET", USERS, body=told("users.json"))
    net.add("GET", USER, body=told("user.json"), match=[matchers.query_param_matcher({"userId": RAVI})])
    click = replace(CONTRACT.clicked, user="RAVI@example.test")
    user = crm.read(click, Wanted(record=["Mobile"], user=["PhoneMobile"])).user
    assert user == {"PhoneMobile": "+91-9876500101"}


def test_a_user_nobody_knows_is_nobody(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    net.add("GET", USERS, body=told("users.json"))
    click = replace(CONTRACT.clicked, user="stranger@example.test")
    assert crm.read(click, Wanted(record=["Mobile"], user=["PhoneMobile"])).user == {}


@pytest.mark.parametrize("address", [None, "Ravi@example.test"])
def test_a_user_is_never_guessed(net: responses.RequestsMock, crm: Crm, address: str | None) -> None:
    users = json.loads(told("users.json"))
    CONTRACT.read[0].on(net)
    net.add("GET", USERS, json=[{**user, "EmailAddress": address} for user in users])
    click = replace(CONTRACT.clicked, user=str(address).lower())
    assert crm.read(click, Wanted(record=["Mobile"], user=["PhoneMobile"])).user == {}


def test_a_field_of_the_owner_that_is_not_there_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    with pytest.raises(Refused, match="'PhoneMobil'"):
        crm.read(CONTRACT.clicked, Wanted(record=["Mobile"], owner=["PhoneMobil"]))


@pytest.mark.parametrize("wrong", ["42", "1bfdec89-f91b-46a3-85bd-fda3f3712518&x=1", "../Users.Get"])
def test_what_is_no_id_of_theirs_is_never_asked_for(wrong: str) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(Gone):
        CONTRACT.make().read(Click("lsq", "Lead", wrong), CONTRACT.wanted)
    assert len(nobody.calls) == 0


# -- Writing -------------------------------------------------------------------------------------------------

ENDED: dict[str, Any] = {
    "UserId": RAVI,
    "SourceNumber": "+919876500101",
    "DestinationNumber": "+919876500001",
    "DisplayNumber": "01200000002",
    "Direction": "Outbound",
    "StartTime": "2026-03-02 06:35:00",
    "EndTime": "2026-03-02 06:37:10",
    "CallDuration": 95,
    "Status": "Answered",
    "ResourceURL": "https://recordings.example.com/1.mp3",
}


def test_a_call_is_logged_with_lead_session_and_numbers_as_they_write_them(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.create[0].on(net)
    assert crm.write(CONTRACT.activity(fields=ENDED)) == CALL
    assert sent(net) == {
        **ENDED,
        "SourceNumber": "+91-9876500101",
        "DestinationNumber": "+91-9876500001",
        "LeadId": LEAD,
        "CallSessionId": KEY,
    }


@pytest.mark.parametrize("phase", [Phase.PLACED, Phase.UNKNOWN, Phase.REFUSED])
def test_nothing_is_logged_of_a_call_before_its_end_or_that_never_was(crm: Crm, phase: Phase) -> None:
    with responses.RequestsMock() as nobody:
        assert crm.write(CONTRACT.activity(phase, fields=ENDED)) is None
    assert len(nobody.calls) == 0


def test_what_came_late_is_corrected_and_no_second_call_is_logged(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.update[0].on(net)
    crm.write(CONTRACT.activity(fields=ENDED, id=CALL))
    assert sent(net) == {
        "ActivityId": CALL,
        "CallDuration": "95",
        "RecordingURL": "https://recordings.example.com/1.mp3",
    }


def test_a_log_that_tells_no_id_is_known_by_our_key_and_looked_for_when_needed(
    net: responses.RequestsMock, crm: Crm
) -> None:
    replace(CONTRACT.create[0], body=told("call_logged_without_id.json")).on(net)
    made = crm.write(CONTRACT.activity(fields=ENDED))
    assert made == KEY
    outbound = {"Parameter": {"ActivityEvent": 22}, "Paging": {"Offset": "0", "RowCount": "100"}}
    match = [matchers.query_param_matcher({"leadId": LEAD}), matchers.json_params_matcher(outbound)]
    net.add("POST", FIND, body=told("activities.json"), match=match)
    CONTRACT.update[0].on(net)
    crm.write(CONTRACT.activity(fields=ENDED, id=made))
    assert sent(net)["ActivityId"] == CALL


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'"x"', b'{"Message": {"Id": "1"}}'])
def test_a_log_that_was_taken_without_a_verdict_is_not_made_again(
    net: responses.RequestsMock, crm: Crm, answer: bytes
) -> None:
    """Whether it could be found again is not confirmed: a try an hour would be a call an hour on the lead."""
    net.add("POST", LOG, body=answer, status=200 if answer else 204)
    with pytest.raises(Refused, match="look at the lead") as final:
        crm.write(CONTRACT.activity(fields=ENDED))
    assert final.value.code == "id_missing"


def test_a_log_that_cannot_be_found_stays_as_it_is_and_says_so(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", FIND, body=b'{"RecordCount": 0, "ProspectActivities": []}')
    with pytest.raises(Refused) as final:
        crm.write(CONTRACT.activity(fields=ENDED, id=KEY))
    assert final.value.code == "id_missing"


def test_a_call_nobody_answered_has_no_seconds(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields={**ENDED, "CallDuration": None, "ResourceURL": None}))
    assert (sent(net)["CallDuration"], "ResourceURL" in sent(net)) == (0, False)


# -- Refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("error_mandatory.json", AdminNeeded, "crm_rejected"),
        ("error_unexpected.json", TryAgain, "crm_failed"),
        ("error_not_found.json", Gone, "record_not_found"),
    ],
)
def test_an_exception_is_told_apart_though_all_come_as_500(
    net: responses.RequestsMock, crm: Crm, name: str, kind: type[Exception], code: str
) -> None:
    net.add("POST", LOG, body=told(name), status=500)
    with pytest.raises(kind) as caught:
        crm.create(CONTRACT.activity(fields=ENDED))
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_an_error_that_comes_with_200_is_one_all_the_same(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", UPDATE, body=told("error_mandatory.json"))
    with pytest.raises(AdminNeeded, match="'leadId' is mandatory"):
        crm.update(CONTRACT.activity(fields=ENDED, id=CALL))


# -- Check ---------------------------------------------------------------------------------------------------


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", FIELDS, body=told("fields.json"))
    net.add("GET", USERS, body=told("users.json"))
    net.add("GET", USER, body=told("user.json"), match=[matchers.query_param_matcher({"userId": RAVI})])
    found = crm.check_live({"Lead": CONTRACT.wanted})
    assert [(each.what, each.ok) for each in found] == [("keys", True), ("Lead", True), ("users", True)]


def test_the_check_names_what_is_missing(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", FIELDS, body=told("fields.json"))
    net.add("GET", USERS, body=told("users.json"))
    net.add("GET", USER, body=told("user.json"))
    found = crm.check_live({"Lead": Wanted(record=["Mobil"], owner=["PhoneMobil"])})
    assert [each.advice for each in found if not each.ok] == [
        "Lead has no field 'Mobil' that our user may see. Did you mean 'Mobile'?",
        "users has no field 'PhoneMobil' that our user may see. Did you mean 'PhoneMobile'?",
    ]


def test_the_check_ends_at_wrong_keys(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", FIELDS, status=401, body=b"{}")
    (only,) = crm.check_live({"Lead": CONTRACT.wanted})
    assert (only.what, only.ok) == ("keys", False)


def test_the_check_says_when_there_is_no_active_user(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", FIELDS, body=told("fields.json"))
    net.add("GET", USERS, body=b"[]")
    assert [each.what for each in crm.check_live({"Lead": CONTRACT.wanted}) if not each.ok] == ["users"]


# -- The shipped files ---------------------------------------------------------------------------------------


def test_a_missed_member_is_not_the_customers_fault() -> None:
    mapping = load((ROOT / "mappings" / "leadsquared.yaml").read_text(encoding="utf-8"), "leadsquared.yaml")
    now = datetime(2026, 3, 2, 6, 35, tzinfo=UTC)
    told_of = {}
    for outcome in Outcome:
        call = Call(
            "1", "lsq", CONTRACT.clicked, State.ENDED, now, now, dialled_at=now, ending=Ending(outcome)
        )
        told_of[str(outcome)] = mapping.activity(call).fields["Status"]
    assert told_of["answered"] == "Answered"
    assert {told_of[name] for name in told_of if name.startswith("customer_")} == {"NotAnswered"}
    assert {told_of[name] for name in told_of if name.startswith("member_")} == {"CallFailure"}


@pytest.mark.parametrize("name", ["click2call.json", "click2call.txt"])
def test_what_the_kit_lets_a_connector_send_is_taken(crm: Crm, name: str) -> None:
    text = (ROOT / "kits" / "leadsquared" / name).read_text(encoding="utf-8").strip()
    filled = text.replace("LEAD_ID", LEAD).replace("USER_ID", RAVI)
    fields = dict(parse_qsl(filled)) if name.endswith(".txt") else {}
    (click,) = crm.parse(Hook("POST", filled.encode(), FORM if fields else JSON, {}, fields))
    assert (click.object, click.record_id, click.user, click.source) == ("Lead", LEAD, RAVI, Source.BUTTON)
