"""What CallerDesk says of a call afterwards: webhooks, rows of its report, its live list, its members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from far_ends import INDIA, MEMBER, Clock

from connector.callerdesk import LiveCall, LiveWord, ProviderEvent, ReportRow, event_of
from connector.callerdesk.rows import Member, report_row_in
from connector.model import Call


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
    assert call.plan is not None
    parties = (call.plan.customer[-10:], call.plan.member[-10:])
    return LiveCall("8400009", *parties, status, call.dialled_at, LiveWord.CUSTOMER_PICKED)
