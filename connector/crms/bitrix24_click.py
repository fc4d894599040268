"""Bitrix24's ways of asking for a call: its telephony events, a new record's webhook, an automation rule's.

Vendor's documentation: https://apidocs.bitrix24.com/api-reference/telephony/events/ ("ONEXTERNALCALLSTART",
"ONEXTERNALCALLBACKSTART"), .../crm/ ("ONCRMLEADADD" …). Forms with nested names (`data[CALL_ID]`), sent once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of, record_missing
from connector.model import Click, Source

STARTED, CALL_BACK = "ONEXTERNALCALLSTART", "ONEXTERNALCALLBACKSTART"
#: A new record's event -> our name of its object, which is Bitrix24's CRM_ENTITY_TYPE. A changed record's
#: events are no clicks: a call on the timeline changes the record, too.
NEW = {"ONCRMLEADADD": "LEAD", "ONCRMCONTACTADD": "CONTACT", "ONCRMCOMPANYADD": "COMPANY"}
#: What of an event a mapping may read as `click.*`.
_TOLD = ("LINE_NUMBER", "CALL_LIST_ID", "IS_MOBILE")
#: The third part of an automation rule's document id: `LEAD_42`.
_DOCUMENT = re.compile(r"([A-Z]+)_([0-9]+)")


def parse_bitrix24_click(hook: Hook, account: Account) -> list[Click]:
    """Read an event, an automation rule's webhook or our own format; none for an event that is no click.

    BadRequest 422 `record_missing` where a number came and no record.
    """
    if "event" in hook.fields:
        return _event(hook.fields, account)
    if "document_id[2]" in hook.fields:
        found = _DOCUMENT.fullmatch(hook.fields["document_id[2]"])
        if not found:
            raise field_invalid("`document_id` must name a lead, contact or company.")
        return [parse_click({"object": found[1], "id": found[2]}, account, Source.RULE)]
    ours = {name: value for name, value in fields_of(hook).items() if not name.startswith("auth[")}
    return [parse_click(ours, account, Source.BUTTON)]


def _event(fields: Mapping[str, str], account: Account) -> list[Click]:
    event = fields["event"].upper()
    if event in NEW:
        return [_click({"object": NEW[event], "id": fields.get("data[FIELDS][ID]")}, account, event, {})]
    if event not in (STARTED, CALL_BACK):
        return []
    kind, number = fields.get("data[CRM_ENTITY_TYPE]"), fields.get("data[CRM_ENTITY_ID]")
    if not kind or not number or number == "0":
        raise record_missing(
            "The click names no record of the CRM, and a number from a request is never dialled: nobody was"
            " rung. Click the number on the card of a contact, lead or company."
        )
    ours: dict[str, Any] = {"object": kind, "id": number}
    if event == STARTED:
        ours |= {"user": fields.get("data[USER_ID]"), "click_id": fields.get("data[CALL_ID]")}
    told = {name: fields[f"data[{name}]"] for name in _TOLD if fields.get(f"data[{name}]")}
    return [_click(ours, account, event, told)]


def _click(ours: Mapping[str, Any], account: Account, event: str, told: Mapping[str, str]) -> Click:
    click = parse_click(ours, account, Source.BUTTON if event == STARTED else Source.RULE)
    return replace(click, raw={"event": event, **raw_of(told)})
