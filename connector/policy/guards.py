"""The guards: each a small question about one plan, with its own code and sentence.

Those that count calls are in `caps`. Guards that may defer stand as late as they can, so that a call which
waits is not refused afterwards for what was known before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connector import phone
from connector.model import Source
from connector.policy import caps
from connector.policy.ask import Ask, Guard, Ledger, Objection
from connector.policy.hours import zone_of
from connector.policy.settings import MemberBusy, Policy, Purpose
from connector.redact import mask

#: How soon a call that waits for a free member is looked at again.
LOOK_AGAIN = timedelta(seconds=5)
#: No call lasts this long: a member "busy" since then has a report that never came.
LONGEST_CALL = timedelta(hours=4)


def _paused(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    if not ledger.paused():
        return None
    return Objection(
        f"Calling is paused, so {ask.record} was not rung: ask again when an operator resumes it."
    )


def _workflow_dialling_off(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | str | None:
    if ask.source is not Source.RULE:
        return None
    if policy.workflow_dialling:
        return f"Rules may ring: {policy.workflow_dialling}"
    return Objection(
        f"A rule asked to ring {ask.record}, but rules ring nobody here: press the call button, "
        "or let an admin set `workflow_dialling` in the policy."
    )


def _country_not_allowed(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    for who, number in _parties(ask):
        if number.country not in policy.countries:
            return Objection(
                f"The {who}'s number {mask(number.e164)} is in {number.country}, and only calls within "
                f"{', '.join(sorted(policy.countries))} are allowed: correct the number at {ask.record}."
            )
    return None


def _number_type_not_allowed(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    for who, number in _parties(ask):
        if number.kind not in policy.number_types:
            return Objection(
                f"The {who}'s number {mask(number.e164)} is of the kind {number.kind}, which is not rung: "
                f"enter a mobile or landline number at {ask.record}."
            )
    return None


def _number_blocked(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    for who, number in _parties(ask):
        if number.e164 in policy.block:
            return Objection(
                f"The {who}'s number {mask(number.e164)} at {ask.record} is blocked: it is never rung."
            )
    return None


def _same_number(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    if not phone.same(ask.plan.customer, ask.plan.member):
        return None
    return Objection(
        f"Customer and member are the same number {mask(ask.plan.member)}: correct one at {ask.record}."
    )


def _member_not_active(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    if ask.member_active is not False:
        return None
    return Objection(
        f"The member {mask(ask.plan.member)} is not active in the CallerDesk panel, "
        f"so {ask.record} was not rung: set the member active and Ready there, then ask again."
    )


def _number_series(policy: Policy, ask: Ask, ledger: Ledger) -> str | None:
    """Numbers that begin 140 are for promotion, others not (TCCCPR 2018 and TRAI directions): a warning."""
    series = ask.plan.deskphone.lstrip("+").removeprefix("91").lstrip("0")[:3]
    if (series == "140") == (policy.purpose is Purpose.PROMOTIONAL):
        return None
    return (
        f"These are {policy.purpose} calls, but the deskphone {mask(ask.plan.deskphone)} is "
        f"{'' if series == '140' else 'not '}of the 140 series for promotional calls."
    )


def _quiet_hours(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    hours, zone = policy.quiet_hours, zone_of(ask.plan.customer, policy.timezone)
    if hours is None or not hours.holds(ask.now, zone):
        return None
    over = hours.over_at(ask.now, zone)
    clock = f"It is {_clock(ask.now, zone)} for {ask.record} ({zone}), and between {hours} nobody is rung"
    if ask.source is Source.RULE:
        return Objection(f"{clock}: this call waits until {_clock(over, zone)}.", over, may_expire=False)
    return Objection(
        f"{clock}: ask again after {_clock(over, zone)}, or override if the customer expects it."
    )


def _called_recently(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    last = ledger.last_dialled(ask.plan.customer) if policy.recall_gap else None
    if last is None or ask.now - last >= timedelta(seconds=policy.recall_gap):
        return None
    ago = max(0, int((ask.now - last).total_seconds()))
    return Objection(
        f"{ask.record} was rung {ago} seconds ago: "
        f"wait until {policy.recall_gap} seconds have passed, or override."
    )


def _member_busy(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | str | None:
    if policy.member_busy is MemberBusy.IGNORE:
        return None
    by_rule = ask.source is Source.RULE
    since = ledger.member_busy_since(ask.plan.member)
    if since is None:
        if not by_rule or not ledger.person_waits_for(ask.plan.member):
            return None
        first = f"A person's own call for the member {mask(ask.plan.member)} goes first"
        return _behind(ask, f"{first}: {ask.record} is rung after it.")
    clock = _clock(since, policy.timezone)
    busy = f"The member {mask(ask.plan.member)} has been in a call since {clock}"
    if ask.now - since >= LONGEST_CALL:
        return f"{busy}, it seems; its report never came, so it is taken to be over."
    if policy.member_busy is MemberBusy.REFUSE:
        return Objection(f"{busy}, so {ask.record} was not rung: ask again when it has ended.")
    said = f"{busy}: {ask.record} is rung as soon as it ends."
    return _behind(ask, said) if by_rule else Objection(said, _utc(ask.now + LOOK_AGAIN))


def _behind(ask: Ask, said: str) -> Objection:
    return Objection(said, _utc(ask.now + LOOK_AGAIN), may_expire=False, in_line=True)


#: Every guard in the order asked, with the stable code of its objection.
GUARDS: tuple[tuple[str, Guard], ...] = (
    ("paused", _paused),
    ("workflow_dialling_off", _workflow_dialling_off),
    ("country_not_allowed", _country_not_allowed),
    ("number_type_not_allowed", _number_type_not_allowed),
    ("number_blocked", _number_blocked),
    ("same_number", _same_number),
    ("member_not_active", _member_not_active),
    ("number_series", _number_series),
    ("quiet_hours", _quiet_hours),
    ("called_recently", _called_recently),
    ("cap_member_per_day", caps.member_per_day),
    ("cap_customer_per_day", caps.customer_per_day),
    ("cap_connection_per_day", caps.connection_per_day),
    ("daily_coins", caps.daily_coins),
    ("cap_connection_per_minute", caps.connection_per_minute),
    ("cap_rule_per_minute", caps.rule_per_minute),
    ("cap_channels", caps.channels),
    ("member_busy", _member_busy),
)


def _parties(ask: Ask) -> tuple[tuple[str, phone.Number], ...]:
    return (("customer", ask.customer), ("member", ask.member))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
