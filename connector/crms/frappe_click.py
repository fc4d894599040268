"""What a Frappe webhook sends, as a click.

Vendor's documentation: https://docs.frappe.io/framework/user/en/guides/integration/webhooks
The body is what its author made it: a Jinja template in our own format, or a table of the document's fields.
It comes without a Content-Type, up to three times for one change (tried again after an error or 5 seconds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of
from connector.crms.frappe_api import DOCTYPE
from connector.http import storable
from connector.model import Click, Source

#: How an empty field reads in a template, beside JSON's own null.
_EMPTY = ("None", "")
#: Beside the keys of our own format: when the document was changed, which names the delivery.
_CHANGED = "modified"


def parse_frappe_click(hook: Hook, account: Account) -> Click:
    """Read a webhook's template or table, or our own format; BadRequest (400, 422) names what is wrong.

    All tries for one change are one click: by `click_id`, else by DocType, name and `modified`.
    """
    told = {key: value for key, value in fields_of(hook).items() if value not in _EMPTY}
    moment = told.get(_CHANGED)
    if "name" in told and "id" not in told:
        fields = _of_table(told)
    else:
        fields = {key: value for key, value in told.items() if key != _CHANGED}
    if "object" not in fields and hook.fields.get("object"):
        # A table of fields cannot say which DocType it is of: the hook's address does.
        fields["object"] = hook.fields["object"]
    click = parse_click(fields, account, Source.RULE)
    if not DOCTYPE.fullmatch(click.object):
        raise field_invalid("The click must name a Frappe DocType, such as CRM Lead.")
    if click.delivery is None and isinstance(moment, str) and len(moment) <= 40:
        click = replace(click, delivery=storable(f"{click.object} {click.record_id} {moment}"))
    return replace(click, raw=raw_of(told))


def _of_table(told: Mapping[str, Any]) -> dict[str, Any]:
    """The document's own fields as ours: who saved it last is the user."""
    ours = {"object": told.get("doctype"), "id": told["name"], "user": told.get("modified_by")}
    return {key: value for key, value in ours.items() if value is not None}
