"""How fast rules may call, and how long one of their calls may wait for it.

The guards, the line and the forecast all ask here, so that they cannot disagree.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.model import Call, Source
from connector.policy.ask import Ledger
from connector.policy.hours import zone_of
from connector.policy.settings import Policy

#: One for each leg.
CHANNELS_A_CALL = 2
MINUTE = timedelta(minutes=1)
#: Seconds: no click lives longer (`expire_after`), and every wait may be longer (`deferred_for_at_most`).
LONGEST_CLICK = 300


def wait_ends(policy: Policy, customer: str | None, accepted_at: datetime) -> datetime:
    """The moment from which a rule's call that waits rings nobody any more.

    So long after the first moment it might have rung: when it came, or at the end of the customer's quiet
    hours it came in. Without the customer's number (E.164) those are not known yet.
    """
    first, hours = accepted_at, policy.quiet_hours
    if customer is not None and hours is not None:
        zone = zone_of(customer, policy.timezone)
        if hours.holds(accepted_at, zone):
            first = hours.over_at(accepted_at, zone)
    return first + timedelta(seconds=policy.deferred_for_at_most)


def has_waited(call: Call) -> bool:
    """Whether policy has held this call back: then its life is that of the wait, not the click's."""
    return call.expires_at - call.accepted_at > timedelta(seconds=LONGEST_CLICK)


def for_rules(policy: Policy, cap: int) -> int:
    """What rules may use of a cap that people use, too: one at least, whatever is kept for people."""
    kept = -(-cap * policy.kept_for_people // 100)
    return max(1, cap - kept)


def channels_for(policy: Policy, cap: int, source: Source) -> int:
    """How many of the channels calls from this source may take in all; kept are whole calls."""
    if source is not Source.RULE:
        return cap
    return CHANNELS_A_CALL * for_rules(policy, cap // CHANNELS_A_CALL)


def minute_of(moment: datetime) -> datetime:
    """The beginning of the full minute, in UTC."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def room(policy: Policy, connection: str, ledger: Ledger, now: datetime) -> int | None:
    """How many calls the rules of a connection may begin now; None where no cap says."""
    left = [may - made for may, made in _minute_caps(policy, connection, ledger, now)]
    if policy.caps.channels is not None:
        left.append(_free_calls(policy, policy.caps.channels, ledger))
    return max(0, min(left)) if left else None


def turn_comes(
    policy: Policy,
    connection: str,
    ledger: Ledger | None,
    now: datetime,
    ahead: int,
    call_takes: timedelta | None,
) -> datetime | None:
    """The earliest moment at which the caps let a rule's call ring that has `ahead` others before it.

    Without a ledger as if nothing had been dialled yet, without `call_takes` by the caps per minute only.
    None where no cap says.
    """
    turns = []
    for may, made in _minute_caps(policy, connection, ledger, now):
        left = max(0, may - made)
        minutes = (ahead - left) // may
        turns.append(now if ahead < left else minute_of(now) + MINUTE * (1 + minutes))
    cap = policy.caps.channels
    if cap is not None and call_takes is not None:
        at_once = channels_for(policy, cap, Source.RULE) // CHANNELS_A_CALL
        free = at_once if ledger is None else max(0, _free_calls(policy, cap, ledger))
        turns.append(now + call_takes * max(0.0, (ahead - free + 1) / at_once))
    return max(turns, default=None)


def _minute_caps(
    policy: Policy, connection: str, ledger: Ledger | None, now: datetime
) -> list[tuple[int, int]]:
    """For each cap per minute: how many calls rules may make of it, and how many it has seen this minute."""
    found, since = [], minute_of(now)
    if (cap := policy.caps.connection_per_minute) is not None:
        made = ledger.dialled_since(since, connection=connection) if ledger else 0
        found.append((for_rules(policy, cap), made))
    if (cap := policy.caps.rule_per_minute) is not None:
        made = ledger.dialled_since(since, connection=connection, source=Source.RULE) if ledger else 0
        found.append((cap, made))
    return found


def _free_calls(policy: Policy, cap: int, ledger: Ledger) -> int:
    free = channels_for(policy, cap, Source.RULE) - ledger.channels_in_use()
    return free // CHANNELS_A_CALL
