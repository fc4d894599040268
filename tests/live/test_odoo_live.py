"""The Odoo adapter against a real Odoo 19, as an ordinary user: what the recorded bodies say is still so."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.crms.base import Account, Hook
from connector.crms.odoo import Odoo
from connector.errors import AdminNeeded, Gone, Refused
from connector.mapping import MappingFile
from connector.model import Activity, Click, Phase, Record, Source, Wanted

pytestmark = pytest.mark.odoo

MODEL = "res.partner"
MAPPING = Path(__file__).parents[2] / "mappings" / "odoo.yaml"
WANTED = Wanted(
    record=[
        "name",
        "phone",
        "phone_sanitized",
        "website",
        "is_company",
        "country_id.code",
        "parent_id.phone",
    ],
    owner=["name", "phone", "email"],
    user=["name", "login"],
)


def connect(live: Any, **changes: str) -> Odoo:
    settings = {"base_url": live.url, "database": live.db, "api_key": live.key}
    settings |= {"login": live.login, **changes}
    return Odoo(Account("odoo", Odoo.settings_schema().load(settings)))


@pytest.fixture(params=["json2", "jsonrpc"])
def odoo(live_odoo: Any, request: pytest.FixtureRequest) -> Odoo:
    """The adapter over either way: Odoo 19 still answers JSON-RPC, as 17 and 18 do."""
    return connect(live_odoo, api=request.param)


@pytest.fixture
def contact(live_odoo: Any) -> int:
    """A contact of the test's own, so that its timeline is empty."""
    number: int = live_odoo.create_contact("98765 00001", "Asha")
    return number


def activity(live: Any, number: int, phase: Phase = Phase.PLACED, kind: str = "", **changes: Any) -> Activity:
    fields = {
        "summary": "Call with Asha",
        "note": "Ringing …0001.",
        "user_id": live.agent,
        "feedback": "Answered",
    }
    return Activity(uuid.uuid4().hex, "odoo", MODEL, str(number), kind, None, fields, phase, **changes)


def ended(placed: Activity, number: str | None, note: str = "Answered, 65 s.\nBye.") -> Activity:
    fields = {**placed.fields, "note": note, "feedback": note}
    return replace(placed, phase=Phase.ENDED, id=number, fields=fields)


def test_it_reads_record_salesperson_and_clicker(odoo: Odoo, live_odoo: Any) -> None:
    record = odoo.read(Click("odoo", MODEL, str(live_odoo.partner), user="RAVI@example.test"), WANTED)
    assert record.record["country_id"]["code"] == "IN"
    assert record.record["parent_id"]["phone"] == "+91 98765 00009"
    assert (record.record["website"], record.record["is_company"]) == (None, False)
    assert record.record["phone_sanitized"].startswith("+9198765")
    assert (record.owner["phone"], record.owner["active"]) == ("+91 98765 00101", True)
    assert record.user["name"] == "Ravi Agent"


def test_it_tells_a_record_that_is_gone(odoo: Odoo) -> None:
    with pytest.raises(Gone):
        odoo.read(Click("odoo", MODEL, "999999"), WANTED)


def test_it_names_an_unknown_field(odoo: Odoo, live_odoo: Any) -> None:
    click = Click("odoo", MODEL, str(live_odoo.partner))
    for wanted in (Wanted(record=["mobile"]), Wanted(owner=["mobile"]), Wanted(record=["parent_id.mobile"])):
        with pytest.raises(Refused, match="'mobile'") as caught:
            odoo.read(click, wanted)
        assert caught.value.code == "unknown_field"


@pytest.mark.parametrize("api", ["json2", "jsonrpc"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [({"api_key": "wrong"}, "crm_unauthorised"), ({"database": "none"}, "unknown_database")],
)
def test_it_tells_what_an_admin_has_to_mend(
    live_odoo: Any, api: str, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(AdminNeeded) as caught:
        connect(live_odoo, api=api, **changes).read(Click("odoo", MODEL, "1"), WANTED)
    assert caught.value.code == code


def test_it_shows_a_call_from_placed_to_done_once(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    placed = activity(live_odoo, contact)
    number = odoo.write(placed)
    (shown,) = live_odoo.activities(MODEL, contact)
    assert (shown["user_id"][0], shown["activity_type_id"][1]) == (live_odoo.agent, "Call")
    assert shown["active"]
    for _ in range(2):
        odoo.write(ended(placed, number))
    (shown,) = live_odoo.activities(MODEL, contact)
    assert (shown["active"], shown["state"]) == (False, "done")
    assert "Answered, 65 s.<br>Bye." in shown["note"]
    (message,) = live_odoo.messages(MODEL, contact)
    assert "Answered, 65 s." in message


def test_it_corrects_a_done_call_in_silence(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    placed = activity(live_odoo, contact)
    number = odoo.write(placed)
    odoo.write(ended(placed, number))
    odoo.write(ended(placed, number, "Recording: https://recordings.example/1?a=1&b=2"))
    (shown,) = live_odoo.activities(MODEL, contact)
    assert 'href="https://recordings.example/1?a=1&amp;b=2"' in shown["note"]
    assert len(live_odoo.messages(MODEL, contact)) == 1


def test_it_finds_an_unheard_create_even_when_done(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    placed = activity(live_odoo, contact)
    assert odoo.find(placed) is None
    number = odoo.create(placed)
    assert odoo.find(placed) == number
    odoo.write(ended(replace(placed, look_first=True), None))
    assert (odoo.find(placed), len(live_odoo.activities(MODEL, contact))) == (number, 1)


def test_it_makes_a_refused_call_as_done(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    odoo.write(activity(live_odoo, contact, Phase.REFUSED))
    assert [shown["state"] for shown in live_odoo.activities(MODEL, contact)] == ["done"]


def test_it_makes_a_deleted_activity_anew(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    placed = activity(live_odoo, contact)
    number = odoo.write(placed)
    live_odoo.call("mail.activity", "unlink", ids=[int(number)])
    with pytest.raises(Gone):
        odoo.update(replace(placed, id=number))
    assert odoo.write(ended(placed, number)) != number


def test_it_cannot_write_on_a_record_that_is_gone(odoo: Odoo, live_odoo: Any) -> None:
    with pytest.raises(Gone):
        odoo.write(activity(live_odoo, 999999))


def test_it_keeps_the_calls_of_a_salesperson_who_left(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    live_odoo.call(MODEL, "write", ids=[contact], vals={"user_id": live_odoo.left})
    record = odoo.read(Click("odoo", MODEL, str(contact)), WANTED)
    left = activity(live_odoo, contact, record=record)
    odoo.write(replace(left, fields={**left.fields, "user_id": record.owner["id"]}))
    odoo.write(activity(live_odoo, contact, record=Record({})))
    owners = [shown["user_id"][0] for shown in live_odoo.activities(MODEL, contact)]
    assert owners == [live_odoo.integration, live_odoo.agent]


def test_it_logs_on_leads_too(odoo: Odoo, live_odoo: Any) -> None:
    placed = replace(activity(live_odoo, live_odoo.lead), object="crm.lead")
    number = int(odoo.write(placed))
    assert number in [shown["id"] for shown in live_odoo.activities("crm.lead", live_odoo.lead)]


def test_its_check_names_the_wrong_field_and_passes_the_right_ones(odoo: Odoo) -> None:
    assert all(
        finding.ok for finding in odoo.check_live({MODEL: WANTED, "crm.lead": Wanted(owner=["phone"])})
    )
    bad = [finding for finding in odoo.check_live({MODEL: Wanted(record=["mobile"])}) if not finding.ok]
    assert [finding.what for finding in bad] == [MODEL]


def test_the_shipped_mapping_fits_a_real_odoo(odoo: Odoo, live_odoo: Any) -> None:
    mapping = MappingFile(MAPPING).current()
    wanted = {name: mapping.wanted(name) for name in (MODEL, "crm.lead")}
    assert [finding for finding in odoo.check_live(wanted) if not finding.ok] == []
    for name, number in ((MODEL, live_odoo.partner), ("crm.lead", live_odoo.lead)):
        record = odoo.read(Click("odoo", name, str(number)), wanted[name])
        assert record.record["phone"], name
        assert record.owner["phone_sanitized"] == "+919876500101"


def test_ten_copies_of_one_change_are_one_click(odoo: Odoo, live_odoo: Any, listener: Any) -> None:
    with live_odoo.set_webhook(f"{listener.url}/hooks/odoo/token"):
        made = live_odoo.create_contact("98765 00001")
        bodies = listener.wait_for(lambda heard: len(heard) > 1)
    clicks = [odoo.parse(Hook("POST", body, "application/json", {}, {}))[0] for body in bodies]
    ours = [click for click in clicks if click.record_id == str(made)]
    assert len({click.delivery for click in ours}) == 1
    assert {click.source for click in ours} == {Source.RULE}


def test_a_change_of_phone_tells_of_the_contact_and_of_its_lead(
    odoo: Odoo, live_odoo: Any, listener: Any
) -> None:
    with live_odoo.set_webhook(f"{listener.url}/hooks/odoo/token"):
        live_odoo.change_phone(f"98765 00{time.time_ns() % 1000:03d}")
        bodies = listener.wait_for(lambda heard: any(b"crm.lead" in body for body in heard))
    clicks = [odoo.parse(Hook("POST", body, "", {}, {}))[0] for body in bodies]
    assert {(click.object, click.record_id) for click in clicks} == {
        (MODEL, str(live_odoo.partner)),
        ("crm.lead", str(live_odoo.lead)),
    }
    assert len({click.delivery for click in clicks}) == 2


def test_the_documented_button_tells_who_pressed_and_each_press_counts(
    odoo: Odoo, live_odoo: Any, listener: Any
) -> None:
    with live_odoo.set_webhook(f"{listener.url}/hooks/odoo/token", rules=()):
        told = [live_odoo.press() for _ in range(2)]
        bodies = listener.wait_for(lambda heard: len(heard) == 2)
    clicks = [odoo.parse(Hook("POST", body, "", {}, {}))[0] for body in bodies]
    assert {click.user for click in clicks} == {str(live_odoo.integration)}
    assert {click.source for click in clicks} == {Source.BUTTON}
    assert len({click.delivery for click in clicks}) == 2
    assert "Asha Customer" in told[0]["params"]["message"]


def notes(live: Any, contact: int) -> list[dict[str, Any]]:
    """The record's internal notes that carry a key of ours, oldest first."""
    found: list[dict[str, Any]] = live.call(
        "mail.message",
        "search_read",
        domain=[["model", "=", MODEL], ["res_id", "=", contact], ["body", "ilike", "CallerDesk "]],
        fields=["body", "author_id", "subtype_id", "is_internal"],
        order="id",
    )
    return found


def test_a_call_in_the_chatter_is_one_note_however_often_it_is_written(
    odoo: Odoo, live_odoo: Any, contact: int
) -> None:
    placed = activity(live_odoo, contact, kind="mail.message")
    placed = replace(placed, fields={**placed.fields, "note": "Ringing <b>…0001</b>."})
    assert odoo.find(placed) is None
    number = odoo.write(placed)
    assert number and odoo.find(placed) == number == odoo.write(replace(placed, look_first=True))
    (shown,) = notes(live_odoo, contact)
    assert "Ringing &lt;b&gt;…0001&lt;/b&gt;." in shown["body"] and "<b>Call with Asha</b>" in shown["body"]
    assert shown["subtype_id"][1] == "Note"
    for _ in range(2):
        odoo.write(ended(placed, number, "Recording: https://recordings.example/1?a=1&b=2"))
    (shown,) = notes(live_odoo, contact)
    assert 'href="https://recordings.example/1?a=1&amp;b=2"' in shown["body"]
    assert live_odoo.activities(MODEL, contact) == []


def test_a_note_somebody_deleted_is_posted_anew(odoo: Odoo, live_odoo: Any, contact: int) -> None:
    placed = activity(live_odoo, contact, kind="mail.message")
    number = odoo.write(placed)
    assert number
    live_odoo.call("mail.message", "unlink", ids=[int(number.partition(",")[2])])
    with pytest.raises(Gone):
        odoo.update(replace(placed, id=number))
    assert odoo.write(ended(placed, number)) not in (None, number)
    assert len(notes(live_odoo, contact)) == 1


def test_a_note_cannot_be_posted_on_a_record_that_is_gone(odoo: Odoo, live_odoo: Any) -> None:
    with pytest.raises(Gone):
        odoo.write(activity(live_odoo, 999999, kind="mail.message"))


def test_a_done_activity_that_is_deleted_as_in_17_is_corrected_in_the_chatter(
    live_odoo: Any, contact: int
) -> None:
    odoo = connect(live_odoo, api="jsonrpc")
    placed = activity(live_odoo, contact)
    number = odoo.write(placed)
    assert number
    odoo.write(ended(placed, number))
    live_odoo.call("mail.activity", "unlink", ids=[int(number)])
    recording = "Answered. Recording: https://recordings.example/1"
    assert odoo.write(ended(placed, number, recording)) == number
    assert odoo.write(ended(replace(placed, look_first=True), None, recording)) is not None
    (shown,) = notes(live_odoo, contact)
    assert "https://recordings.example/1" in shown["body"]
    assert live_odoo.activities(MODEL, contact) == []
