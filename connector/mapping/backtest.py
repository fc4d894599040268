"""What an edited mapping would have changed for past calls: both files, the same record snapshots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector import redact
from connector.errors import Refused
from connector.mapping.mapping import Mapping
from connector.mapping.paths import MISSING, Path, as_text
from connector.model import Call, CallPlan, Record


class Kind(StrEnum):
    """What a difference is about."""

    NEEDS_READ = "needs_read"
    REFUSED_NOW = "refused_now"
    RUNG_NOW = "rung_now"
    REFUSED_OTHERWISE = "refused_otherwise"
    CHANGED = "changed"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would have been otherwise for one past call; numbers masked."""

    call_id: str
    object: str
    record_id: str
    kind: Kind
    #: `customer`, `member`, `deskphone`, `call_limit`…, a refusal's code, an activity field, a path to read.
    what: str
    old: str
    new: str


#: refusal code or changed word -> how the summary says it
_SAID: dict[str, str] = {
    "customer_number_missing": "would now have no customer number",
    "customer_number_unusable": "would now have no usable customer number",
    "member_number_missing": "would now have no member number",
    "member_number_unusable": "would now have no usable member number",
    "deskphone_missing": "would now have no deskphone",
    "refused_by_rule": "would now be refused by a rule",
    "unknown_object": "would now be of an unknown object",
    "customer": "would now ring another customer number",
    "member": "would now ring another member number",
    "deskphone": "would now use another deskphone",
    "call_limit": "would now have another CallLimit",
}
_PLAN_WORDS = ("customer", "member", "deskphone", "call_limit", "campid", "form_deskphone")


def compare(old: Mapping, new: Mapping, calls: Iterable[Call], **plan_args: Any) -> list[Difference]:
    """Each difference `new` makes to past calls; `plan_args` are those of `Mapping.plan`.

    Nothing is claimed about a field that was not read at the time: that is a `needs_read` difference, and
    the part (plan or activity) that hangs on it is not compared. Calls without a snapshot are passed over.
    """
    return [
        difference
        for call in calls
        if call.record is not None
        for difference in _one(old, new, call, call.record, plan_args)
    ]


def summary(differences: Sequence[Difference], calls: int) -> str:
    """One line such as `3 of 200 calls would now have no member number; 1 would now be refused by a rule`."""
    counts: Counter[str] = Counter()
    for said in sorted({(one.call_id, _said(one)) for one in differences}):
        counts[said[1]] += 1
    if not counts:
        return f"nothing would have changed for {calls} calls"
    parts = [f"{count} {said}" for said, count in counts.most_common()]
    first, *rest = parts
    number, _, said_first = first.partition(" ")
    return "; ".join([f"{number} of {calls} calls {said_first}", *rest])


def _one(
    old: Mapping, new: Mapping, call: Call, record: Record, plan_args: dict[str, Any]
) -> Iterator[Difference]:
    def difference(kind: Kind, what: str, before: Any = "", after: Any = "") -> Difference:
        click = call.click
        return Difference(call.id, click.object, click.record_id, kind, what, _shown(before), _shown(after))

    name = call.click.object
    rules = new.objects.get(name)
    unread_for_plan = _unread(old, name, record, rules.plan_paths()) if rules else []
    unread_for_activity = _unread(old, name, record, rules.activity_paths()) if rules else []
    for path in dict.fromkeys([*unread_for_plan, *unread_for_activity]):
        yield difference(Kind.NEEDS_READ, path)
    if not unread_for_plan:
        yield from _plans(
            _plan(old, call, record, plan_args), _plan(new, call, record, plan_args), difference
        )
    if rules and name in old.objects and not unread_for_activity:
        before, after = old.activity(call).fields, new.activity(call).fields
        for field in dict.fromkeys([*before, *after]):
            if before.get(field) != after.get(field):
                yield difference(Kind.ACTIVITY, field, before.get(field), after.get(field))


def _plans(old: CallPlan | Refused, new: CallPlan | Refused, difference: Any) -> Iterator[Difference]:
    if isinstance(old, CallPlan) and isinstance(new, CallPlan):
        for word in _PLAN_WORDS:
            before, after = getattr(old, word), getattr(new, word)
            if before != after:
                numbers = word not in ("call_limit", "campid")
                yield difference(
                    Kind.CHANGED, word, *(map(redact.mask, (before, after)) if numbers else (before, after))
                )
    elif isinstance(new, Refused) and isinstance(old, CallPlan):
        yield difference(Kind.REFUSED_NOW, new.code, "", new.message)
    elif isinstance(old, Refused) and isinstance(new, CallPlan):
        yield difference(Kind.RUNG_NOW, old.code, old.message, "")
    elif isinstance(old, Refused) and isinstance(new, Refused) and old.code != new.code:
        yield difference(Kind.REFUSED_OTHERWISE, new.code, old.message, new.message)


def _plan(mapping: Mapping, call: Call, record: Record, plan_args: dict[str, Any]) -> CallPlan | Refused:
    try:
        return mapping.plan(call.click.object, record, call.click, **plan_args)
    except Refused as refusal:
        return refusal


def _unread(old: Mapping, name: str, record: Record, paths: Iterable[Path]) -> list[str]:
    """The paths of which the snapshot holds nothing, not even that they were empty."""
    roots = {"record": record.record, "owner": record.owner, "user": record.user}
    known = old.wanted(name) if name in old.objects else None
    unread = []
    for path in paths:
        if path.root not in roots or path.read(roots) is not MISSING:
            continue
        # The old mapping asked for this person and there was none: that is known, not unread.
        nobody = path.root != "record" and not roots[path.root] and known and getattr(known, path.root)
        if not nobody:
            unread.append(path.text)
    return unread


def _said(difference: Difference) -> str:
    if difference.kind is Kind.NEEDS_READ:
        return f"cannot be told without reading {difference.what}"
    if difference.kind is Kind.RUNG_NOW:
        return "would now be rung, and were refused"
    if difference.kind is Kind.ACTIVITY:
        return f"would now show another {difference.what}"
    return _SAID.get(difference.what, f"would now have another {difference.what}")


def _shown(value: Any) -> str:
    return redact.scrub(as_text(value))[:200]
