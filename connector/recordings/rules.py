"""Whose links to recordings are shown, and where recordings may be fetched: section `recordings:`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from connector.http import is_loopback

#: Where CallerDesk's recordings lie. Sources: CallerDesk Webhooks, Sample Payload page (callrecords); values
#: of `CallRecordingUrl` and `file` that integrations quote from its version 2 (newcallrecords).
CALLERDESK_HOSTS = ("callrecords.callerdesk.io", "newcallrecords.callerdesk.io")
DEFAULT_DAYS = 30

_HOST = re.compile(r"(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::([0-9]{1,5}))?")
_PORTS = {"https": 443, "http": 80}
#: What one reader of a URL drops and another takes for the end of the host.
_TWO_MEANINGS = re.compile(r"[\\\x00-\x20\x7f]")


class Whose(StrEnum):
    """Whose address people get for a recording: CallerDesk's, as it was told, or ours."""

    THEIRS = "theirs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """`links` None means ours wherever we have an address, else theirs; `hosts` are `name` or `name:port`."""

    links: Whose | None = None
    hosts: tuple[str, ...] = CALLERDESK_HOSTS
    #: Days a link works.
    days: int = DEFAULT_DAYS

    def ours(self, public_url: str | None) -> bool:
        """Whether links are ours; they need an address that people reach us at."""
        return self.links is not Whose.THEIRS and public_url is not None

    def place(self, url: str) -> SplitResult | None:
        """The address of a recording, spelled as it is asked for; None unless it may be fetched.

        https to a host in `hosts`, plain http to this machine only where it stands there literally; no user
        name; the port is the host's own, 443 or 80 if it names none.
        """
        if _TWO_MEANINGS.search(url):
            return None
        try:
            spelled = urlsplit(requests.Request("GET", url).prepare().url or "")
            port = spelled.port or _PORTS.get(spelled.scheme, 0)
        except (requests.RequestException, ValueError):
            return None
        host = spelled.hostname or ""
        secure = spelled.scheme == "https" or (spelled.scheme == "http" and is_loopback(host))
        if not secure or "@" in spelled.netloc:
            return None
        named = f"{host}:{port}" in self.hosts or (host in self.hosts and port == _PORTS[spelled.scheme])
        return spelled if named else None


def host_of(url: str) -> str:
    """The host of a recording's address as `hosts` would name it; what could not stand there is `?`."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme)) else ""
    except ValueError:
        return "?"
    named = f"{parts.hostname}{port}"
    return named if _HOST.fullmatch(named) else "?"


def _host(value: str) -> None:
    found = _HOST.fullmatch(value)
    if found is None or not 0 < int(found[1] or 443) < 65536:
        raise ValidationError(
            f"{value!r} is no host: write the bare name in small letters, such as rec.example.com"
        )


class RecordingsSchema(Schema):
    """Section `recordings:` of the manifest."""

    class Meta:
        unknown = RAISE

    links = fields.String(
        load_default=None,
        validate=validate.OneOf([whose.value for whose in Whose]),
        metadata={"description": "Whose address the CRM is given: `ours` (needs public_url) or `theirs`"},
    )
    hosts = fields.List(
        fields.String(validate=_host),
        load_default=lambda: list(CALLERDESK_HOSTS),
        metadata={"description": "Hosts that recordings may be fetched from, and no other"},
    )
    days = fields.Integer(
        strict=True,
        load_default=DEFAULT_DAYS,
        validate=validate.Range(min=1, max=3650),
        metadata={"description": "Days a link works, counted from when it was last written to the CRM"},
    )


def rules_of(section: Mapping[str, Any]) -> RecordingRules:
    """The rules of a section that the schema has checked; an empty one for a section that is not there."""
    links = section.get("links")
    return RecordingRules(
        Whose(links) if links else None,
        tuple(section.get("hosts", CALLERDESK_HOSTS)),
        section.get("days", DEFAULT_DAYS),
    )
