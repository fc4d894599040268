"""A call's state in the words and the HTTP status that the sender of its click reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import zip_longest

from flask import Response, jsonify, request

from connector.crms.base import Answer
from connector.forecast import Place
from connector.journal import Journal
from connector.links import Signer
from connector.model import Call, State
from connector.web.problems import problem

#: How long the link in an answer opens its call's page.
LINK_SECONDS = 7 * 24 * 3600

#: Refusals whose HTTP status says more than 422.
STATUS_OF_CODE = {
    "called_recently": 409,
    "member_busy": 409,
    "paused": 409,
    "workflow_dialling_off": 403,
    "refused_by_rule": 403,
    "number_blocked": 403,
    "expired": 410,
    "record_not_found": 422,
    "crm_timeout": 504,
    "crm_unreachable": 502,
    "callerdesk_unreachable": 502,
    "connector_fault": 500,
}
_STATUS_OF_STATE = {
    State.PLACED: 200,
    State.ENDED: 200,
    State.REFUSED: 422,
    State.EXPIRED: 410,
    State.CANCELLED: 409,
    State.FAILED: 502,
}
_UNDER_WAY = "Your click is on its way; this page shows what becomes of it."
_SENTENCES = {
    State.ENDED: "The call has ended.",
    State.CANCELLED: "The call was cancelled before anybody was rung.",
    State.ABANDONED: "Nothing was ever heard of this call.",
}


class Links:
    """Signed, expiring links to call pages, so that the person who clicked needs no account here."""

    def __init__(self, journal: Journal, public_url: str | None) -> None:
        self._signer = Signer(journal.link_key)
        self._public_url = public_url

    def url(self, call_id: str) -> str:
        """The address of a call's page, good for seven days."""
        base = self._public_url or request.host_url
        return f"{base.rstrip('/')}/calls/{call_id}?key={self.sign(call_id, int(time.time()) + LINK_SECONDS)}"

    def sign(self, call_id: str, until: int) -> str:
        """`until` and a signature over it and the call's id."""
        return self._signer.sign(call_id, until)

    def opens(self, call_id: str, key: str) -> bool:
        """Whether this key was signed for this call and has not run out."""
        return self._signer.opens(call_id, key)


def answer_of(call: Call, repeat: bool, url: str) -> Answer:
    """What this call's click is answered with, as far as the call has come."""
    return Answer(
        call_id=call.id,
        state=call.state.value,
        message=call.message or _SENTENCES.get(call.state, _UNDER_WAY),
        url=url,
        code=call.code,
        repeat=repeat,
        status=_status(call),
        ending=call.ending,
        delivery=call.click.delivery,
    )


def _status(call: Call) -> int:
    status = _STATUS_OF_STATE.get(call.state, 202)
    # The code tells more only of what came to nothing: a deferred or unclear call has one, too.
    return STATUS_OF_CODE.get(call.code or "", status) if status >= 400 else status


def to_person(answer: Answer) -> Response:
    """The answer to a button: 200 or 202 while all is well, a problem when nobody will be rung."""
    if answer.status >= 400:
        return problem(
            answer.status,
            answer.code or answer.state,
            answer.message,
            call=answer.call_id,
            state=answer.state,
            url=answer.url,
            repeat=answer.repeat or None,
        )
    return _json(answer, answer.status)


def to_rule(answers: Sequence[Answer], places: Sequence[Place | None] = ()) -> Response:
    """The answer to a workflow rule: 2xx, the row is durable, whatever becomes of it, and where it waits."""
    bodies = [_body(answer, place) for answer, place in zip_longest(answers, places)]
    if len(bodies) == 1:
        return jsonify(bodies[0])
    return jsonify(calls=bodies)


def _json(answer: Answer, status: int) -> Response:
    response = jsonify(_body(answer))
    response.status_code = status
    return response


def _body(answer: Answer, place: Place | None = None) -> dict[str, object]:
    body: dict[str, object] = {
        "call": answer.call_id,
        "state": answer.state,
        "message": answer.message,
        "url": answer.url,
    }
    if answer.code:
        body["code"] = answer.code
    if answer.repeat:
        body["repeat"] = True
    if place is not None:
        body["line"] = place.plain()
    return body
