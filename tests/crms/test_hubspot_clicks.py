"""What HubSpot sends, in each of its forms, becomes clicks of the right record, person and kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hubspot_stand_in import EVENTS, PORTAL, hook, hubspot, recorded
from marshmallow import ValidationError

from connector.crms.base import Hook
from connector.crms.hubspot import HubSpotSchema
from connector.crms.hubspot_click import MOST
from connector.errors import BadRequest
from connector.model import Click, Source

SIGNED = {
    "portalId": str(PORTAL),
    "userId": "9586504",
    "userEmail": "ravi@example.test",
    "appId": "1234567",
}


def one(sent: Hook, **settings: Any) -> Click:
    (click,) = hubspot(**settings).parse(sent)
    return click


def refused(sent: Hook, **settings: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        hubspot(**settings).parse(sent)
    return caught.value


# -- An app card ---------------------------------------------------------------------------------------------


def test_a_cards_press_is_a_button_of_the_person_whom_hubspot_names() -> None:
    click = one(hook("card_click", **SIGNED))
    assert (click.object, click.record_id, click.source) == ("Contact", "501", Source.BUTTON)
    assert (click.user, click.delivery, click.awaited) == ("ravi@example.test", "press-0b6c2f7e9a1d", False)


def test_the_person_in_the_signed_address_counts_not_the_one_in_the_body() -> None:
    body = {**recorded("card_click"), "user": "somebody.else@example.test"}
    assert one(hook(body, **SIGNED)).user == "ravi@example.test"
    assert one(hook(body, userId="9586504")).user == "9586504"
    assert one(hook(body)).user == "somebody.else@example.test"


def test_a_card_that_does_not_say_it_is_a_button_is_a_rule() -> None:
    body = {key: value for key, value in recorded("card_click").items() if key != "source"}
    assert one(hook(body, **SIGNED)).source is Source.RULE
    assert one(hook(body, **SIGNED), clicks={"source": "button"}).source is Source.BUTTON


def test_two_presses_on_a_record_that_nobody_changed_are_two() -> None:
    press = {"objectType": "CONTACT", "id": 501, "lastmodifieddate": "2026-11-23T09:00:00Z"}
    assert one(hook({**press, "source": "button"}, **SIGNED)).delivery is None
    assert one(hook({**press, "source": "rule"})).delivery == "rule Contact 501 2026-11-23T09:00:00Z"


@pytest.mark.parametrize("name", ["0-1", "CONTACT", "contacts", "Contact"])
def test_every_name_that_hubspot_has_for_an_object_is_the_mappings(name: str) -> None:
    assert one(hook({"object": name, "id": "501"})).object == "Contact"


def test_an_object_of_ones_own_keeps_its_name() -> None:
    assert one(hook({"object": "2-1234567", "id": "501"})).object == "2-1234567"


# -- A workflow's webhook ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query", "object", "record_id", "stamp"),
    [
        ("webhook_contact_history", {}, "Contact", "501", "1769850312345"),
        ("webhook_ticket", {}, "Ticket", "7001", "1769850312345"),
        ("webhook_object", {"object": "contacts"}, "Contact", "501", "2026-01-31T09:05:12.345Z"),
        ("webhook_customised", {}, "Contact", "501", "1769850312345"),
    ],
)
def test_a_webhooks_record_is_found_in_every_shape(
    name: str, query: dict[str, str], object: str, record_id: str, stamp: str
) -> None:
    click = one(hook(name, **query))
    assert (click.object, click.record_id, click.source) == (object, record_id, Source.RULE)
    assert click.delivery == f"rule {object} {record_id} {stamp}"
    assert click.user is None and not click.awaited


def test_what_the_body_says_of_its_object_counts_more_than_the_address() -> None:
    """A wrong ?object= must not turn the number of a ticket into that of a stranger."""
    assert one(hook("webhook_ticket", object="Contact")).object == "Ticket"
    assert one(hook("webhook_contact_history", object="Deal")).object == "Contact"


def test_a_webhook_that_does_not_say_of_which_object_it_is_says_what_to_do() -> None:
    told = refused(hook("webhook_object"))
    assert (told.code, told.status) == ("field_invalid", 422) and "?object=Contact" in told.message


def test_a_body_with_two_objects_in_it_is_not_guessed() -> None:
    body = {"dealId": 9001, "companyId": 55, "properties": {}}
    assert refused(hook(body)).code == "field_invalid"


def test_a_whole_record_is_not_kept() -> None:
    raw = one(hook("webhook_contact_history")).raw
    assert raw == {"shape": "record"}


def test_a_customised_bodys_fields_can_be_read_but_no_number_in_them() -> None:
    body = {**recorded("webhook_customised"), "callback": "98765 00001"}
    raw = one(hook(body)).raw
    assert raw["lifecyclestage"] == "lead" and raw["callback"] == "…0001"


def test_a_body_without_a_time_of_change_has_no_delivery_id() -> None:
    body = {key: value for key, value in recorded("webhook_customised").items() if "modified" not in key}
    assert one(hook(body)).delivery is None


# -- A workflow's action -------------------------------------------------------------------------------------


def test_an_action_is_a_rule_that_waits_and_has_an_id_of_its_own() -> None:
    click = one(hook("action"))
    assert (click.object, click.record_id, click.source) == ("Contact", "501", Source.RULE)
    assert click.delivery == "ap-102670506-56776413549-7-0"
    assert click.awaited
    assert click.raw["callback_id"] == click.delivery
    assert (click.raw["inputs"], click.raw["workflow_id"]) == ({"purpose": "demo asked for"}, "192814114")


@pytest.mark.parametrize(
    "change",
    [
        {"callbackId": "ap/../1"},
        {"callbackId": ".."},
        {"callbackId": "."},
        {"callbackId": 7},
        {"callbackId": ""},
        {"object": None},
        {"object": {"objectId": 501}},
        {"object": {"objectId": "5 01", "objectType": "CONTACT"}},
        {"object": {"objectId": True, "objectType": "CONTACT"}},
    ],
)
def test_an_action_that_cannot_be_completed_or_read_is_refused(change: dict[str, Any]) -> None:
    assert refused(hook({**recorded("action"), **change})).code == "field_invalid"


# -- An app's webhooks ---------------------------------------------------------------------------------------


def test_only_events_that_the_admin_names_are_clicks() -> None:
    crm = hubspot(events=EVENTS)
    (click,) = crm.parse(hook("app_webhooks"))
    assert (click.object, click.record_id, click.source) == ("Contact", "501", Source.RULE)
    assert click.delivery == "event 1882921 12 501 1769850312345"
    assert click.clicked_at == datetime.fromtimestamp(1769850312.345, UTC)


def test_events_that_nobody_named_are_answered_and_left() -> None:
    assert hubspot().parse(hook("app_webhooks")) == []
    assert hubspot(events=[{"type": "deal.creation"}]).parse(hook("app_webhooks")) == []


def test_a_type_without_a_property_takes_every_event_of_that_type() -> None:
    crm = hubspot(events=[{"type": "contact.creation"}, {"type": "contact.propertyChange"}])
    assert [click.record_id for click in crm.parse(hook("app_webhooks"))] == ["501", "501", "502"]


def test_a_generic_event_is_known_by_its_objects_type_id() -> None:
    (click,) = hubspot(events=EVENTS).parse(hook("app_webhooks_generic"))
    assert (click.object, click.record_id) == ("Contact", "501")


def test_an_event_told_again_is_the_same_delivery() -> None:
    crm = hubspot(events=EVENTS)
    again = [{**event, "attemptNumber": 3} for event in recorded("app_webhooks")]
    assert crm.parse(hook(again))[0].delivery == crm.parse(hook("app_webhooks"))[0].delivery


@pytest.mark.parametrize("body", [[], [1], [[]], [recorded("app_webhooks")[0], None]])
def test_a_list_that_holds_no_events_is_the_senders_fault(body: list[Any]) -> None:
    assert refused(hook(body), events=EVENTS).code == "body_broken"


def test_more_events_than_hubspot_sends_are_refused() -> None:
    event = recorded("app_webhooks")[0]
    assert refused(hook([event] * (MOST + 1)), events=EVENTS).code == "batch_too_large"


@pytest.mark.parametrize("at", [None, "yesterday", 1e30])
def test_an_event_without_a_time_is_refused(at: Any) -> None:
    event = {**recorded("app_webhooks")[0], "occurredAt": at}
    assert refused(hook([event]), events=EVENTS).code == "field_invalid"


# -- Another account -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["action", "webhook_contact_history", "webhook_ticket", "app_webhooks"])
def test_another_account_that_has_the_app_too_rings_nobody_here(name: str) -> None:
    assert hubspot(portal_id=PORTAL, events=EVENTS).parse(hook(name))
    told = refused(hook(name), portal_id=7, events=EVENTS)
    assert (told.code, told.status) == ("portal_unknown", 403)


def test_a_card_in_another_account_rings_nobody_here() -> None:
    assert refused(hook("card_click", **SIGNED), portal_id=7).code == "portal_unknown"


# -- Settings ------------------------------------------------------------------------------------------------

OAUTH = {"client_id": "id", "client_secret": "secret-of-app", "refresh_token": "refresh-of-app"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"access_token": "pat", **OAUTH},
        {**OAUTH, "refresh_token": ""},
        {"access_token": "pat", "client_id": "id"},
        {"access_token": "pat", "action_wait": "2 days"},
        {"access_token": "pat", "action_wait": "P"},
        {"access_token": "pat", "action_wait": "PT"},
        {"access_token": "pat", "events": [{"type": "contact.deletion"}]},
        {"access_token": "pat", "events": [{"property": "x"}]},
        {"access_token": "pat", "events": [{"type": "contact.creation", "vlaue": "x"}]},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HubSpotSchema().load(settings)


@pytest.mark.parametrize("wait", ["P2D", "PT12H", "P1DT6H", "P1W", "PT90M"])
def test_a_wait_is_any_iso_duration(wait: str) -> None:
    assert HubSpotSchema().load({"access_token": "pat", "action_wait": wait})["action_wait"] == wait
