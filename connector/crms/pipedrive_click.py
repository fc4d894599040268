"""Pipedrive's two ways of asking for a call: a webhook (version 2), and the press in an app's JSON modal.

Sources: Pipedrive, "Guide for Webhooks v2"; "JSON modals", "Component library", "User interaction handling".
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connector.crms.base import Account, Answer, Hook, Wire, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of, source_of
from connector.crms.base_read import if_there
from connector.crms.pipedrive_api import RECORDS, path_of
from connector.errors import BadRequest
from connector.http import storable
from connector.model import Click, Source

#: In the connection's `events`: the making of a record, beside the names of fields that changed.
CREATED = "create"
#: Blocks of the modal (kits/pipedrive/modal.json): a text, and a hidden field that comes back with the press.
ABOUT, PRESS = "about", "click_id"
_PRESS_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")
#: What of a webhook's `meta` a mapping may read as `click.*`.
_TOLD = ("action", "entity", "change_source", "is_bulk_edit", "attempt", "timestamp", "webhook_id")


def parse(hook: Hook, account: Account, default_source: Source) -> list[Click]:
    """A webhook, a press or our own format; BadRequest (400, 401, 422) names what is wrong.

    A webhook that tells of nothing that should ring is no click: it is answered 2xx, for ten refusals stop
    Pipedrive's webhook for half an hour.
    """
    if "resource" in hook.fields and "selectedIds" in hook.fields:
        _same_person(hook)
        return [replace(pressed(hook.fields, account), delivery=_press_id(hook))]
    fields = fields_of(hook)
    if isinstance(fields.get("meta"), dict):
        return _webhook(fields, account)
    click = parse_click(fields, account, default_source)
    if hook.claims:
        # The token speaks for one person; a body it does not cover cannot name another.
        click = replace(click, user=_claimed(hook, "userId"))
    return [_checked(click)]


def pressed(fields: Mapping[str, str], account: Account) -> Click:
    """The one record that an app action's query names; BadRequest (422) for none or several."""
    ids = [each for each in fields.get("selectedIds", "").split(",") if each.strip()]
    if len(ids) != 1:
        raise field_invalid("Select one record, then press Call again: one press makes one call.")
    return _checked(
        Click(
            connection=account.name,
            object=fields.get("resource", ""),
            record_id=ids[0].strip(),
            source=source_of(account, Source.BUTTON),
            user=fields.get("userId") or None,
            raw=raw_of({name: fields.get(name) for name in ("resource", "view", "companyId")}),
        )
    )


def drawn(hook: Hook, account: Account) -> Wire:
    """What the modal shows when it opens: a sentence, and a fresh id that makes this press known again."""
    _same_person(hook)
    try:
        click = pressed(hook.fields, account)
        text = f"CallerDesk rings the customer of this {click.object} first, then you."
    except BadRequest as problem:
        text = problem.message
    blocks = {ABOUT: {"value": text}, PRESS: {"value": secrets.token_hex(16)}}
    return _json({"data": {"blocks": blocks, "actions": {}}})


def answered(answers: Sequence[Answer], clicks: Sequence[Click]) -> Wire | None:
    """A press's answer in the modal's own words, a refusal's sentence included; None for webhooks."""
    if len(answers) != 1 or "resource" not in clicks[0].raw:
        return None
    (answer,) = answers
    if answer.status >= 400:
        return _json({"error": {"message": answer.message}})
    link = {"link": {"label": "Show the call", "value": answer.url}} if answer.url else {}
    return _json({"success": {"message": answer.message, "type": "snackbar", **link}})


def _webhook(fields: Mapping[str, Any], account: Account) -> list[Click]:
    meta = fields["meta"]
    kind, action = meta.get("entity"), meta.get("action")
    if kind is None and "object" in meta:
        raise field_invalid("This is a webhook of version 1: make a new one with version 2.0.")
    events = account.settings["events"].get(kind) if isinstance(kind, str) else None
    if not events or not set(events) & _happened(action, fields.get("previous")):
        return []
    number, name, user = meta.get("entity_id"), meta.get("id"), meta.get("user_id")
    if not isinstance(number, str | int) or not isinstance(name, str) or not 0 < len(name) <= 100:
        raise field_invalid("The webhook's meta needs `entity_id` and `id`, as version 2.0 sends them.")
    click = Click(
        connection=account.name,
        object=kind,
        record_id=str(number),
        source=source_of(account),
        user=str(user) if isinstance(user, str | int) and str(user).isdecimal() else None,
        # The id of the event, the same on every attempt; with the record, should a bulk edit share one.
        delivery=storable(f"{kind} {number} {name}"),
        clicked_at=_moment(meta.get("timestamp")),
        raw=raw_of({word: meta.get(word) for word in _TOLD}),
    )
    return [_checked(click)]


def _happened(action: Any, previous: Any) -> set[str]:
    """`create`, or the names of the fields a change touched; nothing for a deletion."""
    if action == "create":
        return {CREATED}
    if action != "change" or not isinstance(previous, dict):
        return set()
    custom = previous.get("custom_fields")
    return {*previous, *(custom if isinstance(custom, dict) else ())}


def _checked(click: Click) -> Click:
    if if_there(path_of, click.object, click.record_id) is None:
        raise field_invalid(
            f"The click must name a Pipedrive record: {', '.join(RECORDS)}, and its number"
            " (of a lead, its UUID)."
        )
    return click


def _same_person(hook: Hook) -> None:
    """BadRequest (401) unless the token was given to the person and company that the query names."""
    for name in ("userId", "companyId"):
        if not hook.fields.get(name) or _claimed(hook, name) != hook.fields[name]:
            raise BadRequest(
                "signature_invalid",
                f"The request's token does not vouch for its {name}: a press is taken only with `auth: jwt`,"
                " from the person the token was made for.",
                status=401,
            )


def _claimed(hook: Hook, name: str) -> str | None:
    value = hook.claims.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _press_id(hook: Hook) -> str | None:
    """The id our own modal was given when it opened; None from a modal that has no such field."""
    if not hook.body.strip():
        return None
    given = fields_of(hook).get(PRESS)
    if not isinstance(given, str) or not _PRESS_ID.fullmatch(given):
        return None
    return f"press {hook.fields['resource']} {hook.fields['selectedIds']} {given}"


def _moment(value: Any) -> datetime | None:
    """Seconds since 1970 or ISO 8601, as both are documented; None for anything else."""
    try:
        if isinstance(value, int | float) or str(value).isdecimal():
            return datetime.fromtimestamp(float(value), UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def _json(value: Any) -> Wire:
    return Wire(200, "application/json", json.dumps(value).encode())
