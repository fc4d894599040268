"""The adapter for any JSON API: against the sandbox CRM over a real socket, then bodies that one lacks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from marshmallow import ValidationError
from responses import matchers

from connector import redact
from connector.crms.base import Account, Hook
from connector.crms.rest import Rest
from connector.crms.rest_settings import RestSchema
from connector.errors import AdminNeeded, Gone, Refused, TryAgain
from connector.mapping.templates import parse_request
from connector.model import Activity, Click, Phase, Source, Wanted
from connector.sandbox.crm import SandboxCrm

PAYLOADS = Path(__file__).parents[1] / "payloads" / "rest"
KEY = "0123456789abcdef"
REQUESTS: dict[str, Any] = {
    "read": {"get": "/crm/contacts/{click.id}"},
    "owner": "record.owner",
    "user": {"get": "/crm/users/{click.user}"},
    "find": {"get": "/crm/activities", "params": {"key": "activity.key"}, "id": "0.id"},
    "create": {"post": "/crm/activities", "id": "id"},
    "update": {"patch": "/crm/activities/{activity.id}"},
}
WANTED = Wanted(record=["name", "mobile", "phone", "do_not_call"], owner=["phone", "email"])


def connect(
    base_url: str, auth: Any = "none", requests: dict[str, Any] | None = None, **settings: Any
) -> Rest:
    loaded = RestSchema().load({"base_url": base_url, "auth": auth, **settings})
    compiled = {name: parse_request(name, raw) for name, raw in {**REQUESTS, **(requests or {})}.items()}
    return Rest(Account("shop", loaded, requests=compiled))


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def click(record_id: str = "1", user: str | None = None) -> Click:
    return Click("shop", "Contact", record_id, user=user)


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    given = {"fields": {"contact_id": "1", "status": str(phase)}, **changes}
    return Activity(KEY, "shop", "Contact", "1", "", None, phase=phase, **given)


@pytest.fixture
def crm() -> Iterator[SandboxCrm]:
    with SandboxCrm(api_key="a-made-up-key") as running:
        yield running


@pytest.fixture
def shop(crm: SandboxCrm) -> Rest:
    return connect(crm.base_url, {"bearer": crm.api_key})


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


# -- Against the sandbox CRM ---------------------------------------------------------------------------------


def test_it_reads_the_record_its_owner_and_whoever_clicked(shop: Rest) -> None:
    record = shop.read(click(user="divya@example.test"), Wanted(WANTED.record, WANTED.owner, ["name"]))
    assert record.record["mobile"] == "98765 00001"
    assert (record.owner["phone"], record.user["name"]) == ("+91 98765 00101", "Divya Pillai")


def test_it_has_no_owner_where_the_record_has_none(shop: Rest) -> None:
    assert shop.read(click("12"), WANTED).owner == {}


@pytest.mark.parametrize("user", [None, "nobody@example.test"])
def test_it_reads_on_without_a_user_it_cannot_find(shop: Rest, user: str | None) -> None:
    assert shop.read(click(user=user), Wanted(WANTED.record, user=["name"])).user == {}


def test_it_names_the_record_that_is_gone(shop: Rest) -> None:
    with pytest.raises(Gone, match="Contact 99"):
        shop.read(click("99"), WANTED)


def test_it_keeps_an_id_inside_its_place_in_the_path(shop: Rest) -> None:
    with pytest.raises(Gone):
        shop.read(click("../users/u1"), WANTED)


def test_it_says_that_the_key_is_wrong(crm: SandboxCrm) -> None:
    with pytest.raises(AdminNeeded) as caught:
        connect(crm.base_url, {"bearer": "another-key"}).read(click(), WANTED)
    assert caught.value.code == "crm_unauthorised"


def test_it_writes_one_activity_however_often_it_is_told(shop: Rest, crm: SandboxCrm) -> None:
    number = shop.write(activity())
    assert shop.write(activity()) == number
    shop.write(activity(Phase.ENDED, id=number))
    assert crm.activities == [{"id": number, "key": KEY, "contact_id": "1", "status": "ended"}]


def test_it_finds_the_activity_whose_answer_was_lost(shop: Rest, crm: SandboxCrm) -> None:
    crm.lose_answers = 1
    with pytest.raises(TryAgain):
        shop.write(activity())
    assert shop.find(activity()) == crm.activities[0]["id"]
    shop.write(activity(Phase.ENDED, look_first=True))
    assert [entry["status"] for entry in crm.activities] == ["ended"]


def test_it_finds_nothing_before_anything_was_made(shop: Rest) -> None:
    assert shop.find(activity()) is None


def test_it_makes_a_new_activity_when_someone_deleted_the_first(shop: Rest, crm: SandboxCrm) -> None:
    number = shop.write(activity())
    crm.delete_activity(number)
    with pytest.raises(Gone):
        shop.update(activity(id=number))
    shop.write(activity(Phase.ENDED, id=number))
    assert len(crm.activities) == 1


def test_it_checks_address_and_credentials(shop: Rest, crm: SandboxCrm) -> None:
    assert [(finding.what, finding.ok) for finding in shop.check_live({})] == [
        ("address", True),
        ("credentials", True),
    ]
    crm.stop()
    (finding,) = shop.check_live({})
    assert not finding.ok


# -- Bodies and answers the sandbox does not give ------------------------------------------------------------

API = "http://127.0.0.1:9/api"


def test_it_takes_our_own_click_format() -> None:
    (parsed,) = connect(API).parse(Hook("POST", (PAYLOADS / "click.json").read_bytes(), "", {}, {}))
    assert (parsed.object, parsed.record_id, parsed.user) == ("Contact", "1", "ravi@example.test")
    assert (parsed.source, parsed.delivery) == (Source.BUTTON, recorded("click")["click_id"])


def test_it_counts_an_absent_field_as_empty(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", json=recorded("contact"))
    record = connect(API).read(click(), WANTED).record
    assert "phone" not in record


def test_it_refuses_a_record_with_none_of_the_wanted_fields(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", json=recorded("contact_wrapped"))
    with pytest.raises(Refused, match="name, mobile, phone, do_not_call") as caught:
        connect(API).read(click(), WANTED)
    assert (caught.value.code, caught.value.status) == ("unknown_field", 422)


def test_it_leaves_a_wrapped_record_as_it_stands(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", json=recorded("contact_wrapped"))
    net.get(f"{API}/crm/users/u1", json={"phone": "98765 00101"})
    shop = connect(API, requests={"owner": {"get": "/crm/users/{record.data.owner_id}"}})
    record = shop.read(click(), Wanted(record=["data.mobile"], owner=["phone"]))
    assert (record.record["data"]["mobile"], record.owner["phone"]) == ("98765 00001", "98765 00101")


@pytest.mark.parametrize("known", [{"owner_id": None}, {"owner_id": "u9"}])
def test_it_has_no_owner_where_the_owner_is_named_by_nothing_or_by_nobody(
    net: responses.RequestsMock, known: dict[str, Any]
) -> None:
    net.get(f"{API}/crm/contacts/1", json={"mobile": "98765 00001", **known})
    if known["owner_id"]:
        net.get(f"{API}/crm/users/u9", status=404)
    shop = connect(API, requests={"owner": {"get": "/crm/users/{record.owner_id}"}})
    assert shop.read(click(), WANTED).owner == {}


def test_it_says_when_the_owner_is_no_object(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", json={"mobile": "98765 00001", "owner": "u1"})
    with pytest.raises(AdminNeeded, match=r"reads record\.owner"):
        connect(API).read(click(), WANTED)


def test_it_says_when_the_read_answers_a_list(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", json=[recorded("contact")])
    with pytest.raises(AdminNeeded, match="with no object"):
        connect(API).read(click(), WANTED)


def test_it_sends_the_key_of_the_call_with_every_create(net: responses.RequestsMock) -> None:
    sent = matchers.header_matcher({"Idempotency-Key": KEY, "X-App": "calls"})
    body = matchers.json_params_matcher({"about": "1", "what": "placed"})
    net.post(f"{API}/crm/activities", json=recorded("created_wrapped"), status=201, match=[sent, body])
    create = {
        "post": "/crm/activities",
        "json": {"about": "activity.record_id", "what": "activity.phase"},
        "headers": {"X-App": "calls"},
        "id": "data.0.id",
    }
    assert connect(API, requests={"create": create}).create(activity()) == "4711"


def test_it_gives_up_when_a_create_answers_no_id_rather_than_make_another(
    net: responses.RequestsMock,
) -> None:
    net.post(f"{API}/crm/activities", json=recorded("created_without_id"))
    with pytest.raises(Refused, match=r"requests\.create\.id") as caught:
        connect(API).create(activity())
    assert caught.value.code == "id_missing"


@pytest.mark.parametrize(("unit", "seconds"), [("seconds", 2000.0), ("milliseconds", 2.0)])
def test_it_waits_as_long_as_it_is_asked_to(net: responses.RequestsMock, unit: str, seconds: float) -> None:
    net.get(f"{API}/crm/contacts/1", status=429, headers={"Retry-After": "2000"})
    with pytest.raises(TryAgain) as caught:
        connect(API, retry_after_unit=unit).read(click(), WANTED)
    assert caught.value.retry_after == seconds


def test_it_tries_again_when_the_answer_is_not_json(net: responses.RequestsMock) -> None:
    net.get(f"{API}/crm/contacts/1", body=b"<html>")
    with pytest.raises(TryAgain):
        connect(API).read(click(), WANTED)


@pytest.mark.parametrize(("status", "what"), [(401, "credentials"), (302, "address"), (503, "address")])
def test_it_reports_what_speaks_against_a_connection(
    net: responses.RequestsMock, status: int, what: str
) -> None:
    net.get(f"{API}/", status=status)
    assert [finding.what for finding in connect(API).check_live({}) if not finding.ok] == [what]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "made-up-token"}, "Authorization", "Bearer made-up-token"),
        (
            {"basic": "me:made-up-word"},
            "Authorization",
            "Basic " + base64.b64encode(b"me:made-up-word").decode(),
        ),
        ({"header": {"X-Api-Key": "made-up-header"}}, "X-Api-Key", "made-up-header"),
    ],
)
def test_it_authenticates_as_the_connection_says_and_tells_nobody(
    net: responses.RequestsMock, auth: Any, header: str, value: str
) -> None:
    net.get(
        f"{API}/crm/contacts/1", json=recorded("contact"), match=[matchers.header_matcher({header: value})]
    )
    connect(API, auth).read(click(), WANTED)
    assert "made-up" not in redact.scrub(f"sent {value}")
    assert value.split()[-1] not in redact.scrub(f"sent {value}")


@pytest.mark.parametrize(
    "auth",
    [
        *("", None, {}, {"bearer": ""}, {"bearer": 5}, {"basic": "me"}, {"header": {}}, {"header": "X"}),
        *({"token": "x"}, {"bearer": "x", "basic": "a:b"}, {"header": {"X-Key": None}}),
    ],
)
def test_it_refuses_credentials_it_does_not_understand(auth: Any) -> None:
    with pytest.raises(ValidationError):
        RestSchema().load({"base_url": API, "auth": auth})


@pytest.mark.parametrize("base_url", ["http://crm.example", "crm.example", "https://u:p@crm.example"])
def test_it_refuses_an_address_that_would_leak(base_url: str) -> None:
    with pytest.raises(ValidationError):
        RestSchema().load({"base_url": base_url, "auth": "none"})
