"""Pipedrive's call logs, beside the activity: its "Calls" view with outcome and duration.

Source: Pipedrive API reference, CallLogs. No log can be changed, so one is written when the call has ended,
after a look whether there is one; that list shows only logs of the user we log in as.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.crms.base_api import JsonApi, about_activity
from connector.crms.pipedrive_api import WHO
from connector.errors import AdminNeeded, Gone
from connector.model import Activity, Outcome

_LOGS = "v1/callLogs"
#: The most the list gives at once.
_PAGE = 50
#: our outcome -> theirs; None: it is not certain that anybody was rung, so there is nothing to log. They have
#: no word for a member who did not answer: on the customer's timeline nobody was spoken to.
OUTCOMES: dict[Outcome, str | None] = {
    Outcome.ANSWERED: "connected",
    Outcome.CUSTOMER_NO_ANSWER: "no_answer",
    Outcome.CUSTOMER_BUSY: "busy",
    Outcome.CUSTOMER_UNREACHABLE: "no_answer",
    Outcome.MEMBER_NO_ANSWER: "no_answer",
    Outcome.MEMBER_BUSY: "no_answer",
    Outcome.MEMBER_UNREACHABLE: "no_answer",
    Outcome.CANCELLED: None,
    Outcome.FAILED: None,
    Outcome.UNKNOWN: None,
}


def write_log(api: JsonApi, activity: Activity, number: str, note: str) -> None:
    """Turn the activity `number` into a call log, unless it is one; nothing for a call that rang nobody."""
    body, about = log_of(activity.call, int(number), note), about_activity(activity)
    try:
        if body and not _is_logged(api, int(number), about):
            api.ask("POST", _LOGS, about, json=body)
    except Gone:
        # "Not found" is not the activity's: taken for that, the activity would be made a second time.
        raise AdminNeeded(
            "crm_rejected",
            f"{WHO} takes no call log of this call ({about}): give the app the scope phone-integration, or"
            " switch call_logs off.",
        ) from None


def log_of(call: Mapping[str, Any], number: int, note: str) -> dict[str, Any] | None:
    """The request's body; None when the outcome or a time that Pipedrive insists on is not known."""
    told = call.get("outcome")
    outcome = OUTCOMES[Outcome(told)] if told in list(Outcome) else None
    started, ended, customer = (call.get(word) for word in ("started_at_space", "ended_at_space", "customer"))
    if not (outcome and started and ended and customer):
        return None
    return {
        "activity_id": number,
        "outcome": outcome,
        "to_phone_number": customer,
        "start_time": started,
        "end_time": ended,
        "duration": str(call.get("talk_seconds") or 0),
        "note": note,
    }


def _is_logged(api: JsonApi, number: int, about: str) -> bool:
    logs = api.rows("GET", _LOGS, about, at="data", params={"limit": _PAGE})
    return any(log.get("activity_id") == number for log in logs)
