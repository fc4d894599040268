"""Clicks from Salesforce: Outbound Messages, our JSON, and the form of a button's confirm page."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from salesforce_stand_in import CONTACT, CONTACT_18, ORG, USER_18, recorded, salesforce, soap

from connector.crms.base import Answer, Hook
from connector.crms.salesforce_soql import full_id
from connector.errors import BadRequest
from connector.model import Source

ANSWER = Answer("c1", "accepted", "…")


def refused(body: bytes, **clicks: str) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        salesforce(clicks or None).parse(soap(body))
    return caught.value


def test_it_reads_each_notification_of_an_outbound_message_as_a_click_of_a_rule() -> None:
    first, second = salesforce().parse(soap(recorded("outbound_two.xml")))
    assert (first.connection, first.object, first.record_id) == ("sales", "Contact", CONTACT_18)
    assert (first.delivery, second.delivery) == ("04l5g0000000001AAA", "04l5g0000000002AAA")
    assert second.record_id == "0035g00000ABcDfAAL"
    assert first.source is Source.RULE
    assert first.user is None
    assert first.clicked_at is None


def test_it_says_rule_whatever_the_connection_says() -> None:
    click, _ = salesforce({"organization_id": ORG, "source": "button"}).parse(
        soap(recorded("outbound_two.xml"))
    )
    assert click.source is Source.RULE


def test_it_takes_a_full_batch_of_a_hundred() -> None:
    clicks = salesforce().parse(soap(recorded("outbound_batch_100.xml")))
    assert len({click.delivery for click in clicks}) == len({click.record_id for click in clicks}) == 100


def test_it_refuses_a_batch_that_salesforce_would_not_send() -> None:
    problem = refused(recorded("outbound_batch_101.xml"))
    assert (problem.code, problem.status) == ("batch_too_large", 400)
    assert "101" in problem.message


def test_it_keeps_neither_session_id_nor_server_addresses(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (click,) = salesforce().parse(soap(recorded("outbound_session_id.xml")))
    for told in (repr(click), str(click.raw), caplog.text):
        assert "CANARY" not in told
        assert "services/Soap" not in told
    assert click.raw == {"shape": "outbound_message", "action": "04k5g000000TeStAAK"}


def test_it_keeps_no_field_of_the_record_that_came_along() -> None:
    (click,) = salesforce().parse(soap(recorded("outbound_cdata_whitespace.xml")))
    assert "Asha" not in repr(click)


@pytest.mark.parametrize("ours", [ORG, ORG + "EAU"])
@pytest.mark.parametrize("body", ["outbound_two.xml", "outbound_org_15.xml"])
def test_it_knows_its_organisation_by_the_short_and_the_long_id(ours: str, body: str) -> None:
    assert salesforce({"organization_id": ours}).parse(soap(recorded(body)))


@pytest.mark.parametrize(
    ("body", "clicks"),
    [
        ("outbound_wrong_org.xml", {"organization_id": ORG}),
        ("outbound_two.xml", {"source": "rule"}),
        ("outbound_two.xml", {"organization_id": "00D5g00"}),
        ("outbound_two.xml", {"organization_id": ORG.lower()}),
    ],
)
def test_it_refuses_a_message_of_another_organisation(body: str, clicks: dict[str, str]) -> None:
    problem = refused(recorded(body), **clicks)
    assert (problem.code, problem.status) == ("organization_unknown", 401)


def test_it_never_takes_part_of_an_id_for_an_organisation() -> None:
    body = recorded("outbound_org_15.xml").replace(ORG.encode() + b"</Org", ORG[:7].encode() + b"</Org")
    assert refused(body, organization_id=ORG[:7]).code == "organization_unknown"


@pytest.mark.parametrize(
    "body",
    [
        "outbound_none.xml",
        "outbound_truncated.xml",
        "outbound_dtd_bomb.xml",
        "outbound_external_entity.xml",
        "outbound_foreign_namespace.xml",
        "outbound_two_organisations.xml",
        "outbound_missing_type.xml",
    ],
)
def test_it_refuses_a_body_that_cannot_be_an_outbound_message(body: str) -> None:
    problem = refused(recorded(body))
    assert (problem.code, problem.status) == ("body_broken", 400)


def test_it_names_the_notification_that_has_no_record_id() -> None:
    problem = refused(recorded("outbound_missing_record_id.xml"))
    assert (problem.code, problem.status) == ("field_missing", 422)
    assert "04l5g0000000002AAA" in problem.message
    assert "Contact Id" in problem.message


def test_it_names_the_notification_whose_record_id_is_mistyped() -> None:
    problem = refused(recorded("outbound_record_id_mistyped.xml"))
    assert (problem.code, problem.status) == ("record_id_invalid", 422)
    assert "04l5g0000000001AAA" in problem.message


@pytest.mark.parametrize("body", ["outbound_cdata_whitespace.xml", "outbound_other_prefixes.xml"])
def test_it_reads_by_namespace_and_not_by_prefix_or_layout(body: str) -> None:
    (click,) = salesforce().parse(soap(recorded(body)))
    assert (click.object, click.record_id, click.delivery) == ("Contact", CONTACT_18, "04l5g0000000001AAA")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/xml",
        "text/xml; charset=UTF-8",
        "application/soap+xml",
        "application/xml",
        "",
        "application/json",
    ],
)
def test_it_knows_xml_whatever_the_content_type_says(content_type: str) -> None:
    assert salesforce().parse(soap(recorded("outbound_two.xml"), content_type))


def test_it_reads_a_lead_and_a_custom_object() -> None:
    lead, custom = salesforce().parse(soap(recorded("outbound_lead_custom.xml")))
    assert (lead.object, custom.object) == ("Lead", "Design_Registration__c")


def test_it_takes_the_last_change_as_the_moment_of_the_click_when_the_message_holds_it() -> None:
    (click,) = salesforce().parse(soap(recorded("outbound_modified_date.xml")))
    assert click.clicked_at == datetime(2026, 11, 23, 2, 44, 42, tzinfo=UTC)


def test_it_folds_both_forms_of_a_record_id_together() -> None:
    crm = salesforce()
    (short,) = crm.parse(soap(recorded("outbound_record_15.xml")))
    long, _ = crm.parse(soap(recorded("outbound_two.xml")))
    assert short.record_id == long.record_id == CONTACT_18


def test_it_acknowledges_a_whole_message_in_the_documented_words() -> None:
    crm = salesforce()
    clicks = crm.parse(soap(recorded("outbound_two.xml")))
    wire = crm.answer([ANSWER, ANSWER], clicks)
    assert wire is not None
    assert (wire.status, wire.content_type) == (200, "text/xml; charset=utf-8")
    assert wire.body == recorded("ack.xml")
    ack = fromstring(wire.body).find(".//{http://soap.sforce.com/2005/09/outbound}Ack")
    assert ack is not None
    assert ack.text == "true"


def test_it_answers_json_with_our_own_words() -> None:
    crm = salesforce()
    clicks = crm.parse(Hook("POST", b'{"object":"Contact","id":"0035g00000ABcDe"}', "", {}, {}))
    assert crm.answer([ANSWER], clicks) is None
    assert crm.answer([], []) is None


def test_it_takes_our_own_json_and_lengthens_the_ids() -> None:
    body = {"object": "Contact", "id": CONTACT, "user": USER_18[:15], "click_id": "k1", "source": "rule"}
    (click,) = salesforce().parse(Hook("POST", json.dumps(body).encode(), "application/json", {}, {}))
    assert (click.record_id, click.user, click.delivery) == (CONTACT_18, USER_18, "k1")
    assert click.source is Source.RULE


def test_it_leaves_a_user_name_as_it_is() -> None:
    body = b'{"object":"Contact","id":"0035g00000ABcDe","user":"ravi@example.test"}'
    (click,) = salesforce().parse(Hook("POST", body, "application/json", {}, {}))
    assert click.user == "ravi@example.test"
    assert click.source is Source.BUTTON


def test_it_takes_the_form_of_a_buttons_confirm_page() -> None:
    form = {"object": "Contact", "id": CONTACT, "user": USER_18, "click_id": "k2", "clicked_at": ""}
    hook = Hook("POST", b"", "application/x-www-form-urlencoded; charset=UTF-8", {}, form)
    (click,) = salesforce().parse(hook)
    assert (click.record_id, click.user, click.delivery) == (CONTACT_18, USER_18, "k2")
    assert (click.source, click.clicked_at) == (Source.BUTTON, None)


def test_it_never_takes_an_opened_link_for_a_click() -> None:
    with pytest.raises(BadRequest) as caught:
        salesforce().parse(Hook("GET", b"", "", {}, {"object": "Contact", "id": CONTACT}))
    assert (caught.value.code, caught.value.status) == ("confirm_needed", 405)


@pytest.mark.parametrize(
    "record_id",
    [
        "",
        "003",
        "0035g00000ABcD'",
        CONTACT + "AA",
        CONTACT + "AAA",
        CONTACT_18.lower(),
        "٠" * 15,
        "003 5g00000ABcD",
    ],
)
def test_it_refuses_what_is_not_a_record_id(record_id: str) -> None:
    body = json.dumps({"object": "Contact", "id": record_id}).encode()
    with pytest.raises(BadRequest) as caught:
        salesforce().parse(Hook("POST", body, "application/json", {}, {}))
    assert caught.value.status == 422
    assert caught.value.code == ("record_id_invalid" if record_id else "field_invalid")


@pytest.mark.parametrize(
    ("short", "long"),
    [("001D000000IRFma", "001D000000IRFmaIAH"), (CONTACT, CONTACT_18), ("0" * 15, "0" * 15 + "AAA")],
)
def test_it_computes_the_suffix_as_salesforce_does(short: str, long: str) -> None:
    assert full_id(short) == full_id(long) == full_id(short + long[15:].lower()) == long


@given(st.binary(max_size=400))
def test_no_body_does_worse_than_a_bad_request(noise: bytes) -> None:
    with pytest.raises(BadRequest):
        salesforce().parse(soap(noise))


@given(st.integers(0, 1200), st.binary(min_size=1, max_size=4))
def test_no_change_to_a_message_does_worse_than_a_bad_request(place: int, noise: bytes) -> None:
    body = recorded("outbound_two.xml")
    try:
        clicks = salesforce().parse(soap(body[:place] + noise + body[place + len(noise) :]))
    except BadRequest:
        return
    assert all(full_id(click.record_id) == click.record_id for click in clicks)
