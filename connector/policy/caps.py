"""The guards that count: calls a day, calls a minute, channels, coins.

Days and minutes are those of the clock (midnight in the policy's time zone, the full minute), so that a
sentence can say when calling goes on. Two full minutes' worth may thus fall around one full minute.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from connector.model import Source
from connector.policy import pace
from connector.policy.ask import Ask, Ledger, Objection
from connector.policy.settings import Policy
from connector.redact import mask

#: How soon a call that waits for a free channel is looked at again.
LOOK_AGAIN = timedelta(seconds=5)


def member_per_day(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.member_per_day
    if cap is None or ledger.dialled_since(_midnight(policy, ask), member=ask.plan.member) < cap:
        return None
    return Objection(
        f"The member {mask(ask.plan.member)} has had {_calls(cap)} today, the most allowed, "
        f"so {ask.record} was not rung: ask again tomorrow."
    )


def customer_per_day(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.customer_per_day
    if cap is None or ledger.dialled_since(_midnight(policy, ask), customer=ask.plan.customer) < cap:
        return None
    return Objection(f"{ask.record} has been rung {_times(cap)} today, the most allowed: ask again tomorrow.")


def connection_per_day(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.connection_per_day
    if cap is None or ledger.dialled_since(_midnight(policy, ask), connection=ask.connection) < cap:
        return None
    return Objection(
        f"{ask.connection} has made {_calls(cap)} today, the most allowed, so {ask.record} was not rung: "
        "ask again tomorrow, or let an admin raise the cap `connection_per_day`."
    )


def daily_coins(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    if policy.daily_coins is None or ledger.coins_since(_midnight(policy, ask)) < policy.daily_coins:
        return None
    return Objection(
        f"Today's {policy.daily_coins} CallerDesk coins are spent, so {ask.record} was not rung: "
        "ask again tomorrow, or let an admin raise `daily_coins`."
    )


def connection_per_minute(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.connection_per_minute
    if cap is None:
        return None
    made = ledger.dialled_since(pace.minute_of(ask.now), connection=ask.connection)
    if made < (pace.for_rules(policy, cap) if ask.source is Source.RULE else cap):
        return None
    most = "the most allowed" if made >= cap else "and the rest is kept for people"
    return _pace(ask, f"{ask.connection} has made {_calls(made)} this minute, {most}")


def rule_per_minute(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.rule_per_minute
    if cap is None or ask.source is not Source.RULE:
        return None
    if ledger.dialled_since(pace.minute_of(ask.now), connection=ask.connection, source=Source.RULE) < cap:
        return None
    return _pace(ask, f"Rules of {ask.connection} have made {_calls(cap)} this minute, the most allowed")


def channels(policy: Policy, ask: Ask, ledger: Ledger) -> Objection | None:
    cap = policy.caps.channels
    if cap is None:
        return None
    taken = ledger.channels_in_use()
    if taken + pace.CHANNELS_A_CALL <= pace.channels_for(policy, cap, ask.source):
        return None
    most = "" if taken + pace.CHANNELS_A_CALL > cap else ", and the rest is kept for people"
    return _pace(
        ask, f"Of {cap} channels {taken} are in use, and a call takes two{most}", ask.now + LOOK_AGAIN
    )


def _pace(ask: Ask, why: str, until: datetime | None = None) -> Objection:
    """A rule waits its turn; a person is told at once."""
    if ask.source is Source.RULE:
        until = _utc(until or pace.minute_of(ask.now) + pace.MINUTE)
        return Objection(f"{why}: {ask.record} waits its turn.", until, may_expire=False, in_line=True)
    return Objection(f"{why}, so {ask.record} was not rung: ask again in a minute.")


def _midnight(policy: Policy, ask: Ask) -> datetime:
    today = ask.now.astimezone(policy.timezone).date()
    return _utc(datetime.combine(today, time(0), tzinfo=policy.timezone))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
