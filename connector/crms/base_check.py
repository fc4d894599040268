"""What several `check_live`s say alike: which wanted fields a CRM has, and what a missing one may be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from connector.crms.base import Finding


def fields_there(what: str, paths: Iterable[str], known: Iterable[str]) -> list[Finding]:
    """One finding for each path whose first part is not among the known names, or one that all is well."""
    names = list(known)
    first_parts = dict.fromkeys(path.partition(".")[0] for path in paths)
    missing = [name for name in first_parts if name not in names]
    return [Finding(f"{what}.{name}", False, _no_such(what, name, names)) for name in missing] or [
        Finding(what, True)
    ]


def _no_such(what: str, name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{what} has no field {name!r} that our user may see.{hint}"
