"""Odoo's JSON-2 API (19 and later) as one call: model, method, ids, named arguments.

Vendor's documentation: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
The adapter in `odoo.py` knows only `Transport`, so that JSON-RPC (17, 18) can be put under it as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from connector import redact
from connector.addresses import Network
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import TIMEOUT, Outgoing, Reply, meaning_of

#: How Odoo words a field it does not know, `on` when reading and `in` when writing; never translated.
_UNKNOWN_FIELD = re.compile(r"Invalid field '([^']+)' (?:on|in) '([^']+)'")
_LONGEST_QUOTE = 200


class Transport(Protocol):
    """One way of calling a method of an Odoo model."""

    def call(
        self, model: str, method: str, *, about: str = "", ids: Sequence[int] = (), **arguments: Any
    ) -> Any:
        """Return what the method returns; raise Gone, TryAgain or AdminNeeded (`unknown_field` among them).

        `about` names the record or activity in error sentences.
        """


def rows_of(answer: Any, about: str) -> list[dict[str, Any]]:
    """The records of an answer; TryAgain when it is no list of them, as of a proxy that answers for Odoo."""
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        return answer
    raise TryAgain("crm_answer_odd", f"Odoo answered with something that is no list of records ({about}).")


class Json2:
    """Calls `POST /json/2/<model>/<method>` with an API key, each call a transaction of its own."""

    def __init__(
        self,
        who: str,
        base_url: str,
        database: str,
        api_key: str,
        timeout: float,
        named: Iterable[Network] = (),
    ) -> None:
        def authorise(headers: dict[str, str]) -> None:
            headers["Authorization"] = f"bearer {api_key}"
            headers["X-Odoo-Database"] = database

        self._who = who
        self._database = database
        self._out = Outgoing(who, base_url, authorise=authorise, timeout=(TIMEOUT[0], timeout), named=named)

    def call(
        self, model: str, method: str, *, about: str = "", ids: Sequence[int] = (), **arguments: Any
    ) -> Any:
        """See `Transport.call`."""
        body = {**arguments, "ids": list(ids)} if ids else arguments
        reply = self._out.send("POST", f"json/2/{model}/{method}", json=body)
        if not 200 <= reply.status < 300:
            raise self._problem(reply, about or model)
        try:
            return reply.json()
        except ValueError:
            raise TryAgain(
                "crm_not_json", f"{self._who} answered {reply.status} with something that is not JSON."
            ) from None

    def _problem(self, reply: Reply, about: str) -> ConnectorError:
        """Turn Odoo's `{"name": <exception>, "message": …}` into one of our errors."""
        name, message = _fault(reply)
        unknown = _UNKNOWN_FIELD.search(message)
        if unknown:
            field, model = unknown.groups()
            return AdminNeeded(
                "unknown_field",
                f"{self._who} has no field {field!r} on {model} ({about}): correct its name in the mapping.",
            )
        if name == "odoo.exceptions.MissingError":
            return Gone("record_not_found", f"{self._who} has no such record any more ({about}).")
        if reply.status == 404 and not name:
            # A database it does not serve is answered by an HTML page before any API code runs.
            return AdminNeeded(
                "unknown_database",
                f"{self._who} serves no database {self._database!r} at this address:"
                " check the connection's `database` and `base_url`.",
            )
        if name == "werkzeug.exceptions.NotFound":
            return AdminNeeded("unknown_object", f"{self._who} says: {message} ({about}).")
        if name == "odoo.exceptions.AccessError":
            return AdminNeeded(
                "crm_forbidden",
                f"{self._who} does not let the API key's user do this ({about}): {message}",
            )
        if reply.status == 422 or name.startswith("builtins."):
            # Python's own exceptions come as 500, yet the same request fails the same way for ever.
            return AdminNeeded("crm_rejected", f"{self._who} rejected the request ({about}): {message}")
        if reply.status == 401:
            return AdminNeeded(
                "crm_unauthorised",
                f"{self._who} refused the API key: make a new one (Odoo's keys expire) and set `api_key`.",
            )
        return meaning_of(reply, self._who, about) or TryAgain(
            "crm_failed", f"{self._who} answered {reply.status} ({about})."
        )


def _fault(reply: Reply) -> tuple[str, str]:
    """The exception's name and its message's first line, scrubbed; two empty texts when it is not JSON."""
    try:
        body = reply.json()
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    lines = str(body.get("message", "")).strip().splitlines() or [""]
    return str(body.get("name", "")), redact.scrub(lines[0])[:_LONGEST_QUOTE]
