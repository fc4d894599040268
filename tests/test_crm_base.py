"""A click in our own format: every key read strictly, and what is wrong named to whoever sent it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from far_ends import Shelf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.crms import REGISTRY, adapter
from connector.crms.base import CLICK_KEYS, MAX_DEPTH, Account, Crm, Hook, parse_click, parse_json
from connector.errors import BadRequest
from connector.model import Activity, Phase, Source

LEAST = {"object": "Contact", "id": "7"}
CRM = Shelf()
#: A busy machine is no finding.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def hook(body: Any, content_type: str = "application/json") -> Hook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook("POST", raw, content_type, {}, {})


def refused(body: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        CRM.parse(hook(body))
    return caught.value


def test_object_and_id_are_enough() -> None:
    (click,) = CRM.parse(hook(LEAST))
    assert (click.object, click.record_id, click.source, click.user) == ("Contact", "7", Source.BUTTON, None)
    assert (click.delivery, click.clicked_at, click.override) == (None, None, frozenset())


def test_every_key_of_the_format_is_read() -> None:
    body = {
        **LEAST,
        "user": " ravi@example.test ",
        "click_id": 42,
        "source": "rule",
        "override": ["called_recently"],
        "clicked_at": "2026-03-02T12:00:00+05:30",
    }
    assert set(body) == set(CLICK_KEYS)
    (click,) = CRM.parse(hook(body))
    assert (click.user, click.delivery, click.source) == ("ravi@example.test", "42", Source.RULE)
    assert click.override == {"called_recently"}
    assert click.clicked_at == datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    assert "override" not in click.raw


def test_a_number_of_a_record_is_taken_as_text() -> None:
    (click,) = CRM.parse(hook({**LEAST, "id": 7}))
    assert click.record_id == "7"


@pytest.mark.parametrize(("told", "source"), [(None, Source.RULE), ("button", Source.BUTTON)])
def test_the_manifest_says_who_asks_when_the_body_does_not(told: str | None, source: Source) -> None:
    account = Account("shop", {}, {"source": "rule"})
    fields = {**LEAST, **({"source": told} if told else {})}
    assert parse_click(fields, account, Source.BUTTON).source is source


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("object", ""),
        ("object", None),
        ("object", 5.5),
        ("id", "  "),
        ("id", True),
        ("id", ["7"]),
        ("id", "x" * 201),
        ("id", "\ud800"),
        ("id", "7\x00"),
        ("user", {"name": "x"}),
        ("click_id", False),
        ("source", "robot"),
        ("override", "called_recently"),
        ("override", [1]),
        ("clicked_at", "yesterday"),
        ("clicked_at", "2026-03-02T12:00:00"),
        ("clicked_at", 1700000000),
        ("clicked_at", "0001-01-01T00:00:00+23:59"),
    ],
)
def test_a_wrong_value_is_named_with_what_the_key_takes(key: str, value: Any) -> None:
    wrong = refused({**LEAST, key: value})
    assert (wrong.status, wrong.code) == (422, "field_invalid")
    assert f"'{key}'" in wrong.message and CLICK_KEYS[key] in wrong.message


@pytest.mark.parametrize("missing", ["object", "id"])
def test_a_missing_key_is_named(missing: str) -> None:
    assert f"'{missing}'" in refused({key: value for key, value in LEAST.items() if key != missing}).message


@pytest.mark.parametrize("key", ["phone", "Object", "calling_party_a", "__class__"])
def test_a_key_we_do_not_know_is_refused_since_a_click_carries_no_number(key: str) -> None:
    wrong = refused({**LEAST, key: "x"})
    assert (wrong.status, wrong.code) == (422, "unknown_field")
    assert repr(key) in wrong.message


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"', b"5", b"\xff\xfe", b"{'a': 1}", b"a=b"])
def test_a_body_that_is_no_object_is_broken(body: bytes) -> None:
    wrong = refused(body)
    assert (wrong.status, wrong.code) == (400, "body_broken")


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_a_body_nested_too_deep_is_refused_not_followed(bracket: str) -> None:
    close = "]" if bracket == "[" else "}"
    for depth in (MAX_DEPTH + 1, 100_000):
        body = (bracket * depth + "1" + close * depth).encode()
        with pytest.raises(BadRequest):
            parse_json(body)
    most = MAX_DEPTH - 1  # the value inside is a level, too
    assert parse_json((bracket * most + "1" + close * most).encode())


@PATIENT
@given(
    st.dictionaries(
        st.sampled_from([*CLICK_KEYS, "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_whatever_comes_is_a_click_or_a_bad_request(body: dict[str, Any]) -> None:
    try:
        (click,) = CRM.parse(hook(body))
    except BadRequest as wrong:
        assert wrong.status in (400, 422)
    else:
        assert 0 < len(click.record_id) <= 200 and click.connection == "shop"
        click.record_id.encode()


@PATIENT
@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_break_nothing(body: bytes) -> None:
    with pytest.raises(BadRequest):
        CRM.parse(hook(body))


# -- What all adapters share -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_registry_leads_to_an_adapter_of_that_name(name: str) -> None:
    kind = adapter(name)
    assert issubclass(kind, Crm) and kind.name == name
    assert kind.secrets <= set(kind.settings_schema().fields)


def test_a_crm_nobody_knows_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        adapter("no-such-crm")


def activity(**changes: Any) -> Activity:
    return Activity("k1", "shop", "Contact", "7", "", None, {"a": 1}, Phase.PLACED, **changes)


def test_writing_looks_first_only_when_an_earlier_try_may_have_worked() -> None:
    crm = Shelf()
    crm.write(activity())
    assert (crm.found, len(crm.activities)) == (0, 1)
    assert crm.write(activity(look_first=True)) == "a1"
    assert (crm.found, len(crm.activities)) == (1, 1)


def test_writing_makes_a_new_activity_when_the_known_one_is_gone() -> None:
    crm = Shelf()
    assert crm.write(activity(id="a9")) == "a1"
