"""Odoo's own webhook body as a click.

Vendor's documentation: https://www.odoo.com/documentation/19.0/applications/studio/automated_actions.html
("Send Webhook Notification"). The body is `{"_action": "<name>(#<id>)", "_id": 9, "_model": "res.partner"}`
and the chosen fields, unsigned, sent once; an empty field is `false`, a many-to-one a bare number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of, source_of
from connector.model import Click, Source

_MODEL = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
#: More digits than any number of an Odoo record (a 32-bit integer) has.
_TOO_LONG = 11


def parse_odoo_click(hook: Hook, account: Account, buttons: frozenset[str]) -> Click:
    """Read Odoo's webhook, or our own format; BadRequest (400, 422) names what is wrong.

    A webhook whose action is one of the `buttons` was pressed by a person (`write_uid`); others are rules'.
    """
    fields = fields_of(hook)
    click = (
        _webhook(fields, account, buttons)
        if "_model" in fields
        else parse_click(fields, account, Source.RULE)
    )
    number = click.record_id
    if not _MODEL.fullmatch(click.object) or not (number.isascii() and number.isdecimal()):
        raise field_invalid("The click must name an Odoo model (`res.partner`) and a record by its number.")
    if len(number) >= _TOO_LONG:
        raise field_invalid("Odoo has no record with so long a number.")
    return replace(click, record_id=str(int(number)))  # "007" and "7" are one record


def _webhook(fields: Mapping[str, Any], account: Account, buttons: frozenset[str]) -> Click:
    model, number, writer = fields["_model"], fields.get("_id"), fields.get("write_uid")
    if not isinstance(model, str) or not isinstance(number, int):
        raise field_invalid("The webhook needs `_model`, a text, and `_id`, a number.")
    action = str(fields.get("_action", "")).rpartition("(#")[0]
    button = action if action in buttons else ""
    return Click(
        connection=account.name,
        object=model,
        record_id=str(number),
        source=Source.BUTTON if button else source_of(account),
        user=str(writer) if isinstance(writer, int) and writer else None,
        delivery=_delivery(model, number, fields.get("write_date"), button),
        raw=raw_of(fields),
    )


def _delivery(model: str, number: int, write_date: Any, button: str) -> str | None:
    """Name the change a webhook tells of, so that Odoo's copies of it are one click for ever.

    Odoo sends up to ten copies for one change, and not even equal ones: some carry the values before it.
    What they share is `write_date`, the transaction's own time in microseconds (seen on a live Odoo 19).
    Without it, None: equal bodies may then be two honest presses, and only the guard against a second click
    on the same record within seconds folds them. A press is kept apart from a rule that fires for it.
    """
    try:
        moment = datetime.fromisoformat(write_date)
    except (TypeError, ValueError):
        return None
    return f"{button or 'rule'} {model} {number} {moment.isoformat()}"
