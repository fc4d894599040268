"""A connector whose clock, CallerDesk and CRM a test holds in its hands.

Journal (SQLite in a file), mapping, policy, flow, timeline, outcomes and dispatcher are the real ones. Only
the two far ends of the line are stand-ins: their own adapters are tested elsewhere on real sockets, and here a
test has to say what happens in the very moment of a request, and whether anybody hears of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connector.callerdesk import LiveCall, Members, Placed, ProviderEvent, ReportRow, event_of
from connector.callerdesk.rows import Member, report_row_in
from connector.connection import Connection
from connector.crms.base import Account, Crm
from connector.dispatcher import Dispatcher
from connector.errors import Gone, NotPlaced, Refused
from connector.flow import Flow
from connector.journal import Journal
from connector.mapping import MappingFile
from connector.model import Activity, Call, Click, Record, Source, State, Wanted
from connector.policy import Policy
from connector.sandbox.stage import MAPPING

INDIA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=INDIA)
MEMBER = "+919876500101"
DESKPHONE = "08060000001"


class Died(BaseException):
    """The process ends right here: nothing after this line of it runs."""


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self, start: datetime = NOON) -> None:
        self.seconds = start.timestamp()

    def __call__(self) -> float:
        return self.seconds

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def advance(self, seconds: float = 0, **units: float) -> None:
        self.seconds += seconds + timedelta(**units).total_seconds()


#: What happens at the next request: an error to raise, or something to do first (its result is the reply).
Happening = BaseException | Callable[[], Any]


def _happen(script: deque[Happening]) -> Any:
    if not script:
        return None
    happening = script.popleft()
    if isinstance(happening, BaseException):
        raise happening
    return happening()


class Desk:
    """CallerDesk: `rung` lists every customer whose phone rang or may have rung, as often as it did."""

    def __init__(self) -> None:
        self.next: deque[Happening] = deque()
        self.rung: list[str] = []
        self.live: list[LiveCall] = []
        self.reports: list[ReportRow] = []
        self.listed: list[Member] = []
        self.asked: deque[Happening] = deque()

    def reverse_c2c(self, customer: str, member: str, deskphone: str, **more: Any) -> Placed:
        self.rung.append(customer)
        try:
            reply = _happen(self.next)
        except (NotPlaced, Refused):
            self.rung.remove(customer)
            raise
        campid = f"4571{len(self.rung):04}"
        return reply or Placed(campid, deskphone, "Call to Customer Initiate Successfully..", {})

    def members(self) -> list[Member]:
        return self.listed

    def live_calls(self) -> list[LiveCall]:
        _happen(self.asked)
        return self.live

    def call_report(self, first: date, last: date) -> list[ReportRow]:
        return self.reports


class Shelf(Crm):
    """A CRM that never folds two creates into one: whatever is doubled stays doubled."""

    name = "rest"

    def __init__(self) -> None:
        super().__init__(Account("shop", {}))
        self.contacts: dict[str, dict[str, Any]] = {}
        self.activities: dict[str, Activity] = {}
        self.reads: deque[Happening] = deque()
        self.writes: deque[Happening] = deque()
        #: Happens after a write was done, so that nobody hears of it.
        self.unheard: deque[Happening] = deque()
        self.found = 0

    def contact(self, record_id: str) -> dict[str, Any]:
        owner = {"phone": MEMBER, "email": "ravi@example.test"}
        fresh = {"name": "Asha", "mobile": number_of(record_id), "phone": None, "do_not_call": False}
        return self.contacts.setdefault(record_id, {**fresh, "owner": owner})

    def read(self, click: Click, wanted: Wanted) -> Record:
        _happen(self.reads)
        contact = self.contact(click.record_id)
        return Record(dict(contact), dict(contact["owner"]))

    def create(self, activity: Activity) -> str:
        _happen(self.writes)
        number = f"a{len(self.activities) + 1}"
        self.activities[number] = activity
        _happen(self.unheard)
        return number

    def update(self, activity: Activity) -> None:
        _happen(self.writes)
        if activity.id not in self.activities:
            raise Gone("record_not_found", "There is no such activity.")
        self.activities[activity.id] = activity
        _happen(self.unheard)

    def find(self, activity: Activity) -> str | None:
        self.found += 1
        return next((key for key, made in self.activities.items() if made.key == activity.key), None)

    def shown(self, call_id: str) -> list[Activity]:
        return [activity for activity in self.activities.values() if activity.key == call_id]


class AtOnce(Dispatcher):
    """The dispatcher without threads: what it would hand to a pool is done before it goes on."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.failures: list[Exception] = []
        self.deaths = 0

    def _submit(self, pool: Any, work: Callable[..., None], *args: Any, **kw: Any) -> None:
        try:
            work(*args, **kw)
        except Died:
            self.deaths += 1
        except Exception as failure:  # noqa: BLE001 - as a pool keeps it
            self.failures.append(failure)


class HouseKit:
    """One process: journal, flow and dispatcher, over a clock and two far ends that others may share."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: Policy | None = None,
        like: HouseKit | None = None,
        worker: str = "w1",
        crm: Crm | None = None,
        mapping: Path = MAPPING,
    ) -> None:
        self.folder = folder
        self.clock = like.clock if like else Clock()
        self.desk = like.desk if like else Desk()
        self.shelf = like.shelf if like else Shelf()
        self.policy = policy or (like.policy if like else calm())
        self.journal = Journal(f"sqlite:///{folder / 'journal.db'}", clock=self.clock)
        self.journal.open()
        members = Members(self.desk, clock=self.clock)
        self.shop = Connection("shop", crm or self.shelf, MappingFile(mapping), self.policy, DESKPHONE)
        self.connections = {"shop": self.shop}
        self.flow = Flow(self.journal, self.desk, members, self.connections, worker=worker)  # type: ignore[arg-type]
        self.dispatcher = AtOnce(self.flow)

    def another(self, worker: str = "w2") -> HouseKit:
        """A second process on the same database, clock, CallerDesk and CRM."""
        return HouseKit(self.folder, like=self, worker=worker)

    def close(self) -> None:
        self.dispatcher.stop()
        self.journal.close()

    def change_policy(self, **changes: Any) -> None:
        self.policy = replace(self.policy, **changes)
        self.connections["shop"] = self.shop = replace(self.shop, policy=self.policy)

    def press(self, record_id: str = "1", **changes: Any) -> Call:
        """Accept a click and run it as far as it goes now; the row afterwards."""
        call, _ = self.dispatcher.accept(click(record_id, **changes))
        return self.call(call.id)

    def call(self, call_id: str) -> Call:
        found = self.journal.get(call_id)
        assert found is not None
        return found

    def look(self, seconds: float = 0, **units: float) -> None:
        """Let time pass, then let the dispatcher look until there is nothing more to do."""
        self.clock.advance(seconds, **units)
        for _ in range(50):
            if not self.dispatcher.look():
                return
        raise AssertionError("the dispatcher never comes to rest")

    def states(self, call_id: str) -> list[State]:
        return [event.to_state for event in self.journal.story(call_id)]

    def hear(self, event: ProviderEvent) -> Call | None:
        """CallerDesk's webhook comes in, as the web side takes it."""
        from connector import outcomes

        call = outcomes.receive(self.journal, event)
        if call is not None:
            self.dispatcher.write_soon(call.id)
        return call


def calm(**changes: Any) -> Policy:
    """A policy without quiet hours that lets rules ring."""
    return Policy(**{"quiet_hours": None, "workflow_dialling": "They asked to be rung back.", **changes})


def number_of(record_id: str) -> str:
    return f"+9198765{int(record_id):05}"


def click(record_id: str = "1", **changes: Any) -> Click:
    return Click("shop", "Contact", record_id, **changes)


def rule(record_id: str = "1", **changes: Any) -> Click:
    return click(record_id, source=Source.RULE, **changes)


def a_member(number: str = MEMBER, *, active: bool = True) -> Member:
    return Member("1", "Ravi", "ravi@example.test", number, active, "")


def _told(call: Call, started_at: datetime) -> dict[str, str]:
    assert call.plan is not None
    at = started_at.astimezone(INDIA)
    return {
        "SourceNumber": "0" + call.plan.customer[-10:],
        "DialWhomNumber": "0" + call.plan.member[-10:],
        "DestinationNumber": "00918060000001",
        "StartTime": f"{at:%Y-%m-%d %H:%M:%S}",
    }


def report(call: Call, clock: Clock, **changes: str | None) -> ProviderEvent:
    """The call report of an answered call; a change to None leaves a field out."""
    started = call.dialled_at or clock.now
    at = started.astimezone(INDIA)
    picked = {"LegA_Picked_time": 7, "LegB_Start_time": 8, "LegB_Picked_time": 15, "EndTime": 50}
    told: dict[str, str | None] = {
        **_told(call, started),
        **{name: f"{at + timedelta(seconds=later):%Y-%m-%d %H:%M:%S}" for name, later in picked.items()},
        "type": "call_report",
        "Status": "ANSWER",
        "hangup_cause": "ANSWER(16-customer)",
        "CallDuration": "50",
        "TalkDuration": "35",
        "coins": "1",
        "CallSid": f"84{call.id[-6:]}",
        "campid": call.campid,
        **changes,
    }
    return event_of({name.lower(): value for name, value in told.items() if value is not None})


def live_event(
    call: Call, clock: Clock, status: str = "Leg A Answer", **changes: str | None
) -> ProviderEvent:
    told = {**_told(call, call.dialled_at or clock.now), "Status": status, "campid": call.campid, **changes}
    return event_of({name.lower(): value for name, value in told.items() if value is not None})


def report_row(call: Call, **changes: str) -> ReportRow:
    """The row of CallerDesk's call report that shows this call as answered."""
    assert call.dialled_at is not None and call.plan is not None
    at = call.dialled_at.astimezone(INDIA)
    told: Mapping[str, str] = {
        "id": call.id[-6:],
        "sid_id": f"84{call.id[-6:]}",
        "caller_num": "0" + call.plan.customer[-10:],
        "member_num": "0" + call.plan.member[-10:],
        "startdatetime": f"{at:%Y-%m-%d %H:%M:%S}",
        "enddatetime": f"{at + timedelta(seconds=50):%Y-%m-%d %H:%M:%S}",
        "talk_duration": "35",
        "callresult": "ANSWER",
        "LegA_Picked_time": f"{at + timedelta(seconds=7):%Y-%m-%d %H:%M:%S}",
        "LegB_Picked_time": f"{at + timedelta(seconds=15):%Y-%m-%d %H:%M:%S}",
        **changes,
    }
    return report_row_in(told)


def live_call(call: Call, status: str = "Leg A Answer") -> LiveCall:
    from connector.callerdesk import LiveWord

    assert call.plan is not None
    parties = (call.plan.customer[-10:], call.plan.member[-10:])
    return LiveCall("8400009", *parties, status, call.dialled_at, LiveWord.CUSTOMER_PICKED)
