"""Bitrix24's REST API: methods by POST, the token in the body, errors as `{"error", "error_description"}`.

Vendor's documentation: https://apidocs.bitrix24.com/ ("Authorization in REST", "Automatic Renewal of OAuth
2.0 Tokens", "How to Execute Batch Requests", "Statuses and System Error Codes").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.crms.base import Account
from connector.crms.base_api import JsonApi
from connector.crms.base_oauth import login_of, refresh_grant
from connector.crms.base_said import body_of, forbidden, rejected, said, slow_down
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.http import Reply, retry_after

WHO = "Bitrix24"
_SLOW_DOWN = frozenset({"query_limit_exceeded", "operation_time_limit"})
#: What a new token would not mend, though it comes as 401 or 403.
_NOT_ALLOWED = frozenset(
    {
        "access_denied",
        "insufficient_scope",
        "invalid_request",
        "overload_limit",
        "portal_deleted",
        "user_access_error",
        "wrong_auth_type",
    }
)
_GONE = ("not found", "call is not found")


class _Expired(AdminNeeded):
    """The access token is no longer good; a new one may be."""


class Api:
    """One account's requests, for any number of threads."""

    def __init__(self, account: Account) -> None:
        advice = "make a new refresh token, as the page tells"
        grant = refresh_grant(account, account.settings["oauth_url"], "oauth/token/", advice=advice)
        self._login = login_of(WHO, account, grant)
        self._api = JsonApi(WHO, account, explain=explain)

    def call(self, method: str, about: str, **given: Any) -> Any:
        """The `result` of one method; a token that is over is renewed, once."""
        token = self._login.token()
        try:
            answer = self._send(method, about, given, token)
        except _Expired:
            answer = self._send(method, about, given, self._login.renewed(token))
        if "result" not in answer:
            raise TryAgain("crm_answer_odd", f"{WHO} answered without a result ({about}).")
        return answer["result"]

    def batch(self, commands: Mapping[str, str], about: str) -> dict[str, Any]:
        """The results of several methods in one request, by name; raises what the first failure means."""
        told = self._api.as_object(self.call("batch", about, halt=1, cmd=dict(commands)), about)
        failed = told.get("result_error")
        if isinstance(failed, dict) and failed:
            error = next(iter(failed.values()))
            raise meaning(error if isinstance(error, dict) else {}, about)
        return self._api.as_object(told.get("result"), about)

    def rows(self, value: Any, about: str) -> list[Any]:
        """The value, if it is a list of objects; TryAgain when it is not."""
        return self._api.as_rows(value, about)

    def call_id(self, call: Mapping[str, Any], about: str) -> str:
        """Bitrix24's id of a call that it told of; TryAgain when it told none."""
        if not isinstance(call.get("CALL_ID"), str) or not call["CALL_ID"]:
            raise TryAgain("crm_answer_odd", f"{WHO} told of a call without an id ({about}).")
        return str(call["CALL_ID"])

    def row(self, value: Any, about: str) -> dict[str, Any]:
        """The value, if it is an object; TryAgain when it is not."""
        return self._api.as_object(value, about)

    def _send(self, method: str, about: str, given: Mapping[str, Any], token: str) -> dict[str, Any]:
        return self._api.object("POST", f"rest/{method}", about, json={**given, "auth": token})


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """What a refusal means; None for those that the common table of statuses tells better."""
    if reply.status < 400:
        return None
    told = body_of(reply)
    if told.get("error") or told.get("error_description"):
        found = meaning(told, about, retry_after(reply))
        if found.code != "crm_rejected" or reply.status == 400:
            return found
    if reply.status == 401:
        return _Expired("crm_unauthorised", f"{WHO} refused our access token ({about}).")
    return None


def meaning(told: Mapping[str, Any], about: str, wait: float | None = None) -> ConnectorError:
    """What an `error` with its `error_description` means, of one request or of one command in a batch."""
    code, text = str(told.get("error") or "").lower(), said(told.get("error_description"))
    if code in _SLOW_DOWN:
        return slow_down(WHO, about, wait)
    if code in _NOT_ALLOWED or text.lower().startswith("access denied"):
        return forbidden(WHO, about, f"{code or 'refused'}, {text}")
    if text.lower().startswith(_GONE):
        return Gone("record_not_found", f"{WHO} has no such record or call any more ({about}).")
    return rejected(WHO, about, f"{code} {text}")
