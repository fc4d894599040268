"""The two far ends of the line, as a test scripts them: CallerDesk, a CRM, and the clock between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.callerdesk import LiveCall, Placed, ReportRow
from connector.callerdesk.rows import Member
from connector.crms.base import Account, Crm
from connector.errors import Gone, NotPlaced, Refused
from connector.model import Activity, Click, Record, Wanted

INDIA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=INDIA)
MEMBER = "+919876500101"


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
        #: Everything that was asked for, each time.
        self.dialled: list[dict[str, Any]] = []
        self.live: list[LiveCall] = []
        self.reports: list[ReportRow] = []
        #: The first and last day of every call report that was asked for.
        self.days: list[tuple[date, date]] = []
        self.listed: list[Member] = []
        self.asked: deque[Happening] = deque()

    def reverse_c2c(self, customer: str, member: str, deskphone: str, **more: Any) -> Placed:
        self.rung.append(customer)
        self.dialled.append({"customer": customer, "member": member, "deskphone": deskphone, **more})
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
        self.days.append((first, last))
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
        try:
            _happen(self.writes)
        except Gone:
            self.activities.pop(activity.id or "", None)
            raise
        if activity.id not in self.activities:
            raise Gone("record_not_found", "There is no such activity.")
        self.activities[activity.id] = activity
        _happen(self.unheard)

    def find(self, activity: Activity) -> str | None:
        self.found += 1
        return next((key for key, made in self.activities.items() if made.key == activity.key), None)

    def shown(self, call_id: str) -> list[Activity]:
        return [activity for activity in self.activities.values() if activity.key == call_id]


def number_of(record_id: str) -> str:
    return f"+9198765{int(record_id):05}"
