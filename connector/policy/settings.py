"""What the manifest's `policy:` section says, as a frozen `Policy`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from connector.policy.hours import QuietHours


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
    #: Channels in use at the same time; a call takes two.
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
    #: A click older than this rings nobody; what policy holds back ages by the next one instead.
    expire_after: int = 60
    #: A rule's call waits its turn no longer than this, from the first moment it might have rung.
    deferred_for_at_most: int = 43_200
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
    #: Percent of `connection_per_minute` and `channels` that rules leave to people.
    kept_for_people: int = 20
    #: CallerDesk coins that may be spent a day.
    daily_coins: Decimal | None = None
    #: CallLimit for plans that name none.
    call_limit: int | None = None
    purpose: Purpose = Purpose.SERVICE
