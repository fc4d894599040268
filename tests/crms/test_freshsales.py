"""Freshsales: every form of its webhooks, what is read of its answers, what leaves, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import responses
from contract_freshsales import CONTRACT, NUMBER
from crm_contracts import KEY, PAYLOADS, body
from responses import matchers
from test_crm_contract_service import ROOT, Whole

from connector.crms.base import Hook
from connector.crms.freshsales import Freshsales
from connector.errors import AdminNeeded, BadRequest, Gone, Refused
from connector.model import Activity, Click, Phase, Source, Wanted

URL = "https://acme.myfreshworks.com/crm/sales/api/"
CONTACT = f"contacts/{NUMBER}"
XML, FORM = "application/xml", "application/x-www-form-urlencoded"


def freshsales(**settings: Any) -> Freshsales:
    crm = replace(CONTRACT, settings={**CONTRACT.settings, **settings}).make()
    assert isinstance(crm, Freshsales)
    return crm


def recorded(name: str) -> bytes:
    return (PAYLOADS / "freshsales" / name).read_bytes()


def sent(name: str, kind: str = "application/json", **fields: str) -> Hook:
    return Hook("POST", recorded(name), kind, {}, fields)


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def says(
    net: responses.RequestsMock, method: str, path: str, name: str, status: int = 200, **more: Any
) -> None:
    net.add(method, URL + path, body=body("freshsales", name), status=status, **more)


def asked_for(*brings: str) -> Any:
    return [matchers.query_param_matcher({"include": ",".join(brings)})]


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    return replace(CONTRACT.activity(phase), **changes)


def written(net: responses.RequestsMock) -> Any:
    return json.loads(net.calls[-1].request.body or "{}")


# -- Clicks --------------------------------------------------------------------------------------------------

HOOKS = {
    "json": sent("workflow.json"),
    "xml": sent("workflow.xml", XML),
    "xml that says nothing of itself": sent("workflow.xml", ""),
    "form": sent("workflow_form.txt", FORM, object="contact", id=NUMBER, user="ravi@example.test"),
}


def test_where_a_contact_came_from_is_not_who_asked_for_the_call() -> None:
    ticked = json.dumps({"contact_id": int(NUMBER), "source": "Web"}).encode()
    (click,) = freshsales().parse(Hook("POST", ticked, "application/json", {}, {}))
    assert click.source is Source.RULE and click.raw["source"] == "Web"


@pytest.mark.parametrize("hook", HOOKS.values(), ids=list(HOOKS))
def test_a_template_is_the_same_click_in_every_encoding(hook: Hook) -> None:
    (click,) = freshsales().parse(hook)
    assert (click.object, click.record_id, click.user) == ("contact", NUMBER, "ravi@example.test")
    assert (click.source, click.delivery) == (Source.RULE, None)


@pytest.mark.parametrize(
    ("name", "kind", "record_id"),
    [("workflow_ticked.json", "contact", NUMBER), ("workflow_deal.json", "deal", "402000000009")],
)
def test_ticked_fields_name_the_record_and_no_number_is_kept(name: str, kind: str, record_id: str) -> None:
    (click,) = freshsales().parse(sent(name))
    assert (click.object, click.record_id) == (kind, record_id)
    assert "98765" not in json.dumps(dict(click.raw))


def test_a_placeholder_that_was_not_filled_is_told(net: responses.RequestsMock) -> None:
    with pytest.raises(BadRequest, match="placeholder") as refusal:
        freshsales().parse(sent("workflow_unfilled.json"))
    assert refusal.value.status == 422


@pytest.mark.parametrize(
    "xml",
    [
        recorded("workflow_bomb.xml"),
        b"<hash><object>contact</object>",
        b"<hash>" + b"<a/>" * 201 + b"</hash>",
        b"<hash><id>1</id></hash>",
        b"<hash><object><b>contact</b></object><id>1</id></hash>",
        b"<hash><object>contact</object><id>../1</id></hash>",
    ],
)
def test_xml_that_is_no_click_is_the_senders_fault(xml: bytes) -> None:
    with pytest.raises(BadRequest):
        freshsales().parse(Hook("POST", xml, XML, {}, {}))


def test_a_press_is_told_by_the_template() -> None:
    own = b'{"object": "Sales account", "id": 3, "source": "button", "user": "70000"}'
    (click,) = freshsales().parse(Hook("POST", own, "application/json", {}, {}))
    assert (click.object, click.source, click.user) == ("sales_account", Source.BUTTON, "70000")


@pytest.mark.parametrize("name", ["json", "xml", "form"])
def test_each_encoding_rings_once_on_the_whole_way(name: str, tmp_path: Path) -> None:
    contract = replace(CONTRACT, hook=HOOKS[name])
    with ExitStack() as closing:
        text = (ROOT / "mappings" / "freshsales.yaml").read_text("utf-8")
        house = Whole(contract, tmp_path, text, closing)
        house.say(CONTRACT.read, CONTRACT.create)
        assert [house.send(house.signed()).status_code for _ in range(2)] == [200, 200]
        assert house.rung() == [("+919876500001", "+919876500101")]
        assert house.made() == 1


# -- Reading -------------------------------------------------------------------------------------------------


def test_one_request_reads_the_contact_and_its_owner(net: responses.RequestsMock) -> None:
    says(net, "GET", CONTACT, "contact.json", match=asked_for("owner"))
    wanted = Wanted(["display_name", "custom_field.cf_do_not_call"], ["mobile_number", "email"])
    found = freshsales().read(Click("freshsales", "contact", NUMBER), wanted)
    assert found.record == {
        "id": 402000000042,
        "owner_id": 70000,
        "display_name": "Asha Example",
        "custom_field": {"cf_do_not_call": False},
    }
    assert found.owner == {"id": 70000, "mobile_number": "+91 98765 00101", "email": "ravi@example.test"}
    assert net.calls[0].request.headers["Authorization"] == "Token token=canary-of-freshsales-key"


def test_an_owner_who_comes_without_numbers_has_none(net: responses.RequestsMock) -> None:
    """Whether users come with numbers at all is not confirmed."""
    says(net, "GET", CONTACT, "contact_owner_bare.json")
    wanted = Wanted(["display_name"], ["mobile_number", "work_number", "email"])
    owner = freshsales().read(Click("freshsales", "contact", NUMBER), wanted).owner
    assert (owner["mobile_number"], owner["work_number"], owner["email"]) == (None, None, "ravi@example.test")


def test_a_deal_is_read_with_its_contacts_when_they_are_wanted(net: responses.RequestsMock) -> None:
    says(net, "GET", "deals/402000000009", "deal.json", match=asked_for("owner", "contacts"))
    click, wanted = Click("freshsales", "deal", "402000000009"), Wanted(["name", "contacts.0.mobile_number"])
    record = freshsales().read(click, wanted).record
    assert (record["name"], record["contacts"][0]["mobile_number"]) == ("Looms for Kaveri", "98765 00001")


def test_a_deal_without_contacts_has_no_number(net: responses.RequestsMock) -> None:
    says(net, "GET", "deals/402000000009", "deal_without_contact.json")
    click = Click("freshsales", "deal", "402000000009")
    assert freshsales().read(click, Wanted(["contacts.0.mobile_number"])).record["contacts"] == []


def test_an_account_has_a_phone_of_its_own(net: responses.RequestsMock) -> None:
    says(net, "GET", "sales_accounts/402000000003", "sales_account.json")
    click = Click("freshsales", "sales_account", "402000000003")
    assert freshsales().read(click, Wanted(["phone"])).record["phone"] == "020 7946 0123"


@pytest.mark.parametrize("who", ["70000", "Ravi@Example.test"])
def test_whoever_acted_is_found_by_id_or_e_mail(net: responses.RequestsMock, who: str) -> None:
    says(net, "GET", CONTACT, "contact.json")
    says(net, "GET", "selector/owners", "owners.json")
    click = Click("freshsales", "contact", NUMBER, user=who)
    assert freshsales().read(click, Wanted(["display_name"], user=["mobile_number"])).user["id"] == 70000


def test_whoever_acted_is_never_guessed(net: responses.RequestsMock) -> None:
    says(net, "GET", CONTACT, "contact.json")
    says(net, "GET", "selector/owners", "owners.json")
    click = Click("freshsales", "contact", NUMBER, user="Ravi")
    assert freshsales().read(click, Wanted(["display_name"], user=["email"])).user == {"email": None}


@pytest.mark.parametrize("address", [None, "ravi@example.test"])
def test_of_several_users_with_one_address_none_is_guessed(
    net: responses.RequestsMock, address: str | None
) -> None:
    users = json.loads(body("freshsales", "owners.json"))["users"]
    says(net, "GET", CONTACT, "contact.json")
    net.add("GET", URL + "selector/owners", json={"users": [{**user, "email": address} for user in users]})
    click = Click("freshsales", "contact", NUMBER, user=str(address))
    assert freshsales().read(click, Wanted(["display_name"], user=["email"])).user == {"email": None}


def test_a_do_not_call_box_that_is_misspelt_is_not_read_as_no(net: responses.RequestsMock) -> None:
    says(net, "GET", CONTACT, "contact.json")
    with pytest.raises(Refused, match="cf_dont_call") as refusal:
        freshsales().read(Click("freshsales", "contact", NUMBER), Wanted(["custom_field.cf_dont_call"]))
    assert refusal.value.code == "unknown_field"


@pytest.mark.parametrize(("kind", "record_id"), [("lead", "1"), ("contact", "x"), ("contact", "1/2")])
def test_no_request_is_sent_for_what_is_no_record_of_theirs(kind: str, record_id: str) -> None:
    with responses.RequestsMock(), pytest.raises(Gone):
        freshsales().read(Click("freshsales", kind, record_id), Wanted(["phone"]))


# -- Writing -------------------------------------------------------------------------------------------------


def test_the_activity_type_is_looked_up_by_its_name_once(net: responses.RequestsMock) -> None:
    says(net, "GET", "selector/sales_activity_types", "activity_types.json")
    says(net, "POST", "sales_activities", "activity.json", 201)
    crm = freshsales(activity_type="phone")
    for _ in range(2):
        assert crm.create(activity(fields={"title": "Call", "owner_id": 70000})) == "402000000700"
    assert len(net.calls) == 3
    assert written(net) == {
        "sales_activity": {
            "sales_activity_type_id": 402000002,
            "targetable_type": "Contact",
            "targetable_id": 402000000042,
            "title": "Call",
            "owner_id": 70000,
            "notes": f"CallerDesk {KEY}",
        }
    }


def test_an_activity_type_that_is_not_there_is_named_with_those_that_are(net: responses.RequestsMock) -> None:
    says(net, "GET", "selector/sales_activity_types", "activity_types.json")
    with pytest.raises(AdminNeeded, match=r"'Telephone'.*Email, Phone, Meeting"):
        freshsales(activity_type="Telephone").create(activity())


def test_an_end_changes_what_became_of_the_call_and_leaves_the_rest_to_people(
    net: responses.RequestsMock,
) -> None:
    says(net, "PUT", "sales_activities/402000000700", "activity.json")
    fields = {
        "title": "Call",
        "owner_id": 70000,
        "notes": "Both were connected.",
        "end_date": "2026-01-31T09:07:00Z",
    }
    freshsales().update(activity(Phase.ENDED, id="402000000700", fields=fields))
    assert written(net) == {
        "sales_activity": {
            "title": "Call",
            "notes": f"Both were connected.\n\nCallerDesk {KEY}",
            "end_date": "2026-01-31T09:07:00Z",
        }
    }


def test_an_activity_in_the_bin_is_gone(net: responses.RequestsMock) -> None:
    says(net, "PUT", "sales_activities/402000000700", "activity_deleted.json")
    with pytest.raises(Gone):
        freshsales().update(activity(id="402000000700"))


def test_an_earlier_activity_is_found_among_those_the_record_brings(net: responses.RequestsMock) -> None:
    says(net, "GET", CONTACT, "contact_with_activities.json", match=asked_for("sales_activities"))
    assert freshsales().find(activity()) == "402000000700"
    assert freshsales().find(activity(key="0000000000000000")) is None


def test_activities_that_come_without_notes_are_opened(net: responses.RequestsMock) -> None:
    says(net, "GET", CONTACT, "contact_with_thin_activities.json")
    says(net, "GET", "sales_activities/402000000698", "activity_of_another_call.json")
    says(net, "GET", "sales_activities/402000000700", "activity.json")
    assert freshsales().find(activity()) == "402000000700"


@pytest.mark.parametrize("name", ["contact_without_activities.json", "contact.json"])
def test_a_record_that_brings_none_has_none_of_ours(net: responses.RequestsMock, name: str) -> None:
    says(net, "GET", CONTACT, name)
    assert freshsales().find(activity()) is None


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("invalid.json", 400, "crm_rejected", "Sales activity outcome is invalid. Owner can't be blank"),
        ("invalid.json", 422, "crm_rejected", "Sales activity outcome is invalid"),
        ("login_failed.json", 401, "crm_unauthorised", "login failed"),
        ("forbidden.json", 403, "crm_forbidden", "not authorized"),
    ],
)
def test_a_refusal_is_told_in_freshsales_words(
    net: responses.RequestsMock, name: str, status: int, code: str, words: str
) -> None:
    says(net, "POST", "sales_activities", name, status)
    with pytest.raises(AdminNeeded, match=words) as refusal:
        freshsales().create(activity())
    assert refusal.value.code == code


# -- check --live --------------------------------------------------------------------------------------------


def test_the_check_names_each_thing_that_is_missing(net: responses.RequestsMock) -> None:
    says(net, "GET", "selector/owners", "owners.json")
    says(net, "GET", "selector/sales_activity_types", "activity_types.json")
    says(net, "GET", "settings/contacts/fields", "contact_fields.json")
    says(net, "GET", "settings/deals/fields", "forbidden.json", 403)
    contact = ["display_name", "mobile_number", "mobil", "custom_field.cf_do_not_call", "custom_field.cf_no"]
    wanted = {"contact": Wanted(contact), "deal": Wanted(["name"]), "lead": Wanted(["name"])}
    told = {finding.what: finding.ok for finding in freshsales(activity_type="Call").check_live(wanted)}
    assert told == {
        "API key": True,
        "activity type": False,
        "contact": True,
        "contact display_name": True,
        "contact mobile_number": True,
        "contact mobil": False,
        "contact custom_field.cf_do_not_call": True,
        "contact custom_field.cf_no": False,
        "deal": False,
        "lead": False,
    }


def test_a_bad_key_ends_the_check(net: responses.RequestsMock) -> None:
    says(net, "GET", "selector/owners", "login_failed.json", 401)
    (finding,) = freshsales().check_live({"contact": Wanted(["display_name"])})
    assert (finding.what, finding.ok) == ("API key", False)


# -- The kit -------------------------------------------------------------------------------------------------

KIT = ROOT / "kits" / "freshsales"


@pytest.mark.parametrize("name", ["contact", "deal", "sales_account"])
def test_the_kits_templates_are_clicks_once_their_placeholders_are_filled(name: str) -> None:
    text = (KIT / f"{name}.json").read_text("utf-8")
    assert json.loads(text) == {"object": name, "id": f"{{{{{name}.id}}}}"}
    filled = text.replace(f"{{{{{name}.id}}}}", NUMBER).encode()
    (click,) = freshsales().parse(Hook("POST", filled, "application/json", {}, {}))
    assert (click.object, click.record_id) == (name, NUMBER)
    with pytest.raises(BadRequest):
        freshsales().parse(Hook("POST", text.encode(), "application/json", {}, {}))
