"""HubSpot's refusals in our words: limits, missing scopes, and properties it does not take.

HubSpot, "Usage guidelines and limits" and "Error handling": https://developers.hubspot.com/docs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.crms.base_said import body_of, said
from connector.errors import AdminNeeded, ConnectorError, TryAgain
from connector.http import Reply, retry_after

#: The account is locked, and the account moves to another data centre (its Retry-After is in seconds).
_LOCKED, _MOVING = 423, 477
_LOCKED_FOR = 2.0
#: Seconds to wait by the limit that was reached, where no Retry-After says; of a search it is one second.
_RESTS = {"DAILY": 1800.0, "TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """What HubSpot means by this status and body; None where the common table knows."""
    body, on = body_of(reply), f" ({about})" if about else ""
    if reply.status in (_LOCKED, _MOVING):
        rest = max(retry_after(reply) or 0.0, _LOCKED_FOR)
        return TryAgain("crm_failed", f"HubSpot answered {reply.status}{on}.", retry_after=rest)
    if reply.status == 429:
        limit = str(body.get("policyName") or "")
        which = f": the {limit.lower()} limit is reached" if limit in _RESTS else ""
        wait = retry_after(reply)
        return TryAgain(
            "crm_rate_limited",
            f"HubSpot asks us to slow down{on}{which}.",
            status=503,
            retry_after=_RESTS.get(limit) if wait is None else wait,
        )
    if reply.status == 403 and (scopes := _scopes(body)):
        return AdminNeeded(
            "crm_forbidden", f"HubSpot asks for another scope{on}: give the app {said(' or '.join(scopes))}."
        )
    if reply.status == 400:
        told = said(body.get("message"), 300)
        return AdminNeeded("crm_rejected", f"HubSpot rejected the request{on}: {told or 'no reason given'}.")
    return None


def _scopes(body: Mapping[str, Any]) -> list[str]:
    """The scopes an answer asks for; every part of an error may be missing."""
    found: list[str] = []
    errors = body.get("errors")
    for error in errors if isinstance(errors, list) else []:
        context = error.get("context") if isinstance(error, dict) else None
        wanted = context.get("requiredGranularScopes") if isinstance(context, dict) else None
        found += [str(scope) for scope in wanted] if isinstance(wanted, list) else []
    return found
