"""CallerDesk's webhooks in: unsigned, so the secret stands in the path, and they only report."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, request

from connector import outcomes
from connector.assembly import House
from connector.callerdesk import parse
from connector.dispatcher import Dispatcher
from connector.errors import BadRequest


def blueprint(house: House, dispatcher: Dispatcher) -> Blueprint:
    """GET and POST /callerdesk/<token>; answers `success`, also to what matches no call of ours."""
    provider = Blueprint("provider", __name__)
    expected = house.settings.callerdesk["webhook_token"]

    @provider.route("/callerdesk/<token>", methods=["GET", "POST"])
    def event(token: str) -> Response:
        if not expected or not hmac.compare_digest(token.encode(), expected.encode()):
            raise BadRequest(
                "signature_invalid",
                "This is not the address that CallerDesk's webhooks are sent to: compare its last part with "
                "callerdesk.webhook_token of the manifest.",
                status=401,
            )
        body = request.get_data(cache=False)
        query = request.query_string.decode("utf-8", "replace")
        found = parse(request.method, body, query, request.mimetype)
        call = outcomes.receive(house.journal, found)
        if call is not None:
            dispatcher.write_soon(call.id)
            dispatcher.wake()
        return Response("success", content_type="text/plain")

    return provider
