"""Whatever is sent to the hook of any registered CRM is clicks or a bad request, never a fault of ours."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from crm_contracts import contracts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.crms import REGISTRY
from connector.crms.base import FORM, Answer, Hook
from connector.errors import BadRequest
from connector.model import Click

MOST = int(os.environ.get("FUZZ", "60"))
PATIENT = settings(max_examples=MOST, deadline=None, suppress_health_check=list(HealthCheck))
EVERY_CRM = pytest.mark.parametrize("name", sorted(REGISTRY))
KINDS = st.sampled_from(
    ["application/json", "text/xml", "application/soap+xml", FORM, "multipart/form-data", "", "text/plain"]
) | st.text(max_size=20)
WORDS = st.text(max_size=12) | st.sampled_from(
    ["\x00", "\ud800", "🙂", "१२", " ", "-1", "9" * 400, "a" * 300]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(WORDS | st.sampled_from(["object", "id", "user", "source"]), WORDS, max_size=4)


def parse(name: str, hook: Hook) -> list[Click]:
    """The clicks, each of them sound; none when it was a bad request."""
    crm = contracts()[name].make()
    try:
        clicks = crm.parse(hook)
    except BadRequest as wrong:
        assert 400 <= wrong.status < 500
        assert wrong.message.endswith((".", "?"))
        return []
    for click in clicks:
        assert click.connection == crm.account.name
        assert 0 < len(click.object) <= 200
        assert 0 < len(click.record_id) <= 200
        # A database takes them.
        for text in (click.object, click.record_id, click.user or "", click.delivery or ""):
            assert "\x00" not in text
            text.encode()
    answers = [Answer("c1", "placed", "Ringing.") for _ in clicks]
    wire = crm.answer(answers, clicks)
    assert wire is None or 200 <= wire.status < 300
    return clicks


@EVERY_CRM
def test_its_recorded_hook_is_a_click(name: str) -> None:
    assert parse(name, contracts()[name].hook)


@EVERY_CRM
@PATIENT
@given(
    body=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()),
    kind=KINDS,
    method=st.sampled_from(["POST", "GET"]),
    fields=FIELDS,
    claims=st.dictionaries(WORDS, VALUES, max_size=3),
)
def test_any_bytes(
    name: str, body: bytes, kind: str, method: str, fields: dict[str, str], claims: dict[str, Any]
) -> None:
    parse(name, Hook(method, body, kind, {}, fields, claims))


@EVERY_CRM
@PATIENT
@given(data=st.data())
def test_its_recorded_hook_with_anything_in_any_place(name: str, data: st.DataObject) -> None:
    hook = contracts()[name].hook
    try:
        told = json.loads(hook.body)
    except ValueError:
        told = None
    if told is None:
        at = data.draw(st.integers(0, len(hook.body)))
        cut = data.draw(st.integers(0, 12))
        body = hook.body[:at] + data.draw(st.binary(max_size=8)) + hook.body[at + cut :]
        fields = {
            key: data.draw(WORDS) if data.draw(st.booleans()) else kept for key, kept in hook.fields.items()
        }
    else:
        body, fields = json.dumps(changed(told, data)).encode(), dict(hook.fields)
        for key in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)) if fields else ():
            fields[key] = data.draw(WORDS)
    parse(name, Hook(hook.method, body, hook.content_type, hook.headers, fields, hook.claims))


def changed(told: Any, data: st.DataObject) -> Any:
    """The same with one place of it, however deep, replaced or left out."""
    if isinstance(told, dict) and told and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(told)))
        if not data.draw(st.integers(0, 4)):
            return {name: value for name, value in told.items() if name != key}
        return {**told, key: changed(told[key], data)}
    if isinstance(told, list) and told and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(told) - 1))
        return [changed(value, data) if each == at else value for each, value in enumerate(told)]
    return data.draw(VALUES)
