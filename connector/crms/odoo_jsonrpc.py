"""Odoo's JSON-RPC (17 and 18; deprecated in 19), one way of calling a method of a model.

Vendor's documentation: https://www.odoo.com/documentation/18.0/developer/reference/external_api.html. The
API key stands in for the user's password. Every fault comes with status 200, as `error.data`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from connector.addresses import Network
from connector.crms.odoo_calls import meaning_of_fault, no_such_database, told
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import TIMEOUT, Outgoing

_PATH = "jsonrpc"
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
#: Refusals of the request itself, which JSON-2 answers with 422.
_REJECTED = frozenset(
    f"odoo.exceptions.{name}" for name in ("UserError", "ValidationError", "RedirectWarning")
)


class JsonRpc:
    """Calls `object.execute_kw` by `POST /jsonrpc`, each call a transaction of its own."""

    #: Odoo 17 sends its webhooks while the change is still being made.
    early: ClassVar[bool] = True

    def __init__(
        self,
        who: str,
        base_url: str,
        database: str,
        login: str,
        api_key: str,
        timeout: float,
        named: Iterable[Network] = (),
    ) -> None:
        def execute(number: int, *arguments: Any) -> Any:
            return self._ask("object", "execute_kw", database, number, api_key, *arguments)

        def sign_in() -> Any:
            return self._ask("common", "authenticate", database, login, api_key, {}, about="login")

        # The key stays in these two alone, out of reach of whatever shows this object.
        self._execute, self._sign_in = execute, sign_in
        self._who, self._database = who, database
        self._out = Outgoing(who, base_url, timeout=(TIMEOUT[0], timeout), named=named)
        self._user: int | None = None

    def __repr__(self) -> str:
        return f"JsonRpc({self._who!r})"

    def call(
        self, model: str, method: str, *, about: str = "", ids: Sequence[int] = (), **arguments: Any
    ) -> Any:
        """See `Transport.call`. Ids are the first argument, where the method is one of records."""
        try:
            return self._execute(self.user(), model, method, [list(ids)] if ids else [], arguments)
        except _Fault as fault:
            raise self._meaning(fault, about or model) from None

    def user(self) -> int:
        """See `Transport.user`; asked for once."""
        if self._user is None:
            try:
                found = self._sign_in()
            except _Fault as fault:
                raise self._meaning(fault, "login") from None
            if isinstance(found, bool) or not isinstance(found, int):
                raise self._refused()
            self._user = found
        return self._user

    def _ask(self, service: str, method: str, *arguments: Any, about: str = "") -> Any:
        params = {"service": service, "method": method, "args": arguments}
        asked = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        try:
            answer = self._out.fetch("POST", _PATH, json=asked, about=about)
        except Gone:
            raise AdminNeeded(
                "crm_rejected",
                f"{self._who} has no JSON-RPC at this address: check `base_url`; from Odoo 19 on set"
                " `api: json2`.",
            ) from None
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            raise _Fault(*told(answer["error"].get("data")))
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            raise TryAgain("crm_answer_odd", f"{self._who} answered with something that is no JSON-RPC.")
        return answer.get("result")

    def _meaning(self, fault: _Fault, about: str) -> ConnectorError:
        known = meaning_of_fault(self._who, fault.name, fault.message, about)
        if known:
            return known
        if fault.name == "odoo.exceptions.AccessDenied":
            return self._refused()
        if _NO_DATABASE.search(fault.message):
            return no_such_database(self._who, self._database)
        if fault.name in _REJECTED:
            return AdminNeeded("crm_rejected", f"{self._who} rejected the request ({about}): {fault.message}")
        return TryAgain(
            "crm_failed", f"{self._who} failed ({about}): {fault.name or 'an error without a name'}."
        )

    def _refused(self) -> AdminNeeded:
        return AdminNeeded(
            "crm_unauthorised",
            f"{self._who} refused the login: check `login`, make a new API key and set `api_key`.",
        )


class _Fault(Exception):
    """One fault as Odoo told it: the exception's name, and its message's first line."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name)
        self.name, self.message = name, message
