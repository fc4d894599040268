"""Checks the manifest's `policy:` section and makes a `Policy` of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from connector import phone
from connector.errors import Refused
from connector.policy.hours import PRESETS, QuietHours
from connector.policy.pace import LONGEST_CLICK
from connector.policy.settings import Caps, MemberBusy, Policy, Purpose

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
#: A word such as "yes" is no statement why these people expect the call.
_SHORTEST_STATEMENT = 10


class _Hours(fields.Field[QuietHours | None]):
    """`off`, a preset's name, or {from: "21:00", to: "09:00"}."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> QuietHours | None:
        # YAML 1.1 reads a bare `off` as false.
        if value is False or value == "off":
            return None
        if isinstance(value, str) and value in PRESETS:
            return PRESETS[value]
        if not isinstance(value, Mapping) or set(value) != {"from", "to"}:
            presets = ", ".join(PRESETS)
            raise ValidationError(f'Write {{from: "21:00", to: "09:00"}}, off, or a preset: {presets}.')
        start, end = _clock(value["from"]), _clock(value["to"])
        if start == end:
            raise ValidationError("`from` and `to` are the same time: write off for no quiet hours.")
        return QuietHours(start, end)


def _clock(value: Any) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found:
        return time(int(found[1]), int(found[2]))
    # YAML 1.1 reads a bare 21:00 as sixties: 1260.
    if isinstance(value, int) and 60 <= value < 24 * 60:
        raise ValidationError(f'Put the time in quotes: "{value // 60:02}:{value % 60:02}".')
    raise ValidationError('A time is written in quotes, with 24 hours: "09:00" or "21:30".')


class _PhoneNumber(fields.Field[str]):
    """A number in any spelling, kept as E.164."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        try:
            return phone.read(value).e164
        except Refused as refused:
            raise ValidationError(refused.message) from None


class _Statement(fields.String):
    """Why people expect these calls; `off` (false in YAML) is the same as no statement."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if value is False or value == "off":
            return None
        text = value.strip() if isinstance(value, str) else ""
        if len(text) < _SHORTEST_STATEMENT:
            raise ValidationError(
                "Write a sentence: why these people expect a call that nobody pressed for. Or leave it out."
            )
        return text


def _known_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone: write one like Asia/Kolkata.")


def _above_nought(coins: Decimal) -> None:
    if coins <= 0:
        raise ValidationError("Must be more than 0; leave it out for no limit, or pause calling.")


#: What an editor is told of `quiet_hours`; `off` unquoted is false.
_HOURS_IN_JSON_SCHEMA = [
    {"enum": [False, "off", *PRESETS]},
    {
        "type": "object",
        "properties": {
            name: {"type": "string", "pattern": f"^({_CLOCK.pattern})$"} for name in ("from", "to")
        },
        "required": ["from", "to"],
        "additionalProperties": False,
    },
]

_COUNTRY = validate.OneOf(
    sorted(phone.COUNTRIES), error="{input!r} is no country: write two capital letters like IN."
)
_KIND = validate.OneOf(
    sorted(set(phone.KINDS.values()) - {"unknown"}), error="{input!r} is none of: {choices}."
)


def _whole(low: int, high: int, **kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(low, high), **kwargs)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class CapsSchema(_Strict):
    """`caps:`; each at least 1 (channels 2), an absent one is no cap."""

    member_per_day = _whole(1, 100_000)
    customer_per_day = _whole(1, 100_000)
    connection_per_day = _whole(1, 1_000_000)
    connection_per_minute = _whole(1, 10_000)
    rule_per_minute = _whole(1, 10_000)
    channels = _whole(2, 10_000)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> Caps:
        return Caps(**data)


class PolicySchema(_Strict):
    """`policy:`; `load()` gives a `Policy`, unknown keys are errors, an absent key has `Policy`'s default."""

    countries = fields.List(fields.String(validate=_COUNTRY), validate=validate.Length(min=1))
    number_types = fields.List(fields.String(validate=_KIND), validate=validate.Length(min=1))
    block = fields.List(_PhoneNumber(metadata={"type": ["string", "integer"]}))
    expire_after = _whole(1, LONGEST_CLICK)
    deferred_for_at_most = _whole(600, 604_800)
    quiet_hours = _Hours(metadata={"anyOf": _HOURS_IN_JSON_SCHEMA})
    timezone = fields.String(validate=_known_zone)
    member_busy = fields.Enum(MemberBusy, by_value=True)
    workflow_dialling = _Statement(allow_none=True, metadata={"type": ["string", "boolean", "null"]})
    recall_gap = _whole(0, 86_400)
    repeat_window = _whole(0, 3_600)
    caps = fields.Nested(CapsSchema)
    kept_for_people = _whole(0, 90)
    daily_coins = fields.Decimal(validate=_above_nought, metadata={"exclusiveMinimum": 0})
    call_limit = _whole(1, 86_400, allow_none=True)
    purpose = fields.Enum(Purpose, by_value=True)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> Policy:
        for name in ("countries", "number_types", "block"):
            if name in data:
                data[name] = frozenset(data[name])
        if "timezone" in data:
            data["timezone"] = ZoneInfo(data["timezone"])
        return Policy(**data)
