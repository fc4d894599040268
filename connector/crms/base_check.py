"""What several `check_live`s do alike: look at a thing by name, and tell which wanted fields are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from connector.crms.base import Finding
from connector.crms.base_read import first_parts
from connector.errors import ConnectorError
from connector.model import Wanted


def looked_at(what: str, look: Callable[[], object]) -> Finding:
    """Whether a look at the thing succeeds; where it does not, what its error says."""
    try:
        look()
    except ConnectorError as error:
        return Finding(what, False, error.message)
    return Finding(what, True)


def people_paths(wanted: Mapping[str, Wanted]) -> list[str]:
    """What all mappings want of owners and acting users, each path once."""
    paths = [path for one in wanted.values() for path in (*one.owner, *one.user)]
    return list(dict.fromkeys(paths))


def fields_asked(what: str, paths: Iterable[str], names: Callable[[], Iterable[str]]) -> list[Finding]:
    """`fields_there` among the names the CRM tells; one finding where it refuses to tell them."""
    try:
        known = names()
    except ConnectorError as error:
        return [Finding(what, False, error.message)]
    return fields_there(what, paths, known)


def fields_there(what: str, paths: Iterable[str], known: Iterable[str]) -> list[Finding]:
    """One finding for each path whose first part is not among the known names, or one that all is well."""
    names = list(known)
    missing = [name for name in first_parts(paths) if name not in names]
    return [Finding(f"{what}.{name}", False, _no_such(what, name, names)) for name in missing] or [
        Finding(what, True)
    ]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the known name closest to a wrong one; empty when none is close."""
    close = get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _no_such(what: str, name: str, known: list[str]) -> str:
    return f"{what} has no field {name!r} that our user may see.{did_you_mean(name, known)}"
