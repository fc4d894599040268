"""create_app: the Flask application over a house and its dispatcher."""

from __future__ import annotations

from flask import Flask, Response

from connector.assembly import House
from connector.dispatcher import Dispatcher
from connector.web import calls, hooks, meta, problems, provider, recordings

#: A click is a few hundred bytes; a hundred notifications of an Outbound Message stay well below this.
MAX_BODY = 256 * 1024

#: No script, style or frame from anywhere but here; links out do not tell where they were clicked.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(house: House, dispatcher: Dispatcher) -> Flask:
    """The application; `dispatcher` runs what comes in."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.strict_slashes = False
    problems.register(app)
    app.register_blueprint(hooks.blueprint(house, dispatcher))
    app.register_blueprint(provider.blueprint(house, dispatcher))
    app.register_blueprint(calls.blueprint(house))
    app.register_blueprint(recordings.blueprint(house))
    app.register_blueprint(meta.blueprint(house))

    @app.after_request
    def _headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
