"""The settings of OAuth apps, and which of them a token endpoint is sent."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError, fields

from connector.crms.base import Account
from connector.crms.base_oauth import RefreshSchema, TokenOrAppSchema, client_form, refresh_grant

URL = {"base_url": "https://acme.bahi.example.com"}
APP = {"client_id": "app-7", "client_secret": "canary-secret", "refresh_token": "canary-refresh"}


class Settings(TokenOrAppSchema):
    """Settings of a vendor that takes a fixed token, too."""

    fixed = "key"
    key = fields.Str()


@pytest.mark.parametrize("missing", APP)
def test_an_app_that_a_person_logged_in_to_needs_all_three(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        RefreshSchema().load({**URL, **APP, missing: ""})


@pytest.mark.parametrize("given", [{"key": "k"}, APP])
def test_either_the_fixed_token_or_the_whole_app_will_do(given: dict[str, Any]) -> None:
    assert Settings().load({**URL, **given}).items() >= given.items()


@pytest.mark.parametrize(
    "given", [{}, {"key": "k", **APP}, {"key": "k", "client_id": "a"}, {"client_id": "a"}]
)
def test_neither_both_and_half_an_app_are_told(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Give either key, or all of client_id"):
        Settings().load({**URL, **given})


def test_a_token_endpoint_is_sent_the_app_and_its_refresh_token() -> None:
    account = Account("bahi", {**URL, **APP})
    form = {"grant_type": "client_credentials", "client_id": "app-7", "client_secret": "canary-secret"}
    assert client_form(account, "client_credentials") == form
    grant = refresh_grant(account, "https://login.bahi.example.com", "token", advice="ask Bahi")
    assert grant.form == {**form, "grant_type": "refresh_token"}
    assert (grant.refresh_token, grant.advice) == ("canary-refresh", "ask Bahi")
    assert "canary" not in repr(grant)
