"""Zoho's ways of telling of a click: workflow webhook, button function, PhoneBridge.

Vendor's documentation: https://help.zoho.com/portal/en/kb/crm/automate-business-processes/actions/articles/webhooks-workflow,
https://www.zoho.com/phonebridge/developer/v3/clicktodial.html. All of them send what an admin typed in as
names and values, as JSON or as a form, unsigned but for a header, and without an id of the delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import in_our_words, raw_of, record_missing
from connector.errors import BadRequest
from connector.model import Click, Source

#: Names an admin may give to a parameter, small letters -> our own name of it.
_NAMES = {
    "module": "object",
    "record_id": "id",
    "recordid": "id",
    "user_id": "user",
    "zohouser": "user",
}
#: Sent by PhoneBridge alone: the number it wants dialled, which we never do, and whose press it was.
_PHONEBRIDGE = frozenset({"tonumber", "callee", "zohouser"})
#: Stands before ids in some merge fields.
_PREFIX = "zcrm_"
_MOST_PARTS = 200


def parse_zoho_click(hook: Hook, account: Account) -> Click:
    """Read one click; BadRequest 422 `record_missing` when only a number came and no record."""
    sent = _fields(hook)
    pressed = any(name.lower() in _PHONEBRIDGE for name in sent)
    ours = in_our_words(sent, _NAMES)
    if pressed and not (ours.get("id") and ours.get("object")):
        raise record_missing(
            "PhoneBridge sent a number but no record, and a number from a request is never dialled:"
            " nobody was rung. Add `module` and `record_id` to its `clicktodialparam`, or use the button."
        )
    for name in ("id", "user"):
        if isinstance(ours.get(name), str):
            ours[name] = ours[name].strip().removeprefix(_PREFIX)
    click = parse_click(ours, account, Source.BUTTON if pressed else Source.RULE)
    return replace(click, raw=raw_of(sent))


def _fields(hook: Hook) -> Mapping[str, Any]:
    return _parts(hook) if hook.media_type == "multipart/form-data" else fields_of(hook)


def _parts(hook: Hook) -> Mapping[str, str]:
    """The fields of a form sent in parts (RFC 7578): texts only, for no file is a click."""
    head = hook.headers.get("content-type", "").encode("latin-1", "replace")
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + head + b"\r\n\r\n" + hook.body)
    parts = list(form.iter_parts()) if form.is_multipart() else []
    fields: dict[str, str] = {}
    for part in parts:
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise _broken()
        try:
            fields[name] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise _broken() from None
    if not fields or form.defects or len(parts) > _MOST_PARTS:
        raise _broken()
    return {name: value for name, value in fields.items() if value.strip()}


def _broken() -> BadRequest:
    return BadRequest("body_broken", "The form is not one of named texts in UTF-8.")
