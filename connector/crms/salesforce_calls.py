"""Every call to the REST API: simple-salesforce with a time-out, one renewal and our errors.

The library leaves this to its user: it has no time-out, follows redirects, always speaks https, is not safe
between threads, may log in again without end on a 401, and its errors print the whole URL and body.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from simple_salesforce.api import Salesforce as Client
from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession

from connector.addresses import Reach
from connector.crms.base import Account
from connector.crms.salesforce_login import base_url, login
from connector.crms.salesforce_said import meaning
from connector.errors import AdminNeeded, TryAgain
from connector.http import (
    MAX_BYTES,
    TIMEOUT,
    DirectSession,
    checked_base_url,
    new_session,
    reach_of,
    read_capped,
    timed_out,
)

T = TypeVar("T")


class AnswerTooLarge(requests.RequestException):
    """The answer grew past what we read back."""


class OnceSession(DirectSession):
    """Sends each request once, in bounded time, to where it was addressed, and reads a bounded answer."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        plain = new_session(reach, pool=1)
        self.trust_env, self.adapters = plain.trust_env, plain.adapters

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs.update(timeout=TIMEOUT, stream=True)
        with super().send(request, **kwargs) as response:
            body = read_capped(response)
        if body is None:
            raise AnswerTooLarge
        # requests has no public way to hand over a body that was read with a limit.
        response._content = body
        return response


class Calls:
    """The API of one org, for any number of threads."""

    def __init__(self, account: Account) -> None:
        self._base = checked_base_url(base_url(account.settings))
        self._reach = reach_of(self._base, account.named)
        self._version = account.settings["api_version"]
        self._login = login(account)
        self._mine = threading.local()

    def query(self, soql: str, about: str) -> list[Mapping[str, Any]]:
        """Run one query; its rows. `about` names the record for the sentence of an error."""
        answer = self._run(lambda client: client.query(soql), about)
        rows = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise _not_json()
        return [row for row in rows if isinstance(row, dict)]

    def rest(self, method: str, path: str, about: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request below `/services/data/vXX.0/`; its JSON, None when there is none."""
        kwargs = {} if body is None else {"json": dict(body)}
        return self._run(lambda client: client.restful(path, method=method, **kwargs), about)

    def usage(self) -> tuple[int, int] | None:
        """API requests used and allowed today, as this thread's last answer told."""
        client: Client | None = getattr(self._mine, "client", None)
        usage = client.api_usage.get("api-usage") if client else None
        return (usage.used, usage.total) if usage else None

    def _run(self, work: Callable[[Client], T], about: str) -> T:
        """Do the work; with a new token if ours is refused: one renewal, one more try, no third."""
        token = self._login.token()
        try:
            return self._once(token, work, about)
        except _Expired:
            renewed = self._login.renewed(token)
        try:
            return self._once(renewed, work, about)
        except _Expired:
            raise AdminNeeded(
                "crm_unauthorised",
                f"Salesforce refused our new token{about and f' ({about})'}: let the app's user use the API.",
            ) from None

    def _once(self, token: str, work: Callable[[Client], T], about: str) -> T:
        try:
            return work(self._client(token))
        except SalesforceExpiredSession:
            raise _Expired from None
        except SalesforceError as error:
            raise meaning(error.status, error.content, about) from None
        except requests.exceptions.JSONDecodeError:
            raise _not_json() from None
        except AnswerTooLarge:
            raise TryAgain(
                "crm_answer_too_large", f"Salesforce answered with more than {MAX_BYTES} bytes."
            ) from None
        except requests.RequestException as error:
            if timed_out(error):
                raise TryAgain("crm_timeout", "Salesforce did not answer in time.", status=504) from None
            raise TryAgain(
                "crm_unreachable", f"Salesforce could not be reached ({type(error).__name__})."
            ) from None

    def _client(self, token: str) -> Client:
        """This thread's client for the token."""
        client: Client | None = getattr(self._mine, "client", None)
        if client is None or client.session_id != token:
            client = _Client(
                session_id=token,
                instance_url=self._base,
                version=self._version,
                session=getattr(client, "session", None) or OnceSession(self._reach),
                object_pairs_hook=dict,
            )
            # The library always says https; on loopback that is not so.
            client.base_url = f"{self._base}services/data/v{self._version}/"
            self._mine.client = client
        return client


class _Client(Client):
    """A client to whom a bare `null`, text or number says nothing; the library fails on them."""

    def parse_result_to_json(self, result: requests.Response) -> Any:
        told = super().parse_result_to_json(result)
        return told if isinstance(told, dict | list) else {}


class _Expired(Exception):
    """Salesforce does not know the token (any more)."""


def _not_json() -> TryAgain:
    return TryAgain("crm_not_json", "Salesforce answered with something that is not what its API gives.")
