"""A small CRM as a real HTTP server: contacts with owners, a Call button, a timeline; loopback only.

Its API is the one of `mappings/rest.yaml`:

    GET   /crm/contacts/<id>      a contact with its owner inside
    GET   /crm/users/<id>         a CRM user, by id or e-mail address
    GET   /crm/activities?key=    activities made with that Idempotency-Key
    POST  /crm/activities         201 {"id": …}; the same Idempotency-Key again answers the first one's id
    PATCH /crm/activities/<id>    200

all with `Authorization: Bearer <api_key>`; `/` is the page for people (`crm_app.py`). It runs alone by
`python -m connector.sandbox.crm`.
"""

from __future__ import annotations

import argparse
import secrets
import threading
import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import requests
from werkzeug.serving import BaseWSGIServer, make_server

from connector.http import is_loopback, new_session, reach_of
from connector.sandbox.crm_app import QuickHandler, create_app
from connector.sandbox.people import CONTACTS

#: Longer than a connector makes a button wait for its verdict.
CLICK_TIMEOUT = (3.05, 20.0)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the connector answered to one press of the button: HTTP status (0 when none) and body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The sentence for the person who pressed."""
        told = self.body.get("message") or self.body.get("detail") or self.body.get("title")
        return str(told or f"The connector answered {self.status} without a word.")

    @property
    def url(self) -> str | None:
        """The live page of the call, when the answer names one a browser may be sent to."""
        url = self.body.get("url")
        return url if isinstance(url, str) and url.startswith(("http://", "https://")) else None


class SandboxCrm:
    """The CRM and its server; `hook_url` may be set after `start`, when the connector's address is known."""

    def __init__(  # an empty secret is none # nosec B107
        self,
        hook_url: str = "",
        hook_secret: str = "",
        api_key: str = "",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if not is_loopback(host):
            raise ValueError("the sandbox CRM listens on loopback only")
        self.hook_url = hook_url
        self.hook_secret = hook_secret
        self.api_key = api_key or secrets.token_urlsafe(16)
        #: For tests: the API answers this status to everything while it is set.
        self.outage: int | None = None
        #: For tests: so many creates are done, but answered 502 as by a proxy that lost the answer.
        self.lose_answers = 0
        self._host, self._port = host, port
        self._contacts: dict[str, dict[str, Any]] = deepcopy(CONTACTS)
        self._activities: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self._pressed: dict[str, Pressed] = {}
        self._changed = threading.Condition()
        self._session: requests.Session | None = None
        self._server: BaseWSGIServer | None = None

    # -- For demos and tests ---------------------------------------------------------------------------------

    def start(self) -> SandboxCrm:
        """Listen and serve in threads of its own; returns itself."""
        self._server = make_server(
            self._host, self._port, create_app(self), threaded=True, request_handler=QuickHandler
        )
        threading.Thread(target=self._server.serve_forever, name="sandbox-crm", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening; what is stored stays readable."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._session:
            self._session.close()
            self._session = None

    def __enter__(self) -> SandboxCrm:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """Where it listens, without a slash at the end; RuntimeError unless started."""
        if not self._server:
            raise RuntimeError("the sandbox CRM has not been started")
        return f"http://{self._host}:{self._server.server_port}"

    @property
    def activities(self) -> list[dict[str, Any]]:
        """Copies of all activities, oldest first: `id`, `key` (the Idempotency-Key) and their fields."""
        with self._changed:
            return deepcopy(list(self._activities.values()))

    def wait_for(self, check: Callable[[list[dict[str, Any]]], bool], timeout: float = 10.0) -> bool:
        """Wait until the activities satisfy `check`, at most `timeout` seconds; whether they do."""
        with self._changed:
            return self._changed.wait_for(lambda: check(deepcopy(list(self._activities.values()))), timeout)

    def change(self, contact_id: str, **values: Any) -> None:
        """Change fields of a contact, as somebody editing it would."""
        with self._changed:
            self._contacts[contact_id].update(values)

    def click(
        self, contact_id: str, user: str | None = None, *, click_id: str | None = None, source: str = "button"
    ) -> Pressed:
        """Press Call on a contact: one signed POST to the connector, each press with an id of its own."""
        click = {
            "object": "Contact",
            "id": contact_id,
            "click_id": click_id or str(uuid.uuid4()),
            "source": source,
        }
        if user:
            click["user"] = user
        try:
            session = self._session = self._session or new_session(reach_of(self.hook_url))
            answer = session.post(
                self.hook_url,
                json=click,
                headers={"Authorization": f"Bearer {self.hook_secret}"},
                timeout=CLICK_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            pressed = Pressed(0, {"message": f"The connector did not answer ({type(error).__name__})."})
        else:
            pressed = Pressed(answer.status_code, _json_object(answer))
        with self._changed:
            self._pressed[contact_id] = pressed
        return pressed

    # -- For its own pages and API ---------------------------------------------------------------------------

    def contacts(self) -> list[dict[str, Any]]:
        """All contacts, in the order of their ids."""
        with self._changed:
            return deepcopy(list(self._contacts.values()))

    def contact(self, contact_id: str) -> dict[str, Any] | None:
        """One contact with its owner, or None."""
        with self._changed:
            return deepcopy(self._contacts.get(contact_id))

    def pressed(self, contact_id: str) -> Pressed | None:
        """The answer to the last press on this contact."""
        with self._changed:
            return self._pressed.get(contact_id)

    def timeline(self, contact_id: str) -> list[dict[str, Any]]:
        """The contact's activities, newest first."""
        return [entry for entry in reversed(self.activities) if entry.get("contact_id") == contact_id]

    def add_activity(self, fields: dict[str, Any], key: str | None) -> tuple[str, bool]:
        """Store an activity and return its id, and whether it is new: not when the key has been seen."""
        with self._changed:
            if key and key in self._keys:
                return self._keys[key], False
            number = f"a{len(self._activities) + 1}"
            self._activities[number] = {**fields, "id": number, "key": key}
            if key:
                self._keys[key] = number
            self._changed.notify_all()
            return number, True

    def change_activity(self, number: str, fields: dict[str, Any]) -> bool:
        """Change an activity's fields; False when there is none."""
        with self._changed:
            if number not in self._activities:
                return False
            kept = {name: self._activities[number][name] for name in ("id", "key")}
            self._activities[number].update({**fields, **kept})
            self._changed.notify_all()
            return True

    def delete_activity(self, number: str) -> None:
        """Delete an activity, as somebody tidying the timeline would."""
        with self._changed:
            gone = self._activities.pop(number)
            self._keys.pop(gone["key"], None)


def _json_object(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def main() -> None:
    """Run the sandbox CRM alone until interrupted."""
    options = argparse.ArgumentParser(prog="python -m connector.sandbox.crm", description=main.__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--hook-url", default="", help="the connector's /hooks/<connection>")
    options.add_argument("--hook-secret", default="", help="what the connector expects as bearer")
    options.add_argument("--api-key", default="", help="what the CRM expects as bearer; made up if absent")
    given = options.parse_args()
    crm = SandboxCrm(given.hook_url, given.hook_secret, given.api_key, port=given.port)
    with crm:
        print(f"{crm.base_url}  (API key: {crm.api_key})", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
