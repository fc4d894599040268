"""What a connection to any JSON API takes: its address, its credentials, how it counts time."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from connector import redact
from connector.crms.base_api import ApiSchema
from connector.http import Authorise

#: Length of one unit of a `Retry-After` header, in seconds.
UNITS = {"seconds": 1.0, "milliseconds": 0.001}
_KINDS = ("bearer", "basic", "header")


def _check_auth(auth: Any) -> None:
    if auth == "none":
        return
    if not isinstance(auth, Mapping) or len(auth) != 1 or next(iter(auth)) not in _KINDS:
        raise ValidationError(
            "Give one of {bearer: …}, {basic: 'user:password'}, {header: {name: value}}, none."
        )
    ((kind, value),) = auth.items()
    values = list(value.values()) if kind == "header" and isinstance(value, Mapping) else [value]
    if (kind == "header" and not isinstance(value, Mapping)) or not values:
        raise ValidationError("`header` takes {name: value}.")
    if not all(isinstance(text, str) and text for text in values):
        raise ValidationError(f"`{kind}` takes a text that is not empty.")
    if kind == "basic" and ":" not in value:
        raise ValidationError("`basic` takes 'user:password'.")


class RestSchema(ApiSchema):
    """Settings of a connection to any JSON API."""

    auth = fields.Raw(required=True, validate=_check_auth)
    #: What one unit of its `Retry-After` header is.
    retry_after_unit = fields.Str(load_default="seconds", validate=validate.OneOf(list(UNITS)))


def authorise(auth: Any) -> Authorise:
    """Put the credentials into the headers of each request, and out of every log line."""
    sent: dict[str, str] = {}
    if auth != "none":
        ((kind, value),) = auth.items()
        if kind == "bearer":
            sent["Authorization"] = f"Bearer {value}"
        elif kind == "basic":
            encoded = base64.b64encode(value.encode()).decode()
            sent["Authorization"] = f"Basic {encoded}"
            redact.register_secret(value.partition(":")[2])
            redact.register_secret(encoded)
        else:
            sent.update(value)
        for text in value.values() if isinstance(value, Mapping) else [value]:
            redact.register_secret(text)
    return lambda headers: headers.update(sent)
