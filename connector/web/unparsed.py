"""What waitress refuses before the application sees it, answered as a problem like everything else."""

from __future__ import annotations

from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from connector.web.problems import CONTENT_TYPE, FRAMEWORK, body_of

_CODES = {
    **FRAMEWORK,
    408: ("request_too_slow", "The request did not come to its end in time. Send it again, all at once."),
    431: (
        "header_too_large",
        "The request's headers are larger than 32 kB or more than 100, far more than any click needs.",
    ),
    500: ("internal", "The connector failed at this request. Its log says more."),
}
_BROKEN = (
    "request_broken",
    "This is not a proper HTTP request: its head or the coding of its body is broken.",
)
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class _Refused(ErrorTask):
    def execute(self) -> None:
        # Waitress sets these, its type stubs know nothing of it.
        request: Any = self.request
        status = request.error.code
        if status not in _REASONS:
            # A transfer coding it does not know (501) is the sender's fault all the same.
            status = 500 if status == 500 else 400
        code, detail = _CODES.get(status, _BROKEN)
        body = body_of(status, code, detail).encode()
        self.status = f"{status} {_REASONS.get(status, 'Internal Server Error')}"
        self.response_headers = [("Content-Type", CONTENT_TYPE)]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection whose broken requests are answered as problems; for a server's `channel_class`."""

    error_task_class = _Refused
