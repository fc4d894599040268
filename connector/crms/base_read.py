"""What several `read`s do alike: follow dotted paths, keep what is wanted, take what is gone for nobody."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from connector.crms.base_api import known
from connector.errors import Gone

P = ParamSpec("P")
T = TypeVar("T")


def first_parts(paths: Iterable[str]) -> list[str]:
    """The field each dotted path starts with, each once: `Account.Name` and `Account.Phone` are `Account`."""
    return list(dict.fromkeys(path.partition(".")[0] for path in paths))


def split_paths(paths: Iterable[str], links: Container[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Paths of the record itself, and those that go on behind each of the links, without its name."""
    own: list[str] = []
    through: dict[str, list[str]] = {}
    for path in paths:
        first, dot, rest = path.partition(".")
        if dot and first in links:
            through.setdefault(first, []).append(rest)
        else:
            own.append(path)
    return own, through


def behind(paths: Iterable[str], link: str) -> list[str]:
    """The names behind one link, each once: `a` and `c` of `custom.a.b`, `custom.c` and `d`."""
    _, through = split_paths(paths, (link,))
    return [name for name in first_parts(through.get(link, ())) if name]


def kept(row: Mapping[str, Any], paths: Iterable[str], who: str, about: str) -> dict[str, Any]:
    """Just the wanted fields; Refused (`unknown_field`) naming the first that the CRM did not answer with."""
    names = first_parts(paths)
    known(row, names, who, about)
    return {name: row[name] for name in names}


def row_with(rows: Any, number: Any, key: str = "id") -> Mapping[str, Any] | None:
    """The row of this id among those that came along, whatever came; None for none."""
    listed = rows if isinstance(rows, list) else []
    found = (row for row in listed if isinstance(row, dict) and str(row.get(key)) == str(number))
    return next(found, None) if number else None


def if_there(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What is asked for, or None where the CRM has no such thing (Gone)."""
    try:
        return ask(*args, **kwargs)
    except Gone:
        return None
