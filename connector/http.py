"""The one way out: every request to a CRM or to CallerDesk leaves through `Outgoing`.

No redirects, no library retries, no proxy or .netrc from the environment, a time-out on everything, a limit
on what is read back, HTTPS unless the host is loopback, no private address unless it is named. Whatever goes
wrong becomes an error of `errors.py` whose text holds neither URL, secret nor number.
"""

from __future__ import annotations

import ipaddress
import json as jsonlib
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ReadTimeoutError

from connector import redact
from connector.addresses import Network, Reach
from connector.errors import AdminNeeded, ConnectorError, Gone, TryAgain
from connector.pinned import PinnedAdapter

redact.guard_url_loggers()

#: Seconds to connect and seconds between two bytes of the answer; the whole answer may take twice that.
TIMEOUT: tuple[float, float] = (3.05, 6.0)
#: Seconds; whoever asks for more is asked again after a day.
LONGEST_WAIT = 86_400.0
MAX_BYTES = 4 * 1024 * 1024


def is_loopback(host: str | None) -> bool:
    """Whether a host name or literal address means this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


#: What one reader of a URL drops and another takes for the end of the host.
_TWO_MEANINGS = re.compile(r"[\\\x00-\x20\x7f]")


def checked_base_url(url: str) -> str:
    """Return the base URL with one slash at its end; ValueError unless https, or http to loopback."""
    if _TWO_MEANINGS.search(url):
        raise ValueError(f"{url!r} is not an http(s) address: it holds a blank or a backslash")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http(s) address")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("a base URL holds no user name, password, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"{parts.hostname!r} must be reached by https: plain http is for loopback only")
    return url.rstrip("/") + "/"


class DirectSession(requests.Session):
    """Goes where it was sent and nowhere else."""

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[requests.Response]:
        """No next address: requests works one out, reading the whole body, even when told not to follow."""
        return iter(())


_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "callerdesk-connector"}


def reach_of(base_url: str, named: Iterable[Network] = ()) -> Reach:
    """The one host of a base URL, spelled as requests asks for it, and the private networks named for it."""
    return Reach.of(requests.Request("GET", base_url).prepare().url or "", named)


def new_adapter(reach: Reach, pool: int = 64) -> PinnedAdapter:
    """Keeps at most `pool` connections open within the reach, and sends each request once."""
    return PinnedAdapter(reach, pool=pool)


def new_session(reach: Reach, pool: int = 64) -> requests.Session:
    """A session that sends each request once: no retries, no redirects, nothing from the environment."""
    session = DirectSession()
    session.trust_env = False
    adapter = new_adapter(reach, pool)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def read_capped(response: requests.Response, limit: int = MAX_BYTES) -> bytes | None:
    """Read a streamed answer to its end, or None once it has grown past `limit` bytes."""
    body = bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


#: What a database may refuse inside a text: NUL, and halves of surrogate pairs (as JSON escapes them).
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_BE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]")


def storable(value: Any) -> Any:
    """Nested plain data with the replacement character for whatever no database would keep in a text."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def prepared(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    json: Any = None,
    data: Mapping[str, Any] | bytes | None = None,
    params: Mapping[str, Any] | None = None,
) -> requests.PreparedRequest:
    """The request, ready to be sent; an address that is plain ASCII already is not taken apart again."""
    if data or params or not url.isascii() or " " in url:
        made = requests.Request(method, url, headers=dict(headers), json=json, data=data, params=params)
        return made.prepare()
    ready = requests.PreparedRequest()
    ready.prepare_method(method)
    ready.url = url
    ready.prepare_headers(headers)
    ready.prepare_body(None, None, json)
    return ready


def timed_out(error: requests.RequestException) -> bool:
    """Whether a request failed for want of time; of a body cut short by that, requests hides it inside."""
    return isinstance(error, requests.Timeout) or isinstance(next(iter(error.args), None), ReadTimeoutError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, lower-cased headers, body bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body as JSON, an empty one as None; ValueError when it is neither.

        Nesting too deep to read counts as no JSON; texts are storable.
        """
        if not self.body.strip():
            return None
        try:
            value = jsonlib.loads(self.body)
            return storable(value) if _MAY_BE_UNSTORABLE.search(self.body) else value
        except RecursionError:
            raise ValueError("nested too deep") from None


#: Adds credentials to the headers of a request about to leave.
Authorise = Callable[[dict[str, str]], None]


class Outgoing:
    """Requests to one base URL on behalf of `who` (the name that error sentences use).

    `named` are the private networks it may lead to. Every method raises AdminNeeded (`address_not_allowed`)
    when its host turns out to be at any other address that is not public.
    """

    def __init__(
        self,
        who: str,
        base_url: str,
        *,
        authorise: Authorise | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        named: Iterable[Network] = (),
    ) -> None:
        self.who = who
        self.base_url = checked_base_url(base_url)
        self.timeout = timeout
        self._authorise = authorise
        self._adapter = new_adapter(reach_of(self.base_url, named))

    def __repr__(self) -> str:
        return f"Outgoing({self.who!r})"

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Mapping[str, Any] | bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return whatever came back; TryAgain when nothing did.

        `path` is relative to the base URL; a leading slash does not drop the base's own path.
        """
        sent = {**_HEADERS, **(headers or {})}
        if self._authorise:
            self._authorise(sent)
        request = prepared(
            method, self.base_url + path.lstrip("/"), sent, json=json, data=data, params=params
        )
        try:
            # Straight through the adapter: cookies, redirects and hooks are nothing for us, yet cost time.
            with self._adapter.send(request, timeout=self.timeout, stream=True) as response:
                body = read_capped(response)
        except requests.RequestException as error:
            if timed_out(error):
                raise TryAgain("crm_timeout", f"{self.who} did not answer in time.", status=504) from None
            raise TryAgain(
                "crm_unreachable", f"{self.who} could not be reached ({type(error).__name__})."
            ) from None
        if body is None:
            raise TryAgain("crm_answer_too_large", f"{self.who} answered with more than {MAX_BYTES} bytes.")
        return Reply(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, body
        )

    def fetch(self, method: str, path: str, *, about: str = "", unit: float = 1.0, **kwargs: Any) -> Any:
        """Send one request and return its decoded JSON; raise what its status means (`meaning_of`)."""
        reply = self.send(method, path, **kwargs)
        problem = meaning_of(reply, self.who, about, unit=unit)
        if problem:
            raise problem
        try:
            return reply.json()
        except ValueError:
            on = f" ({about})" if about else ""
            raise TryAgain(
                "crm_not_json", f"{self.who} answered {reply.status} with something that is not JSON{on}."
            ) from None


def retry_after(reply: Reply, unit: float = 1.0) -> float | None:
    """Seconds the other side asks us to wait (`Retry-After` in `unit`s of a second), a day at most, or None.

    RFC 9110, 10.2.3: it may also be a moment.
    """
    told = reply.headers.get("retry-after", "")
    try:
        wait = float(told) * unit
    except ValueError:
        wait = _seconds_until(told)
    return min(max(0.0, wait), LONGEST_WAIT) if math.isfinite(wait) else None


def _seconds_until(moment: str) -> float:
    try:
        return parsedate_to_datetime(moment).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return math.nan


def meaning_of(reply: Reply, who: str, about: str = "", *, unit: float = 1.0) -> ConnectorError | None:
    """The one table from an HTTP status to an error; None when the request worked.

    `about` names the record or activity for the sentence; `unit` is one Retry-After unit in seconds.
    """
    status, on = reply.status, f" ({about})" if about else ""
    if 200 <= status < 300:
        return None
    if status == 401:
        return AdminNeeded("crm_unauthorised", f"{who} refused our credentials{on}: renew its key or token.")
    if status == 403:
        return AdminNeeded(
            "crm_forbidden", f"{who} does not let our user do this{on}: give it the missing right."
        )
    if status in (404, 410):
        return Gone("record_not_found", f"{who} has no such record{on}.")
    if status == 429:
        return TryAgain(
            "crm_rate_limited",
            f"{who} asks us to slow down{on}.",
            status=503,
            retry_after=retry_after(reply, unit),
        )
    if status in (408, 409, 423, 425) or status >= 500:
        return TryAgain("crm_failed", f"{who} answered {status}{on}.", retry_after=retry_after(reply, unit))
    if 300 <= status < 400:
        return AdminNeeded(
            "crm_redirected", f"{who} redirected us{on}: set the base_url to the final address."
        )
    return AdminNeeded("crm_rejected", f"{who} rejected the request with {status}{on}.")
