"""Pipedrive's two API versions behind one address, its credentials and its refusals.

Sources: Pipedrive API reference (v1, v2); "Rate limiting"; "OAuth authorization". Users, single leads and
call logs are in version 1 only. `/v1/…` and `/api/v2/…` exist on every company's address.
"""

from __future__ import annotations

import re
from typing import Any

from connector.crms.base import Account
from connector.crms.base_api import NUMBER, JsonApi, checked_id
from connector.crms.base_login import Grant
from connector.crms.base_oauth import login_of
from connector.crms.base_said import body_of, said
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import Reply, retry_after

WHO = "Pipedrive"
#: object of a mapping file -> where its records are
RECORDS = {
    "person": "api/v2/persons",
    "deal": "api/v2/deals",
    "lead": "v1/leads",
    "organization": "api/v2/organizations",
}
#: object -> where the list of its custom fields is; leads have those of deals.
FIELDS = {
    "person": "api/v2/personFields",
    "deal": "api/v2/dealFields",
    "lead": "api/v2/dealFields",
    "organization": "api/v2/organizationFields",
}
ACTIVITIES = "api/v2/activities"
#: Every custom field's key.
HASH = re.compile(r"[0-9a-f]{40}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Seconds to wait when the day's budget is used up: when the day ends there is told nowhere.
_NEXT_LOOK = 3600.0


def api_of(account: Account) -> JsonApi:
    """Requests with the connection's API token, or with OAuth tokens of the connection's app."""
    settings = account.settings
    if settings.get("api_token"):
        return JsonApi(WHO, account, headers={"x-api-token": settings["api_token"]}, explain=explain)
    grant = Grant(
        settings["oauth_url"],
        "oauth/token",
        {"grant_type": "refresh_token"},
        settings["refresh_token"],
        basic=(settings["client_id"], settings["client_secret"]),
    )
    return JsonApi(WHO, account, login=login_of(WHO, account, grant), explain=explain)


def path_of(kind: str, record_id: str) -> str:
    """Where a record is; Gone when the object or the id is none of theirs."""
    about = f"{kind} {record_id}"
    if kind not in RECORDS:
        raise Gone("record_not_found", f"Calls are made from Pipedrive's {', '.join(RECORDS)}: not {kind}.")
    pattern = _UUID if kind == "lead" else NUMBER
    return f"{RECORDS[kind]}/{checked_id(record_id, pattern, WHO, about)}"


def data_of(answer: Any) -> Any:
    """What an answer holds behind its `success`; None for anything else."""
    return answer.get("data") if isinstance(answer, dict) else None


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """Pipedrive's own refusals (`{"success": false, "error": …}`), its limits, the firewall behind them."""
    on = f" ({about})" if about else ""
    if reply.status == 429:
        return _slower(reply, on)
    if reply.status == 403 and reply.body.lstrip()[:1] == b"<":
        # Whoever goes on after many 429 meets Cloudflare's page instead of Pipedrive.
        return TryAgain(
            "crm_rate_limited", f"Pipedrive's firewall turned us away for a while{on}.", status=503
        )
    told = said(body_of(reply).get("error"))
    words = f" It says: {told}" if told else ""
    if reply.status == 400:
        return AdminNeeded("crm_rejected", f"Pipedrive rejected the request{on}.{words}")
    if reply.status == 401:
        advice = "copy the API token again, or log in to the app again"
        return AdminNeeded("crm_unauthorised", f"Pipedrive refused our credentials{on}: {advice}.{words}")
    if reply.status == 403:
        advice = "give its user the right, or the app the scope"
        return AdminNeeded("crm_forbidden", f"Pipedrive does not let us do this{on}: {advice}.{words}")
    return None


def _slower(reply: Reply, on: str) -> TryAgain:
    wait = retry_after(reply)
    if wait is None and reply.headers.get("x-daily-ratelimit-token-remaining") == "0":
        return TryAgain(
            "crm_rate_limited",
            f"Today's budget of API tokens of the Pipedrive account is used up{on}.",
            status=503,
            retry_after=_NEXT_LOOK,
        )
    if wait is None:
        try:
            wait = max(0.0, float(reply.headers.get("x-ratelimit-reset", "")))
        except ValueError:
            wait = None
    return TryAgain("crm_rate_limited", f"Pipedrive asks us to slow down{on}.", status=503, retry_after=wait)
