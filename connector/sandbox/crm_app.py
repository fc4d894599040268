"""The sandbox CRM over HTTP: its API for programs and its pages for people."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, jsonify, redirect, render_template, request
from werkzeug.serving import WSGIRequestHandler

from connector.redact import mask
from connector.sandbox.people import USERS

if TYPE_CHECKING:
    from connector.sandbox.crm import SandboxCrm


class QuickHandler(WSGIRequestHandler):
    """Answers with headers and body in one packet, and writes no access log."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: a demo's terminal is for the story of the calls."""


def create_app(crm: SandboxCrm) -> Flask:
    """The WSGI application around one sandbox CRM: its API and its pages."""
    app = Flask(__name__)
    app.template_filter("masked")(mask)

    @app.before_request
    def check_sender() -> Response | None:
        if request.path.startswith("/crm/"):
            sent = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(sent, f"Bearer {crm.api_key}".encode()):
                return _error(401, "wrong key")
            if crm.outage:
                return _error(crm.outage, "outage")
        elif request.method == "POST" and request.headers.get("Origin", request.host_url.rstrip("/")) != (
            request.host_url.rstrip("/")
        ):
            abort(403)  # a page of another site must not press the button
        return None

    @app.after_request
    def restrict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; form-action 'self'; media-src 'self' http://127.0.0.1:*"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/crm/contacts/<contact_id>")
    def api_contact(contact_id: str) -> Response:
        contact = crm.contact(contact_id)
        return jsonify(contact) if contact else _error(404, "no such contact")

    @app.get("/crm/users/<user_id>")
    def api_user(user_id: str) -> Response:
        found = [user for user in USERS.values() if user_id.casefold() in (user["id"], user["email"])]
        return jsonify(found[0]) if found else _error(404, "no such user")

    @app.get("/crm/activities")
    def api_activities() -> Response:
        key = request.args.get("key")
        return jsonify([entry for entry in crm.activities if entry["key"] == key])

    @app.post("/crm/activities")
    def api_create() -> Response:
        fields = request.get_json(silent=True)
        if not isinstance(fields, dict) or not crm.contact(str(fields.get("contact_id"))):
            return _error(422, "an activity needs the contact_id of a contact")
        number, new = crm.add_activity(fields, request.headers.get("Idempotency-Key"))
        if crm.lose_answers > 0:
            crm.lose_answers -= 1
            return _error(502, "the answer was lost")
        response = jsonify({"id": number})
        response.status_code = 201 if new else 200
        return response

    @app.patch("/crm/activities/<number>")
    def api_update(number: str) -> Response:
        fields = request.get_json(silent=True)
        if not isinstance(fields, dict):
            return _error(422, "an activity is a JSON object")
        return (
            jsonify({"id": number})
            if crm.change_activity(number, fields)
            else _error(404, "no such activity")
        )

    @app.get("/")
    def contacts_page() -> str:
        return render_template("crm_contacts.html", contacts=crm.contacts())

    @app.get("/contacts/<contact_id>")
    def contact_page(contact_id: str) -> str:
        contact = crm.contact(contact_id) or abort(404)
        return render_template(
            "crm_contact.html",
            contact=contact,
            users=USERS.values(),
            pressed=crm.pressed(contact_id),
            timeline=crm.timeline(contact_id),
        )

    @app.get("/contacts/<contact_id>/timeline")
    def timeline_part(contact_id: str) -> str:
        return render_template("crm_timeline.html", timeline=crm.timeline(contact_id))

    @app.post("/contacts/<contact_id>/call")
    def press(contact_id: str) -> Any:
        crm.contact(contact_id) or abort(404)
        crm.click(contact_id, request.form.get("user") or None)
        return redirect(f"/contacts/{contact_id}", 303)

    return app


def _error(status: int, sentence: str) -> Response:
    response = jsonify({"error": sentence})
    response.status_code = status
    return response
