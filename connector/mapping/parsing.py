"""Turns the plain data of a mapping file into compiled right-hand sides, or says what is wrong with it.

Errors are marshmallow's ValidationError, their messages nested like the data, so that each finds its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from marshmallow import ValidationError

from connector import redact
from connector.mapping.paths import Path, is_path_like, meant_root, parse_path, suggestion
from connector.mapping.values import First, Fixed, Member, Table, Text, Value
from connector.model import Outcome, Phase, State
from connector.yamlfile import did_you_mean

#: A table from one of these needs no `else` when it names every value.
CLOSED: dict[str, frozenset[str]] = {
    "call.phase": frozenset(Phase),
    "call.outcome": frozenset(Outcome),
    "call.state": frozenset(State),
}

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Place:
    """What may stand at one place of the file."""

    roots: tuple[str, ...]
    #: A fixed text, number or boolean may stand here.
    literal: bool = True
    #: `{member: path}` may stand here.
    member: bool = False
    #: A phone number is wanted: it never comes from the click itself.
    number: bool = False


def parse_value(raw: Any, place: Place) -> Value:
    """Compile one right-hand side; ValidationError (messages nested like the data) when it is none."""
    if isinstance(raw, str):
        return parse_text(raw, place)
    if isinstance(raw, list):
        return _parse_list(raw, place)
    if isinstance(raw, dict):
        return _parse_dict(raw, place)
    return _fixed(raw, place)


def parse_text(raw: str, place: Place) -> Value:
    """Compile a path, a text with `{paths}` or a literal text."""
    if "{" in raw or "}" in raw:
        text = parse_pieces(raw, place)
        if len(text.pieces) == 1 and isinstance(text.pieces[0], Path):
            return text.pieces[0]
        return text if any(text.paths()) else _fixed(text.render({}), place)
    root = raw.partition(".")[0]
    if root in place.roots and "." in raw and not any(map(str.isspace, raw)):
        return _checked(parse_path(raw, place.roots), place)
    if is_path_like(raw) and meant_root(raw, place.roots):
        return _checked(parse_path(raw, place.roots), place)
    return _fixed(raw, place)


def parse_pieces(raw: str, place: Place) -> Text:
    """Compile a text with `{paths}` even where there are none in it."""
    pieces: list[str | Path] = []
    start = 0
    for found in _PIECE.finditer(raw):
        pieces.append(raw[start : found.start()])
        start = found.end()
        if found[0] in ("{{", "}}"):
            pieces.append(found[0][0])
        elif found[1] is None:
            raise ValidationError(f"a brace {found[0]!r} stands alone; double it to mean the character")
        elif not is_path_like(found[1].strip()):
            raise ValidationError(f"{found[0]!r} holds no path; write {{record.Name}}, or {{{{ for a brace")
        else:
            pieces.append(_checked(parse_path(found[1].strip(), place.roots), place))
    pieces.append(raw[start:])
    return Text(tuple(piece for piece in pieces if piece != ""))


def parse_tree(raw: Any, place: Place) -> Any:
    """Compile nested data whose leaves are right-hand sides: dicts stay dicts, lists of dicts stay lists."""
    if isinstance(raw, dict) and not is_table(raw):
        return each(raw, lambda item: parse_tree(item, place))
    if isinstance(raw, list) and any(isinstance(item, dict | list) and not is_table(item) for item in raw):
        return list(each(dict(enumerate(raw)), lambda item: parse_tree(item, place)).values())
    return Fixed(None) if raw is None else parse_value(raw, place)


def is_table(raw: Any) -> bool:
    """Whether a dict is meant as {from, to, else}, and not as data that has a key `from` by chance."""
    if not isinstance(raw, dict) or not isinstance(raw.get("from"), str | list):
        return False
    if "to" in raw:
        return isinstance(raw["to"], dict)
    misspelt = (key for key, item in raw.items() if isinstance(item, dict) and get_close_matches(key, ["to"]))
    return "else" in raw or any(misspelt)


def _parse_list(raw: list[Any], place: Place) -> First:
    if not raw:
        raise ValidationError("the list is empty; name at least one path")
    items = each(dict(enumerate(raw)), lambda item: _parse_item(item, place))
    return First(tuple(items.values()))


def _parse_item(raw: Any, place: Place) -> Value:
    if isinstance(raw, list):
        raise ValidationError("a list inside this list; write one flat list")
    return parse_value(raw, place)


def _parse_dict(raw: dict[str, Any], place: Place) -> Value:
    if "member" in raw:
        return _parse_member(raw, place)
    return _parse_table(raw, place)


def _parse_member(raw: dict[str, Any], place: Place) -> Member:
    if not place.member:
        raise ValidationError("{member: …} looks up a member's number: it stands in calling_party_b only")
    return Member(parse_keys(raw, {"member": lambda part: _parse_source(part, place)})["member"])


def _parse_source(raw: Any, place: Place) -> Value:
    if not isinstance(raw, str | list):
        raise ValidationError("must be a path, such as owner.Email")
    return parse_value(raw, Place(place.roots, literal=False))


def _parse_table(raw: dict[str, Any], place: Place) -> Table:
    if not place.literal:
        raise ValidationError("a table holds fixed values; a path is wanted here, such as record.Phone")
    parts = parse_keys(
        raw,
        {
            "from": lambda part: _parse_source(part, place),
            "to": lambda part: _parse_rows(part, place),
            "else": lambda part: _plain(part, place),
        },
        needed=("from", "to"),
    )
    _check_total(raw, parts["from"], parts["to"])
    return Table(parts["from"], parts["to"], parts.get("else"))


def _parse_rows(raw: Any, place: Place) -> dict[str, Any]:
    if not isinstance(raw, dict) or not raw:
        raise ValidationError("must hold one line for each value: {placed: In Progress, …}")
    return each(raw, lambda item: _plain(item, place))


def _check_total(raw: dict[str, Any], source: Value, rows: Mapping[str, Any]) -> None:
    closed = CLOSED.get(source.text) if isinstance(source, Path) else None
    if closed is None:
        if "else" not in raw:
            raise ValidationError("this table needs an `else`: other values than these will come")
        return
    for key in rows.keys() - closed:
        raise ValidationError({"to": {key: [f"{key!r} never comes{did_you_mean(key, sorted(closed))}"]}})
    lacking = sorted(closed - rows.keys())
    if lacking and "else" not in raw:
        raise ValidationError(f"this table says nothing for {', '.join(lacking)}; add them or an `else`")


def _plain(raw: Any, place: Place) -> Any:
    """The right side of a table: plain values, so that a table cannot hide another right-hand side."""
    if isinstance(raw, dict | list):
        raise ValidationError("a table holds plain values only: a text, a number, true or false")
    if isinstance(raw, str) and not isinstance(parse_text(raw, Place(place.roots)), Fixed):
        raise ValidationError(f"a table holds plain values only, and {raw!r} is a path or a text with paths")
    return raw


def _checked(path: Path, place: Place) -> Path:
    if place.number and path.root == "click":
        raise ValidationError(f"{path.text!r}: a phone number comes from the record, never from the click")
    return path


def _fixed(raw: Any, place: Place) -> Fixed:
    if not place.literal:
        if isinstance(raw, str) and is_path_like(raw):
            raise ValidationError(f"{raw!r} is not a path we know{suggestion(raw, place.roots)}")
        shown = redact.scrub(repr(raw))
        raise ValidationError(f"{shown} is a fixed value; a path is wanted here, such as record.Phone")
    return Fixed(raw)


def parse_keys(
    raw: dict[str, Any], parsers: Mapping[str, Callable[[Any], Any]], needed: Iterable[str] | None = None
) -> dict[str, Any]:
    """Compile the keys of a dict, each with its own parser; all are needed unless said otherwise.

    One ValidationError with the messages of every key that is unknown, missing or wrong.
    """
    failed: dict[Any, Any] = {
        key: [f"unknown key {key!r}{did_you_mean(key, parsers)}"] for key in raw if key not in parsers
    }
    for key in parsers if needed is None else needed:
        if key not in raw:
            failed[key] = ["Missing data for required field."]
    done: dict[str, Any] = {}
    try:
        done = each({key: key for key in parsers if key in raw}, lambda key: parsers[key](raw[key]))
    except ValidationError as error:
        assert isinstance(error.messages, dict)
        failed |= error.messages
    if failed:
        raise ValidationError(failed)
    return done


def each(raw: Mapping[Any, Any], compile_one: Callable[[Any], Any]) -> dict[Any, Any]:
    """Compile every item of a dict; one ValidationError with the messages of all that failed."""
    done: dict[Any, Any] = {}
    failed: dict[Any, Any] = {}
    for key, item in raw.items():
        try:
            done[key] = compile_one(item)
        except ValidationError as error:
            failed[key] = error.messages
    if failed:
        raise ValidationError(failed)
    return done
