"""OAuth as most adapters use it: the settings of an app, and a login made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from connector.crms.base import Account
from connector.crms.base_api import ApiSchema, secret_text
from connector.crms.base_login import Grant, Login

_APP = ("client_id", "client_secret", "refresh_token")


class ClientSchema(ApiSchema):
    """Settings of an app that logs in with its own id and secret."""

    client_id = secret_text()
    client_secret = secret_text()


class RefreshSchema(ClientSchema):
    """Settings of an app that a person has logged in to once."""

    refresh_token = secret_text()


class TokenOrAppSchema(ApiSchema):
    """Settings of a vendor that takes either a fixed token, or an app that a person has logged in to."""

    #: The setting that holds the fixed token.
    fixed: ClassVar[str]

    client_id = fields.Str(validate=validate.Length(min=1))
    client_secret = fields.Str(validate=validate.Length(min=1))
    refresh_token = fields.Str(validate=validate.Length(min=1))

    @validates_schema
    def _one_way_in(self, data: Mapping[str, Any], **_: Any) -> None:
        app = [name for name in _APP if data.get(name)]
        if bool(data.get(self.fixed)) == bool(app) or len(app) not in (0, len(_APP)):
            raise ValidationError(f"Give either {self.fixed}, or all of {', '.join(_APP)}.", self.fixed)


def client_form(account: Account, grant_type: str) -> dict[str, str]:
    """What a token endpoint is sent: the kind of grant, and the app's id and secret."""
    return {"grant_type": grant_type} | {name: account.settings[name] for name in _APP[:2]}


def refresh_grant(account: Account, base_url: str, path: str, **more: Any) -> Grant:
    """The grant of `RefreshSchema`'s settings; `more` is what else `Grant` takes."""
    form = client_form(account, "refresh_token")
    return Grant(base_url, path, form, account.settings["refresh_token"], **more)


def login_of(who: str, account: Account, grant: Grant) -> Login:
    """The connection's login, its token kept where all processes of the connector see it."""
    return Login(who, account.name, grant, tokens=account.tokens, named=account.named)
