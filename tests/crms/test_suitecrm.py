"""What is only SuiteCRM's: ids of our own for calls, 400 for everything, boxes and times as texts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from contract_suitecrm import CALL, CONTACT, CONTACTS, CONTRACT, MODULE, RAVI, SECOND, USERS, told
from responses import matchers

from connector.crms.base import Crm, Hook
from connector.errors import AdminNeeded, Gone, Refused
from connector.mapping import load
from connector.model import Call, Click, Ending, Outcome, Phase, Source, State, Wanted

ROOT = Path(__file__).parents[2]
KIT = ROOT / "kits" / "suitecrm" / "custom"
TOKEN = CONTRACT.login[0]


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        TOKEN.on(mock)
        yield mock


@pytest.fixture
def crm() -> Crm:
    return CONTRACT.make()


def sent(net: responses.RequestsMock, number: int = -1) -> Any:
    return json.loads(net.calls[number].request.body or b"null")  # type: ignore[union-attr]


# -- Clicks and login ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "object_", "source"),
    [("button.json", "Contacts", Source.BUTTON), ("rule.json", "Leads", Source.RULE)],
)
def test_a_logic_hooks_click_says_whose_it_is_and_has_an_id_of_its_own(
    crm: Crm, name: str, object_: str, source: Source
) -> None:
    (click,) = crm.parse(Hook("POST", told(name), "application/json", {}, {}))
    assert (click.object, click.source, click.user) == (object_, source, RAVI)
    assert click.delivery and len(click.delivery) == 32


def test_it_logs_in_with_the_client_once_and_speaks_json_api(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    crm.read(CONTRACT.clicked, CONTRACT.wanted)
    form = parse_qs(str(net.calls[0].request.body))
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["b1b1b1b1-0000-4000-8000-000000000001"],
        "client_secret": ["canary-of-suitecrm-secret"],
    }
    assert net.calls[1].request.headers["Authorization"] == "Bearer canary.of-suitecrm.token"
    assert net.calls[1].request.headers["Accept"] == "application/vnd.api+json"
    assert len(net.calls) == 3


def test_a_refused_client_needs_an_admin(crm: Crm) -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told("token_refused.json"), status=401).on(net)
        with pytest.raises(AdminNeeded, match="Client authentication failed"):
            crm.read(CONTRACT.clicked, CONTRACT.wanted)


# -- Reading -------------------------------------------------------------------------------------------------


def test_it_asks_for_the_wanted_fields_only(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    record = crm.read(CONTRACT.clicked, CONTRACT.wanted)
    asked = [parse_qs(urlsplit(str(call.request.url)).query) for call in list(net.calls)[1:]]
    assert asked == [
        {"fields[Contacts]": ["name,phone_mobile,assigned_user_id"]},
        {"fields[Users]": ["phone_mobile,email1"]},
    ]
    assert record.owner == {"id": RAVI, "phone_mobile": "+91 98765 00101", "email1": "Ravi@example.test"}


def test_a_number_comes_as_typed_and_a_name_without_html(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    record = crm.read(CONTRACT.clicked, Wanted(record=["name", "phone_mobile", "phone_work"])).record
    assert record == {
        "id": CONTACT,
        "name": "Asha O'Example",
        "phone_mobile": "98765 00001",
        "phone_work": None,
    }


@pytest.mark.parametrize(("name", "box"), [("contact.json", False), ("contact_do_not_call.json", True)])
def test_the_do_not_call_box_is_true_or_false(
    net: responses.RequestsMock, crm: Crm, name: str, box: bool
) -> None:
    net.add("GET", CONTACTS, body=told(name))
    assert crm.read(CONTRACT.clicked, Wanted(record=["do_not_call"])).record["do_not_call"] is box


def test_a_box_that_says_something_new_is_taken_for_ticked(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", CONTACTS, body=told("contact_do_not_call.json").replace(b'"1"', b'"on"'))
    assert crm.read(CONTRACT.clicked, Wanted(record=["do_not_call"])).record["do_not_call"] is True


@pytest.mark.parametrize("name", ["contact_not_found.json", "id_invalid.json"])
def test_not_found_comes_as_400(net: responses.RequestsMock, crm: Crm, name: str) -> None:
    net.add("GET", CONTACTS, body=told(name), status=400)
    with pytest.raises(Gone) as gone:
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert gone.value.code == "record_not_found" and CONTACT in gone.value.message


def test_an_owner_who_was_deleted_has_no_phone(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    net.add("GET", USERS, body=told("contact_not_found.json"), status=400)
    owner = crm.read(CONTRACT.clicked, CONTRACT.wanted).owner
    assert owner == {"id": RAVI, "phone_mobile": None, "email1": None}


def test_a_users_login_that_suitecrm_hides_is_named(net: responses.RequestsMock, crm: Crm) -> None:
    for each in CONTRACT.read:
        each.on(net)
    with pytest.raises(Refused, match="'user_name'"):
        crm.read(CONTRACT.clicked, Wanted(record=["name"], owner=["user_name"]))


def test_nobody_is_asked_for_an_owner_of_whom_only_the_id_is_wanted(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.read[0].on(net)
    assert crm.read(CONTRACT.clicked, Wanted(record=["name"], owner=["id"])).owner == {"id": RAVI}


@pytest.mark.parametrize(
    ("object_", "number", "kind"),
    [("Contacts", "../../Users/1", Gone), ("Contacts/x", CONTACT, Refused), ("Contacts", "a b", Gone)],
)
def test_what_is_no_module_or_id_of_theirs_is_never_asked_for(
    object_: str, number: str, kind: type[Exception]
) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(kind):
        CONTRACT.make().read(Click("suitecrm", object_, number), CONTRACT.wanted)
    assert len(nobody.calls) == 0


# -- Writing -------------------------------------------------------------------------------------------------

FIELDS: dict[str, Any] = {
    "name": "Call with Asha",
    "date_start": "2026-03-02 06:35:00",
    "duration_hours": 0,
    "duration_minutes": 2,
    "direction": "Outbound",
    "status": "Held",
    "assigned_user_id": RAVI,
}


def test_a_call_is_made_on_the_record_under_an_id_of_ours(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    assert crm.write(CONTRACT.activity(fields=FIELDS)) == CALL
    where = {"parent_type": "Contacts", "parent_id": CONTACT, "contact_id": CONTACT}
    assert sent(net) == {"data": {"type": "Calls", "id": CALL, "attributes": {**where, **FIELDS}}}
    assert net.calls[-1].request.headers["Content-Type"] == "application/vnd.api+json"


def test_a_leads_call_stands_under_the_leads_activities(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields=FIELDS, object="Leads"))
    attributes = sent(net)["data"]["attributes"]
    assert (attributes["parent_type"], attributes["lead_id"]) == ("Leads", CONTACT)
    assert "contact_id" not in attributes


@pytest.mark.parametrize("written", ["2026-03-02T06:35:00Z", "2026-03-02T06:35:00+00:00"])
def test_a_time_in_the_form_that_suitecrm_loses_is_written_in_its_own(
    net: responses.RequestsMock, crm: Crm, written: str
) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields={**FIELDS, "date_start": written}))
    assert sent(net)["data"]["attributes"]["date_start"] == "2026-03-02 06:35:00"


def test_a_box_is_written_as_text_and_nothing_empty_is_sent(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields={"name": "x", "a_c": True, "b_c": False, "c_c": "", "d_c": None}))
    attributes = sent(net)["data"]["attributes"]
    assert {name: attributes.get(name) for name in ("a_c", "b_c", "c_c", "d_c")} == {
        "a_c": "1",
        "b_c": "0",
        "c_c": None,
        "d_c": None,
    }


def test_an_empty_answer_to_a_create_that_worked_is_understood(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", MODULE, body=b"", status=201)
    assert crm.write(CONTRACT.activity(fields=FIELDS)) == CALL


def test_a_call_that_is_there_already_is_written_again_instead(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", MODULE, body=told("call_taken.json"), status=400)
    CONTRACT.update[0].on(net)
    assert crm.write(CONTRACT.activity(fields=FIELDS)) == CALL
    assert sent(net)["data"]["id"] == CALL


def test_in_place_of_a_call_that_was_deleted_another_is_made_once(
    net: responses.RequestsMock, crm: Crm
) -> None:
    net.add("PATCH", MODULE, body=told("call_not_found.json"), status=400)
    for turn, status, name in ((CALL, 400, "call_taken.json"), (SECOND, 201, "call.json")):
        said = matchers.json_params_matcher({"data": {"id": turn}}, strict_match=False)
        net.add("POST", MODULE, body=told(name, turn), status=status, match=[said])
    assert crm.write(CONTRACT.activity(fields=FIELDS, id=CALL)) == SECOND


def test_a_call_that_is_deleted_time_and_again_is_left_deleted(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", MODULE, body=told("call_taken.json"), status=400)
    net.add("PATCH", MODULE, body=told("call_not_found.json"), status=400)
    with pytest.raises(Refused, match="deleted each time"):
        crm.write(CONTRACT.activity(fields=FIELDS))


def test_the_end_changes_everything_but_who_the_call_is_assigned_to(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.update[0].on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields=FIELDS, id=CALL))
    data = sent(net)["data"]
    assert (data["type"], data["id"], data["attributes"]["status"]) == ("Calls", CALL, "Held")
    assert data["attributes"]["date_start"] == "2026-03-02 06:35:00"
    assert "assigned_user_id" not in data["attributes"]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("property_invalid.json", Refused, "unknown_field"),
        ("module_not_found.json", Refused, "unknown_object"),
        ("not_allowed.json", AdminNeeded, "crm_forbidden"),
        ("date_invalid.json", AdminNeeded, "crm_rejected"),
    ],
)
def test_a_400_is_told_apart_by_its_sentence(
    net: responses.RequestsMock, crm: Crm, name: str, kind: type[Exception], code: str
) -> None:
    net.add("POST", MODULE, body=told(name), status=400)
    with pytest.raises(kind) as caught:
        crm.write(CONTRACT.activity(fields=FIELDS))
    assert caught.value.code == code  # type: ignore[attr-defined]


# -- Check ---------------------------------------------------------------------------------------------------


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock, crm: Crm) -> None:
    for module in ("Calls", "Contacts", "Users"):
        net.add("GET", f"{MODULE}/{module}", body=told("calls.json"))
    found = crm.check_live({"Contacts": CONTRACT.wanted})
    assert [(each.what, each.ok) for each in found] == [
        ("OAuth2 client", True),
        ("Calls", True),
        ("Contacts", True),
        ("Users", True),
    ]


def test_the_check_names_what_is_missing(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("GET", f"{MODULE}/Calls", body=told("not_allowed.json"), status=400)
    net.add("GET", f"{MODULE}/Contacts", body=told("field_not_found.json"), status=400)
    bad = [each for each in crm.check_live({"Contacts": Wanted(record=["phone_mobil"])}) if not each.ok]
    assert [each.what for each in bad] == ["Calls", "Contacts"]
    assert "'phone_mobil'" in bad[1].advice


def test_the_check_ends_at_a_refused_client(crm: Crm) -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told("token_refused.json"), status=401).on(net)
        (only,) = crm.check_live({"Contacts": CONTRACT.wanted})
    assert (only.what, only.ok) == ("OAuth2 client", False)


# -- The shipped mapping -------------------------------------------------------------------------------------


def shown(**changes: Any) -> dict[str, Any]:
    mapping = load((ROOT / "mappings" / "suitecrm.yaml").read_text(encoding="utf-8"), "suitecrm.yaml")
    now = datetime(2026, 3, 2, 6, 35, tzinfo=UTC)
    call = Call("1", "suitecrm", CONTRACT.clicked, State.PLACED, now, now, dialled_at=now)
    return dict(mapping.activity(replace(call, **changes)).fields)


def test_a_call_under_way_is_planned_and_has_its_time_and_no_length() -> None:
    fields = shown()
    assert (fields["status"], fields["date_start"]) == ("Planned", "2026-03-02 06:35:00")
    assert (fields["duration_hours"], fields["duration_minutes"]) == (0, 0)


def test_only_a_call_that_both_took_was_held() -> None:
    held = {
        str(outcome): shown(state=State.ENDED, ending=Ending(outcome, talk_seconds=3700))["status"]
        for outcome in Outcome
    }
    assert {name for name, status in held.items() if status == "Held"} == {"answered"}
    assert held["unknown"] == "Planned"
    assert shown(state=State.REFUSED, dialled_at=None)["status"] == "Not Held"


def test_hours_and_minutes_are_told_apart() -> None:
    fields = shown(state=State.ENDED, ending=Ending(Outcome.ANSWERED, talk_seconds=3700))
    assert (fields["duration_hours"], fields["duration_minutes"]) == (1, 2)


# -- The kit -------------------------------------------------------------------------------------------------

needs_php = pytest.mark.skipif(not shutil.which("php"), reason="PHP runs the kit, and is not here")


@needs_php
@pytest.mark.parametrize("file", sorted(KIT.rglob("*.php")), ids=lambda file: file.name)
def test_the_kits_php_is_well_formed(file: Path) -> None:
    subprocess.run(["php", "-l", file], check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("node"), reason="node reads the button's script, and is not here")
def test_the_buttons_script_is_well_formed() -> None:
    script = KIT / "include" / "CallerDesk" / "button.js"
    subprocess.run(["node", "--check", script], check=True, capture_output=True)
