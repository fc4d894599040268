"""Our YAML: stricter than YAML, and every fault with its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import RAISE, Schema, ValidationError, fields

from connector import yamlfile
from connector.errors import ConfigError, Problem


def faults(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as wrong:
        yamlfile.load(text, "f.yaml")
    return wrong.value.problems


def test_it_keeps_yaml_1_1_surprises_as_text() -> None:
    text = (
        "[off, no, yes, on, 09:00, 0120456701, 00D000000000001, +919876500001, 2026-01-31, 1e5, 0x1F, 1_000]"
    )
    assert yamlfile.load(text, "f").data == text.strip("[]").split(", ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.5", 1.5),
        ("1.5e3", 1500.0),
        ("1.0e999", "1.0e999"),
        ("'true'", "true"),
        ('"12"', "12"),
        ("1234567890123456", "1234567890123456"),
    ],
)
def test_it_reads_booleans_and_decimal_numbers_only(text: str, value: object) -> None:
    read = yamlfile.load(f"key: {text}", "f").data["key"]
    assert read == value and type(read) is type(value)


def test_it_knows_where_every_key_and_value_stands() -> None:
    document = yamlfile.load("a: 1\nb:\n  - {x: 2, y: z}\n", "f")
    assert document.where(("b", 0, "y")) == (3, 12)
    assert document.where(("b", 0, "y"), value=True) == (3, 15)
    assert document.where(("b", 0)) == (3, 5)
    assert document.where(("b", 0, "missing", "deeper")) == (3, 5)


def test_it_tells_every_duplicate_anchor_alias_and_tag_at_once() -> None:
    found = faults("a: &x 1\na: 2\nb: *x\nc: !!str 3\n")
    assert [(fault.line, fault.column) for fault in found] == [(1, 4), (2, 1), (3, 4), (4, 4)]
    assert "already on line 1" in found[1].message


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\n\tb: 2", 2, "not with tabs"),
        ("a: b: c", 1, "put quotes around"),
        ("a: [1,\nb: 2", 3, "not valid YAML"),
        ("a: @x", 1, "put quotes around"),
        ("a: 1\nb: \x00", 2, "does not allow"),
        ('a: "\\UFFFFFFFF"', 1, "out of range"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("? [a]\n: b", 1, "plain text"),
        ("[" * 40, 1, "deeper than 20"),
        ("a: " + "x" * 300_000, 1, "larger than 256 kB"),
        ('a: "\\ud800"', 1, "surrogate"),
    ],
)
def test_it_says_what_is_wrong_and_where(text: str, line: int, says: str) -> None:
    (fault,) = faults(text)
    assert says in fault.message
    assert (fault.file, fault.line) == ("f.yaml", min(line, text.count("\n") + 1))


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text(alphabet="ab:-{}[]'\"#&*!|>%@\n\t 01.", max_size=60))
def test_it_raises_nothing_but_config_errors(text: str) -> None:
    try:
        document = yamlfile.load(text, "f")
    except ConfigError as error:
        assert error.problems
    else:
        assert document.where(()) >= (1, 1)


class Inner(Schema):
    class Meta:
        unknown = RAISE

    colour = fields.String(required=True)
    size = fields.Integer()


class Outer(Schema):
    class Meta:
        unknown = RAISE

    name = fields.String(required=True)
    things = fields.Dict(keys=fields.String(), values=fields.Nested(Inner))
    listed = fields.List(fields.Nested(Inner))
    many = fields.Nested(Inner, many=True)


@pytest.mark.parametrize("schema", [Outer, Outer()])
def test_it_places_marshmallow_messages_in_the_file(schema: type[Schema] | Schema) -> None:
    text = (
        "nam: x\n"
        "things:\n  value: {color: red, size: big}\n"
        "listed: [{colour: 1}]\n"
        "many: [{colour: a, sise: 2}]\n"
    )
    document = yamlfile.load(text, "f")
    with pytest.raises(ValidationError) as wrong:
        Outer().load(document.data)
    assert list(map(str, yamlfile.problems(document, wrong.value.messages, schema))) == [
        "f:1:1: name is missing",
        "f:1:1: unknown key 'nam'; did you mean 'name'?",
        "f:3:3: things.value.colour is missing",
        "f:3:11: unknown key 'color'; did you mean 'colour'?",
        "f:3:29: things.value.size must be a whole number",
        "f:4:19: listed[0].colour must be a text: put quotes around it",
        "f:5:20: unknown key 'sise'; did you mean 'size'?",
    ]


def test_it_takes_a_callable_for_the_known_keys_and_lists_them_when_none_is_near() -> None:
    document = yamlfile.load("xyz: 1", "f")
    (fault,) = yamlfile.problems(document, {"xyz": ["Unknown field."]}, lambda path: ["first", "second"])
    assert fault.message == "unknown key 'xyz'; known are first, second"
