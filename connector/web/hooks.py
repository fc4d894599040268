"""Clicks in: verified on their raw bytes, parsed by their CRM, durable before they are answered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, render_template, request

from connector.assembly import House
from connector.connection import Connection
from connector.crms.base import Answer, Hook
from connector.dispatcher import Dispatcher
from connector.errors import BadRequest
from connector.forecast import Forecast
from connector.model import Call, Click, Source
from connector.settings import ConnectionSettings
from connector.signatures import Options, Signed, Verified, verify
from connector.web.answers import Links, answer_of, to_person, to_rule

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200


def blueprint(house: House, dispatcher: Dispatcher) -> Blueprint:
    """POST /hooks/<connection>[/<token>], and the confirm page a URL button opens by GET."""
    hooks = Blueprint("hooks", __name__)
    links = Links(house.journal, house.settings.public_url)

    @hooks.post("/hooks/<name>")
    @hooks.post("/hooks/<name>/<token>")
    def click(name: str, token: str | None = None) -> Response:
        connection, settings = _connection(house, name)
        body = request.get_data(cache=False)
        verified = _verified(house, settings, token, body)
        delivery, hook = verified.delivery, _hook(body, verified)
        clicks = connection.crm.parse(hook)
        if len(clicks) == 1 and delivery and clicks[0].delivery is None:
            clicks = [replace(clicks[0], delivery=delivery)]
        for each in clicks:
            connection.mapping.current().require(each.object)
        taken = [_run(clicks[0], connection)] if len(clicks) == 1 else dispatcher.accept_all(clicks)
        answers = [answer_of(call, repeat, links.url(call.id)) for call, repeat in taken]
        return _answered(house, connection, hook, clicks, taken, answers)

    @hooks.get("/hooks/<name>")
    @hooks.get("/hooks/<name>/<token>")
    def confirm(name: str, token: str | None = None) -> Response:
        """Opening a link rings nobody (mail scanners and previews open links too): the page's button does."""
        connection, settings = _connection(house, name)
        if settings.clicks.auth != "token" and not connection.crm.draws:
            raise BadRequest(
                "method_not_allowed", "Clicks of this connection are made by POST only.", status=405
            )
        verified = _verified(house, settings, token, b"")
        drawn = connection.crm.opened(_hook(b"", verified))
        if drawn is not None:
            return Response(drawn.body, drawn.status, content_type=drawn.content_type)
        fields = {key: request.args[key] for key in ("object", "id", "user") if request.args.get(key)}
        page = render_template("confirm.html", fields=fields, click_id=secrets.token_hex(16))
        return Response(page, content_type="text/html; charset=utf-8")

    def _run(each: Click, connection: Connection) -> tuple[Call, bool]:
        if each.source is Source.BUTTON:
            return dispatcher.accept_and_wait(each, connection.wait)
        return dispatcher.accept(each)

    return hooks


def _connection(house: House, name: str) -> tuple[Connection, ConnectionSettings]:
    connection = house.connections.get(name)
    if connection is None:
        raise BadRequest(
            "unknown_connection",
            f"There is no connection {name[:60]!r} in this connector's manifest.",
            status=404,
        )
    return connection, house.settings.connections[name]


def _verified(house: House, settings: ConnectionSettings, token: str | None, body: bytes) -> Verified:
    """Check the request by the connection's one scheme before anything in it is read."""
    base = house.settings.public_url or request.host_url
    signed = Signed(
        method=request.method,
        # The target as it came, nothing decoded: some schemes sign every character of it.
        url=base.rstrip("/") + request.environ["REQUEST_URI"],
        path_token=token,
        headers=tuple(request.headers.items()),
        body=body,
    )
    clicks = settings.clicks
    options = Options(header=clicks.header) if clicks.header else Options()
    return verify(clicks.auth, signed, clicks.secrets, house.journal.now(), options)


def _hook(body: bytes, verified: Verified) -> Hook:
    fields = request.args.to_dict()
    content_type = request.mimetype.lower()
    if content_type == _FORM:
        fields |= _form(body)
    return Hook(
        method=request.method,
        body=body,
        content_type=content_type,
        headers={key.lower(): value for key, value in request.headers.items()},
        fields=fields,
        claims=verified.claims,
    )


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest(
            "body_broken", f"The form is not UTF-8, or has more than {_MOST_FIELDS} fields."
        ) from None
    return dict(pairs)


def _answered(
    house: House,
    connection: Connection,
    hook: Hook,
    clicks: Sequence[Click],
    taken: Sequence[tuple[Call, bool]],
    answers: list[Answer],
) -> Response:
    wire = connection.crm.answer(answers, clicks)
    if wire is not None:
        return Response(wire.body, wire.status, content_type=wire.content_type)
    if len(clicks) == 1 and clicks[0].source is Source.BUTTON:
        if hook.content_type == _FORM and "text/html" in hook.headers.get("accept", ""):
            # Without scheme and host: behind a proxy ours may differ from those the form was sent to, and
            # `form-action 'self'` would then stop the browser here.
            page = urlsplit(answers[0].url or "/")._replace(scheme="", netloc="").geturl()
            return Response(status=303, headers={"Location": page})
        return to_person(answers[0])
    forecast = Forecast(house.journal, house.connections)
    return to_rule(answers, [forecast.place(call) for call, _ in taken])
