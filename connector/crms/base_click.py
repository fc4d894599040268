"""What several `parse`s do alike: whose wish a click is, what is kept of it, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.crms.base import CLICK_KEYS, Account
from connector.errors import BadRequest
from connector.http import storable
from connector.model import Source
from connector.redact import scrub_value


def field_invalid(message: str) -> BadRequest:
    """A field of the request is not what it should be; `message` says which, and what it should be."""
    return BadRequest("field_invalid", message, status=422)


def record_missing(message: str) -> BadRequest:
    """A number came and no record: a number from a request is never dialled."""
    return BadRequest("record_missing", message, status=422)


def source_of(account: Account, otherwise: Source = Source.RULE) -> Source:
    """Button or rule, as the manifest's `clicks.source` says; where it does not, as this request implies."""
    return Source(account.clicks.get("source") or otherwise)


def raw_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping may read as `click.…`: fit for the journal, without phone numbers and secrets."""
    return dict(scrub_value(storable(dict(sent))))


def in_our_words(sent: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The keys of our own format, by their own names or an admin's (`names`: small letters -> ours)."""
    known = {name: name for name in CLICK_KEYS} | dict(names)
    return {known[name.lower()]: value for name, value in sent.items() if name.lower() in known}
