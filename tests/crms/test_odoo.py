"""Odoo against bodies recorded from a live Odoo 19.0, and its quirks one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from responses import matchers

from connector.crms.base import Account, Hook
from connector.crms.odoo import Odoo
from connector.crms.odoo_read import specification
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.model import Activity, Click, Phase, Record, Source, Wanted

PAYLOADS = Path(__file__).parents[1] / "payloads" / "odoo"
URL = "http://127.0.0.1:9/json/2/"
KEY = "0123456789abcdef"
CLICK = Click("crm", "res.partner", "9")
WANTED = Wanted(
    record=["name", "phone", "phone_sanitized", "is_company", "website", "country_id.code"],
    owner=["name", "phone", "email"],
)


@pytest.fixture
def odoo() -> Odoo:
    settings = {"base_url": "http://127.0.0.1:9", "database": "lab", "api_key": "made-up-key"}
    return Odoo(Account("crm", Odoo.settings_schema().load(settings)))


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def say(net: responses.RequestsMock, call: str, payload: str, status: int = 200, **body: Any) -> None:
    """Answer `model/method` with a recorded body, when the request carries what the keywords say."""
    match = [matchers.json_params_matcher(body, strict_match=False)] if body else []
    net.post(URL + call, json=recorded(payload), status=status, match=match)


def posted(net: responses.RequestsMock, number: int = -1) -> Any:
    body = net.calls[number].request.body
    return json.loads(body or b"")


def hook(name: str, **changes: Any) -> Hook:
    return Hook("POST", json.dumps({**recorded(name), **changes}).encode(), "application/json", {}, {})


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    fields = {
        "summary": "Call with Asha",
        "note": "Ringing …0001.",
        "user_id": 5,
        "date_deadline": "2026-11-23",
    }
    given = {"fields": {**fields, **changes.pop("fields", {})}, **changes}
    return Activity(KEY, "crm", "res.partner", "9", "", None, phase=phase, **given)


# -- Clicks ------------------------------------------------------------------------------------------------


def test_it_takes_a_rules_webhook_as_a_rules_click(odoo: Odoo) -> None:
    (click,) = odoo.parse(hook("webhook_contact"))
    assert (click.object, click.record_id, click.source, click.user) == (
        "res.partner",
        "9",
        Source.RULE,
        None,
    )


def test_it_keeps_no_full_number_of_a_webhook(odoo: Odoo) -> None:
    (click,) = odoo.parse(hook("webhook_contact"))
    assert click.raw["name"] == "Asha Customer"
    assert "9876500001" not in str(click.raw).replace(" ", "")


def test_it_folds_the_copies_of_one_change_although_their_bodies_differ(odoo: Odoo) -> None:
    before, after = recorded("webhook_same_change_before"), recorded("webhook_same_change_after")
    assert before != after
    (first,), (second,) = (
        odoo.parse(hook("webhook_same_change_before")),
        odoo.parse(hook("webhook_same_change_after")),
    )
    assert first.delivery == second.delivery is not None


def test_it_keeps_two_changes_of_one_record_apart(odoo: Odoo) -> None:
    (first,) = odoo.parse(hook("webhook_contact"))
    (second,) = odoo.parse(hook("webhook_contact", write_date="2026-11-23 05:03:18.368210"))
    assert first.delivery != second.delivery


def test_it_leaves_a_webhook_without_write_date_to_the_repeat_guard(odoo: Odoo) -> None:
    (click,) = odoo.parse(hook("webhook_contact", write_date=False))
    assert click.delivery is None


def test_it_knows_the_person_who_pressed_the_button(odoo: Odoo) -> None:
    (click,) = odoo.parse(hook("webhook_button"))
    assert (click.source, click.user) == (Source.BUTTON, "6")


def test_it_keeps_a_press_apart_from_a_rule_that_fires_for_the_same_change(odoo: Odoo) -> None:
    (press,) = odoo.parse(hook("webhook_button"))
    (rule,) = odoo.parse(hook("webhook_button", _action="Send Webhook Notification(#235)"))
    assert (rule.source, press.delivery != rule.delivery) == (Source.RULE, True)


def test_it_takes_our_own_format_too(odoo: Odoo) -> None:
    body = b'{"object": "crm.lead", "id": "007", "user": "ravi@example.test", "source": "button"}'
    (click,) = odoo.parse(Hook("POST", body, "", {}, {}))
    assert (click.object, click.record_id, click.source) == ("crm.lead", "7", Source.BUTTON)


@pytest.mark.parametrize(
    "changes",
    [{"_id": "9"}, {"_id": True}, {"_id": -9}, {"_id": 10**12}, {"_id": None}, {"_model": None}]
    + [{"_model": model} for model in ("", "res.partner/unlink", "../web", "res.partner\n", "a" * 65)],
)
def test_it_refuses_a_webhook_that_names_no_record(odoo: Odoo, changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        odoo.parse(hook("webhook_contact", **changes))
    assert caught.value.status == 422


def test_it_refuses_a_body_that_is_no_object(odoo: Odoo) -> None:
    with pytest.raises(BadRequest, match="one JSON object"):
        odoo.parse(Hook("POST", b"[1]", "", {}, {}))


# -- Reading -----------------------------------------------------------------------------------------------


def test_it_reads_record_and_salesperson_in_one_request(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read", ids=[9])
    say(net, "res.partner/fields_get", "fields_res_partner")
    record = odoo.read(CLICK, WANTED)
    assert record.record["phone_sanitized"] == "+919876500001"
    assert record.record["country_id"]["code"] == "IN"
    assert record.owner == {
        "id": 5,
        "active": True,
        "name": "Ravi Agent",
        "phone": "+91 98765 00101",
        "email": "ravi@example.test",
    }
    asked = posted(net, 0)["specification"]
    assert asked["country_id"] == {"fields": {"code": {}}}
    assert set(asked["user_id"]["fields"]) == {"name", "phone", "email", "active"}
    headers = net.calls[0].request.headers
    assert (headers["Authorization"], headers["X-Odoo-Database"]) == ("bearer made-up-key", "lab")


def test_it_tells_an_empty_value_from_a_no(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read")
    say(net, "res.partner/fields_get", "fields_res_partner")
    record = odoo.read(CLICK, WANTED).record
    assert (record["website"], record["is_company"]) == (None, False)


def test_it_asks_for_the_types_of_fields_once(odoo: Odoo, net: responses.RequestsMock) -> None:
    for _ in range(2):
        say(net, "res.partner/web_read", "read")
    say(net, "res.partner/fields_get", "fields_res_partner")
    odoo.read(CLICK, WANTED)
    odoo.read(CLICK, WANTED)
    assert len(net.calls) == 3


def test_it_has_no_owner_for_a_record_without_salesperson(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read_without_salesperson")
    say(net, "res.partner/fields_get", "fields_res_partner")
    assert odoo.read(CLICK, WANTED).owner == {}


def test_it_gives_the_salespersons_number_where_the_mapping_wants_it(
    odoo: Odoo, net: responses.RequestsMock
) -> None:
    say(net, "res.partner/web_read", "read")
    say(net, "res.partner/fields_get", "fields_res_partner")
    record = odoo.read(CLICK, Wanted(record=["user_id", "website"], owner=["phone"]))
    assert (record.record["user_id"], record.owner["id"]) == (5, 5)


def test_it_says_that_a_deleted_record_is_gone(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read_no_such_record")
    with pytest.raises(Gone, match=r"res\.partner 9"):
        odoo.read(CLICK, WANTED)


def test_it_never_asks_for_nothing_but_the_id(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read_no_such_record")
    with pytest.raises(Gone):
        odoo.read(CLICK, Wanted(record=["id"]))
    assert set(posted(net)["specification"]) == {"id", "write_date"}


def test_it_names_a_field_that_odoo_does_not_know(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/web_read", "read_unknown_field", 500)
    with pytest.raises(Refused, match=r"'mobile' on res\.partner") as caught:
        odoo.read(CLICK, Wanted(record=["mobile"]))
    assert (caught.value.code, caught.value.status) == ("unknown_field", 422)


@pytest.mark.parametrize("login", ["Ravi@example.test", "5"])
def test_it_reads_the_person_who_clicked_by_login_or_number(
    odoo: Odoo, net: responses.RequestsMock, login: str
) -> None:
    say(net, "res.partner/web_read", "read")
    say(net, "res.partner/fields_get", "fields_res_partner")
    if login == "5":
        say(net, "res.users/web_read", "user_by_id", ids=[5])
    else:
        say(net, "res.users/web_search_read", "user_by_login")
    click = Click("crm", "res.partner", "9", user=login)
    assert odoo.read(click, Wanted(record=["website"], user=["name", "phone"])).user["name"] == "Ravi Agent"


@pytest.mark.parametrize(
    ("payload", "status", "code", "says"),
    [
        ("wrong_key", 401, "crm_unauthorised", "api_key"),
        ("no_right", 403, "crm_forbidden", "not allowed to access 'Models'"),
        ("read_unknown_model", 404, "unknown_object", "res.nosuch"),
        ("schedule_unknown_user", 422, "crm_rejected", "cannot be completed"),
    ],
)
def test_it_says_what_an_admin_has_to_mend(
    odoo: Odoo, net: responses.RequestsMock, payload: str, status: int, code: str, says: str
) -> None:
    say(net, "res.partner/web_read", payload, status)
    with pytest.raises(AdminNeeded, match=says) as caught:
        odoo.read(CLICK, WANTED)
    assert caught.value.code == code


def test_it_tells_a_wrong_database_from_a_missing_record(odoo: Odoo, net: responses.RequestsMock) -> None:
    net.post(URL + "res.partner/web_read", body=(PAYLOADS / "wrong_database.html").read_bytes(), status=404)
    with pytest.raises(AdminNeeded, match="no database 'lab'"):
        odoo.read(CLICK, WANTED)


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>"), (500, b"{}"), (429, b""), (200, b"<html>")])
def test_it_tries_again_when_odoo_stumbles(
    odoo: Odoo, net: responses.RequestsMock, status: int, body: bytes
) -> None:
    net.post(URL + "res.partner/web_read", body=body, status=status)
    with pytest.raises(TryAgain):
        odoo.read(CLICK, WANTED)


def test_it_folds_paths_through_the_same_record_into_one_question() -> None:
    assert specification(["a", "b.c", "b.d.e", "b.d.f", "b"]) == {
        "a": {},
        "b": {"fields": {"c": {}, "d": {"fields": {"e": {}, "f": {}}}}},
    }


# -- Writing -----------------------------------------------------------------------------------------------


def test_it_schedules_a_call_for_the_salesperson(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "schedule", ids=[9])
    assert odoo.create(activity()) == str(recorded("schedule")[0])
    assert posted(net) == {
        "ids": [9],
        "act_type_xmlid": "mail.mail_activity_data_call",
        "summary": "Call with Asha",
        "note": f"<p>Ringing …0001.</p><p>CallerDesk {KEY}</p>",
        "user_id": 5,
        "date_deadline": "2026-11-23",
    }


def test_it_escapes_the_note_and_links_the_recording(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "schedule")
    odoo.create(activity(fields={"note": "<b>A & B</b>\nRecording: https://rec.example/1?a=1&b=2"}))
    link = "https://rec.example/1?a=1&amp;b=2"
    assert posted(net)["note"].startswith(
        f'<p>&lt;b&gt;A &amp; B&lt;/b&gt;<br/>Recording: <a href="{link}">{link}</a></p>'
    )


@pytest.mark.parametrize("fields", [{"user_id": None}, {"user_id": 7}])
def test_it_keeps_the_call_itself_when_the_salesperson_is_missing_or_archived(
    odoo: Odoo, net: responses.RequestsMock, fields: dict[str, Any]
) -> None:
    say(net, "res.users/context_get", "context_get")
    say(net, "res.partner/activity_schedule", "schedule", user_id=recorded("context_get")["uid"])
    odoo.create(activity(fields=fields, record=Record({}, owner={"id": 7, "active": False})))


def test_it_creates_a_call_that_is_already_over_as_done(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "schedule")
    say(net, "mail.activity/action_feedback", "feedback", ids=recorded("schedule"), feedback="Not rung.")
    odoo.create(activity(Phase.REFUSED, fields={"feedback": "Not rung."}))
    assert "feedback" not in posted(net, 0)


def test_it_sees_a_deleted_record_behind_the_missing_right(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "schedule_no_such_record", 403)
    # Not `id` alone: Odoo answers that without looking whether the record is there.
    say(net, "res.partner/read", "read_no_such_record", ids=[9], fields=["write_date"])
    with pytest.raises(Gone, match=r"res\.partner 9"):
        odoo.create(activity())


def test_it_reports_a_right_that_is_really_missing(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "no_right", 403)
    say(net, "res.partner/read", "read")
    with pytest.raises(AdminNeeded):
        odoo.create(activity())


def test_it_names_a_field_that_activities_do_not_have(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.partner/activity_schedule", "schedule_unknown_field", 500)
    with pytest.raises(AdminNeeded, match=r"'outcome' on mail\.activity") as caught:
        odoo.create(activity(fields={"outcome": "x"}))
    assert caught.value.code == "unknown_field"


def test_it_updates_a_running_call_with_one_request(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/write", "write", ids=[11])
    odoo.update(activity(id="11"))
    assert set(posted(net)["vals"]) == {"summary", "note"}


def test_it_leaves_a_reassigned_activity_with_whoever_has_it(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/write", "write")
    odoo.update(activity(id="11", fields={"user_id": 8}))
    assert not {"user_id", "date_deadline"} & set(posted(net)["vals"])


def test_it_marks_an_ended_call_done_with_its_outcome(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/read", "activity_open", ids=[11], context={"active_test": False})
    say(net, "mail.activity/write", "write")
    say(net, "mail.activity/action_feedback", "feedback", ids=[11], feedback="Answered, 65 s")
    odoo.update(activity(Phase.ENDED, id="11", fields={"feedback": "Answered, 65 s"}))


def test_it_corrects_a_done_activity_without_posting_again(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/read", "activity_done")
    say(net, "mail.activity/write", "write")
    odoo.update(activity(Phase.ENDED, id="11", fields={"feedback": "Answered, 66 s"}))
    assert posted(net)["vals"]["feedback"] == "Answered, 66 s"


@pytest.mark.parametrize("phase", [Phase.PLACED, Phase.ENDED])
def test_it_makes_a_new_activity_when_someone_deleted_the_first(
    odoo: Odoo, net: responses.RequestsMock, phase: Phase
) -> None:
    if phase is Phase.PLACED:
        say(net, "mail.activity/write", "activity_gone", 404)
    else:
        say(net, "mail.activity/read", "activity_gone_read")
        say(net, "mail.activity/action_feedback", "feedback")
    say(net, "res.partner/activity_schedule", "schedule")
    assert odoo.write(activity(phase, id="10")) == str(recorded("schedule")[0])


def test_it_finds_the_activity_an_unheard_create_made(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/search_read", "find", context={"active_test": False})
    say(net, "mail.activity/write", "write")
    assert odoo.write(activity(look_first=True)) == str(recorded("find")[0]["id"])


def test_it_finds_nothing_when_there_is_nothing(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/search_read", "find_nothing")
    assert odoo.find(activity()) is None


def test_it_does_not_take_another_calls_activity_for_its_own(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "mail.activity/search_read", "find")
    other = Activity("another-key", "crm", "res.partner", "9", "", None, {}, Phase.PLACED)
    assert odoo.find(other) is None


# -- check --live ------------------------------------------------------------------------------------------


def test_it_finds_a_misspelt_field_and_suggests_the_right_one(
    odoo: Odoo, net: responses.RequestsMock
) -> None:
    say(net, "res.users/context_get", "context_get")
    say(net, "mail.activity.type/search_count", "activity_types")
    say(net, "res.partner/fields_get", "fields_res_partner")
    say(net, "res.users/fields_get", "fields_res_users")
    say(net, "res.country/fields_get", "fields_res_country")
    wanted = Wanted(record=["phnoe", "country_id.code"], owner=["phone"])
    findings = {finding.what: finding for finding in odoo.check_live({"res.partner": wanted})}
    assert [name for name, finding in findings.items() if not finding.ok] == ["res.partner"]
    assert "Did you mean 'phone'?" in findings["res.partner"].advice


def test_it_reports_a_wrong_key_as_a_finding(odoo: Odoo, net: responses.RequestsMock) -> None:
    say(net, "res.users/context_get", "wrong_key", 401)
    (finding,) = odoo.check_live({})
    assert not finding.ok


def test_it_never_shows_its_key(odoo: Odoo) -> None:
    assert "made-up-key" not in repr(odoo) + repr(odoo._odoo) + repr(vars(odoo._odoo))
