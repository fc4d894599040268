"""A HubSpot adapter for tests, and the bodies that were recorded for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connector.crms.base import Account, Hook
from connector.crms.hubspot import HubSpot, HubSpotSchema
from connector.model import Activity, Phase, Record

API = "https://api.hubapi.com/"
TOKEN = "canary-of-hubspot-token"
PORTAL = 102670506
KEY = "0123456789abcdef"
PAYLOADS = Path(__file__).parents[1] / "payloads" / "hubspot"
EVENTS = [{"type": "contact.propertyChange", "property": "call_requested", "value": "true"}]


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def hubspot(name: str = "hubspot", clicks: dict[str, Any] | None = None, **settings: Any) -> HubSpot:
    given = {"access_token": TOKEN, **settings}
    given = {key: value for key, value in given.items() if value is not None}
    return HubSpot(Account(name, HubSpotSchema().load(given), clicks or {}))


def hook(body: Any, **query: str) -> Hook:
    """One POST as HubSpot sends it: a recorded body by its name, or any value."""
    value = recorded(body) if isinstance(body, str) else body
    return Hook("POST", json.dumps(value).encode(), "application/json", {}, query)


def activity(phase: Phase = Phase.PLACED, **changes: Any) -> Activity:
    given: dict[str, Any] = {
        "key": KEY,
        "connection": "hubspot",
        "object": "Contact",
        "record_id": "501",
        "kind": "",
        "key_field": None,
        "fields": {"hs_timestamp": "2026-01-31T09:05:00Z", "hs_call_direction": "OUTBOUND"},
        "phase": phase,
        "record": Record({"id": "501"}, {"id": "41629779", "type": "PERSON"}),
    }
    return Activity(**{**given, **changes})
