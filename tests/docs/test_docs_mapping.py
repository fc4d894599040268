"""docs/mapping.md tells the whole language, and every example in it is one that the connector takes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from manifests import mapping_of, whole
from marshmallow import Schema
from pages import PAGES, ROOT, Block, blocks, column, prose, tables

from connector import phone
from connector.errors import ConfigError
from connector.mapping import load
from connector.mapping.definitions import DEFINITIONS
from connector.mapping.paths import ROOTS
from connector.mapping.schema import ActivitySchema, MappingSchema, ObjectSchema
from connector.mapping.words import ACTIVITY_WORDS, CALL_WORDS
from connector.model import (
    Call,
    CallPlan,
    Click,
    Ending,
    Leg,
    LegState,
    Outcome,
    Phase,
    Record,
    Source,
    State,
)

PAGE = ROOT / "docs" / "mapping.md"
TABLES = tables(PAGE)
DIALLED = datetime(2026, 3, 2, 6, 35, 10, tzinfo=UTC)


@pytest.mark.parametrize(("root", "words"), [("call", CALL_WORDS), ("activity", ACTIVITY_WORDS)])
def test_the_list_of_words_is_the_one_in_the_code(root: str, words: dict[str, str]) -> None:
    told = TABLES[f"The words of `{root}.`"]
    assert [(word.strip("`"), holds) for word, holds in told] == [
        (f"{root}.{word}", holds) for word, holds in words.items()
    ]


@pytest.mark.parametrize(("word", "values"), [("phase", Phase), ("outcome", Outcome), ("state", State)])
def test_the_values_for_tables_are_all_there_are(word: str, values: type[StrEnum]) -> None:
    (told,) = re.findall(rf"^- `call\.{word}`: ((?:`\w+`,?\s*)+)$", PAGE.read_text("utf-8"), re.M)
    assert re.findall(r"`(\w+)`", told) == [str(value) for value in values]


@pytest.mark.parametrize(
    ("heading", "schema"),
    [("The parts of a file", MappingSchema), ("One object", ObjectSchema), ("The activity", ActivitySchema)],
)
def test_it_names_every_key_of_a_file(heading: str, schema: type[Schema]) -> None:
    keys = {field.data_key or name for name, field in schema().fields.items()}
    assert set(column(TABLES[heading])) == keys
    assert len(TABLES[heading]) == len(keys)


def test_it_names_every_key_of_a_request_and_every_root() -> None:
    told = re.findall(r"`(\w+)`", " ".join(row[0] for row in TABLES["A request"]))
    assert set(told) == set(DEFINITIONS["request"]["properties"])
    assert sorted(column(TABLES["Paths"])) == sorted(ROOTS)


def test_no_page_reads_a_word_of_the_call_that_there_is_not() -> None:
    for page in PAGES:
        text = prose(page) + "".join(block.text for block in blocks(page))
        assert set(re.findall(r"\bcall\.([a-z]\w*)", text)) - {"js"} <= set(CALL_WORDS), page.name


def _mappings() -> list[Block]:
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    return [block for block in found if mapping_of(block.text) is not None]


@pytest.mark.parametrize("block", _mappings(), ids=str)
def test_every_example_of_a_mapping_loads(block: Block) -> None:
    text = mapping_of(block.text)
    assert text is not None
    assert load(text, str(block)).objects


def test_every_yaml_example_is_a_mapping_or_a_manifest() -> None:
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    assert [
        str(block) for block in found if mapping_of(block.text) is None and whole(block.text) is None
    ] == []
    assert len(found) > 8


def test_an_example_with_a_wrong_word_would_be_found() -> None:
    text = mapping_of("activity: {fields: {length: call.talk_second}}\n")
    assert text is not None
    with pytest.raises(ConfigError, match="did you mean 'talk_seconds'"):
        load(text, "example")


# -- The worked example --------------------------------------------------------------------------------------

_FILE = next(block for block in blocks(PAGE, "yaml")).text
_GIVEN, _WRITTEN = (json.loads(block.text) for block in blocks(PAGE, "json"))
_CLICK = Click("acme", "Contact", _GIVEN["record"]["Id"], Source.BUTTON, _GIVEN["owner"]["Id"])
_RECORD = Record(_GIVEN["record"], _GIVEN["owner"])


def _planned() -> CallPlan:
    def read(typed: Any) -> str:
        return phone.read(typed).e164

    members = {"ravi@example.test": "+919876500101"}
    return load(_FILE, "example").plan(
        "Contact",
        _RECORD,
        _CLICK,
        default_deskphone="01200000002",
        read_number=read,
        member_number=members.get,
    )


def test_the_worked_example_is_planned_as_it_says() -> None:
    told = [tuple(cell.strip("`") for cell in row) for row in TABLES["A worked example"]]
    assert told == [(step.word, step.path, step.value, step.verdict) for step in _planned().trace]


def test_the_worked_example_is_written_as_it_says() -> None:
    def later(seconds: int) -> datetime:
        return DIALLED + timedelta(seconds=seconds)

    ending = Ending(
        Outcome.ANSWERED,
        Leg(LegState.PICKED, later(0), later(7)),
        Leg(LegState.PICKED, later(8), later(15)),
        talk_seconds=95,
    )
    call = Call(
        "01a206efe98275ca0dcc175e",
        "acme",
        _CLICK,
        State.ENDED,
        DIALLED,
        later(60),
        record=_RECORD,
        plan=_planned(),
        ending=ending,
    )
    assert load(_FILE, "example").activity(call).fields == _WRITTEN
