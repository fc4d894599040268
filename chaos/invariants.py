"""What must hold when the dust has settled: asked of CallerDesk, the CRM and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chaos.callerdesk import CallerDesk
from chaos.clicks import Click
from chaos.crm import Crm
from connector.journal import Journal
from connector.journal.states import LEGAL
from connector.model import Call, Event, State

#: Where a call may stand at the end; `placed` and `unknown` only while CallerDesk has not told.
SETTLED = frozenset(
    {
        State.PLACED,
        State.UNKNOWN,
        State.ENDED,
        State.ABANDONED,
        State.REFUSED,
        State.EXPIRED,
        State.FAILED,
    }
)
#: Nobody was rung and nothing is on the timeline: the sender was told, or the row says why.
UNWRITTEN = frozenset({State.EXPIRED, State.FAILED})
#: What the activity shows.
PHASE = {
    State.PLACED: "placed",
    State.UNKNOWN: "unknown",
    State.ENDED: "ended",
    State.ABANDONED: "ended",
    State.REFUSED: "refused",
}


def all_calls(journal: Journal) -> list[Call]:
    """Every row."""
    return journal.latest(1_000_000)


def is_settled(call: Call) -> bool:
    """Whether nothing more will happen to it soon."""
    return call.state in SETTLED and call.wanted <= call.written


class Inquest:
    """Everything that is wrong with a run, call by call."""

    def __init__(self, journal: Journal, clicks: Sequence[Click], desk: CallerDesk, crm: Crm) -> None:
        self.clicks, self.desk = clicks, desk
        self.calls = {call.id: call for call in all_calls(journal)}
        self.stories = {call_id: journal.story(call_id) for call_id in self.calls}
        self.activities: dict[str, list[dict[str, Any]]] = {}
        for each in crm.activities:
            self.activities.setdefault(each["key"], []).append(each)
        self.by_contact: dict[str, list[Call]] = {}
        for call in self.calls.values():
            self.by_contact.setdefault(call.click.record_id, []).append(call)
        #: What is wrong, by the name of what should hold.
        self.wrong: dict[str, list[str]] = {
            name: [] for name in ("rung_twice", "lost", "doubled", "illegal", "untrue", "unsettled")
        }
        for click in clicks:
            self._look_at(click)
        for call in self.calls.values():
            self._follow(call)

    @property
    def fine(self) -> bool:
        """Whether everything holds."""
        return not any(self.wrong.values())

    def _look_at(self, click: Click) -> None:
        rung = self.desk.rung[click.customer]
        calls = self.by_contact.get(click.contact, [])
        if rung > 1:
            self._is_wrong("rung_twice", click, f"CallerDesk was asked {rung} times to ring {click.contact}")
        if not click.accepted <= set(self.calls):
            self._is_wrong("lost", click, "it was accepted, and there is no row")
        if not click.calls:
            self._is_wrong("lost", click, "it was never answered")
        dialled = [call for call in calls if call.state in (State.PLACED, State.ENDED)]
        if len(dialled) > rung:
            self._is_wrong("untrue", click, f"{len(dialled)} calls are said to be placed, {rung} were")
        untouched = all(call.state in UNWRITTEN for call in calls)
        if untouched and rung:
            self._is_wrong("untrue", click, "nobody is said to have been rung, yet CallerDesk was asked")
        if click.customer in self.desk.acknowledged and not any(each.state is State.ENDED for each in calls):
            self._is_wrong("lost", click, "CallerDesk's report was taken, and the call has not ended")

    def _follow(self, call: Call) -> None:
        found = self.activities.get(call.id, [])
        if not is_settled(call):
            self._call_is_wrong("unsettled", call, f"it stands as {call.state}")
        if call.state in UNWRITTEN:
            if found or not call.code or not call.message:
                self._call_is_wrong("untrue", call, "it came to nothing without saying so")
        elif not found:
            self._call_is_wrong("lost", call, "there is no activity")
        elif found[-1]["status"] != PHASE.get(call.state):
            self._call_is_wrong("untrue", call, f"its activity says {found[-1]['status']}")
        if len(found) > 1:
            self._call_is_wrong("doubled", call, f"there are {len(found)} activities")
        if any(each["contact_id"] != call.click.record_id for each in found):
            self._call_is_wrong("untrue", call, "its activity is on another record")
        if fault := unlawful(self.stories[call.id], call.state):
            self._call_is_wrong("illegal", call, fault)

    def _is_wrong(self, name: str, click: Click, what: str) -> None:
        told = [f"{what}: {click.kind.value}, {click.conduct}, {click.unanswered} requests unanswered"]
        told += [f"  answered {each.status} {each.body}" for each in click.answers]
        told += [self._story(call) for call in self.by_contact.get(click.contact, [])]
        self.wrong[name].append("\n".join(told))

    def _call_is_wrong(self, name: str, call: Call, what: str) -> None:
        click = self.clicks[int(call.click.record_id[1:])]
        self._is_wrong(name, click, f"{what} (call {call.id})")

    def _story(self, call: Call) -> str:
        lines = [
            f"  call {call.id}: {call.state} {call.code or ''} wanted {call.wanted} written {call.written} "
            f"campid {call.campid} owner {call.owner} due {call.due_at} write due {call.write_due_at} "
            f"{call.write_error or ''}"
        ]
        lines += [
            f"    {event.at:%H:%M:%S.%f} {event.from_state or '-'} -> {event.to_state} "
            f"{event.who}: {event.detail}"
            for event in self.stories[call.id]
        ]
        lines += [f"    activity {each['id']}: {each['status']}" for each in self.activities.get(call.id, [])]
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """The run in numbers."""
        doubtful = [
            call_id
            for call_id, story in self.stories.items()
            if any(event.to_state is State.UNKNOWN for event in story)
        ]
        left = [call_id for call_id in doubtful if self.calls[call_id].state is State.UNKNOWN]
        return {
            "clicks": len(self.clicks),
            "accepted": len({call for click in self.clicks for call in click.accepted}),
            "requests_unanswered": sum(click.unanswered for click in self.clicks),
            "repeats": sum(bool(each.body.get("repeat")) for click in self.clicks for each in click.answers),
            "rows": len(self.calls),
            "gets": sum(self.desk.rung.values()),
            "customers_with_more_than_one_get": sum(times > 1 for times in self.desk.rung.values()),
            "activities": sum(map(len, self.activities.values())),
            "unknown": len(doubtful),
            "unknown_resolved": len(doubtful) - len(left),
            "unknown_left_and_said_so": len(left),
            "states": dict(sorted(Counter(call.state.value for call in self.calls.values()).items())),
            **{f"wrong_{name}": len(found) for name, found in self.wrong.items()},
        }


def unlawful(story: Sequence[Event], state: State) -> str | None:
    """What is wrong with a chain of events that has led to this state, or None."""
    before: State | None = None
    dials = 0
    for event in story:
        if event.from_state is not before:
            return f"from {event.from_state} after {before}"
        if before is None and event.to_state is not State.ACCEPTED:
            return f"it begins with {event.to_state}"
        if before is not None and event.to_state not in LEGAL[before]:
            return f"{before} -> {event.to_state}"
        # The way back, of which nothing had been sent.
        dials += (event.to_state is State.DIALLING) - (
            before is State.DIALLING and event.to_state is State.PLANNED
        )
        if dials > 1:
            return "it came to dialling twice"
        before = event.to_state
    return None if before is state else f"the story ends with {before}, the row says {state}"
