"""Pipedrive's webhooks and modal presses as clicks, and what each sender is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract_pipedrive import CONTRACT, DO_NOT_CALL
from crm_contracts import body
from test_crm_contract_service import ROOT, Whole

from connector.crms.base import Answer, Hook
from connector.crms.pipedrive import Pipedrive
from connector.errors import BadRequest
from connector.model import Source, State

QUERY = dict(CONTRACT.hook.fields)
CLAIMS = {"userId": 7, "companyId": 3, "exp": 1769850598}
LEAD = "adf21080-0e10-11eb-879b-05d71fb426ec"


def pipedrive(**settings: Any) -> Pipedrive:
    crm = replace(CONTRACT, settings={**CONTRACT.settings, **settings}).make()
    assert isinstance(crm, Pipedrive)
    return crm


def webhook(name: str, at: datetime | None = None) -> Hook:
    def moved(told: Any) -> Any:
        return {**told, "meta": {**told["meta"], "timestamp": at.isoformat()}} if at else told

    return Hook("POST", body("pipedrive", f"webhook_{name}.json", moved), "application/json", {}, {})


def press(body: bytes = b"{}", kind: str = "application/json", claims: Any = None, **query: str) -> Hook:
    return Hook("POST", body, kind, {}, {**QUERY, **query}, CLAIMS if claims is None else claims)


# -- Webhooks ------------------------------------------------------------------------------------------------


def test_a_new_person_rings_once_however_often_pipedrive_tells_of_it() -> None:
    (click,), (again,) = (
        pipedrive().parse(webhook(name)) for name in ("person_created", "person_created_again")
    )
    assert (click.object, click.record_id, click.source, click.user) == ("person", "42", Source.RULE, "7")
    assert click.clicked_at == datetime(2026, 1, 31, 9, 4, 58, tzinfo=UTC)
    assert click.delivery == again.delivery == "person 42 2b7c9f10-2222-4b4b-9999-0123456789ab"
    assert (click.raw["attempt"], again.raw["attempt"]) == (1, 2)


@pytest.mark.parametrize("name", ["person_deleted", "person_counted", "note_created", "deal_stage"])
def test_what_nobody_asked_to_ring_for_is_no_click(name: str) -> None:
    """Among them what our own activity changes on the record, or a call would lead to the next one."""
    assert pipedrive().parse(webhook(name)) == []


def test_a_change_rings_for_the_named_fields_only() -> None:
    crm = pipedrive(events={"deal": ["stage_id"], "person": [DO_NOT_CALL]})
    (deal,) = crm.parse(webhook("deal_stage"))
    (person,) = crm.parse(webhook("person_field"))
    assert (deal.object, deal.record_id) == ("deal", "9")
    assert (person.object, person.record_id) == ("person", "42")
    assert crm.parse(webhook("person_counted")) == crm.parse(webhook("person_created")) == []


def test_a_bulk_edit_is_one_click_for_each_record() -> None:
    crm = pipedrive(events={"deal": ["stage_id"]})
    (one,), (other,) = (crm.parse(webhook(name)) for name in ("deal_stage", "deal_stage_bulk"))
    assert one.delivery != other.delivery
    assert other.raw["is_bulk_edit"] is True


def test_a_lead_is_named_by_its_uuid() -> None:
    (click,) = pipedrive().parse(webhook("lead_created"))
    assert (click.object, click.record_id) == ("lead", LEAD)


def test_a_webhook_of_version_1_is_told_what_to_do() -> None:
    with pytest.raises(BadRequest, match="webhook of version 1"):
        pipedrive().parse(webhook("version_1"))


@pytest.mark.parametrize(
    "meta",
    [
        {"entity_id": None},
        {"entity_id": "../users"},
        {"entity_id": "4 2"},
        {"entity_id": {}},
        {"id": None},
        {"id": ""},
        {"id": "x" * 101},
    ],
)
def test_a_webhook_without_a_record_or_an_event_is_refused(meta: dict[str, Any]) -> None:
    told = json.loads(body("pipedrive", "webhook_person_created.json"))
    told["meta"].update(meta)
    with pytest.raises(BadRequest) as refusal:
        pipedrive().parse(Hook("POST", json.dumps(told).encode(), "application/json", {}, {}))
    assert refusal.value.status == 422


@pytest.mark.parametrize("odd", ["person", ["person"], {}, None, 5])
def test_an_odd_entity_or_previous_breaks_nothing(odd: Any) -> None:
    told = {"meta": {"entity": odd, "action": "change", "entity_id": 1, "id": "e"}, "previous": odd}
    assert pipedrive().parse(Hook("POST", json.dumps(told).encode(), "application/json", {}, {})) == []


@pytest.mark.parametrize(
    ("timestamp", "year"),
    [(1769850298, 2026), ("1769850298", 2026), ("soon", None), ([], None), (1e30, None)],
)
def test_the_moment_of_a_webhook_is_read_in_each_documented_form(timestamp: Any, year: int | None) -> None:
    told = json.loads(body("pipedrive", "webhook_person_created.json"))
    told["meta"]["timestamp"] = timestamp
    (click,) = pipedrive().parse(Hook("POST", json.dumps(told).encode(), "application/json", {}, {}))
    assert (click.clicked_at.year if click.clicked_at else None) == year


# -- Presses -------------------------------------------------------------------------------------------------


def test_a_press_is_the_token_holders_click_on_the_one_selected_record() -> None:
    (click,) = pipedrive().parse(press(resource="deal", selectedIds="9"))
    assert (click.object, click.record_id, click.source) == ("deal", "9", Source.BUTTON)
    assert (click.user, click.delivery) == ("7", None)


def test_the_same_press_sent_again_is_the_same_click_and_another_is_not() -> None:
    crm = pipedrive()
    wire = crm.opened(Hook("GET", b"", "", {}, QUERY, CLAIMS))
    assert wire is not None
    shown = json.loads(wire.body)["data"]
    given = {"click_id": shown["blocks"]["click_id"]["value"]}
    form = b"click_id=" + given["click_id"].encode()
    as_json = json.dumps(given).encode()
    (first,) = crm.parse(press(as_json))
    assert crm.parse(press(as_json)) == [first]
    (posted,) = crm.parse(press(form, "application/x-www-form-urlencoded", click_id=given["click_id"]))
    assert posted.delivery == first.delivery
    (elsewhere,) = crm.parse(press(as_json, selectedIds="43"))
    assert elsewhere.delivery != first.delivery
    again = crm.opened(Hook("GET", b"", "", {}, QUERY, CLAIMS))
    assert again is not None and given["click_id"] not in again.body.decode()


@pytest.mark.parametrize("ids", ["", "1,9", "42;43", "../42", "0", "-1", "٤٢", "42" * 10])
def test_a_press_on_none_or_several_records_rings_nobody(ids: str) -> None:
    crm = pipedrive()
    with pytest.raises(BadRequest):
        crm.parse(press(selectedIds=ids))
    wire = crm.opened(Hook("GET", b"", "", {}, {**QUERY, "selectedIds": ids}, CLAIMS))
    assert wire is not None
    assert "rings the customer" not in json.loads(wire.body)["data"]["blocks"]["about"]["value"]


def test_the_modal_says_who_will_be_rung_first() -> None:
    wire = pipedrive().opened(Hook("GET", b"", "", {}, QUERY, CLAIMS))
    assert wire is not None and wire.status == 200 and wire.content_type == "application/json"
    told = json.loads(wire.body)
    assert (
        told["data"]["blocks"]["about"]["value"]
        == "CallerDesk rings the customer of this person first, then you."
    )
    assert told["data"]["actions"] == {}


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({}, {}),
        ({"userId": 7}, {}),
        ({"userId": 8, "companyId": 3}, {}),
        ({"userId": 7, "companyId": 4}, {}),
        ({"userId": True, "companyId": 3}, {"userId": "True"}),
        (CLAIMS, {"userId": "8"}),
        (CLAIMS, {"userId": ""}),
        (CLAIMS, {"companyId": "03"}),
    ],
)
def test_nobody_presses_or_opens_with_another_persons_token(claims: Any, named: dict[str, str]) -> None:
    hook = Hook("POST", b"{}", "application/json", {}, {**QUERY, **named}, claims)
    for attempt in (pipedrive().parse, pipedrive().opened):
        with pytest.raises(BadRequest) as refusal:
            attempt(hook)
        assert (refusal.value.code, refusal.value.status) == ("signature_invalid", 401)


def test_our_own_format_behind_a_token_is_its_holders() -> None:
    own = b'{"object": "person", "id": 42, "user": "1"}'
    (click,) = pipedrive().parse(Hook("POST", own, "application/json", {}, {}, CLAIMS))
    assert click.user == "7"


@pytest.mark.parametrize("named", [{"object": "note", "id": 1}, {"object": "lead", "id": 1}])
def test_our_own_format_names_only_what_can_be_called_from(named: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="must name a Pipedrive record"):
        pipedrive().parse(Hook("POST", json.dumps(named).encode(), "application/json", {}, {}))


def test_a_press_is_answered_in_the_modals_words() -> None:
    crm = pipedrive()
    clicks = crm.parse(press())
    placed = Answer("c1", "placed", "Ringing …0001, then you.", url="https://calls.example.com/calls/c1")
    refused = Answer("c1", "refused", "Asha asked not to be called.", code="refused_by_rule", status=403)
    good, bad = crm.answer([placed], clicks), crm.answer([refused], clicks)
    assert good is not None and bad is not None
    assert (good.status, json.loads(good.body)) == (
        200,
        {
            "success": {
                "message": "Ringing …0001, then you.",
                "type": "snackbar",
                "link": {"label": "Show the call", "value": "https://calls.example.com/calls/c1"},
            }
        },
    )
    assert (bad.status, json.loads(bad.body)) == (200, {"error": {"message": "Asha asked not to be called."}})
    assert crm.answer([placed], crm.parse(webhook("person_created"))) is None
    assert crm.answer([], []) is None


# -- The whole way -------------------------------------------------------------------------------------------


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Whole]:
    """A connection whose clicks are webhooks with user and password."""
    contract = replace(CONTRACT, auth="basic", query="", hook=webhook("person_created"))
    with ExitStack() as closing:
        yield Whole(contract, tmp_path, (ROOT / "mappings" / "pipedrive.yaml").read_text(), closing)


def with_hook(house: Whole, name: str, late: timedelta = timedelta()) -> int:
    house.contract = replace(house.contract, hook=webhook(name, datetime.now(UTC) - late))
    return house.send(house.signed()).status_code


def test_a_webhook_and_its_retry_ring_once_and_are_both_answered_well(rules: Whole) -> None:
    rules.say(CONTRACT.read, CONTRACT.create)
    assert with_hook(rules, "person_created") == with_hook(rules, "person_created_again") == 200
    assert with_hook(rules, "person_created_again", late=timedelta(seconds=183)) == 200
    assert len(rules.rung()) == rules.made() == 1
    assert [call.state for call in rules.calls()] == [State.PLACED]


def test_what_rings_nobody_does_not_bring_the_webhook_a_ban(rules: Whole) -> None:
    for name in ("person_deleted", "person_counted", "note_created", "deal_stage"):
        assert with_hook(rules, name) == 200
    assert rules.calls() == [] and rules.rung() == []


def test_a_webhook_of_an_hour_ago_is_answered_well_and_rings_nobody(rules: Whole) -> None:
    assert with_hook(rules, "person_created", late=timedelta(hours=1)) == 200
    assert [call.state for call in rules.calls()] == [State.EXPIRED] and rules.rung() == []


def test_a_refused_record_does_not_bring_the_webhook_a_ban(rules: Whole) -> None:
    rules.say(CONTRACT.unowned, CONTRACT.create)
    assert with_hook(rules, "person_created") == 200
    assert rules.calls()[0].state is State.REFUSED


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Whole]:
    """A connection whose clicks are presses in the modal."""
    with ExitStack() as closing:
        yield Whole(CONTRACT, tmp_path, (ROOT / "mappings" / "pipedrive.yaml").read_text(), closing)


def test_opening_the_modal_rings_nobody_and_pressing_does(app: Whole) -> None:
    app.say(CONTRACT.read, CONTRACT.create)
    sent = app.signed()
    opened = app.web.get(sent.target, base_url="https://calls.example.com")
    assert opened.status_code == 200 and opened.get_json()["data"]["blocks"]["click_id"]["value"]
    assert app.rung() == []
    pressed = app.send(sent)
    assert pressed.status_code == 200 and pressed.get_json()["success"]["type"] == "snackbar"
    assert app.rung() == [("+919876500001", "+919876500101")]


def test_a_refusal_is_a_sentence_in_the_modal(app: Whole) -> None:
    app.say(CONTRACT.unowned, CONTRACT.create)
    told = app.send(app.signed())
    assert told.status_code == 200 and re.search("number|phone", told.get_json()["error"]["message"])


def test_a_token_cannot_ring_in_another_persons_name(app: Whole) -> None:
    sent = app.signed()
    other = replace(sent, target=sent.target.replace("userId=7", "userId=8"))
    assert app.send(other).status_code == 401
    assert app.web.get(other.target, base_url="https://calls.example.com").status_code == 401
    assert app.rung() == []
