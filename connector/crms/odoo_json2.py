"""Odoo's JSON-2 API (19 and later), one way of calling a method of a model.

Vendor's documentation: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from connector.addresses import Network
from connector.crms.odoo_calls import meaning_of_fault, no_such_database, told
from connector.errors import AdminNeeded, ConnectorError, TryAgain
from connector.http import TIMEOUT, Outgoing, Reply, meaning_of


class Json2:
    """Calls `POST /json/2/<model>/<method>` with an API key, each call a transaction of its own."""

    #: It is there since Odoo 19, whose webhooks leave once the change is saved.
    early: ClassVar[bool] = False

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

    def user(self) -> int:
        """See `Transport.user`."""
        return int(self.call("res.users", "context_get")["uid"])

    def _problem(self, reply: Reply, about: str) -> ConnectorError:
        """Turn Odoo's `{"name": <exception>, "message": …}` into one of our errors."""
        name, message = _fault(reply)
        known = meaning_of_fault(self._who, name, message, about)
        if known:
            return known
        if reply.status == 404 and not name:
            # A database it does not serve is answered by an HTML page before any API code runs.
            return no_such_database(self._who, self._database)
        if reply.status == 422:
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
    """What `told` reads out of the answer; two empty texts when it is not JSON."""
    try:
        return told(reply.json())
    except ValueError:
        return "", ""
