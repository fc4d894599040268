"""Links of our own to recordings: made for the CRM, opened for whoever holds them, while they last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.errors import BadRequest
from connector.links import Signer
from connector.model import Call
from connector.recordings.rules import RecordingRules


class RecordingLinks:
    """Makes and opens links; `key` gives the key of all processes, as hex."""

    def __init__(self, rules: RecordingRules, public_url: str | None, key: Callable[[], str]) -> None:
        self._rules = rules
        self._base = public_url.rstrip("/") if public_url and rules.ours(public_url) else None
        self._signer = Signer(key)

    def shown(self, call: Call) -> Call:
        """The call as the CRM, pages and commands may show it: our link where there is a recording.

        A recording on a host that may not be asked gets our link, too: theirs is shown to nobody, and ours
        works from the moment the host is allowed.
        """
        if self._base is None or call.ending is None or not call.ending.recording_url:
            return call
        return replace(call, ending=replace(call.ending, recording_url=self._url(call, self._base)))

    def _url(self, call: Call, base: str) -> str:
        # Counted from the version of the activity, so that a write that is tried again writes the same link.
        since = call.wanted_since or (call.ending and call.ending.ended_at) or call.accepted_at
        until = since + timedelta(days=self._rules.days)
        return f"{base}/recordings/{call.id}/{self._signer.sign(_named(call.id), int(until.timestamp()))}"

    def check(self, call_id: str, token: str) -> None:
        """Return when the link opens this call's recording now; BadRequest, 404 or 410, when it does not."""
        until = self._signer.until(_named(call_id), token) if self._base is not None else None
        if until is None:
            raise BadRequest(
                "recording_closed",
                "This link does not open a recording. Open the one on the CRM record, whole.",
                status=404,
            )
        if until < time.time():
            raise BadRequest(
                "recording_expired",
                f"This link ran out on {datetime.fromtimestamp(until, UTC):%d %b %Y}. "
                "Ask your admin: writing the call to the CRM again makes a new one.",
                status=410,
            )


def _named(call_id: str) -> str:
    """Unlike what the link to a call's page signs: neither opens the other."""
    return f"recording.{call_id}"
