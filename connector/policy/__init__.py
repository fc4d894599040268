"""May this plan ring now? Every guard's answer, for the dry run; the first objection, for the gate."""

from __future__ import annotations

from connector.model import Source
from connector.policy.ask import Action, Ask, Guard, Ledger, Objection, Verdict
from connector.policy.guards import GUARDS
from connector.policy.hours import PRESETS, QuietHours
from connector.policy.pace import has_waited, room, turn_comes, wait_ends
from connector.policy.schema import PolicySchema
from connector.policy.settings import Caps, MemberBusy, Policy, Purpose

__all__ = [
    "GUARDS",
    "OVERRIDABLE",
    "PRESETS",
    "Action",
    "Ask",
    "Caps",
    "Ledger",
    "MemberBusy",
    "Policy",
    "PolicySchema",
    "Purpose",
    "QuietHours",
    "Verdict",
    "decide",
    "has_waited",
    "room",
    "turn_comes",
    "verdicts",
    "wait_ends",
]

#: Guards a person may overrule by asking again with the code; no rule may, and nothing else can be.
OVERRIDABLE = frozenset({"quiet_hours", "called_recently"})


def verdicts(policy: Policy, ask: Ask, ledger: Ledger) -> list[Verdict]:
    """What every guard says of this plan, in order."""
    return [_verdict(code, guard, policy, ask, ledger) for code, guard in GUARDS]


def decide(policy: Policy, ask: Ask, ledger: Ledger) -> Verdict | None:
    """The first objection, or None when the plan may ring now; asks no guard behind it."""
    for code, guard in GUARDS:
        verdict = _verdict(code, guard, policy, ask, ledger)
        if not verdict.ok:
            return verdict
    return None


def _verdict(code: str, guard: Guard, policy: Policy, ask: Ask, ledger: Ledger) -> Verdict:
    said = guard(policy, ask, ledger)
    if not isinstance(said, Objection):
        return Verdict(code, ok=True, sentence=said or "")
    overridable = code in OVERRIDABLE and ask.source is Source.BUTTON
    if overridable and code in ask.overrides:
        return Verdict(
            code, ok=True, sentence=f"Overridden by {ask.user or 'the person who asked'}. {said.sentence}"
        )
    return Verdict(
        code, False, said.sentence, said.action, said.until, overridable, said.may_expire, said.in_line
    )
