"""One GET, sent once: on a fresh connection, without retries, redirects, proxies or cookies.

What it adds to `requests` is certainty about the one question that matters after a failure: was the request
surely never sent? It was not if, and only if, the connection itself never came to stand (name look-up, TCP,
TLS). Every failure of that step is turned into urllib3's NewConnectionError right where it happens; later
ones cannot be mistaken for it.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from connector.addresses import Reach
from connector.errors import AdminNeeded
from connector.http import prepared
from connector.pinned import PinnedAdapter, PlainConnection, PlainPool, SecureConnection, SecurePool

#: Their answers are about 150 bytes; more than this is not one of them.
MAX_ANSWER = 8 * 1024

_HEADERS = {
    "Accept": "application/json, text/html",
    # A compressed answer could be broken in ways that are not ours to guess at.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "callerdesk-connector",
}


class Lost(Enum):
    """Why there is no answer to read."""

    #: No connection was made: not one byte of the request left.
    NEVER_SENT = "never_sent"
    #: The request may have arrived; nothing, or only the beginning of an answer, came back.
    NO_ANSWER = "no_answer"
    #: Something came back that cannot be an answer: a redirect, or far too much.
    UNREADABLE = "unreadable"


class Once:
    """Sends GETs within a reach, each once and each on a connection of its own. Shared between threads."""

    def __init__(self, reach: Reach) -> None:
        # Never kept, so never waited for; and the wait for the next byte is the wait for the whole answer.
        self._adapter = _Adapter(reach, pool=1, block=False, whole=1.0)

    def get(
        self, url: str, query: Mapping[str, str], form: Mapping[str, str], timeout: tuple[float, float]
    ) -> bytes | Lost | AdminNeeded:
        """Send one GET and return the answer's body whatever its status, or why there is none; never raises.

        `timeout` is seconds to connect and seconds for the answer, head and body. AdminNeeded says which
        address was not connected to. Returning the failure, not raising it, keeps the URL with the key out
        of every exception chain.
        """
        request = prepared("GET", f"{url}?{urlencode(query)}", _HEADERS, data=form)
        try:
            with self._adapter.send(request, timeout=timeout, verify=True) as response:
                if 300 <= response.status_code < 400:
                    return Lost.UNREADABLE
                return _body(response)
        except AdminNeeded as error:
            return error.with_traceback(None)
        except (OSError, HTTPError, http.client.HTTPException) as error:
            return Lost.NEVER_SENT if _never_sent(error) else Lost.NO_ANSWER


def _body(response: requests.Response) -> bytes | Lost:
    """The whole body, as it arrives, unless it is too large to be theirs."""
    body = bytearray()
    while some := response.raw.read1(MAX_ANSWER, decode_content=True):
        body += some
        if len(body) > MAX_ANSWER:
            return Lost.UNREADABLE
    return bytes(body)


def _never_sent(error: Exception) -> bool:
    """Whether the failure is one of making the connection: the only proof that nothing was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, ConnectTimeoutError)


@contextmanager
def _before_the_first_byte(connection: HTTPConnection) -> Iterator[None]:
    # A TLS handshake that hangs, is reset or fails its check would otherwise look like a read time-out,
    # a broken connection or an SSL error, all of which can also happen after sending.
    try:
        yield
    except (OSError, HTTPError, ValueError) as error:
        raise NewConnectionError(connection, type(error).__name__) from None


class _Plain(PlainConnection):
    def connect(self) -> None:
        with _before_the_first_byte(self):
            super().connect()


class _Secure(SecureConnection):
    def connect(self) -> None:
        with _before_the_first_byte(self):
            super().connect()


class _PlainPool(PlainPool):
    ConnectionCls = _Plain

    def _put_conn(self, conn: Any) -> None:
        _closed(conn)


class _SecurePool(SecurePool):
    ConnectionCls = _Secure

    def _put_conn(self, conn: Any) -> None:
        _closed(conn)


def _closed(conn: Any) -> None:
    # Never kept, whatever the other side says of it: a stale one would blur what was sent.
    if conn:
        conn.close()


class _Adapter(PinnedAdapter):
    pools = (_PlainPool, _SecurePool)
