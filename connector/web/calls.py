"""One call, for a person who watches it and for a program that asks."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, render_template, request

from connector.assembly import House
from connector.errors import BadRequest
from connector.forecast import Forecast
from connector.journal import RESTING, WAITS
from connector.mapping import call_words
from connector.model import Call, Leg
from connector.redact import mask
from connector.web.answers import Links


def blueprint(house: House) -> Blueprint:
    """GET /calls/<id>: a live page for a browser, JSON for everybody else; POST …/cancel takes it out."""
    calls = Blueprint("calls", __name__)
    links = Links(house.journal, house.settings.public_url)

    @calls.get("/calls/<call_id>")
    def show(call_id: str) -> Response:
        call = _opened(house, links, call_id)
        place = Forecast(house.journal, house.connections).place(call)
        told = describe(house.recordings.shown(call)) | {
            "line": place.plain() if place else None,
            "cancellable": call.state in WAITS,
        }
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template("call.html", call=told, key=request.args.get("key", ""))
            return Response(page, content_type="text/html; charset=utf-8")
        return jsonify(told | {"story": _story(house, call)})

    @calls.post("/calls/<call_id>/cancel")
    def cancel(call_id: str) -> Response:
        call = _opened(house, links, call_id)
        key = request.args.get("key", "")
        how = "cancelled on its page" if key else "cancelled by a program"
        house.flow.verdicts.cancel(call.id, who="link", detail=how, on_behalf_of="whoever opened the call")
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return Response(status=303, headers={"Location": f"/calls/{call.id}?{urlencode({'key': key})}"})
        return jsonify(describe(house.journal.get(call.id) or call))

    return calls


def _opened(house: House, links: Links, call_id: str) -> Call:
    call = house.journal.get(call_id)
    if call is None or not _may_see(house, links, call):
        raise BadRequest(
            "call_closed",
            "This link does not open a call (any more). Open the one in the answer to the click.",
            status=401,
        )
    return call


def _may_see(house: House, links: Links, call: Call) -> bool:
    """By the link of the click's answer, or by a secret of the connection the call came through."""
    if links.opens(call.id, request.args.get("key", "")):
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    settings = house.settings.connections.get(call.connection)
    if scheme.lower() != "bearer" or settings is None:
        return False
    return any(hmac.compare_digest(given.encode(), secret.encode()) for secret in settings.clicks.secrets)


def describe(call: Call) -> dict[str, Any]:
    """A call as plain data, numbers masked: what its page and its JSON show."""
    words = call_words(call)
    plan, ending = call.plan, call.ending
    return {
        "call": call.id,
        "state": call.state.value,
        "done": call.state in RESTING,
        "message": call.message,
        "code": call.code,
        "live": call.live,
        "outcome": ending.outcome.value if ending else None,
        "outcome_text": words.get("outcome_text"),
        "talk_seconds": ending.talk_seconds if ending else None,
        "recording_url": ending.recording_url if ending else None,
        "customer": {
            "number": mask(plan.customer) if plan else None,
            "leg": _leg(ending.customer_leg if ending else None),
        },
        "member": {
            "number": mask(plan.member) if plan else None,
            "leg": _leg(ending.member_leg if ending else None),
        },
        "deskphone": mask(plan.deskphone) if plan else None,
        "object": call.click.object,
        "id": call.click.record_id,
        "accepted_at": call.accepted_at.isoformat(),
        "dialled_at": call.dialled_at.isoformat() if call.dialled_at else None,
        "campid": call.campid,
        "activity": {
            "id": call.activity_id,
            "wanted": call.wanted > 0,
            "written": call.written >= call.wanted and call.wanted > 0,
            "error": call.write_error,
            "dead": call.write_dead,
        },
        "mapping_version": call.mapping_version,
    }


def _leg(leg: Leg | None) -> dict[str, Any] | None:
    if leg is None:
        return None
    return {
        "state": leg.state.value,
        "started_at": leg.started_at.isoformat() if leg.started_at else None,
        "picked_at": leg.picked_at.isoformat() if leg.picked_at else None,
    }


def _story(house: House, call: Call) -> list[dict[str, Any]]:
    return [
        {
            "at": event.at.isoformat(),
            "from": event.from_state.value if event.from_state else None,
            "to": event.to_state.value,
            "who": event.who,
            "detail": event.detail,
        }
        for event in house.journal.story(call.id)
    ]
