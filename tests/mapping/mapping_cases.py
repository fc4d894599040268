"""What the mapping tests share: the design's two files, made-up records, calls in any state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector import phone
from connector.errors import ConfigError, Problem
from connector.mapping import Mapping, load
from connector.model import Call, CallPlan, Click, Ending, Record, State

FILES = Path(__file__).parent / "files"
SHIPPED = Path(__file__).parents[2] / "mappings"
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

MEMBERS = {"ada@example.test": "+919876500009"}

#: As little as makes a valid file; `{…}` marks where a test puts its own lines.
SMALL = """crm: salesforce
objects:
  Contact:
    calling_party_a: record.Phone
    calling_party_b: owner.Phone
activity:
  fields: {Subject: call.story}
"""


def read_number(typed: object) -> str:
    return phone.read(typed, "IN").e164


def design(name: str) -> Mapping:
    return load((FILES / f"{name}.yaml").read_text(), f"{name}.yaml")


def small(more: str = "", *, fields: str = "{Subject: call.story}", **parties: str) -> Mapping:
    """A file with one object; `more` is added to it, indented by four."""
    given = {"calling_party_a": "record.Phone", "calling_party_b": "owner.Phone", **parties}
    lines = "".join(f"    {key}: {value}\n" for key, value in given.items())
    return load(
        f"crm: salesforce\nobjects:\n  Contact:\n{lines}{more}activity:\n  fields: {fields}\n", "x.yaml"
    )


def problems_of(text: str, **kwargs: Any) -> list[Problem]:
    with pytest.raises(ConfigError) as wrong:
        load(text, "x.yaml", **kwargs)
    return wrong.value.problems


def contact(**fields: Any) -> Record:
    record = {"Id": "003A", "Name": "Carol", "MobilePhone": None, "Phone": "98765 00001", "DoNotCall": False}
    owner = {"Id": "005A", "Phone": "98765 00002", "MobilePhone": None, "Email": None, "Department": "Sales"}
    return Record({**record, **fields}, owner)


def plan(mapping: Mapping, record: Record, **changes: Any) -> CallPlan:
    given = {
        "default_deskphone": "01204567890",
        "read_number": read_number,
        "member_number": MEMBERS.get,
        **changes,
    }
    click = given.pop("click", Click("crm", "Contact", "003A"))
    return mapping.plan(click.object, record, click, **given)


def call(state: State = State.PLACED, ending: Ending | None = None, **changes: Any) -> Call:
    made = Call(
        id="0f3a",
        connection="crm",
        click=Click("crm", "Contact", "003A", user="005A"),
        state=state,
        accepted_at=NOON,
        expires_at=NOON + timedelta(seconds=60),
        record=contact(),
        plan=CallPlan("+919876500001", "+919876500002", "01204567890"),
        dialled_at=NOON + timedelta(seconds=1),
        ending=ending,
    )
    return replace(made, **changes)
