"""Odoo over JSON-RPC (17 and 18), and calls in the chatter: against bodies recorded from a live Odoo 19."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import responses
from marshmallow import ValidationError

from connector.crms.base import Account, Hook
from connector.crms.odoo import Odoo, OdooSchema
from connector.crms.odoo_calls import number_made
from connector.crms.odoo_read import Reader
from connector.errors import AdminNeeded, Gone, Refused, TryAgain
from connector.mapping import MappingFile
from connector.model import Activity, Click, Phase, Source, Wanted

PAYLOADS = Path(__file__).parents[1] / "payloads" / "odoo"
URL = "http://127.0.0.1:9/jsonrpc"
KEY = "0123456789abcdef"
SETTINGS = {
    "base_url": "http://127.0.0.1:9",
    "database": "lab",
    "api": "jsonrpc",
    "login": "connector@example.test",
    "api_key": "made-up-key",
}
CLICK = Click("crm", "res.partner", "9")
WANTED = Wanted(record=["name", "phone"])
#: What JSON-2 and JSON-RPC answer alike, in JSON-RPC's envelope.
PERSON = [{"id": 9, "name": "Asha", "phone": "98765 00001", "write_date": "2026-11-23 05:01:58"}]


@pytest.fixture
def odoo() -> Odoo:
    return Odoo(Account("crm", OdooSchema().load(SETTINGS)))


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"rpc_{name}.json").read_text())


def result(value: Any) -> Any:
    return {"jsonrpc": "2.0", "id": 1, "result": value}


def fault(name: str, message: str) -> Any:
    data = {"name": name, "message": message, "arguments": [], "context": {}, "debug": "Traceback"}
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "Odoo Server Error", "data": data}}


def say(net: responses.RequestsMock, called: str, body: Any) -> None:
    """Answer `service.method`, or `model/method` of the object service."""

    def is_it(request: Any) -> tuple[bool, str]:
        params = json.loads(request.body)["params"]
        name = f"{params['service']}.{params['method']}"
        if name == "object.execute_kw":
            name = "/".join(params["args"][3:5])
        return name == called, f"{name} was called, not {called}"

    net.post(URL, json=body, match=[is_it])


def signed_in(net: responses.RequestsMock) -> None:
    say(net, "common.authenticate", recorded("authenticated"))


def called(net: responses.RequestsMock) -> list[tuple[str, Any, Any]]:
    """Model and method, ids and keyword arguments of every call after the login."""
    found = []
    for call in net.calls:
        params = json.loads(call.request.body or b"")["params"]
        if params["service"] == "object":
            model, method, positional, keywords = params["args"][3:]
            found.append((f"{model}/{method}", positional, keywords))
    return found


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    fields = {"summary": "Call with <Asha>", "note": "Ringing …0001.", "user_id": 5, "feedback": "Answered"}
    return replace(Activity(KEY, "crm", "res.partner", "9", "", None, fields, phase), **changes)


# -- The way -------------------------------------------------------------------------------------------------


def test_it_signs_in_once_and_puts_ids_first(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    for _ in range(2):
        say(net, "res.partner/web_read", result(PERSON))
        assert odoo.read(CLICK, WANTED).record["phone"] == "98765 00001"
    sent = [json.loads(call.request.body or b"")["params"]["args"] for call in net.calls]
    assert sent[0] == ["lab", "connector@example.test", "made-up-key", {}]
    assert [each[:3] for each in sent[1:]] == [["lab", 7, "made-up-key"]] * 2
    assert called(net)[0] == (
        "res.partner/web_read",
        [[9]],
        {"specification": {"name": {}, "phone": {}, "write_date": {}}},
    )


def test_a_method_of_no_record_is_called_without_ids(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "mail.activity/search_read", result([]))
    say(net, "mail.message/search_read", result([]))
    assert odoo.find(activity()) is None
    assert [positional for _, positional, _ in called(net)] == [[], []]


@pytest.mark.parametrize(
    ("name", "kind", "code", "says"),
    [
        ("unknown_field", Refused, "unknown_field", "'mobile' on res.partner"),
        ("unknown_model", AdminNeeded, "unknown_object", "res.nosuch"),
        ("unknown_method", AdminNeeded, "crm_rejected", "does not exist"),
        ("no_right", AdminNeeded, "crm_forbidden", "not allowed to access 'Models'"),
        ("wrong_key", AdminNeeded, "crm_unauthorised", "api_key"),
        ("activity_gone", Gone, "record_not_found", "res.partner 9"),
        ("no_such_record", Gone, "record_not_found", "may have been deleted"),
    ],
)
def test_a_fault_means_what_it_means_over_json_2(
    odoo: Odoo, net: responses.RequestsMock, name: str, kind: type[Exception], code: str, says: str
) -> None:
    signed_in(net)
    say(net, "res.partner/web_read", recorded(name))
    with pytest.raises(kind, match=says) as caught:
        odoo.read(CLICK, WANTED)
    assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "message", "kind", "code"),
    [
        ("builtins.ValueError", "Invalid field 'mobil' on model 'res.partner'", Refused, "unknown_field"),
        ("odoo.exceptions.UserError", "No.", AdminNeeded, "crm_rejected"),
        ("odoo.exceptions.ValidationError", "No.", AdminNeeded, "crm_rejected"),
        ("psycopg2.errors.SerializationFailure", "could not serialize access", TryAgain, "crm_failed"),
        ("psycopg2.OperationalError", "server closed the connection", TryAgain, "crm_failed"),
        ("", "", TryAgain, "crm_failed"),
    ],
)
def test_what_passes_by_itself_is_told_from_what_does_not(
    odoo: Odoo,
    net: responses.RequestsMock,
    name: str,
    message: str,
    kind: type[Exception],
    code: str,
) -> None:
    signed_in(net)
    say(net, "res.partner/web_read", fault(name, message))
    with pytest.raises(kind) as caught:
        odoo.read(CLICK, WANTED)
    assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("login_refused", "crm_unauthorised", "`login`"),
        ("no_database", "unknown_database", "no database 'lab'"),
    ],
)
def test_a_login_that_fails_says_what_to_mend(
    odoo: Odoo, net: responses.RequestsMock, name: str, code: str, says: str
) -> None:
    say(net, "common.authenticate", recorded(name))
    with pytest.raises(AdminNeeded, match=says) as caught:
        odoo.read(CLICK, WANTED)
    assert caught.value.code == code


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"a": 1}', b"<html>", b'{"jsonrpc": "2.0", "error": 5}'])
def test_an_odd_answer_is_an_error_of_ours(odoo: Odoo, net: responses.RequestsMock, body: bytes) -> None:
    net.post(URL, body=body)
    with pytest.raises((TryAgain, AdminNeeded)):
        odoo.read(CLICK, WANTED)


def test_an_address_without_json_rpc_says_which_way_to_take(odoo: Odoo, net: responses.RequestsMock) -> None:
    net.post(URL, body=b"<html>", status=404)
    with pytest.raises(AdminNeeded, match="`api: json2`"):
        odoo.read(CLICK, WANTED)


def test_it_never_shows_its_key(odoo: Odoo) -> None:
    assert "made-up-key" not in repr(odoo) + repr(odoo._odoo) + repr(vars(odoo._odoo))


def test_json_rpc_needs_a_login() -> None:
    with pytest.raises(ValidationError, match="needs the login"):
        OdooSchema().load({name: value for name, value in SETTINGS.items() if name != "login"})


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ([11], 11),
        (11, 11),
        ("mail.activity(11,)", 11),
        ("mail.activity()", None),
        ("mail.activity(11, 12)", None),
        ([], None),
        (False, None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_what_was_made_is_told_in_three_ways(answer: Any, number: int | None) -> None:
    assert number_made(answer) == number


# -- A webhook inside the change it tells of -----------------------------------------------------------------


def told(odoo: Odoo, **changes: Any) -> Click:
    webhook = {**json.loads((PAYLOADS / "webhook_button.json").read_text()), **changes}
    (click,) = odoo.parse(Hook("POST", json.dumps(webhook).encode(), "application/json", {}, {}))
    return click


def reader(odoo: Odoo) -> tuple[Reader, list[float]]:
    rests: list[float] = []
    return Reader(odoo._odoo, rests.append), rests


OLD = [{**PERSON[0], "write_date": "2026-11-22 23:59:59"}]


@pytest.mark.parametrize("before", [OLD, []], ids=["the old record", "no record yet"])
def test_it_waits_until_the_change_is_saved(odoo: Odoo, net: responses.RequestsMock, before: Any) -> None:
    signed_in(net)
    for rows in (before, before, PERSON):
        say(net, "res.partner/web_read", result(rows))
    reads, rests = reader(odoo)
    assert reads.read(told(odoo), WANTED).record["write_date"] == "2026-11-23 05:01:58"
    assert len(rests) == 2


@pytest.mark.parametrize("before", [OLD, []], ids=["the old record", "no record yet"])
def test_nobody_is_rung_for_a_change_that_is_never_saved(
    odoo: Odoo, net: responses.RequestsMock, before: Any
) -> None:
    signed_in(net)
    say(net, "res.partner/web_read", result(before))
    reads, rests = reader(odoo)
    with pytest.raises(TryAgain) as caught:
        reads.read(told(odoo), WANTED)
    assert caught.value.code == "crm_not_saved_yet"
    assert len(called(net)) == len(rests) + 1 and 1 < sum(rests) < 3


def test_without_write_date_nobody_can_tell_and_nobody_is_rung(
    odoo: Odoo, net: responses.RequestsMock
) -> None:
    for nothing in (False, None, ""):
        with pytest.raises(Refused, match="Last Updated on") as caught:
            odoo.read(told(odoo, write_date=nothing), WANTED)
        assert caught.value.code == "write_date_missing"
    assert len(net.calls) == 0


def test_a_click_that_no_webhook_told_of_is_read_at_once(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "res.partner/web_read", result(OLD))
    assert odoo.read(replace(CLICK, source=Source.RULE), WANTED).record["name"] == "Asha"


# -- Activities that are deleted once they are done ----------------------------------------------------------


@pytest.mark.parametrize("answer", [[49], 49, "mail.activity(49,)"])
def test_an_activity_is_scheduled_whatever_way_its_number_is_told(
    odoo: Odoo, net: responses.RequestsMock, answer: Any
) -> None:
    signed_in(net)
    say(net, "res.partner/activity_schedule", result(answer))
    assert odoo.create(activity()) == "49"


def test_a_number_that_is_not_told_is_looked_up(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "res.partner/activity_schedule", result(None))
    say(net, "mail.activity/search_read", result([{"id": 49, "note": f"<p>CallerDesk {KEY}</p>"}]))
    assert odoo.create(activity()) == "49"


def test_a_done_activity_that_odoo_deleted_is_corrected_in_the_chatter(
    odoo: Odoo, net: responses.RequestsMock
) -> None:
    signed_in(net)
    say(net, "mail.activity/read", result([]))
    say(net, "mail.message/search_read", recorded("done_message_found"))
    say(net, "mail.message/search_read", recorded("message_there"))
    say(net, "mail.message/write", recorded("message_written"))
    assert odoo.write(activity(Phase.ENDED, id="49")) == "49"
    assert called(net)[-1] == (
        "mail.message/write",
        [[527]],
        {
            "vals": {
                "body": f"<p><b>Call with &lt;Asha&gt;</b></p><p>Ringing …0001.</p><p>CallerDesk {KEY}</p>"
            }
        },
    )


def test_an_unheard_end_is_found_in_the_chatter(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "mail.activity/search_read", result([]))
    say(net, "mail.message/search_read", recorded("done_message_found"))
    say(net, "mail.message/search_read", recorded("message_there"))
    say(net, "mail.message/write", recorded("message_written"))
    assert odoo.write(activity(Phase.ENDED, look_first=True)) == "mail.message,527"
    assert "res.partner/activity_schedule" not in [name for name, _, _ in called(net)]


def test_an_open_activity_that_a_person_deleted_is_made_again(
    odoo: Odoo, net: responses.RequestsMock
) -> None:
    signed_in(net)
    say(net, "mail.activity/read", result([]))
    say(net, "mail.message/search_read", result([]))
    say(net, "res.partner/activity_schedule", result([50]))
    say(net, "mail.activity/action_feedback", result(530))
    assert odoo.write(activity(Phase.ENDED, id="49")) == "50"


# -- Calls as messages ---------------------------------------------------------------------------------------


def message(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    return activity(phase, kind="mail.message", **changes)


def test_a_message_is_posted_as_an_internal_note(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "res.partner/message_post", recorded("message_posted"))
    posted = recorded("message_posted")["result"][0]
    assert odoo.write(message()) == f"mail.message,{posted}"
    (called_once,) = called(net)
    assert called_once == (
        "res.partner/message_post",
        [[9]],
        {
            "body": f"<p><b>Call with &lt;Asha&gt;</b></p><p>Ringing …0001.</p><p>CallerDesk {KEY}</p>",
            "body_is_html": True,
            "message_type": "comment",
            "subtype_xmlid": "mail.mt_note",
        },
    )


def test_its_end_is_written_into_the_same_message(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "mail.message/search_read", recorded("message_there"))
    say(net, "mail.message/write", recorded("message_written"))
    assert odoo.write(message(Phase.ENDED, id="mail.message,525")) == "mail.message,525"
    assert called(net)[0][2]["domain"] == [["id", "=", 525]]


def test_an_unheard_post_is_found_by_its_key(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "mail.message/search_read", recorded("message_found"))
    say(net, "mail.message/search_read", recorded("message_there"))
    say(net, "mail.message/write", recorded("message_written"))
    found = recorded("message_found")["result"][0]["id"]
    assert odoo.write(message(look_first=True)) == f"mail.message,{found}"
    assert called(net)[0][2]["domain"] == [
        ["model", "=", "res.partner"],
        ["res_id", "=", 9],
        ["body", "ilike", f"CallerDesk {KEY}"],
    ]


def test_a_message_somebody_deleted_is_posted_again(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "mail.message/search_read", result([]))
    say(net, "res.partner/message_post", result([531]))
    assert odoo.write(message(Phase.ENDED, id="mail.message,525")) == "mail.message,531"


def test_no_message_can_be_posted_on_a_record_that_is_gone(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "res.partner/message_post", recorded("message_on_gone_record"))
    with pytest.raises(Gone, match=r"res\.partner 9"):
        odoo.write(message())


def test_a_post_whose_number_nobody_tells_is_tried_again(odoo: Odoo, net: responses.RequestsMock) -> None:
    signed_in(net)
    say(net, "res.partner/message_post", result(None))
    say(net, "mail.message/search_read", result([]))
    with pytest.raises(TryAgain, match="posted no message"):
        odoo.write(message())


def test_messages_go_over_json_2_as_well(net: responses.RequestsMock) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name not in ("api", "login")}
    json2 = Odoo(Account("crm", OdooSchema().load(settings)))
    net.post("http://127.0.0.1:9/json/2/res.partner/message_post", json=[531])
    assert json2.write(message()) == "mail.message,531"
    sent = json.loads(net.calls[-1].request.body or b"")
    assert (sent["ids"], sent["body_is_html"], sent["message_type"]) == ([9], True, "comment")


# -- The kit's mapping ---------------------------------------------------------------------------------------


def test_the_kits_mapping_is_for_odoo_17_and_18() -> None:
    mapping = MappingFile(Path(__file__).parents[2] / "kits" / "odoo" / "odoo17.yaml").current()
    assert mapping.crm == "odoo"
    wanted = mapping.wanted("crm.lead")
    assert {"mobile", "phone_sanitized_blacklisted"} <= set(wanted.record) and "mobile" in wanted.owner
