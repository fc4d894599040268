"""Connections made to the very address that was checked, and answers that end in bounded time.

urllib3 resolves a name inside its own connect, out of sight. Here the name is resolved once, every address it
has is judged (`addresses.Reach`), and the socket is opened to one of those: what the name points to a moment
later is of no matter. TLS, its server name, the certificate check and the Host header keep the name.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from ipaddress import ip_address
from typing import Any, ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.response import HTTPResponse
from urllib3.util.connection import allowed_gai_family
from urllib3.util.retry import Retry

from connector.addresses import Address, Reach, plain, refusal
from connector.errors import AdminNeeded

#: An answer may take this many times the wait for its next byte, all in all.
WHOLE_ANSWER = 2.0
#: An answer may have so many bytes on the wire, head and chunk marks included.
MAX_ON_THE_WIRE = 8 * 1024 * 1024
#: Seconds one address of several is given to answer before the next is tried.
_FAIR_TRY = 2.0
#: Seconds to wait for one of the pool's connections when all are in use.
_POOL_WAIT = 3.05


class _Bounded(io.RawIOBase):
    """A socket's reading end that stops at a moment and after so many bytes."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, wait: float, whole: float, most: int) -> None:
        self._raw, self._sock, self._wait = raw, sock, wait
        self._until = time.monotonic() + whole
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        if seconds < self._wait:
            self._sock.settimeout(seconds)
        read = self._raw.readinto(buffer)
        self._left -= read or 0
        if self._left < 0:
            raise OSError("the answer is too large")
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(
        self, sock: socket.socket, *args: Any, wait: float, whole: float, most: int, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock, wait, whole, most))


class _Within(HTTPConnection):
    """A connection within a reach, whose answer has an end."""

    secure: ClassVar[bool]

    def __init__(
        self,
        *args: Any,
        reach: Reach,
        whole: float = WHOLE_ANSWER,
        most: int = MAX_ON_THE_WIRE,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.reach, self.whole, self.most = reach, whole, most

    def _new_conn(self) -> socket.socket:
        return _connected(self, self.reach, secure=self.secure)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """The answer's head; its whole, head and body, must end in `whole` times the read time-out."""
        wait = self.timeout
        if isinstance(wait, int | float):
            self.response_class = partial(  # type: ignore[assignment]
                _Answer, wait=wait, whole=wait * self.whole, most=self.most
            )
        return super().getresponse()


class PlainConnection(_Within):
    """Plain http, within a reach, and only ever to this machine itself."""

    secure = False


class SecureConnection(_Within, HTTPSConnection):
    """https within a reach."""

    secure = True


def _connected(connection: HTTPConnection, reach: Reach, *, secure: bool) -> socket.socket:
    """A socket to an address of the connection's host; AdminNeeded when one of them may not be reached."""
    host, port = connection._dns_host, connection.port
    if host.lower() != reach.host:
        raise _not_allowed(f"Requests go to {reach.host} only, not to {host[:100]}: nothing was sent.")
    found = _resolved(connection, host, port)
    # Every address before the first is tried: a name that has a wrong one among its own is not trusted.
    for _, sockaddr in found:
        address: Address = ip_address(sockaddr[0])
        if not reach.allows(address):
            raise _not_allowed(refusal(host, address))
        if not secure and not plain(address).is_loopback:
            raise _not_allowed(f"{host} is not this machine, and plain http goes nowhere else: use https.")
    return _first_to_answer(connection, found)


def _resolved(connection: HTTPConnection, host: str, port: int) -> list[tuple[int, Any]]:
    try:
        host.encode("idna")
        entries = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError:
        raise NewConnectionError(connection, "the host's name has an empty or too long part") from None
    return [(family, sockaddr) for family, _, _, _, sockaddr in entries]


def _first_to_answer(connection: HTTPConnection, found: list[tuple[int, Any]]) -> socket.socket:
    """Try one address after the other, all within the connection's time-out."""
    whole = connection.timeout if isinstance(connection.timeout, int | float) else _FAIR_TRY
    until = time.monotonic() + whole
    failure: OSError = OSError("the name has no address")
    for position, (family, sockaddr) in enumerate(found):
        seconds = until - time.monotonic()
        if seconds <= 0:
            break
        rest = len(found) - position
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(seconds, max(seconds / rest, _FAIR_TRY)))
            sock.connect(sockaddr)
        except OSError as error:
            failure = error
            sock.close()
        else:
            sock.settimeout(whole)
            return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "the connection was not answered in time") from None
    raise NewConnectionError(connection, f"no connection: {type(failure).__name__}") from None


def _not_allowed(sentence: str) -> AdminNeeded:
    return AdminNeeded("address_not_allowed", sentence)


class PlainPool(HTTPConnectionPool):
    """Connections of plain http."""

    ConnectionCls = PlainConnection

    def _get_conn(self, timeout: float | None = None) -> Any:
        return super()._get_conn(timeout=_POOL_WAIT if timeout is None else timeout)


class SecurePool(HTTPSConnectionPool):
    """Connections of https."""

    ConnectionCls = SecureConnection

    def _get_conn(self, timeout: float | None = None) -> Any:
        return super()._get_conn(timeout=_POOL_WAIT if timeout is None else timeout)


class PinnedAdapter(HTTPAdapter):
    """Sends each request once, within a reach, on at most `pool` connections at a time if it may `block`.

    An answer may take `whole` times the read time-out and have `most` bytes on the wire.
    """

    pools: tuple[type[HTTPConnectionPool], type[HTTPSConnectionPool]] = (PlainPool, SecurePool)

    def __init__(
        self,
        reach: Reach,
        *,
        pool: int = 64,
        block: bool = True,
        whole: float = WHOLE_ANSWER,
        most: int = MAX_ON_THE_WIRE,
    ) -> None:
        self._bounds: dict[str, Any] = {"reach": reach, "whole": whole, "most": most}
        super().__init__(
            pool_connections=1, pool_maxsize=pool, pool_block=block, max_retries=Retry(0, read=False)
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools whose connections know where they may go."""
        super().init_poolmanager(*args, **kwargs)
        plain_pool, secure_pool = self.pools
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(plain_pool, **self._bounds),
            "https": partial(secure_pool, **self._bounds),
        }

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """See `HTTPAdapter.send`; waiting in vain for one of the pool's connections is a ConnectTimeout."""
        try:
            return super().send(request, *args, **kwargs)
        except EmptyPoolError:
            raise requests.ConnectTimeout("all connections are in use", request=request) from None
