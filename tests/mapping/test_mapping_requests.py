"""The requests of a CRM without an adapter: what they send, and what they never send."""

from __future__ import annotations

from typing import Any

import pytest
from mapping_cases import call, design
from marshmallow import ValidationError

from connector.errors import AdminNeeded, Refused
from connector.mapping import render_request
from connector.mapping.templates import RequestTemplate, parse_request
from connector.model import Click


def template(name: str, raw: Any) -> RequestTemplate:
    made = parse_request(name, raw)
    assert isinstance(made, RequestTemplate)
    return made


def test_it_renders_the_designs_requests() -> None:
    requests = design("rest").requests
    read, owner, create, update = (requests[name] for name in ("read", "owner", "create", "update"))
    assert render_request(read, {"click": Click("shop", "Contact", "7")}) == (
        "GET",
        "/crm/contacts/7",
        None,
        None,
    )
    assert owner.render({"record": {"owner": {"phone": "1"}}}) == {"phone": "1"}
    activity = design("rest").activity(call(activity_id="9"))
    assert create.render({"activity": activity}) == ("POST", "/crm/activities", None, dict(activity.fields))
    assert update.render({"activity": activity})[:2] == ("PATCH", "/crm/activities/9")
    assert create.find_id({"id": 42}) == "42"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("%2e", "%252e"),
        ("é", "%C3%A9"),
        (7, "7"),
        ("..x", "..x"),
    ],
)
def test_each_value_in_a_path_is_quoted(value: object, sent: str) -> None:
    assert template("read", {"get": "/c/{click.id}/x"}).render({"click": {"id": value}})[1] == f"/c/{sent}/x"


@pytest.mark.parametrize("value", [None, "", " ", ".", ".."])
def test_a_path_is_never_sent_with_a_gap_or_a_step_up(value: object) -> None:
    read = template("read", {"get": "/c/{click.id}"})
    with pytest.raises(Refused, match=r"'read' needs click\.id") as refusal:
        read.render({"click": {"id": value}})
    assert refusal.value.code == "request_incomplete"
    with pytest.raises(AdminNeeded):
        template("update", {"put": "/a/{activity.id}"}).render({"activity": {"id": value}})


def test_params_json_and_headers_are_filled() -> None:
    find = template("find", {
        "post": "/search",
        "params": {"key": "activity.key", "empty": "record.none", "all": True},
        "json": {"filter": [{"eq": "{activity.key}/{call.phase}"}, {"none": "record.none"}], "n": 1},
        "headers": {"Accept": "application/vnd.api+json"},
        "id": "data.0.id",
    })  # fmt: skip
    method, path, params, json = find.render({"activity": design("rest").activity(call())})
    assert (method, path, params) == ("POST", "/search", {"key": "0f3a", "all": "true"})
    assert json == {"filter": [{"eq": "0f3a/placed"}, {}], "n": 1}
    assert find.headers == {"Accept": "application/vnd.api+json"}
    assert find.find_id({"data": [{"id": "x"}]}) == "x"


@pytest.mark.parametrize(
    ("answer", "found"), [({}, None), ({"id": None}, None), ({"id": {}}, None), ([], None), (12, "12")]
)
def test_an_id_that_is_not_there_is_none(answer: object, found: str | None) -> None:
    assert template("create", {"post": "/a", "id": "id"}).find_id(answer) == found


def test_a_whole_set_of_fields_may_be_wrapped() -> None:
    create = template("create", {"post": "/a", "json": {"data": "activity.fields"}})
    assert create.render({"activity": {"fields": {"x": 1}}})[3] == {"data": {"x": 1}}


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("read", "record.x", "must be a request"),
        ("read", {}, "exactly one of"),
        ("read", {"get": "/a", "post": "/b"}, "exactly one of"),
        ("read", {"get": "a"}, "starts with one /"),
        ("read", {"get": "//evil.example/a"}, "starts with one /"),
        ("read", {"get": "https://evil.example"}, "starts with one /"),
        ("read", {"get": "/a?b={click.id}"}, "`params`"),
        ("read", {"get": "/a/{record.id}"}, "cannot be used here; use click."),
        ("read", {"gte": "/a"}, "did you mean 'get'?"),
        ("owner", "owner.x", "cannot be used here; use record."),
        ("update", {"put": "/a/{activity.ids}"}, "did you mean 'id'?"),
        ("create", {"post": "/a", "headers": {"Authorization": "x"}}, "credentials stand in the manifest"),
        ("create", {"post": "/a", "headers": {"X": 1}}, "fixed texts"),
        ("create", {"post": "/a", "id": "a..b"}, "data.id"),
        ("create", {"post": "/a", "params": []}, "keys and values"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong_with_a_request(name: str, raw: object, says: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        parse_request(name, raw)
    assert says in str(wrong.value.messages)
