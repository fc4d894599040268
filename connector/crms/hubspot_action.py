"""A custom workflow action waits for its call: "block" is answered, and the outcome completes it later.

HubSpot, "Custom workflow actions", Execution and Asynchronous execution:
https://developers.hubspot.com/docs/api-reference/automation-actions-v4-v4/custom-action-reference
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.crms.base import Answer, Wire
from connector.crms.base_api import JsonApi
from connector.errors import ConnectorError, Gone, TryAgain
from connector.http import Reply
from connector.model import Call, Ending

#: The output `outcome` of a call in which nobody was rung.
NOT_CALLED = "not_called"
_SECOND = "This record was to be called a moment ago already: that call goes on, this one rings nobody."
#: How HubSpot may say that an action is completed already, or no longer waits. Not confirmed.
_OVER = frozenset({404, 409, 410})
#: A call may be refused before HubSpot has read that the action is to wait: so long "no such" is no end.
_SETTLING = timedelta(seconds=60)


def answered(answer: Answer, callback: str | None, wait: str) -> Wire:
    """Wait, at most for `wait` (an ISO 8601 duration); the outcome itself where the call is over.

    An action that came seconds after another one's call to the same record waits for nothing: a call
    completes the one it was made for.
    """
    if answer.delivery != callback:
        fields = outputs(answer.call_id, "called_recently", _SECOND, None)
    elif answer.ending is not None or answer.status >= 400:
        fields = outputs(answer.call_id, answer.code or answer.state, answer.message, answer.ending)
    else:
        fields = {"hs_execution_state": "BLOCK", "hs_expiration_duration": wait}
    return Wire(200, "application/json", json.dumps({"outputFields": fields}).encode())


def outputs(call_id: str | None, code: str, message: str, ending: Ending | None) -> dict[str, str]:
    """What the workflow's next steps may read, all as text; a call that nobody was rung for has failed."""
    if ending is None:
        told: dict[str, str | None] = {"outcome": NOT_CALLED, "code": code, "message": message}
    else:
        told = {"outcome": str(ending.outcome), "recording_url": ending.recording_url}
    told |= {"call_id": call_id, "talk_seconds": str((ending and ending.talk_seconds) or 0)}
    state = "SUCCESS" if ending else "FAIL_CONTINUE"
    return {"hs_execution_state": state} | {name: value for name, value in told.items() if value}


def complete(api: JsonApi, call: Call, callback: str) -> None:
    """Let the workflow go on with the call's outcome; harmless where it already does.

    Raises TryAgain, AdminNeeded (`crm_forbidden`: the scope `automation` is missing).
    """
    fields = outputs(call.id, call.code or str(call.state), call.message or "", call.ending)
    body: dict[str, Any] = {"outputFields": fields, "typedOutputs": {}}
    about = f"workflow action of call {call.id}"
    try:
        api.ask("POST", f"automation/v4/actions/callbacks/{callback}/complete", about, json=body)
    except Gone:
        if datetime.now(UTC) - call.accepted_at < _SETTLING:
            sentence = f"HubSpot does not yet know that a workflow waits ({about})."
            raise TryAgain("crm_failed", sentence) from None


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """Whatever says that nothing waits any more is the end of it."""
    if reply.status in _OVER:
        return Gone("record_not_found", f"HubSpot waits no more ({about}).")
    return None
