"""A mapping file that is edited while we run, and its schema for editors."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from mapping_cases import FILES, SHIPPED, SMALL
from marshmallow import INCLUDE, Schema, fields

from connector.errors import ConfigError
from connector.mapping import CALL_WORDS, MappingFile, load
from connector.mapping.jsonschema import DRAFT, as_text, json_schema, mapping_json_schema


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "crm.yaml"
    file.write_text(SMALL)
    return file


def edit(path: Path, text: str) -> None:
    """As editors do: a new file in the old one's place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)  # noqa: PTH105


def test_an_edit_is_live_at_the_next_look_and_not_before(path: Path) -> None:
    clock = Clock()
    file = MappingFile(path, clock=clock)
    first = file.current()
    edit(path, SMALL + "# edited\n")
    assert file.current() is first
    clock.now += 0.5
    assert file.current().version == load(SMALL + "# edited\n", "").version


def test_an_untouched_file_is_not_loaded_again(path: Path) -> None:
    clock = Clock()
    file = MappingFile(path, clock=clock)
    first = file.current()
    clock.now += 10
    assert file.current() is first


@pytest.mark.parametrize("broken", ["crm: [", SMALL.replace("record.Phone", "recrod.Phone"), "", "\x00"])
def test_a_broken_edit_leaves_the_last_good_one_live_and_says_so(path: Path, broken: str) -> None:
    clock = Clock()
    file = MappingFile(path, clock=clock)
    first = file.current()
    edit(path, broken)
    clock.now += 1
    assert file.current() is first
    assert file.problem is not None and str(path) in str(file.problem)
    edit(path, SMALL + "# mended\n")
    clock.now += 1
    assert file.current() is not first
    assert file.problem is None


def test_an_edit_that_names_another_crm_waits_for_a_restart(path: Path) -> None:
    clock = Clock()
    file = MappingFile(path, clock=clock)
    edit(path, SMALL.replace("salesforce", "odoo"))
    clock.now += 1
    assert file.current().crm == "salesforce"
    assert f"{path}:1:6: `crm` was salesforce" in str(file.problem)


def test_the_view_of_its_requests_is_live(path: Path) -> None:
    clock = Clock()
    text = (FILES / "rest.yaml").read_text()
    edit(path, text)
    file = MappingFile(path, clock=clock)
    requests = file.requests
    assert sorted(requests) == ["create", "owner", "read", "update"] and "find" not in requests
    edit(path, text.replace("/crm/contacts", "/api/contacts"))
    clock.now += 1
    assert requests["read"].render({"click": {"id": 1}})[1] == "/api/contacts/1"


def test_a_file_that_went_away_leaves_the_last_good_one_live(path: Path) -> None:
    clock = Clock()
    file = MappingFile(path, clock=clock)
    first = file.current()
    path.unlink()
    clock.now += 1
    assert file.current() is first
    assert "cannot be read: No such file" in str(file.problem)
    edit(path, SMALL)
    clock.now += 1
    assert (file.current().version, file.problem) == (first.version, None)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"crm: \xff", "not UTF-8"), (b"a: 1", "a")]
)
def test_the_first_load_must_be_good(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "crm.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        MappingFile(path)


def test_a_byte_order_mark_does_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert MappingFile(path).current().crm == "salesforce"


def test_the_adapters_name_is_checked_on_every_load(path: Path) -> None:
    with pytest.raises(ConfigError, match="not an adapter"):
        MappingFile(path, crm_check=lambda crm: f"{crm} is not an adapter")


def test_threads_see_whole_mappings_while_it_is_edited(path: Path) -> None:
    seconds = count()
    file = MappingFile(path, clock=lambda: next(seconds))
    texts = [SMALL + "# \n" * lines for lines in range(10)]
    versions = {load(text, "").version for text in texts}

    def read(_: int) -> set[str]:
        return {file.current().version for _ in range(100)}

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read, number) for number in range(4)]
        for text in texts:
            edit(path, text)
        seen = set().union(*(each.result() for each in reading))
    assert seen <= versions and file.problem is None


def test_the_written_schema_is_current() -> None:
    written = (SHIPPED / "mapping.schema.json").read_text()
    assert written == as_text(mapping_json_schema()), (
        "write it anew: python -m connector.mapping.jsonschema > mappings/mapping.schema.json"
    )


def test_the_schema_names_every_key_and_every_call_word() -> None:
    schema = mapping_json_schema()
    assert (schema["$schema"], schema["additionalProperties"]) == (DRAFT, False)
    rules = schema["$defs"]["Object"]
    assert {"calling_party_a", "CallLimit", "like", "refuse"} <= rules["properties"].keys()
    assert rules["additionalProperties"] is False
    assert all(word in schema["$defs"]["value"]["description"] for word in CALL_WORDS)


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = mapping_json_schema()
    text = json.dumps(schema)
    used = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert used <= schema["$defs"].keys() and "components" not in text


def test_any_marshmallow_schema_becomes_a_json_schema() -> None:
    class Inner(Schema):
        class Meta:
            unknown = INCLUDE

        name = fields.String(required=True, metadata={"description": "Its name"})

    class Outer(Schema):
        inner = fields.Dict(keys=fields.String(), values=fields.Nested(Inner), data_key="in-ner")

    assert json_schema(Outer) == {
        "$schema": DRAFT,
        "type": "object",
        "properties": {"in-ner": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Inner"}}},
        "additionalProperties": False,
        "$defs": {
            "Inner": {
                "type": "object",
                "properties": {"name": {"type": "string", "description": "Its name"}},
                "required": ["name"],
                "additionalProperties": True,
            }
        },
    }
