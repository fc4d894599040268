"""A vendor's refusals: its own words, fit for a sentence of ours, and what many of them come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector import redact
from connector.errors import AdminNeeded, Gone, TryAgain
from connector.http import Reply


def said(value: Any, longest: int = 200) -> str:
    """A vendor's own words, fit for a sentence of ours: on one line, short, without numbers or secrets."""
    return redact.scrub(" ".join(str(value or "").split()))[:longest]


def body_of(reply: Reply) -> Mapping[str, Any]:
    """The JSON object an answer holds; {} where it holds none, as a proxy's page does."""
    try:
        value = reply.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def rejected(who: str, about: str, why: str) -> AdminNeeded:
    """The request is wrong as it stands: the mapping has to be corrected."""
    return AdminNeeded("crm_rejected", f"{who} rejected the request ({about}): {why}")


def forbidden(who: str, about: str, why: str) -> AdminNeeded:
    """Our user lacks a right; `why` says which, and who can give it."""
    return AdminNeeded("crm_forbidden", f"{who} does not let our user do this ({about}): {why}")


def no_such_record(who: str, about: str) -> Gone:
    """There is no record of this id (any more)."""
    return Gone("record_not_found", f"{who} has no such record ({about}).")


def slow_down(who: str, about: str, wait: float | None = None) -> TryAgain:
    """Too many requests; `wait` is in seconds, None where the vendor says nothing of it."""
    return TryAgain(
        "crm_rate_limited", f"{who} asks us to slow down ({about}).", status=503, retry_after=wait
    )
