"""Right-hand sides: a path, a list (first that is usable), a text with {paths}, a table, a member, a literal.

Compiled once when the file is loaded (`parsing`). Not a language: no arithmetic, no joins, no look-ups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connector.mapping.paths import Path, as_text, is_empty
from connector.mapping.words import Words

_SPACES = re.compile(r" {2,}")


class Value(Protocol):
    """One compiled right-hand side."""

    def render(self, words: Words) -> Any:
        """The value, or None when there is nothing to say."""

    def paths(self) -> Iterator[Path]:
        """Every path it reads."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A literal."""

    value: Any

    def render(self, words: Words) -> Any:
        """The literal itself."""
        return self.value

    def paths(self) -> Iterator[Path]:
        """None."""
        return iter(())


@dataclass(frozen=True, slots=True)
class First:
    """The first of several that is not empty."""

    items: tuple[Value, ...]

    def render(self, words: Words) -> Any:
        """The first value that is not empty, or None."""
        return next((value for item in self.items if not is_empty(value := item.render(words))), None)

    def paths(self) -> Iterator[Path]:
        """Those of every item."""
        return (path for item in self.items for path in item.paths())


@dataclass(frozen=True, slots=True)
class Text:
    """A text with `{paths}`; `{{` and `}}` stand for braces."""

    pieces: tuple[str | Path, ...]

    def render(self, words: Words) -> str:
        """The filled text; what is missing is left out, and no double space tells of it."""
        filled = [piece if isinstance(piece, str) else as_text(piece.read(words)) for piece in self.pieces]
        text = "".join(filled)
        return text if all(filled) else _SPACES.sub(" ", text).strip()

    def is_whole(self, words: Words) -> bool:
        """Whether every path in it has a value."""
        return not any(is_empty(piece.read(words)) for piece in self.pieces if isinstance(piece, Path))

    def paths(self) -> Iterator[Path]:
        """Those between its braces."""
        return (piece for piece in self.pieces if isinstance(piece, Path))


@dataclass(frozen=True, slots=True)
class Table:
    """One value for another, compared as text; `otherwise` when nothing fits."""

    source: Value
    to: Mapping[str, Any]
    otherwise: Any = None

    def render(self, words: Words) -> Any:
        """The value on the right of what the source holds."""
        value = self.source.render(words)
        return self.otherwise if is_empty(value) else self.to.get(as_text(value).strip(), self.otherwise)

    def paths(self) -> Iterator[Path]:
        """Those of its source."""
        return self.source.paths()


@dataclass(frozen=True, slots=True)
class Member:
    """The number of CallerDesk's active member with this e-mail (or name) in the CRM's data."""

    source: Value

    def render(self, words: Words) -> Any:
        """The e-mail to look up."""
        return self.source.render(words)

    def paths(self) -> Iterator[Path]:
        """Those of its source."""
        return self.source.paths()


def render_tree(tree: Any, words: Words) -> Any:
    """Render what `parse_tree` compiled; None and empty texts are left out of dicts and lists."""
    if isinstance(tree, dict):
        rendered = ((key, render_tree(item, words)) for key, item in tree.items())
        return {key: value for key, value in rendered if value is not None and value != ""}
    if isinstance(tree, list):
        return [value for item in tree if (value := render_tree(item, words)) is not None and value != ""]
    return tree.render(words)


def tree_paths(tree: Any) -> Iterator[Path]:
    """Every path a compiled tree reads."""
    if isinstance(tree, dict | list):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from tree_paths(item)
    else:
        yield from tree.paths()
