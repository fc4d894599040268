"""Every error leaves as problem+json (RFC 9457): a stable `code`, and in `detail` a sentence for a person."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from connector.errors import ConnectorError, JournalDown, TryAgain

CONTENT_TYPE = "application/problem+json"

#: What the framework itself refuses, in our words.
FRAMEWORK = {
    404: ("not_found", "There is nothing at this address. Clicks go to /hooks/<connection>."),
    405: ("method_not_allowed", "This address does not take that method. Calls are made by POST only."),
    413: ("body_too_large", "The body is larger than 256 kB, far more than any click needs."),
}


def body_of(status: int, code: str, detail: str, **more: Any) -> str:
    """The JSON text of a problem; `more` are extension members such as `call` and `url`."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    return json.dumps(
        body | {"detail": detail} | {name: value for name, value in more.items() if value is not None}
    )


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """A problem+json answer."""
    return Response(body_of(status, code, detail, **more), status, content_type=CONTENT_TYPE)


def register(app: Flask) -> None:
    """Answer every error of ours and of the framework as a problem."""

    @app.errorhandler(ConnectorError)
    def _ours(error: ConnectorError) -> Response:
        answer = problem(error.status, error.code, error.message)
        if isinstance(error, JournalDown):
            answer.headers["Retry-After"] = "5"
        elif isinstance(error, TryAgain) and error.retry_after is not None:
            answer.headers["Retry-After"] = str(math.ceil(error.retry_after))
        return answer

    @app.errorhandler(HTTPException)
    def _framework(error: HTTPException) -> Response:
        status = error.code or 500
        code, detail = FRAMEWORK.get(
            status, ("bad_request" if status < 500 else "internal", error.name + ".")
        )
        answer = problem(status, code, detail)
        if status == 405 and error.get_response().headers.get("Allow"):
            answer.headers["Allow"] = error.get_response().headers["Allow"]
        return answer
