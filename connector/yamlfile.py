"""Our own YAML files as plain data that still knows its line and column.

Stricter than YAML, for files that people edit by hand: no duplicate keys, no anchors and aliases, no tags,
one document. Scalars follow the core schema of YAML 1.2.2 (section 10.3) and not YAML 1.1's, so `off`, `no`,
`09:00` and `0120456701` stay text; so do `+91…`, `1e5` and whole numbers of more than 15 digits: those are
names, not amounts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import yaml

from connector.errors import ConfigError, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

Path = tuple[str | int, ...]

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
#: A dot is asked for: `12e4567` is a record id in somebody's CRM.
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")

#: Part of what the parser says -> what to do about it.
_ADVICE = {
    "character '\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed": "put quotes around a text that holds ': '",
    "cannot start any token": "put quotes around a text that starts with this character",
}
_MISSING_KEY = "Missing data for required field."
#: marshmallow's sentence -> ours, put behind the dotted name of the key.
_PLAIN = {
    _MISSING_KEY: "is missing",
    "Field may not be null.": "is empty: give it a value or take the line out",
    "Not a valid string.": "must be a text: put quotes around it",
    "Not a valid integer.": "must be a whole number",
    "Not a valid number.": "must be a number",
    "Not a valid boolean.": "must be true or false",
    "Not a valid list.": "must be a list",
    "Not a valid mapping type.": "must hold keys and values",
    "Invalid input type.": "must hold keys and values",
    "Invalid type.": "must hold keys and values",
}
_UNKNOWN_KEY = "Unknown field."
#: Likeness, of 1, from which a word is taken for another one misspelt.
_NEAR = 0.6


@dataclass(frozen=True, slots=True)
class Document:
    """One file as plain data, and where each part of it stands.

    Plain data is dict with text keys, list, str, int, float, bool and None.
    """

    file: str
    data: Any
    _keys: Mapping[Path, tuple[int, int]] = field(repr=False)
    _values: Mapping[Path, tuple[int, int]] = field(repr=False)

    def where(self, path: Iterable[str | int], *, value: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of a key or list item (with `value` of what stands behind the key).

        A path that is not there stands where the nearest part above it stands.
        """
        steps = tuple(path)
        while steps:
            found = (None if value else self._keys.get(steps)) or self._values.get(steps)
            if found:
                return found
            steps = steps[:-1]
        return self._values.get((), (1, 1))

    def problem(self, path: Iterable[str | int], message: str, *, value: bool = False) -> Problem:
        """A Problem at a path of this document."""
        return Problem(self.file, *self.where(path, value=value), message)


def load(text: str, file: str) -> Document:
    """Read one YAML document; ConfigError with every fault found (a syntax error hides what follows it)."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ConfigError([Problem(file, 1, 1, f"the file is larger than {MAX_BYTES // 1024} kB")])
    reading = _Reading(text, file)
    document = reading.document()
    if reading.problems:
        raise ConfigError(sorted(reading.problems, key=_position))
    return document


class _Reading:
    """One pass over the parser's events: data, positions and faults."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.keys: dict[Path, tuple[int, int]] = {}
        self.values: dict[Path, tuple[int, int]] = {}
        self.events = self._parse(text)

    def document(self) -> Document:
        data = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.values:
                    raise ConfigError([self._problem(event, "a second document starts here: one a file")])
                data = self._node(next(self.events), ())
        return Document(self.file, data, self.keys, self.values)

    def _parse(self, text: str) -> Iterator[yaml.Event]:
        try:
            loader = yaml.SafeLoader(text)
            while loader.check_event():
                yield loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = ", ".join(filter(None, (error.context, error.problem)))
            advice = next((told for sign, told in _ADVICE.items() if sign in said), "")
            message = f"this is not valid YAML: {said}" + (f" ({advice})" if advice else "")
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise ConfigError([Problem(self.file, line, column, message)]) from None
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            message = "a character stands here that YAML does not allow; delete it or write it as \\u…"
            raise ConfigError([Problem(self.file, line, column, message)]) from None
        except (ValueError, OverflowError):
            # PyYAML lets chr() and int() fail on absurd escapes and version numbers.
            message = "this is not valid YAML: an escape or number is out of range"
            raise ConfigError([Problem(self.file, loader.line + 1, loader.column + 1, message)]) from None

    def _problem(self, event: yaml.Event, message: str) -> Problem:
        return Problem(self.file, *_place(event), message)

    def _node(self, event: yaml.Event, path: Path) -> Any:
        self.values[path] = _place(event)
        if len(path) > MAX_DEPTH:
            raise ConfigError([self._problem(event, f"nested deeper than {MAX_DEPTH} levels")])
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"aliases (*{event.anchor}) are not allowed: write the value out")
            return None
        assert isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent | yaml.ScalarEvent)
        if event.anchor is not None:
            self._refuse(event, f"anchors (&{event.anchor}) are not allowed: write the value out each time")
        if event.tag is not None:
            self._refuse(event, f"tags ({event.tag}) are not allowed: put quotes around what is to be a text")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                raise ConfigError([self._problem(event, "a key must be a plain text")])
            key = event.value
            if key in data:
                line, _ = self.keys[(*path, key)]
                self._refuse(event, f"the key {key!r} stands twice: it is already on line {line}")
                self._node(next(self.events), (*path, f"{key} "))
                continue
            self.keys[(*path, key)] = _place(event)
            data[key] = self._node(next(self.events), (*path, key))
        return data

    def _scalar(self, event: yaml.ScalarEvent) -> str | int | float | bool | None:
        text: str = event.value
        if _SURROGATE.search(text):
            self._refuse(event, "half a character (a lone surrogate) stands in this text")
        return text if event.style else plain_scalar(text)

    def _refuse(self, event: yaml.Event, message: str) -> None:
        self.problems.append(self._problem(event, message))


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted YAML scalar means to us: null, true or false, a decimal number, else text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def problems(document: Document, messages: Mapping[Any, Any] | list[Any], known: Any = None) -> list[Problem]:
    """Turn the nested messages of a marshmallow ValidationError into Problems, in the order of the file.

    `known` tells which keys may stand at a path, for "did you mean": a marshmallow Schema, or a callable
    that takes the path (a tuple) and returns their names.
    """
    is_schema = isinstance(known, type) or not callable(known)
    names: Callable[[Path], Iterable[str]] = (lambda path: keys_of(known, path)) if is_schema else known
    found = (
        _worded(document, path, message, names) for path, message in _leaves(messages, document.data, ())
    )
    return sorted(found, key=_position)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a known word is near (the first of equals), else `; known are a, b, c`."""
    words = [str(name) for name in known]
    if not words:
        return ""

    def likeness(name: str) -> float:
        return SequenceMatcher(None, word.lower(), name.lower()).ratio()

    nearest = max(words, key=likeness)
    if likeness(nearest) >= _NEAR:
        return f"; did you mean {nearest!r}?"
    return f"; known are {', '.join(words)}"


def keys_of(schema: Any, path: Path) -> list[str]:
    """The keys a marshmallow Schema takes at a path; none where it takes any or is not known there."""
    node = schema() if isinstance(schema, type) else schema
    for step in path:
        if isinstance(step, int) and hasattr(node, "fields"):
            continue
        if fields := getattr(node, "fields", None):
            named = {spec.data_key or name: spec for name, spec in fields.items()}
            node = named.get(str(step))
        else:
            node = getattr(node, "inner", None) or getattr(node, "value_field", None)
        node = getattr(node, "schema", node)
    return [spec.data_key or name for name, spec in getattr(node, "fields", {}).items()]


def dotted(path: Path) -> str:
    """A path as people write it: `objects.Contact.deskphone[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _leaves(messages: Any, data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Each message and its path in the data, less the steps marshmallow adds (`_schema`, `key`, `value`)."""
    if not isinstance(messages, Mapping):
        for message in messages if isinstance(messages, list) else [messages]:
            yield path, str(message)
        return
    for step, inner in messages.items():
        if step == "_schema" or _is_of_a_dict_field(step, inner, data):
            yield from _leaves(inner, data, path)
        else:
            yield from _leaves(inner, data[step] if _holds(data, step) else None, (*path, step))


def _is_of_a_dict_field(step: Any, inner: Any, data: Any) -> bool:
    """Whether a step is no key of ours, but the one a Dict field puts before its messages."""
    return step in ("key", "value") and not _holds(data, step) and inner != [_MISSING_KEY]


def _holds(data: Any, step: Any) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)


def _worded(document: Document, path: Path, message: str, names: Callable[[Path], Iterable[str]]) -> Problem:
    if message == _UNKNOWN_KEY:
        key = str(path[-1]) if path else ""
        return document.problem(path, f"unknown key {key!r}{did_you_mean(key, names(path[:-1]))}")
    if message.startswith("unknown key "):
        return document.problem(path, message)
    if path and message.startswith(repr(path[-1])):
        # The key itself is what is wrong: a misspelt path in a condition, a value that never comes.
        return document.problem(path, f"{dotted(path[:-1])}: {message}")
    name = dotted(path) or "the file"
    if message in _PLAIN:
        return document.problem(path, f"{name} {_PLAIN[message]}", value=message.startswith("Not a valid"))
    return document.problem(path, f"{name}: {message}", value=True)


def _position(problem: Problem) -> tuple[int, int, str]:
    return problem.line, problem.column, problem.message
