"""The manifest's `policy:` section: a frozen `Policy`, and the schema that checks and makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from connector import phone
from connector.errors import Refused
from connector.policy.hours import PRESETS, QuietHours

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
#: A word such as "yes" is no statement why these people expect the call.
_SHORTEST_STATEMENT = 10


class MemberBusy(StrEnum):
    """What to do while the member is in another call of ours."""

    DEFER = "defer"
    REFUSE = "refuse"
    IGNORE = "ignore"


class Purpose(StrEnum):
    """What the calls are for, in the words of the Indian numbering rules (TCCCPR 2018)."""

    SERVICE = "service"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class Caps:
    """How many calls at most; None is no cap. Days and minutes are those of the policy's own clock."""

    member_per_day: int | None = None
    customer_per_day: int | None = None
    connection_per_day: int | None = None
    connection_per_minute: int | None = None
    rule_per_minute: int | None = None
    #: Calls standing at the same time.
    channels: int | None = None


_NIGHT = QuietHours(time(21), time(9))
_INDIA = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True, slots=True)
class Policy:
    """What may ring, checked. Durations are seconds; make one with `PolicySchema().load(section)`."""

    #: ISO 3166 codes of the countries both parties may be in.
    countries: frozenset[str] = frozenset({"IN"})
    #: Words of `phone.KINDS`.
    number_types: frozenset[str] = frozenset({"mobile", "fixed_line", "fixed_line_or_mobile"})
    #: Numbers never rung, E.164.
    block: frozenset[str] = field(default=frozenset(), repr=False)
    expire_after: int = 60
    quiet_hours: QuietHours | None = _NIGHT
    timezone: ZoneInfo = _INDIA
    member_busy: MemberBusy = MemberBusy.DEFER
    #: Why people expect calls that no human pressed for; None: rules ring nobody.
    workflow_dialling: str | None = None
    #: The same customer is not rung again within this many seconds, unless a person insists.
    recall_gap: int = 30
    #: A second click for the same record within this many seconds is the first one again.
    repeat_window: int = 10
    caps: Caps = Caps()
    #: CallerDesk coins that may be spent a day.
    daily_coins: Decimal | None = None
    #: CallLimit for plans that name none.
    call_limit: int | None = None
    purpose: Purpose = Purpose.SERVICE


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


def _known_zone(name: str) -> bool:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone: write one like Asia/Kolkata.")
    return True


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
    """`caps:`; each at least 1, an absent one is no cap."""

    member_per_day = _whole(1, 100_000)
    customer_per_day = _whole(1, 100_000)
    connection_per_day = _whole(1, 1_000_000)
    connection_per_minute = _whole(1, 10_000)
    rule_per_minute = _whole(1, 10_000)
    channels = _whole(1, 10_000)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> Caps:
        return Caps(**data)


class PolicySchema(_Strict):
    """`policy:`; `load()` gives a `Policy`, unknown keys are errors, an absent key has `Policy`'s default."""

    countries = fields.List(fields.String(validate=_COUNTRY), validate=validate.Length(min=1))
    number_types = fields.List(fields.String(validate=_KIND), validate=validate.Length(min=1))
    block = fields.List(_PhoneNumber())
    expire_after = _whole(1, 300)
    quiet_hours = _Hours()
    timezone = fields.String(validate=_known_zone)
    member_busy = fields.Enum(MemberBusy, by_value=True)
    workflow_dialling = _Statement(allow_none=True)
    recall_gap = _whole(0, 86_400)
    repeat_window = _whole(0, 3_600)
    caps = fields.Nested(CapsSchema)
    daily_coins = fields.Decimal(allow_nan=False, validate=validate.Range(0, min_inclusive=False))
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
