"""An adapter's secrets are known to the redaction before its first request."""

from __future__ import annotations

from connector import redact
from connector.crms.base import Account
from connector.crms.frappe import Frappe


def test_it_makes_its_secrets_known() -> None:
    settings = {"base_url": "https://acme.example.com", "api_key": "canary-of-a-key"}
    settings |= {"api_secret": "canary-of-a-secret", "time_zone": "Asia/Kolkata"}
    Frappe(Account("frappe", {**settings, "owner_fields": {}}))
    assert redact.scrub("canary-of-a-key:canary-of-a-secret") == "[secret]:[secret]"
