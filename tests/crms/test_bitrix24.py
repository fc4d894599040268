"""What is only Bitrix24's: nested forms, calls registered already, one batch, one finish, rotating tokens."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode
from urllib.request import urlopen

import pytest
import responses
from contract_bitrix24 import (
    ATTACH,
    BATCH,
    CALL,
    CONTRACT,
    FINISH,
    FORM,
    REGISTER,
    REST,
    STATISTICS,
    event,
    told,
)
from crm_contracts import KEY
from responses import matchers

from connector.crms.base import Crm, Hook
from connector.errors import AdminNeeded, BadRequest, Gone, Refused, TryAgain
from connector.mapping import load
from connector.model import Call, Click, Ending, Outcome, Phase, Source, State, Wanted

ROOT = Path(__file__).parents[2]
TOKEN = CONTRACT.login[0]
#: The call that Bitrix24 registered itself when a number was clicked.
THEIRS = "externalCall.89350264e026dace3f2b14d1f438257c.1773236989"
CLICKED = {"event": "ONEXTERNALCALLSTART", "click_id": THEIRS, "LINE_NUMBER": "7"}


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


def asked(net: responses.RequestsMock) -> list[str]:
    """The methods that were asked for, in order; logins left out."""
    return [
        str(call.request.url).removeprefix(REST) for call in net.calls if "oauth" not in str(call.request.url)
    ]


# -- Clicks --------------------------------------------------------------------------------------------------


def test_a_click_on_a_number_names_record_user_and_the_call_it_registered(crm: Crm) -> None:
    (click,) = crm.parse(event("call_start.txt"))
    assert (click.object, click.record_id, click.user, click.delivery) == ("CONTACT", "797", "5", THEIRS)
    assert click.source is Source.BUTTON
    assert click.raw == {
        "event": "ONEXTERNALCALLSTART",
        "LINE_NUMBER": "7",
        "CALL_LIST_ID": "0",
        "IS_MOBILE": "0",
    }


def test_a_click_without_a_record_is_refused_and_its_number_is_never_dialled(crm: Crm) -> None:
    with pytest.raises(BadRequest) as refused:
        crm.parse(event("call_start_without_record.txt"))
    assert (refused.value.code, refused.value.status) == ("record_missing", 422)
    assert "876500009" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "object_", "number"),
    [("call_back.txt", "CONTACT", "797"), ("lead_add.txt", "LEAD", "42"), ("robot.txt", "LEAD", "42")],
)
def test_a_callback_a_new_record_and_an_automation_rule_are_rules_clicks(
    crm: Crm, name: str, object_: str, number: str
) -> None:
    (click,) = crm.parse(event(name))
    assert (click.object, click.record_id, click.source) == (object_, number, Source.RULE)
    assert (click.user, click.delivery) == (None, None)


@pytest.mark.parametrize("name", ["contact_update.txt", "app_install.txt"])
def test_a_changed_record_and_an_installation_are_no_clicks(crm: Crm, name: str) -> None:
    assert crm.parse(event(name)) == []


def test_an_automation_rule_of_a_deal_is_told_what_can_call(crm: Crm) -> None:
    with pytest.raises(BadRequest, match="lead, contact or company"):
        crm.parse(event("robot_deal.txt"))


def test_no_token_of_an_event_is_kept(crm: Crm) -> None:
    (click,) = crm.parse(event("call_start.txt"))
    assert "madeup" not in repr(click) and "876500009" not in repr(click)


def test_our_own_form_may_carry_the_applications_token(crm: Crm) -> None:
    fields = {"object": "LEAD", "id": "42", "click_id": "c1", "auth[application_token]": "0" * 32}
    (click,) = crm.parse(Hook("POST", urlencode(fields).encode(), FORM, {}, fields))
    assert (click.object, click.delivery, click.source) == ("LEAD", "c1", Source.BUTTON)


# -- Reading -------------------------------------------------------------------------------------------------


def test_record_owner_and_acting_user_are_one_request(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    wanted = Wanted(record=["NAME"], owner=["PERSONAL_MOBILE"], user=["EMAIL"])
    record = crm.read(replace(CONTRACT.clicked, user="5"), wanted)
    assert sent(net) == {
        "halt": 1,
        "cmd": {
            "record": "crm.contact.get?ID=797",
            "owner": "user.get?ID=$result[record][ASSIGNED_BY_ID]",
            "user": "user.get?ID=5",
        },
        "auth": "canary-of-bitrix-access",
    }
    assert record.record == {"NAME": "Asha", "ID": "797"}
    assert (record.owner, record.user) == (
        {"PERSONAL_MOBILE": "+91 98765 00101"},
        {"EMAIL": "ravi@example.test"},
    )


def test_numbers_are_read_by_type_or_the_first(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.read[0].on(net)
    wanted = Wanted(record=["PHONE_MOBILE", "PHONE_WORK", "PHONE_HOME", "PHONE_FIRST"])
    assert crm.read(CONTRACT.clicked, wanted).record == {
        "PHONE_MOBILE": "98765 00001",
        "PHONE_WORK": "080 4567 0001",
        "PHONE_HOME": None,
        "PHONE_FIRST": "080 4567 0001",
        "ID": "797",
    }


def test_a_record_without_any_number_has_none(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", BATCH, body=told("batch_without_phone.json"))
    record = crm.read(CONTRACT.clicked, Wanted(record=["PHONE", "PHONE_FIRST"])).record
    assert record == {"PHONE": None, "PHONE_FIRST": None, "ID": "797"}


def test_another_user_who_came_along_is_never_taken_for_the_owner(
    net: responses.RequestsMock, crm: Crm
) -> None:
    net.add("POST", BATCH, body=told("batch_without_owner.json"))
    assert crm.read(CONTRACT.clicked, Wanted(record=["NAME"], owner=["PERSONAL_MOBILE"])).owner == {}


def test_a_scope_that_is_missing_in_a_batch_needs_an_admin(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", BATCH, body=told("batch_no_scope.json"))
    with pytest.raises(AdminNeeded, match="insufficient_scope") as missing:
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert missing.value.code == "crm_forbidden"


@pytest.mark.parametrize(
    ("object_", "number", "kind"), [("DEAL", "7", Refused), ("CONTACT", "7&ID=8", Gone), ("LEAD", "", Gone)]
)
def test_what_cannot_be_called_from_is_never_asked_for(
    object_: str, number: str, kind: type[Exception]
) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(kind):
        CONTRACT.make().read(Click("bitrix24", object_, number), CONTRACT.wanted)
    assert len(nobody.calls) == 0


# -- Tokens and refusals -------------------------------------------------------------------------------------


def test_an_expired_token_is_renewed_once_by_the_refresh_token_that_came_last(crm: Crm) -> None:
    with responses.RequestsMock(registry=responses.registries.OrderedRegistry) as net:
        TOKEN.on(net)
        net.add("POST", BATCH, body=told("expired_token.json"), status=401)
        second = (
            told("token.json").replace(b"second", b"third").replace(b"bitrix-access", b"bitrix-new-access")
        )
        replace(TOKEN, body=second).on(net)
        net.add("POST", BATCH, body=told("batch.json"))
        crm.read(CONTRACT.clicked, CONTRACT.wanted)
        refreshed = [parse_qs(str(net.calls[n].request.body))["refresh_token"] for n in (0, 2)]
        assert refreshed == [["canary-of-bitrix-first-refresh"], ["canary-of-bitrix-second-refresh"]]
        assert sent(net)["auth"] == "canary-of-bitrix-new-access"


@pytest.mark.parametrize("name", ["token_refused.json", "payment_required.json"])
def test_a_refused_refresh_token_needs_an_admin(crm: Crm, name: str) -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told(name), status=400).on(net)
        with pytest.raises(AdminNeeded) as refused:
            crm.read(CONTRACT.clicked, CONTRACT.wanted)
    assert refused.value.code == "crm_unauthorised"


@pytest.mark.parametrize(
    ("name", "status", "kind", "code"),
    [
        ("query_limit.json", 503, TryAgain, "crm_rate_limited"),
        ("operation_time_limit.json", 429, TryAgain, "crm_rate_limited"),
        ("internal.json", 500, TryAgain, "crm_failed"),
        ("plan.json", 401, AdminNeeded, "crm_forbidden"),
        ("wrong_auth_type.json", 403, AdminNeeded, "crm_forbidden"),
        ("user_not_active.json", 400, AdminNeeded, "crm_rejected"),
    ],
)
def test_a_refusal_is_told_apart_and_not_repeated(
    net: responses.RequestsMock, crm: Crm, name: str, status: int, kind: type[Exception], code: str
) -> None:
    net.add("POST", REGISTER, body=told(name), status=status)
    with pytest.raises(kind) as caught:
        crm.write(CONTRACT.activity())
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert asked(net) == ["telephony.externalCall.register"]


# -- Writing -------------------------------------------------------------------------------------------------

FIELDS: dict[str, Any] = {
    "USER_ID": "5",
    "PHONE_NUMBER": "+919876500001",
    "LINE_NUMBER": "7",
    "CALL_START_DATE": "2026-03-02T06:35:00Z",
    "DURATION": 95,
    "STATUS_CODE": "200",
    "FAILED_REASON": "Answered",
}
STATUS = {
    "CALL_ID": CALL,
    "USER_ID": "5",
    "DURATION": 95,
    "STATUS_CODE": "200",
    "auth": "canary-of-bitrix-access",
}


def test_a_call_is_registered_under_our_key_when_the_phones_ring(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.create[0].on(net)
    assert crm.write(CONTRACT.activity(fields=FIELDS)) == CALL
    assert sent(net) == {
        "USER_ID": "5",
        "PHONE_NUMBER": "+919876500001",
        "LINE_NUMBER": "7",
        "CALL_START_DATE": "2026-03-02T06:35:00Z",
        "TYPE": 1,
        "SHOW": 0,
        "CRM_ENTITY_TYPE": "CONTACT",
        "CRM_ENTITY_ID": "797",
        "CRM_CREATE": 0,
        "EXTERNAL_CALL_ID": KEY,
        "auth": "canary-of-bitrix-access",
    }


def test_a_callback_is_registered_as_one(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.create[0].on(net)
    crm.write(CONTRACT.activity(fields=FIELDS, click={"event": "ONEXTERNALCALLBACKSTART"}))
    assert sent(net)["TYPE"] == 4


def test_a_call_that_a_click_registered_is_not_registered_anew(crm: Crm) -> None:
    with responses.RequestsMock() as nobody:
        assert crm.write(CONTRACT.activity(fields=FIELDS, click=CLICKED)) == THEIRS
    assert len(nobody.calls) == 0


def test_the_end_finishes_the_call_and_tells_no_failure_of_one_that_was_answered(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.end[0].on(net)
    crm.write(CONTRACT.activity(Phase.ENDED, fields=FIELDS, id=CALL))
    assert sent(net) == STATUS


def test_a_call_nobody_took_says_why(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.end[0].on(net)
    missed = {**FIELDS, "DURATION": 0, "STATUS_CODE": "486", "FAILED_REASON": "Customer was busy"}
    crm.write(CONTRACT.activity(Phase.ENDED, fields=missed, id=CALL))
    assert (sent(net)["STATUS_CODE"], sent(net)["FAILED_REASON"]) == ("486", "Customer was busy")


def test_a_refused_click_on_a_number_closes_the_call_that_it_opened(
    net: responses.RequestsMock, crm: Crm
) -> None:
    CONTRACT.end[0].on(net)
    refused = {"USER_ID": "5", "DURATION": 0, "STATUS_CODE": "603-S"}
    assert crm.write(CONTRACT.activity(Phase.REFUSED, fields=refused, click=CLICKED)) == THEIRS
    assert (sent(net)["CALL_ID"], sent(net)["STATUS_CODE"]) == (THEIRS, "603-S")


def test_a_call_that_never_had_a_number_is_not_shown(crm: Crm) -> None:
    with responses.RequestsMock() as nobody:
        made = crm.write(CONTRACT.activity(Phase.REFUSED, fields={"USER_ID": "5"}))
        assert made == KEY
        assert crm.write(CONTRACT.activity(Phase.REFUSED, fields={"USER_ID": "5"}, id=made)) == KEY
    assert len(nobody.calls) == 0


def test_a_recording_is_attached_once_the_call_is_finished(net: responses.RequestsMock, crm: Crm) -> None:
    CONTRACT.end[0].on(net)
    net.add("POST", ATTACH, body=told("record_attached.json"))
    fields = {**FIELDS, "RECORD_URL": "https://recordings.example.com/1.mp3"}
    crm.write(CONTRACT.activity(Phase.ENDED, fields=fields, id=CALL))
    assert asked(net) == ["telephony.externalCall.finish", "telephony.externalCall.attachRecord"]
    assert sent(net, 1) == STATUS
    assert sent(net) == {
        "CALL_ID": CALL,
        "FILENAME": f"{KEY}.mp3",
        "RECORD_URL": "https://recordings.example.com/1.mp3",
        "auth": "canary-of-bitrix-access",
    }


def test_a_call_that_is_finished_already_just_gets_its_late_recording(
    net: responses.RequestsMock, crm: Crm
) -> None:
    net.add("POST", FINISH, body=told("call_not_found.json"), status=400)
    match = [matchers.json_params_matcher({"FILTER": {"CALL_ID": CALL}}, strict_match=False)]
    net.add("POST", STATISTICS, body=told("statistics.json"), match=match)
    net.add("POST", ATTACH, body=told("record_attached.json"))
    fields = {**FIELDS, "RECORD_URL": "https://recordings.example.com/1.mp3"}
    assert crm.write(CONTRACT.activity(Phase.ENDED, fields=fields, id=CALL)) == CALL
    assert asked(net).count("telephony.externalCall.register") == 0


@pytest.mark.parametrize("click", [{}, CLICKED])
def test_a_call_that_bitrix24_has_dropped_is_registered_and_finished_anew(
    net: responses.RequestsMock, crm: Crm, click: dict[str, str]
) -> None:
    theirs = THEIRS if click else CALL
    lost = [matchers.json_params_matcher({"CALL_ID": theirs}, strict_match=False)]
    net.add("POST", STATISTICS, body=told("statistics_none.json"))
    CONTRACT.create[0].on(net)
    if click:
        net.add("POST", FINISH, body=told("call_not_found.json"), status=400, match=lost)
        again = [matchers.json_params_matcher({"CALL_ID": CALL}, strict_match=False)]
        net.add("POST", FINISH, body=told("finished.json"), match=again)
    else:
        net.add("POST", FINISH, body=told("call_not_found.json"), status=400)
        net.add("POST", FINISH, body=told("finished.json"))
    assert crm.write(CONTRACT.activity(Phase.ENDED, fields=FIELDS, id=theirs, click=click)) == CALL
    assert asked(net)[-2:] == ["telephony.externalCall.register", "telephony.externalCall.finish"]


def test_a_finished_call_is_found_by_our_key(net: responses.RequestsMock, crm: Crm) -> None:
    match = [matchers.json_params_matcher({"FILTER": {"EXTERNAL_CALL_ID": KEY}}, strict_match=False)]
    net.add("POST", STATISTICS, body=told("statistics.json"), match=match)
    assert crm.find(CONTRACT.activity()) == CALL


def test_a_field_that_goes_with_no_method_is_named(crm: Crm) -> None:
    with responses.RequestsMock() as nobody, pytest.raises(Refused, match="'SUBJECT'") as wrong:
        crm.write(CONTRACT.activity(fields={**FIELDS, "SUBJECT": "x"}))
    assert wrong.value.code == "unknown_field" and len(nobody.calls) == 0


# -- Check ---------------------------------------------------------------------------------------------------


def test_the_check_finds_nothing_where_all_is_well(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", REST + "scope", body=told("scope.json"))
    net.add("POST", REST + "crm.contact.fields", body=told("contact_fields.json"))
    net.add("POST", REST + "user.fields", body=told("user_fields.json"))
    found = crm.check_live({"CONTACT": CONTRACT.wanted})
    assert [(each.what, each.ok) for each in found] == [
        ("OAuth app", True),
        ("scope telephony", True),
        ("scope crm", True),
        ("scope user", True),
        ("CONTACT", True),
        ("users", True),
    ]


def test_the_check_names_what_is_missing(net: responses.RequestsMock, crm: Crm) -> None:
    net.add("POST", REST + "scope", body=told("scope_without_telephony.json"))
    net.add("POST", REST + "crm.contact.fields", body=told("contact_fields.json"))
    found = crm.check_live({"CONTACT": Wanted(record=["NAM"]), "DEAL": Wanted(record=["TITLE"])})
    assert [each.what for each in found if not each.ok] == [
        "scope telephony",
        "scope user",
        "CONTACT.NAM",
        "DEAL",
    ]


def test_the_check_ends_at_a_refused_login(crm: Crm) -> None:
    with responses.RequestsMock() as net:
        replace(TOKEN, body=told("token_refused.json"), status=400).on(net)
        (only,) = crm.check_live({"CONTACT": CONTRACT.wanted})
    assert (only.what, only.ok) == ("OAuth app", False)


# -- The shipped files ---------------------------------------------------------------------------------------


def test_a_missed_member_is_not_the_customers_fault() -> None:
    mapping = load((ROOT / "mappings" / "bitrix24.yaml").read_text(encoding="utf-8"), "bitrix24.yaml")
    now = datetime(2026, 3, 2, 6, 35, tzinfo=UTC)
    codes = {}
    for outcome in Outcome:
        call = Call("1", "b", CONTRACT.clicked, State.ENDED, now, now, ending=Ending(outcome))
        codes[str(outcome)] = mapping.activity(call).fields["STATUS_CODE"]
    assert codes["answered"] == "200"
    assert {codes[f"customer_{how}"] for how in ("no_answer", "busy", "unreachable")} == {"304", "486", "480"}
    assert {codes[f"member_{how}"] for how in ("no_answer", "busy", "unreachable")} == {"OTHER"}


def install_kit() -> Any:
    spec = importlib.util.spec_from_file_location(
        "bitrix24_install", ROOT / "kits" / "bitrix24" / "install.py"
    )
    assert spec and spec.loader
    kit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kit)
    return kit


@pytest.fixture
def portal() -> Iterator[tuple[HTTPServer, list[dict[str, str]]]]:
    bound: list[dict[str, str]] = []

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            bound.append({"path": self.path, **dict(parse_qsl(raw))})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"result": true}')

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, bound
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("ours", [True, False])
def test_the_kits_installer_prints_the_values_and_binds_both_events_for_our_portal_only(
    portal: tuple[HTTPServer, list[dict[str, str]]], capsys: pytest.CaptureFixture[str], ours: bool
) -> None:
    server, bound = portal
    host = f"127.0.0.1:{server.server_address[1]}"
    installer = install_kit().server(
        host if ours else "other.bitrix24.in", "https://c.example.com/hooks/b", 0
    )
    waiting = threading.Thread(target=installer.handle_request)
    waiting.start()
    fields = {**dict(parse_qsl(told("app_install.txt").decode())), "auth[refresh_token]": "made-up-refresh"}
    fields["auth[client_endpoint]"] = f"http://{host}/rest/"
    with urlopen(f"http://127.0.0.1:{installer.server_address[1]}/", urlencode(fields).encode(), timeout=10):
        waiting.join(10)
    installer.server_close()
    printed = capsys.readouterr().out
    if not ours:
        assert (printed, bound) == ("", [])
        return
    assert "BITRIX24_REFRESH_TOKEN=made-up-refresh" in printed
    assert f"BITRIX24_APPLICATION_TOKEN={'0' * 32}" in printed
    assert [(each["path"], each["event"]) for each in bound] == [
        ("/rest/event.bind.json", "ONEXTERNALCALLSTART"),
        ("/rest/event.bind.json", "ONEXTERNALCALLBACKSTART"),
    ]
    assert {each["handler"] for each in bound} == {"https://c.example.com/hooks/b"}
