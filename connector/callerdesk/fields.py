"""Reading CallerDesk's fields: all of them text, times without a zone, numbers with all kinds of prefixes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

#: Their times carry no zone and are India's, which has no summer time.
INDIA = timezone(timedelta(hours=5, minutes=30), "IST")

_MOMENT = re.compile(r"((?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})[ nT+]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?")
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")
_WHOLE = re.compile(r"([0-9]{1,7})(?:\.0+)?")
_NOT_A_DIGIT = re.compile(r"[^0-9]")
_LINK = re.compile(r"https?://[^\s\"'<>\\]{1,2000}", re.IGNORECASE)
#: A database may refuse these inside a text: NUL and halves of surrogate pairs.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SECRET_NAME = re.compile(r"passw|authcode|auth_code|secret|token|api_?key")
_LONGEST_ID = 64


class Never(Enum):
    """A time that is there and says "did not happen": empty, or `0000-00-00 00:00:00`."""

    NEVER = "never"


def text(value: object) -> str:
    """Any JSON value as storable text: None is empty, a list or object its JSON."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return _UNSTORABLE.sub("", json.dumps(value, ensure_ascii=False))
    return _UNSTORABLE.sub("", str(value)).strip()


def plain(fields: Mapping[Any, object]) -> dict[str, str]:
    """The fields as text under lower-cased names: the case of their keys varies by account."""
    return {text(name).lower(): text(value) for name, value in fields.items()}


def without_secrets(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields without passwords and keys, which some of their replies carry."""
    return {name: value for name, value in fields.items() if not _SECRET_NAME.search(name)}


def first(fields: Mapping[str, str], *names: str) -> str:
    """The first of these fields that is not empty, else an empty text."""
    return next((fields[name] for name in names if fields.get(name)), "")


def identity(fields: Mapping[str, str], *names: str) -> str | None:
    """An id; None for an empty one, for 0 and for a text too long to be one."""
    found = first(fields, *names)
    return found if found.strip("0") and len(found) <= _LONGEST_ID else None


def last_ten(number: str) -> str:
    """The digits of a number, the last ten at most: `0…`, `91…`, `0091…` and `+91…` become comparable."""
    return _NOT_A_DIGIT.sub("", number)[-10:]


def moment(value: str) -> datetime | None:
    """UTC of an India time `yyyy-mm-dd hh:mm:ss` (`n` or `T` for the space too); None when it is not one."""
    found = _MOMENT.fullmatch(value)
    if not found:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]} {found[2]}").replace(tzinfo=INDIA).astimezone(UTC)
    except ValueError:
        return None


def leg_moment(fields: Mapping[str, str], name: str) -> datetime | Never | None:
    """When a leg got there; NEVER when the field says it did not; None when nothing readable is said."""
    if name not in fields:
        return None
    value = fields[name]
    return Never.NEVER if not value.strip("0-:.n T+") else moment(value)


def seconds(value: str) -> int | None:
    """Whole seconds of `26` or `00:00:26`; None for anything else."""
    if found := _WHOLE.fullmatch(value):
        return int(found[1])
    if found := _CLOCK.fullmatch(value):
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    return None


def link(value: str) -> str | None:
    """An http(s) address, or None: nothing else may become a link on somebody's page."""
    return value if _LINK.fullmatch(value) else None
