"""What is only Zoho CRM's: what its webhooks, functions and PhoneBridge send, what is asked and written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
import yaml
from contract_zoho import API, CALL, CONTACT, CONTRACT, RAVI
from crm_contracts import KEY, Say, body
from responses import matchers

from connector.crms.base import Account, Crm, Hook
from connector.crms.zoho import Zoho, ZohoSchema
from connector.crms.zoho_api import DATACENTRES
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.model import Click, Phase, Source, Wanted

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ROOT = Path(__file__).parents[2]
LEAD, MOBILE = "554023000000527003", "+91 98765 00101"


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        CONTRACT.login[0].on(mock)
        yield mock


@pytest.fixture
def crm() -> Crm:
    return CONTRACT.make()


def told(name: str) -> bytes:
    return body("zoho", name)


def sent(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"null")  # type: ignore[union-attr]


def hook(name: str, content_type: str) -> Hook:
    raw = told(name)
    fields = dict(parse_qsl(raw.decode())) if content_type == FORM else {}
    return Hook("POST", raw, content_type.partition(";")[0], {"content-type": content_type}, fields)


# -- Clicks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("webhook.json", JSON),
        ("webhook_form.txt", FORM),
        ("webhook_multipart.txt", "multipart/form-data; boundary=ZohoBoundary42"),
    ],
)
def test_a_webhook_is_a_rules_however_its_parameters_are_sent(crm: Crm, name: str, kind: str) -> None:
    (click,) = crm.parse(hook(name, kind))
    assert (click.object, click.record_id, click.source) == ("Leads", LEAD, Source.RULE)
    assert click.delivery is None


def test_what_an_admin_sends_along_can_be_read_in_the_mapping_without_numbers(crm: Crm) -> None:
    (click,) = crm.parse(hook("webhook.json", JSON))
    assert click.raw["lead_source"] == "Web form"
    assert click.raw["phone_seen"] == "…0002"
    (click,) = crm.parse(hook("webhook_multipart.txt", "multipart/form-data; boundary=ZohoBoundary42"))
    assert click.raw["company"] == "Müller"


def test_a_press_of_the_button_has_an_id_and_a_user(crm: Crm) -> None:
    (click,) = crm.parse(hook("button.json", JSON))
    assert (click.source, click.user) == (Source.BUTTON, "ravi@example.test")
    assert click.delivery == "554023000000527002-1772433300123-4711"


def test_a_webhook_that_does_not_say_who_asks_is_a_rules(crm: Crm) -> None:
    (click,) = crm.parse(Hook("POST", b'{"module": "Leads", "record_id": 554023000000527003}', JSON, {}, {}))
    assert (click.record_id, click.source) == (LEAD, Source.RULE)


def test_phonebridge_is_taken_when_it_names_the_record(crm: Crm) -> None:
    (click,) = crm.parse(hook("phonebridge_with_record.txt", FORM))
    assert (click.object, click.record_id, click.user) == ("Contacts", CONTACT, "60001234567")
    assert click.source is Source.BUTTON
    assert "9876500001" not in json.dumps(dict(click.raw))


def test_phonebridge_with_nothing_but_a_number_is_told_what_to_add(crm: Crm) -> None:
    with pytest.raises(BadRequest) as refused:
        crm.parse(hook("phonebridge.txt", FORM))
    assert (refused.value.code, refused.value.status) == ("record_missing", 422)
    assert "`clicktodialparam`" in refused.value.message and "9876500001" not in refused.value.message


@pytest.mark.parametrize(
    ("raw", "head"),
    [
        (b"--b\r\nno form", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n\xff\r\n--b--',
            "multipart/form-data; boundary=b",
        ),
        (b"module=Leads", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=b"),
    ],
)
def test_a_broken_form_is_the_senders_fault(crm: Crm, raw: bytes, head: str) -> None:
    with pytest.raises(BadRequest) as refused:
        crm.parse(Hook("POST", raw, "multipart/form-data", {"content-type": head}, {}))
    assert refused.value.code == "body_broken"


# -- Reading -------------------------------------------------------------------------------------------------


def test_it_asks_for_just_the_wanted_fields_and_the_owner(net: responses.RequestsMock, crm: Crm) -> None:
    fields = matchers.query_param_matcher({"fields": "Account_Name,Full_Name,Owner"})
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told("contact.json"), match=[fields])
    wanted = Wanted(record=["Full_Name", "Account_Name.name"], owner=["email", "name"])
    record = crm.read(CONTRACT.clicked, wanted)
    assert record.owner["email"] == "Ravi@example.test"
    assert net.calls[-1].request.headers["Authorization"].startswith("Zoho-oauthtoken 1000.")


def test_an_owner_whose_user_cannot_be_found_has_no_phone(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told("contact.json"))
    net.add("GET", f"{API}users/{RAVI}", status=204)
    record = crm.read(CONTRACT.clicked, Wanted(record=["Full_Name"], owner=["mobile", "email"]))
    assert record.owner == {"mobile": None, "name": "Ravi Example", "id": RAVI, "email": "Ravi@example.test"}


def test_a_field_of_the_owner_that_zoho_does_not_know_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    with pytest.raises(Refused, match="'mobil'"):
        crm.read(CONTRACT.clicked, Wanted(record=["Full_Name"], owner=["mobil"]))


@pytest.mark.parametrize("who", ["RAVI@example.test", "60001234567"])
def test_the_user_who_clicked_is_found_by_e_mail_or_zuid(
    net: responses.RequestsMock, crm: Crm, who: str
) -> None:
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told("contact.json"))
    net.add("GET", f"{API}users", body=told("users.json"))
    click = replace(CONTRACT.clicked, user=who)
    assert crm.read(click, Wanted(record=["Full_Name"], user=["mobile"])).user == {"mobile": MOBILE}


def test_of_an_owner_no_more_is_kept_than_the_mapping_reads(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    owner = crm.read(CONTRACT.clicked, CONTRACT.wanted).owner
    assert owner.keys() == {"id", "name", "email", "mobile"}


def test_the_user_who_clicked_is_found_by_id_in_one_request(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    click = replace(CONTRACT.clicked, user=RAVI)
    assert crm.read(click, Wanted(record=["Full_Name"], user=["mobile"])).user == {"mobile": MOBILE}


def test_a_user_nobody_knows_is_nobody_after_the_last_page(net: responses.RequestsMock, crm: Crm) -> None:
    crowd = {"users": [{"id": str(RAVI), "email": f"u{n}@example.test"} for n in range(200)]}
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told("contact.json"))
    net.add("GET", f"{API}users", json=crowd)
    net.add("GET", f"{API}users", status=204)
    click = replace(CONTRACT.clicked, user="stranger@example.test")
    assert crm.read(click, Wanted(record=["Full_Name"], user=["mobile"])).user == {}


@pytest.mark.parametrize("address", [None, "ravi@example.test"])
def test_of_several_users_with_one_address_none_is_guessed(
    net: responses.RequestsMock, crm: Crm, address: str | None
) -> None:
    twice = {"users": [{"id": RAVI, "email": address, "mobile": MOBILE, "zuid": None}] * 2}
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told("contact.json"))
    net.add("GET", f"{API}users", json=twice)
    click = replace(CONTRACT.clicked, user=str(address))
    assert crm.read(click, Wanted(record=["Full_Name"], user=["mobile"])).user == {}


@pytest.mark.parametrize("wrong", ["42", "../users/1", "554023000000527002?x=1"])
def test_what_is_no_id_of_zohos_never_stands_in_an_address(wrong: str) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(Gone):
        CONTRACT.make().read(Click("zoho", "Contacts", wrong), CONTRACT.wanted)
    assert len(nobody.calls) == 0


# -- Writing -------------------------------------------------------------------------------------------------

PLACED = {
    "Subject": "Call with Asha Example",
    "Owner": RAVI,
    "Call_Type": "Outbound",
    "Call_Start_Time": "2026-03-02T06:35:00Z",
    "Call_Duration": None,
    "Outgoing_Call_Status": "Scheduled",
    "Description": "Ringing …0001.",
}
ENDED = {**PLACED, "Call_Duration": "01:35", "Outgoing_Call_Status": "Completed"}


def test_a_call_is_inserted_with_its_contact_owner_and_key_and_sets_off_no_workflow(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.create[0].on(net)
    assert crm.write(CONTRACT.activity(fields=PLACED)) == CALL
    assert sent(net) == {
        "data": [
            {
                "Subject": "Call with Asha Example",
                "Owner": {"id": RAVI},
                "Call_Type": "Outbound",
                "Call_Start_Time": "2026-03-02T06:35:00+00:00",
                "Outgoing_Call_Status": "Scheduled",
                "Description": "Ringing …0001.",
                "CallerDesk_Call": KEY,
                "Who_Id": {"id": CONTACT},
            }
        ],
        "trigger": [],
    }


def test_the_end_leaves_type_owner_record_and_key_as_they_are(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.end[0].on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED, id=CALL))
    assert sent(net)["data"] == [
        {
            "Subject": "Call with Asha Example",
            "Call_Start_Time": "2026-03-02T06:35:00+00:00",
            "Call_Duration": "01:35",
            "Outgoing_Call_Status": "Completed",
            "Description": "Ringing …0001.",
        }
    ]


def test_a_lead_is_what_the_call_is_about(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields=PLACED, object="Leads", record_id=LEAD))
    (row,) = sent(net)["data"]
    assert (row["What_Id"], row["$se_module"], "Who_Id" in row) == ({"id": LEAD}, "Leads", False)


def test_a_completed_call_has_a_duration_even_when_nobody_talked(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields={**ENDED, "Call_Duration": None}))
    assert sent(net)["data"][0]["Call_Duration"] == "00:00"


@pytest.mark.parametrize("name", ["call_duplicate.json", "call_duplicate_record.json"])
@pytest.mark.parametrize("status", [202, 400])
def test_a_call_that_is_there_already_is_changed_and_counts_as_made(
    net: responses.RequestsMock, crm: Crm, name: str, status: int
) -> None:
    replace(CONTRACT.create[0], body=told(name), status=status).on(net)
    CONTRACT.end[0].on(net)
    assert crm.write(CONTRACT.activity(Phase.ENDED, fields=ENDED)) == CALL


def test_a_duplicate_in_another_field_is_not_our_call(net: responses.RequestsMock, crm: Crm) -> None:
    replace(CONTRACT.create[0], body=told("call_duplicate_elsewhere.json"), status=400).on(net)
    with pytest.raises(AdminNeeded, match="same Ticket_Number") as refused:
        crm.write(CONTRACT.activity(fields=PLACED))
    assert refused.value.code == "crm_rejected"


@pytest.mark.parametrize("status", [200, 201, 202, 207, 400])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("call_invalid_data.json", "INVALID_DATA, invalid data, field Call_Start_Time, expected datetime"),
        ("call_mandatory.json", "MANDATORY_NOT_FOUND, required field not found, field Call_Purpose"),
    ],
)
def test_each_row_of_a_write_is_looked_at_whatever_the_status_says(
    net: responses.RequestsMock, crm: Crm, status: int, name: str, said: str
) -> None:
    replace(CONTRACT.create[0], body=told(name), status=status).on(net)
    with pytest.raises(AdminNeeded, match=re.escape(said)) as refused:
        crm.write(CONTRACT.activity(fields=PLACED))
    assert refused.value.code == "crm_rejected"


@pytest.mark.parametrize("status", [200, 202, 400])
def test_a_call_somebody_deleted_is_gone(net: responses.RequestsMock, crm: Crm, status: int) -> None:
    replace(CONTRACT.update[0], body=told("call_gone.json"), status=status).on(net)
    with pytest.raises(Gone):
        crm.update(CONTRACT.activity(id=CALL, fields=PLACED))


def test_it_is_looked_for_by_its_key(net: responses.RequestsMock, crm: Crm) -> None:
    asked = {"select_query": f"select id, CallerDesk_Call from Calls where CallerDesk_Call = '{KEY}'"}
    asked["select_query"] += " order by id desc limit 200"
    net.add("POST", f"{API}coql", body=told("found.json"), match=[matchers.json_params_matcher(asked)])
    assert crm.find(CONTRACT.activity()) == CALL


def test_without_a_field_for_the_key_it_stands_in_the_description(
    net: responses.RequestsMock, crm: Crm
) -> None:
    keyless = CONTRACT.activity(fields=PLACED, key_field=None)
    CONTRACT.create[0].on(net)
    crm.write(keyless)
    assert sent(net)["data"][0]["Description"] == f"Ringing …0001.\n\nCallerDesk {KEY}"
    net.add("POST", f"{API}coql", body=told("calls_of_contact.json"))
    assert crm.find(keyless) == CALL
    assert f"where Who_Id = '{CONTACT}'" in sent(net)["select_query"]


def test_a_call_that_is_not_there_is_not_found(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", f"{API}coql", status=204)
    assert crm.find(CONTRACT.activity()) is None


def test_texts_that_are_too_long_are_cut_and_the_key_is_kept(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    long = {**PLACED, "Subject": "x" * 999, "Description": "y" * 40_000}
    crm.write(CONTRACT.activity(fields=long, key_field=None))
    (row,) = sent(net)["data"]
    assert (len(row["Subject"]), len(row["Description"])) == (255, 32_000)
    assert row["Description"].endswith(KEY)


# -- Refusals ------------------------------------------------------------------------------------------------


def refused(net: responses.RequestsMock, name: str, status: int) -> Exception:
    net.add("GET", f"{API}Contacts/{CONTACT}", body=told(name), status=status)
    with pytest.raises((AdminNeeded, TryAgain, Gone)) as caught:
        CONTRACT.make().read(CONTRACT.clicked, CONTRACT.wanted)
    return caught.value


@pytest.mark.parametrize(
    ("name", "status", "kind", "code", "said"),
    [
        ("invalid_module.json", 400, AdminNeeded, "unknown_object", "no module of this name"),
        ("no_permission.json", 403, AdminNeeded, "crm_forbidden", "permission denied"),
        ("scope_mismatch.json", 401, AdminNeeded, "crm_forbidden", "ZohoCRM.modules.contacts.READ"),
        ("too_many_requests.json", 429, TryAgain, "crm_rate_limited", "slow down"),
        ("too_many_requests.json", 400, TryAgain, "crm_rate_limited", "slow down"),
    ],
)
def test_a_refusal_says_in_zohos_own_terms_what_to_do(
    net: responses.RequestsMock, name: str, status: int, kind: type[Exception], code: str, said: str
) -> None:
    failure = refused(net, name, status)
    assert isinstance(failure, kind) and failure.code == code  # type: ignore[attr-defined]
    assert said in str(failure)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"{API}users/{RAVI}", "ZohoCRM.users.READ"),
        ("POST", f"{API}coql", "ZohoCRM.coql.READ"),
        ("POST", f"{API}Calls", "ZohoCRM.modules.calls.ALL"),
    ],
)
def test_the_scope_that_lacks_is_named_and_no_token_is_spent_on_it(
    net: responses.RequestsMock, crm: Crm, method: str, path: str, scope: str
) -> None:
    net.add(method, path, body=told("scope_mismatch.json"), status=401)
    with pytest.raises(AdminNeeded, match=re.escape(scope)):
        if "users" in path:
            CONTRACT.read[0].on(net)
            crm.read(CONTRACT.clicked, CONTRACT.wanted)
        elif "coql" in path:
            crm.find(CONTRACT.activity())
        else:
            crm.create(CONTRACT.activity(fields=PLACED))
    assert sum("oauth" in str(call.request.url) for call in net.calls) == 1


# -- Login ---------------------------------------------------------------------------------------------------


def test_a_token_that_ran_out_is_renewed_once_by_the_refresh_token(crm: Crm) -> None:
    with responses.RequestsMock() as net:
        CONTRACT.login[0].on(net)
        net.add("GET", f"{API}Contacts/{CONTACT}", body=told("invalid_token.json"), status=401)
        replace(CONTRACT.login[0], body=told("token_again.json")).on(net)
        CONTRACT.read[0].on(net)
        record = crm.read(CONTRACT.clicked, Wanted(record=["Full_Name"]))
        asked = [str(call.request.body) for call in net.calls if "oauth" in str(call.request.url)]
        assert net.calls[-1].request.headers["Authorization"].endswith(".0002")
    assert record.record["Full_Name"] == "Asha Example"
    assert len(asked) == 2
    assert "grant_type=refresh_token" in asked[0] and "client_id=1000.MADEUPCLIENT" in asked[0]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("token_refused.json", AdminNeeded, "crm_unauthorised"),
        ("token_too_often.json", TryAgain, "crm_login_failed"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_refresh_is_understood_though_it_comes_with_200(
    name: str, kind: type[Exception], code: str, status: int
) -> None:
    with responses.RequestsMock() as net:
        replace(CONTRACT.login[0], body=told(name), status=status).on(net)
        with pytest.raises(kind) as caught:
            CONTRACT.make().read(CONTRACT.clicked, CONTRACT.wanted)
    assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("datacentre", DATACENTRES)
def test_each_data_centre_has_its_own_two_hosts(datacentre: str) -> None:
    accounts, api = DATACENTRES[datacentre]
    made = Zoho(Account("zoho", ZohoSchema().load({**CONTRACT.settings, "datacentre": datacentre})))
    with responses.RequestsMock() as net:
        net.add("POST", f"https://{accounts}/oauth/v2/token", body=told("token.json"))
        net.add("GET", f"https://{api}/crm/v8/Contacts/{CONTACT}", body=told("contact.json"))
        made.read(CONTRACT.clicked, Wanted(record=["Full_Name"]))


def test_a_sandbox_has_an_address_of_its_own() -> None:
    own = {"base_url": "https://sandbox.zohoapis.in", "accounts_url": "https://accounts.example.com/zoho"}
    made = Zoho(Account("zoho", ZohoSchema().load({**CONTRACT.settings, **own})))
    with responses.RequestsMock() as net:
        net.add("POST", "https://accounts.example.com/zoho/oauth/v2/token", body=told("token.json"))
        net.add("GET", f"https://sandbox.zohoapis.in/crm/v8/Contacts/{CONTACT}", body=told("contact.json"))
        made.read(CONTRACT.clicked, Wanted(record=["Full_Name"]))


# -- Check ---------------------------------------------------------------------------------------------------


def check(net: responses.RequestsMock, wanted: Wanted, *said: Say) -> dict[str, str]:
    for each in said:
        each.on(net)
    found = CONTRACT.make().check_live({"Contacts": wanted})
    return {each.what: each.advice for each in found if not each.ok}


def fields_of(module: str, name: str, status: int = 200) -> Say:
    return Say("GET", f"{API}settings/fields?module={module}", told(name), status)


ME = Say("GET", f"{API}users?type=CurrentUser", body("zoho", "user.json"))


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock) -> None:
    wanted = Wanted(record=["Full_Name", "Mobile", "id"], owner=["mobile", "email", "name", "id"])
    said = (fields_of("Contacts", "fields_contacts.json"), ME, fields_of("Calls", "fields_calls.json"))
    assert check(net, wanted, *said) == {}


def test_the_check_names_what_is_missing(net: responses.RequestsMock) -> None:
    wanted = Wanted(record=["Full_Name", "Mobil"], owner=["mobil"])
    keyless = fields_of("Calls", "fields_calls_without_key.json")
    faults = check(net, wanted, fields_of("Contacts", "fields_contacts.json"), ME, keyless)
    assert "Did you mean 'Mobile'?" in faults["Contacts.Mobil"]
    assert "Did you mean 'mobile'?" in faults["users.mobil"]
    assert "Do not allow duplicate values" in faults["Calls: a field for the key"]


def test_the_check_names_each_scope_that_lacks(net: responses.RequestsMock) -> None:
    lacking = [fields_of(name, "scope_mismatch.json", 401) for name in ("Contacts", "Calls")]
    faults = check(net, CONTRACT.wanted, *lacking, replace(ME, body=told("scope_mismatch.json"), status=401))
    assert "ZohoCRM.settings.fields.READ" in faults["Contacts"]
    assert "ZohoCRM.users.READ" in faults["users"]
    assert "ZohoCRM.settings.fields.READ" in faults["Calls"]


def test_the_check_ends_at_a_refused_login() -> None:
    with responses.RequestsMock() as net:
        replace(CONTRACT.login[0], body=told("token_refused.json")).on(net)
        (only,) = CONTRACT.make().check_live({"Contacts": CONTRACT.wanted})
    assert (only.what, only.ok) == ("refresh token", False)
    assert "`datacentre`" in only.advice


# -- The shipped files ---------------------------------------------------------------------------------------


def test_the_consent_rule_of_the_mapping_is_ready_to_be_uncommented() -> None:
    text = (ROOT / "mappings" / "zoho.yaml").read_text(encoding="utf-8")
    rules = re.findall(r"^    # (refuse: .*)$", text, re.M)
    assert [list(yaml.safe_load(rule)["refuse"][0]["when"]) for rule in rules] == [
        ["record.Consent.Contact_Through_Phone"],
        ["record.Do_Not_Call"],
    ]


def test_the_buttons_function_sends_what_the_adapter_takes(crm: Crm) -> None:
    text = (ROOT / "kits" / "zoho" / "call_with_callerdesk.dg").read_text(encoding="utf-8")
    names = re.findall(r'click\.put\("(\w+)"', text)
    assert names == list(json.loads(told("button.json")))
    assert text.count("{") == text.count("}") and text.count("[") == text.count("]")


def test_the_webhooks_body_in_the_kit_is_one_the_adapter_takes(crm: Crm) -> None:
    text = (ROOT / "kits" / "zoho" / "workflow_webhook.json").read_text(encoding="utf-8")
    filled = text.replace("${Leads.Lead Id}", LEAD)
    assert "${" not in filled
    (click,) = crm.parse(Hook("POST", filled.encode(), JSON, {}, {}))
    assert (click.object, click.record_id, click.source) == ("Leads", LEAD, Source.RULE)
