"""What is only Dolibarr's: its webhook before the save is done, the box, bare ids, who acted, the agenda."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import responses
from contract_dolibarr import API, CONTACT, CONTRACT, EVENTS, RAVI, STAFF, told
from crm_contracts import KEY, Contract
from marshmallow import ValidationError
from responses import matchers

from connector.crms.base import Crm, Hook
from connector.crms.dolibarr import DolibarrSchema
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.model import Click, Phase, Record, Source, Wanted

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
KIT = Path(__file__).parents[2] / "kits" / "dolibarr"
#: The click of a webhook, as it is parsed.
TOLD = replace(CONTRACT.clicked, source=Source.RULE, raw={"triggercode": "CONTACT_MODIFY"})
ACTING = Wanted(record=["lastname", "phone_mobile"], user=["user_mobile"])


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def crm() -> Crm:
    return CONTRACT.make()


def with_settings(**settings: Any) -> Crm:
    made: Contract = replace(CONTRACT, settings={**CONTRACT.settings, **settings})
    return made.make()


def sent(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"null")  # type: ignore[union-attr]


def webhook(name: str, kind: str = FORM) -> Hook:
    return Hook("POST", told(name), kind, {"user-agent": "Dolibarr geturl function"}, {})


# -- Clicks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FORM, JSON, ""])
@pytest.mark.parametrize(
    ("name", "object_", "number", "code"),
    [
        ("webhook_contact_modify.json", "contacts", "9", "CONTACT_MODIFY"),
        ("webhook_company_modify.json", "thirdparties", "3", "COMPANY_MODIFY"),
    ],
)
def test_a_box_that_was_ticked_is_a_rules_click_however_its_webhook_is_labelled(
    crm: Crm, name: str, object_: str, number: str, code: str, kind: str
) -> None:
    (click,) = crm.parse(webhook(name, kind))
    assert (click.object, click.record_id, click.source) == (object_, number, Source.RULE)
    assert (click.user, click.delivery, click.raw) == (None, None, {"triggercode": code})


@pytest.mark.parametrize(
    "name",
    [
        "webhook_contact_not_ticked.json",
        "webhook_contact_ticked_before.json",
        "webhook_own_log.json",
        "webhook_our_event.json",
    ],
)
def test_a_save_that_ticked_nothing_and_dolibarrs_own_log_are_no_clicks(crm: Crm, name: str) -> None:
    assert crm.parse(webhook(name)) == []


def test_without_a_box_every_save_of_a_named_trigger_is_a_click() -> None:
    crm = with_settings(box="", triggers=["CONTACT_MODIFY"])
    assert len(crm.parse(webhook("webhook_contact_not_ticked.json"))) == 1
    assert crm.parse(webhook("webhook_company_modify.json")) == []


def test_another_box_may_be_named() -> None:
    assert with_settings(box="ring").parse(webhook("webhook_contact_modify.json")) == []


def test_an_event_of_the_agenda_can_never_be_made_a_click() -> None:
    with pytest.raises(ValidationError, match="Must be one of"):
        DolibarrSchema().load({**CONTRACT.settings, "triggers": ["ACTION_CREATE"]})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"triggercode": "CONTACT_MODIFY"}',
        b'{"triggercode": 5, "object": {}}',
        b'{"triggercode": "CONTACT_MODIFY", "object": {"array_options": {"options_callerdesk_call": "1"}}}',
    ],
)
def test_a_webhook_without_a_record_is_the_senders_fault(crm: Crm, raw: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        crm.parse(Hook("POST", raw, FORM, {}, {}))
    assert refused.value.status == 422


def test_the_confirm_pages_form_is_a_buttons_click(crm: Crm) -> None:
    fields = {"object": "contacts", "id": "9", "user": "ravi", "click_id": "c1"}
    (click,) = crm.parse(Hook("POST", b"object=contacts&id=9", FORM, {}, fields))
    assert (click.source, click.user, click.delivery) == (Source.BUTTON, "ravi", "c1")


# -- Reading -------------------------------------------------------------------------------------------------


def test_the_key_goes_into_its_header(net: responses.RequestsMock, crm: Crm) -> None:
    match = [matchers.header_matcher({"DOLAPIKEY": "canary-of-dolibarr-key"})]
    net.add("GET", CONTACT, body=told("contact.json"), match=match)
    record = crm.read(CONTRACT.clicked, Wanted(record=["phone_mobile", "phone_perso"]))
    assert record.record == {"phone_mobile": "98765 00001", "phone_perso": None, "id": "9", "socid": "3"}


def test_of_a_webhook_the_acting_user_is_whoever_saved(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    net.add("GET", RAVI, body=told("user.json"))
    user = crm.read(TOLD, ACTING).user
    assert user == {"id": "5", "user_mobile": "+91 98765 00101"}


def test_nothing_is_read_of_a_change_that_is_not_saved_yet(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact_not_saved.json"))
    with pytest.raises(TryAgain) as early:
        crm.read(TOLD, ACTING)
    assert early.value.code == "crm_not_saved_yet" and "contacts 9" in early.value.message


def test_a_contact_that_is_just_being_made_is_waited_for(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("not_found.json"), status=404)
    with pytest.raises(TryAgain, match="has not saved"):
        crm.read(replace(TOLD, raw={"triggercode": "CONTACT_CREATE"}), ACTING)
    with pytest.raises(Gone):
        crm.read(TOLD, ACTING)


def test_a_press_needs_no_box(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact_not_saved.json"))
    assert crm.read(CONTRACT.clicked, Wanted(record=["lastname"])).record["lastname"] == "Example"


def test_nobody_is_taken_for_the_acting_user_where_no_box_shows_who_it_was(
    net: responses.RequestsMock,
) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    assert with_settings(box="").read(TOLD, ACTING).user == {}


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("5", "users/5"),
        ("ravi", "users/login/ravi"),
        ("Ravi@example.test", "users/email/Ravi%40example.test"),
    ],
)
def test_the_user_who_pressed_is_found_by_id_login_or_e_mail(
    net: responses.RequestsMock, crm: Crm, user: str, path: str
) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    net.add("GET", API + path, body=told("user.json"))
    found = crm.read(replace(CONTRACT.clicked, user=user), ACTING).user
    assert found == {"id": "5", "user_mobile": "+91 98765 00101"}


def test_a_user_nobody_knows_is_nobody(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    net.add("GET", API + "users/login/stranger", body=told("not_found.json"), status=404)
    assert crm.read(replace(CONTRACT.clicked, user="stranger"), ACTING).user == {}


def test_dolibarrs_404_for_representatives_means_nobody(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    net.add("GET", STAFF, body=told("representatives_404.json"), status=404)
    assert crm.read(CONTRACT.clicked, CONTRACT.wanted).owner == {}


def test_a_companys_own_representative_is_its_owner(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", API + "thirdparties/3", body=told("company.json"))
    net.add("GET", STAFF, body=told("representatives.json"))
    net.add("GET", RAVI, body=told("user.json"))
    click = replace(CONTRACT.clicked, object="thirdparties", record_id="3")
    record = crm.read(click, Wanted(record=["phone"], owner=["user_mobile"]))
    assert (record.record["socid"], record.owner["user_mobile"]) == ("3", "+91 98765 00101")


def test_a_contact_without_any_attributes_has_no_box_ticked(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact_without_attributes.json"))
    record = crm.read(CONTRACT.clicked, Wanted(record=["array_options.options_do_not_call"])).record
    assert record["array_options"] == {"options_do_not_call": None}


def test_a_misspelt_attribute_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACT, body=told("contact.json"))
    with pytest.raises(Refused, match="'options_dont_call'"):
        crm.read(CONTRACT.clicked, Wanted(record=["array_options.options_dont_call"]))


@pytest.mark.parametrize(
    ("object_", "number", "kind"),
    [("contacts", "9/../1", Gone), ("users", "1", Refused), ("contacts", "0", Gone)],
)
def test_what_is_no_record_of_these_is_never_asked_for(
    object_: str, number: str, kind: type[Exception]
) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(kind):
        CONTRACT.make().read(Click("dolibarr", object_, number), CONTRACT.wanted)
    assert len(nobody.calls) == 0


# -- Writing -------------------------------------------------------------------------------------------------

FIELDS = {
    "label": "Call with Asha",
    "datep": 1772433300,
    "datef": None,
    "percentage": 0,
    "userownerid": "5",
    "note_private": "Asked for by a click.",
}
NOTE = f"Asked for by a click.\n\nCallerDesk {KEY}"
OF_COMPANY = Record({"socid": "3"})


def test_a_call_is_an_event_on_contact_and_company(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    assert crm.write(CONTRACT.activity(fields=FIELDS, record=OF_COMPANY)) == "71"
    assert sent(net) == {
        "type_code": "AC_TEL",
        "label": "Call with Asha",
        "datep": 1772433300,
        "percentage": 0,
        "userownerid": "5",
        "note_private": NOTE,
        "socid": "3",
        "contact_id": "9",
        "socpeopleassigned": {"9": {"id": "9"}},
    }


def test_the_box_is_unticked_before_the_call_of_its_webhook_is_put_down(
    net: responses.RequestsMock, crm: Crm
) -> None:
    for each in CONTRACT.create:
        each.on(net)
    crm.write(CONTRACT.activity(fields=FIELDS, click={"triggercode": "CONTACT_MODIFY"}))
    assert [call.request.method for call in net.calls] == ["PUT", "POST"]
    assert sent(net, 0) == {"array_options": {"options_callerdesk_call": "0"}}


def test_an_event_of_nobody_is_nobodys(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields={"label": "x"}))
    assert sent(net)["userownerid"] == "0"


@pytest.mark.parametrize("answered", [b"71", b'"71"'])
def test_the_bare_id_that_a_create_answers_is_read(
    net: responses.RequestsMock, crm: Crm, answered: bytes
) -> None:
    net.add("POST", EVENTS, body=answered)
    assert crm.write(CONTRACT.activity(fields=FIELDS)) == "71"


@pytest.mark.parametrize("answered", [b"null", b"{}", b'""', b"true"])
def test_a_create_that_answers_no_id_is_not_tried_again(
    net: responses.RequestsMock, crm: Crm, answered: bytes
) -> None:
    net.add("POST", EVENTS, body=answered)
    with pytest.raises(Refused) as final:
        crm.write(CONTRACT.activity(fields=FIELDS))
    assert final.value.code == "id_missing"


def test_the_end_leaves_whose_event_it_is(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.end[0].on(net)
    ended = {**FIELDS, "datef": 1772433430, "percentage": 100}
    crm.write(CONTRACT.activity(Phase.ENDED, fields=ended, id="71"))
    assert sent(net) == {
        "label": "Call with Asha",
        "datep": 1772433300,
        "datef": 1772433430,
        "percentage": 100,
        "note_private": NOTE,
    }


def test_an_earlier_event_is_found_by_our_key_in_its_note(net: responses.RequestsMock, crm: Crm) -> None:
    asked = {"sqlfilters": f"(t.note:like:'%CallerDesk {KEY}%')", "limit": "10"}
    net.add("GET", EVENTS, body=told("events.json"), match=[matchers.query_param_matcher(asked)])
    assert crm.find(CONTRACT.activity(fields=FIELDS)) == "71"


@pytest.mark.parametrize(("status", "name"), [(404, "no_event_found.json"), (200, None)])
def test_no_event_is_found_in_both_ways_of_saying_so(
    net: responses.RequestsMock, crm: Crm, status: int, name: str | None
) -> None:
    net.add("GET", EVENTS, body=told(name) if name else b"[]", status=status)
    assert crm.find(CONTRACT.activity(fields=FIELDS)) is None


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("wrong_key.json", 401, "crm_unauthorised"),
        ("no_right.json", 403, "crm_forbidden"),
        ("no_right_401.json", 401, "crm_forbidden"),
        ("bad_filter.json", 400, "crm_rejected"),
    ],
)
def test_a_missing_right_is_told_from_a_wrong_key(
    net: responses.RequestsMock, crm: Crm, name: str, status: int, code: str
) -> None:
    net.add("POST", EVENTS, body=told(name), status=status)
    with pytest.raises(AdminNeeded) as caught:
        crm.write(CONTRACT.activity(fields=FIELDS))
    assert caught.value.code == code


# -- Check ---------------------------------------------------------------------------------------------------


def listed(name: str) -> bytes:
    return b"[" + told(name) + b"]"


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", EVENTS, body=told("no_event_found.json"), status=404)
    net.add("GET", API + "contacts", body=listed("contact.json"))
    net.add("GET", API + "users", body=listed("user.json"))
    found = crm.check_live({"contacts": CONTRACT.wanted})
    assert [(each.what, each.ok) for each in found] == [
        ("key", True),
        ("agendaevents", True),
        ("contacts", True),
        ("users", True),
    ]


def test_the_check_names_what_is_missing(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", EVENTS, body=told("no_right.json"), status=403)
    net.add("GET", API + "contacts", body=listed("contact.json"))
    net.add("GET", API + "users", body=listed("user.json"))
    bad = crm.check_live({"contacts": Wanted(record=["phone_mobil"], user=["office_fone"])})
    assert [each.what for each in bad if not each.ok] == [
        "agendaevents",
        "contacts.phone_mobil",
        "users.office_fone",
    ]


def test_the_check_ends_at_a_wrong_key(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", EVENTS, body=told("wrong_key.json"), status=401)
    (only,) = crm.check_live({"contacts": CONTRACT.wanted})
    assert (only.what, only.ok) == ("key", False)


# -- The kit -------------------------------------------------------------------------------------------------

PAGE = """
var opened = null, told = null;
var location = {pathname: "%s", search: "%s"};
function open(url) { opened = url; }
function alert(text) { told = text; }
%s
console.log(JSON.stringify({opened: opened, told: told}));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node runs the bookmark, and is not here")
@pytest.mark.parametrize(
    ("path", "search", "query"),
    [
        (
            "/dolibarr/contact/card.php",
            "?id=9&save_lastsearch_values=1",
            "object=contacts&id=9&user=YOUR_LOGIN",
        ),
        ("/societe/card.php", "?socid=3", "object=thirdparties&id=3&user=YOUR_LOGIN"),
        ("/societe/card.php", "?id=3", "object=thirdparties&id=3&user=YOUR_LOGIN"),
        ("/contact/list.php", "?id=9", None),
        ("/contact/card.php", "?action=create", None),
    ],
)
def test_the_bookmark_opens_the_confirm_page_of_the_record(path: str, search: str, query: str | None) -> None:
    code = PAGE % (path, search, (KIT / "call_button.js").read_text(encoding="utf-8"))
    done = subprocess.run(["node", "-"], input=code, capture_output=True, text=True, check=True, timeout=30)
    said = json.loads(done.stdout)
    if query is None:
        assert said["opened"] is None and "Open the page" in said["told"]
    else:
        assert said["opened"] == f"https://connector.example.com/hooks/dolibarr/BOOKMARK_SECRET?{query}"
