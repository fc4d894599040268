"""Dolibarr's webhook as a click: a box that was ticked on a contact or a company.

Seen on a live Dolibarr 23.1: `{"triggercode": "CONTACT_MODIFY", "object": {about 100 keys}}`, unsigned, sent
at once; its own log entries come as `ACTION_CREATE`. By Dolibarr's source it is sent inside the save, before
that is committed, and labelled as a form where nothing else is said (curl's own way).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.crms.base import FORM, Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid
from connector.model import Click, Source

#: What a trigger is about, by its path in the API. Nothing else is ever a click.
OBJECTS = {
    "CONTACT_CREATE": "contacts",
    "CONTACT_MODIFY": "contacts",
    "COMPANY_CREATE": "thirdparties",
    "COMPANY_MODIFY": "thirdparties",
}
TICKED = frozenset({"1", "true", "on", "yes"})
EXTRAS = "array_options"


def parse_dolibarr_click(hook: Hook, account: Account) -> list[Click]:
    """The click of a webhook or in our own format, if something was ticked; BadRequest names a fault."""
    if hook.media_type == FORM and hook.body.lstrip()[:1] == b"{":
        hook = replace(hook, content_type="")
    fields = fields_of(hook)
    if "triggercode" not in fields:
        return [parse_click(fields, account, Source.BUTTON)]
    code, row = fields["triggercode"], fields.get("object")
    if not isinstance(code, str) or not isinstance(row, dict):
        raise field_invalid("Dolibarr's webhook needs `triggercode`, a text, and `object`, a record.")
    box = account.settings["box"]
    if code not in OBJECTS or code not in account.settings["triggers"] or not _was_ticked(row, box):
        return []
    ours = {"object": OBJECTS[code], "id": row.get("id")}
    # Whoever sees the record, by the number it was saved with: no number is taken from here.
    return [replace(parse_click(ours, account, Source.RULE), raw={"triggercode": code})]


def ticked(row: Mapping[str, Any], box: str) -> bool | None:
    """Whether a record's box is ticked; None where the record does not say."""
    extras = row.get(EXTRAS)
    if not isinstance(extras, dict) or f"options_{box}" not in extras:
        return None
    return str(extras[f"options_{box}"]).strip().lower() in TICKED


def _was_ticked(row: Mapping[str, Any], box: str) -> bool:
    """Whether the box came to be ticked by this save; any save will do where no box is named."""
    before = row.get("oldcopy")
    if not box:
        return True
    return ticked(row, box) is True and not (isinstance(before, dict) and ticked(before, box))
