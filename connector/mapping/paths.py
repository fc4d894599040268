"""Paths such as `record.Account.Name`: how they are written, checked and read out of nested plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final

from marshmallow import ValidationError

from connector.mapping.words import ACTIVITY_WORDS, CALL_WORDS, Words
from connector.yamlfile import did_you_mean

#: root -> what it holds
ROOTS: dict[str, str] = {
    "record": "the CRM record that was clicked",
    "owner": "the CRM user who owns the record",
    "user": "the CRM user who clicked",
    "call": "the call itself (a closed list of words)",
    "click": "the click as it arrived",
    "activity": "the activity being written (requests only)",
}
#: Words people write where a root belongs -> the root they mean.
WRONG_ROOTS: dict[str, str] = {
    "account": "record",
    "company": "record",
    "contact": "record",
    "customer": "record",
    "deal": "record",
    "lead": "record",
    "object": "record",
    "opportunity": "record",
    "partner": "record",
    "person": "record",
    "agent": "owner",
    "member": "owner",
    "salesperson": "owner",
}
_CLOSED: dict[str, Mapping[str, str]] = {"call": CALL_WORDS, "activity": ACTIVITY_WORDS}

_PATH = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)+")


class Missing(Enum):
    """The value of a path that was never read, unlike None: read, and empty."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Path:
    """One compiled path; reading it costs one look-up a step."""

    text: str
    root: str
    steps: tuple[str, ...]

    def read(self, words: Words) -> Any:
        """The value under the roots in `words`; None when empty, MISSING when it was not read."""
        node: Any = words.get(self.root, MISSING)
        for step in self.steps:
            if isinstance(node, dict):
                node = node.get(step, MISSING)
            elif node is None or node is MISSING:
                return node
            elif isinstance(node, Mapping):
                node = node.get(step, MISSING)
            elif isinstance(node, list | tuple) and step.isdecimal() and len(step) < 6:
                node = node[int(step)] if int(step) < len(node) else None
            else:
                return MISSING
        return node

    def render(self, words: Words) -> Any:
        """The value with its own type, or None when there is none."""
        value = self.read(words)
        return None if value is MISSING else value

    def paths(self) -> Iterator[Path]:
        """Itself, as every right-hand side tells its paths."""
        yield self


def is_path_like(text: str) -> bool:
    """Whether a text is written as a path: names joined by dots, nothing else."""
    return _PATH.fullmatch(text) is not None


def parse_path(text: str, roots: Iterable[str]) -> Path:
    """Compile a path whose root is one of `roots`; ValidationError with a sentence when it is none."""
    root, _, rest = text.partition(".")
    allowed = list(roots)
    if not is_path_like(text):
        raise ValidationError(
            f"{text!r} is not a path; write a root, a dot and the field's name: record.Phone"
        )
    if root not in ROOTS:
        raise ValidationError(f"{text!r} is not a path we know{suggestion(text, allowed)}")
    if root not in allowed:
        raise ValidationError(f"{text!r} cannot be used here{_reason(root, allowed)}")
    first = rest.partition(".")[0]
    if root in _CLOSED and first not in _CLOSED[root]:
        near = did_you_mean(first, _CLOSED[root])
        raise ValidationError(f"{text!r} is not one of the {root} words{near}")
    return Path(text, root, tuple(rest.split(".")))


def meant_root(text: str, roots: Iterable[str]) -> str | None:
    """The root a dotted text with a wrong one seems to mean, or None when it seems to be plain text."""
    word = text.partition(".")[0].lower()
    if word in ROOTS:
        return word
    if word in WRONG_ROOTS:
        return WRONG_ROOTS[word]
    near = get_close_matches(word, list(roots), 1, 0.7)
    return near[0] if near else None


def suggestion(text: str, roots: Iterable[str]) -> str:
    """`; did you mean 'record.Phone'?` for a path with a wrong root, or the roots there are."""
    allowed = list(roots)
    root = meant_root(text, allowed)
    if root is None:
        return f"; a path starts with {' '.join(f'{name}.' for name in allowed)}".rstrip()
    return f"; did you mean '{root}.{text.partition('.')[2]}'?"


def as_text(value: Any) -> str:
    """A value as the text an admin would write for it: `true`, `5`, `a, b`; empty for nothing."""
    if isinstance(value, str):
        return value
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(as_text, value)))
    return "" if isinstance(value, Mapping) else str(value)


def is_empty(value: Any) -> bool:
    """Whether there is nothing to use: not read, None, or a text of blanks only."""
    return value is None or value is MISSING or (isinstance(value, str) and not value.strip())


def _reason(root: str, allowed: list[str]) -> str:
    if root == "call":
        return ": the call.* words exist once a call was made; they fill the activity"
    if root == "activity":
        return ": the activity.* words are for the requests that write it"
    return f"; use {' '.join(f'{name}.' for name in allowed)}".rstrip()
