"""docs/settings.md tells every key of the manifest as the code has it, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import house_of, whole
from marshmallow import Schema, fields, missing, validate
from pages import PAGES, ROOT, Block, blocks, column, tables

from connector import signatures
from connector.cli import main
from connector.crms import REGISTRY, adapter
from connector.errors import ConfigError
from connector.phone import KINDS
from connector.policy import Policy, PolicySchema
from connector.policy.schema import CapsSchema
from connector.recordings import RecordingsSchema
from connector.retention import RetentionSchema
from connector.settings import CallerDeskSchema, ClicksSchema, ConnectionSchema, ManifestSchema

PAGE = ROOT / "docs" / "settings.md"
TABLES = tables(PAGE)
SCHEMAS: dict[str, type[Schema]] = {
    "The manifest": ManifestSchema,
    "`callerdesk`": CallerDeskSchema,
    "`connections.<name>`": ConnectionSchema,
    "`connections.<name>.clicks`": ClicksSchema,
    **{f"A connection with `crm: {name}`": adapter(name).settings_schema for name in REGISTRY},
    "`retention`": RetentionSchema,
    "`recordings`": RecordingsSchema,
    "`policy`": PolicySchema,
    "`policy.caps`": CapsSchema,
}
#: What the second column begins with; the first of a field's classes that stands here.
WORDS: dict[type[Any], str] = {
    fields.Enum: "one of",
    fields.String: "text",
    fields.Integer: "whole number",
    fields.Number: "number",
    fields.List: "list",
    fields.Mapping: "section",
    fields.Nested: "section",
    fields.Field: "one of",
}
ROWS = [(heading, row) for heading in SCHEMAS for row in TABLES[heading]]


def field_of(heading: str, key: str) -> fields.Field[Any]:
    return SCHEMAS[heading]().fields[key]


@pytest.mark.parametrize("heading", SCHEMAS)
def test_each_section_names_exactly_the_keys_there_are(heading: str) -> None:
    assert column(TABLES[heading]) == list(SCHEMAS[heading]().fields)


@pytest.mark.parametrize(("heading", "row"), ROWS, ids=[f"{where}-{row[0]}" for where, row in ROWS])
def test_each_row_tells_type_range_and_choices_as_they_are(heading: str, row: list[str]) -> None:
    key, kind, _, meaning = row
    field = field_of(heading, key.strip("`"))
    words = [word for cls, word in WORDS.items() if isinstance(field, cls)]
    assert kind.startswith(words[0])
    validators = field.validators if isinstance(field.validators, list) else [field.validators]
    for validator in validators:
        if isinstance(validator, validate.Range):
            assert kind.endswith(f", {validator.min} to {validator.max}")
        if isinstance(validator, validate.OneOf):
            assert all(f"`{choice}`" in meaning for choice in validator.choices)
    if isinstance(field, fields.Enum):
        assert all(f"`{choice.value}`" in meaning for choice in field.enum)


@pytest.mark.parametrize(
    ("heading", "row"),
    [(heading, row) for heading, row in ROWS if not heading.startswith("`policy")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_each_row_tells_the_default_as_it_is(heading: str, row: list[str]) -> None:
    field, told = field_of(heading, row[0].strip("`")), row[2]
    if field.required:
        assert told == "required"
    elif field.load_default in (missing, None):
        assert told == "—"
    else:
        default = field.load_default() if callable(field.load_default) else field.load_default
        assert yaml.safe_load(told.strip("`")) == default


def test_the_policy_it_tells_is_the_one_of_an_empty_section() -> None:
    told = {
        key.strip("`"): yaml.safe_load(default.strip("`"))
        for key, _, default, _ in TABLES["`policy`"]
        if default != "—"
    }
    assert PolicySchema().load(told) == Policy() == PolicySchema().load({})
    assert set(column(TABLES["`policy.caps`"], 2)) == {"—"}


def test_it_names_every_scheme_and_every_kind_of_number() -> None:
    assert column(TABLES["Schemes of `auth`"]) == list(signatures.SCHEMES)
    kinds = re.search(r"Kinds for `number_types`: ([^.]*)\.", PAGE.read_text(encoding="utf-8"))
    assert kinds is not None
    assert set(re.findall(r"`(\w+)`", kinds[1])) == set(KINDS.values()) - {"unknown"}


def test_it_names_every_crm() -> None:
    (row,) = [row for row in TABLES["`connections.<name>`"] if row[0] == "`crm`"]
    assert set(re.findall(r"`(\w+)`", row[3])) == set(REGISTRY)


def test_it_names_the_variables_that_are_read() -> None:
    # The sandbox makes up an environment of its own; a request's is no environment.
    sources = [path for path in (ROOT / "connector").rglob("*.py") if "sandbox" not in path.parts]
    read = {
        name
        for path in sources
        for name in re.findall(r'(?<!request\.)environ(?:\.get\(|\[)"(\w+)"', path.read_text("utf-8"))
    }
    by_option = {
        str(option.envvar)
        for command in main.commands.values()
        for option in command.params
        if getattr(option, "envvar", None)
    }
    named = {"NAME", "NAME_FILE"}
    assert set(column(TABLES["Secrets and the environment"])) == read | by_option | named


def _manifests() -> list[Block]:
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    return [block for block in found if whole(block.text) is not None]


@pytest.mark.parametrize("block", _manifests(), ids=str)
def test_every_example_of_a_manifest_builds(block: Block, tmp_path: Path) -> None:
    house = house_of(block.text, tmp_path)
    assert house.connections


def test_an_example_with_a_wrong_key_would_be_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        house_of("policy: {recal_gap: 5}\n", tmp_path)
    assert [problem.message for problem in refused.value.problems] == [
        "unknown key 'recal_gap'; did you mean 'recall_gap'?"
    ]


def test_the_manifest_that_is_shipped_builds(tmp_path: Path) -> None:
    text = (ROOT / "manifest.yaml").read_text(encoding="utf-8")
    assert house_of(text, tmp_path).connections.keys() == {"salesforce", "salesforce-rules", "odoo", "shop"}
