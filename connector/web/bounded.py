"""Clients that are slow, or never end: what each may take of the server before it is let go.

Waitress gathers a request whole before a thread sees it, so a slow client costs a connection and no thread.
Left to itself, though, it lets a request drip for ever as long as a byte comes now and then, keeps whatever
is sent, and has a thread wait for ever for a client that asks much and reads nothing.
"""

from __future__ import annotations

import socket
import time
from io import BytesIO
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.utilities import BadRequest, Error, RequestHeaderFieldsTooLarge

from connector.web.app import MAX_BODY
from connector.web.unparsed import Channel

#: Bytes and lines of a request's head.
MAX_HEAD, MAX_HEADERS = 32 * 1024, 100
#: Bytes of a head, and of a body, that are swallowed before the connection is slammed, so that an honest
#: client has sent all and reads why it was refused. None of them are kept.
SWALLOWED_HEAD, SWALLOWED_BODY = 256 * 1024, 16 * 1024 * 1024
#: Seconds a whole request may take, from its connection or its first byte, and its answer be left unread.
REQUEST_TIME, ANSWER_TIME = 20.0, 30.0
#: Bytes of an answer that count as reading it: whoever takes fewer in `ANSWER_TIME` does not.
PACE = 64 * 1024
#: Bytes of an answer that wait for a client; beyond them whoever makes the answer waits, too.
MOST_UNREAD = 256 * 1024
#: Seconds a connection between two requests is kept: longer than proxies keep theirs, so that they end it.
IDLE_TIME = 75
#: Seconds between two looks at all this.
LOOK_EVERY = 5


class _Slow(Error):
    code = 408
    reason = "Request Timeout"


class _Kept:
    """A request's body as far as the application would look at it; of more only the size."""

    def __init__(self) -> None:
        self._file, self._size = BytesIO(), 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_BODY:
            self._file.write(data)

    def getfile(self) -> BytesIO:
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._file.close()


class Parser(HTTPRequestParser):
    """One request; its head within bounds, its body kept within bounds."""

    _too_much = False

    def received(self, data: bytes) -> int:
        """Take in some bytes; the number that belonged to this request."""
        if self.body_rcv is None and len(self.header_plus) > MAX_HEAD:
            self._too_much = True
            self.header_plus = self.header_plus[-3:]  # its end may have begun
        taken = super().received(data)
        if self._too_much and self.completed:
            self.error = RequestHeaderFieldsTooLarge("too large")
        elif self.chunked and not self.completed:
            body: Any = self.body_rcv
            if len(body.control_line) + len(body.trailer) > MAX_HEAD:
                self.error = BadRequest("a chunk's mark or the trailer is too long")
                self.completed = True
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; one with too much in it is not looked at."""
        if self._too_much or len(header_plus) > MAX_HEAD or header_plus.count(b"\n") > MAX_HEADERS + 2:
            self._too_much = True
            header_plus = b"GET / HTTP/1.0\r\n"
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            body: Any = self.body_rcv
            body.buf = _Kept()


class BoundedChannel(Channel):
    """A connection that has so long for each request, and for reading the answer."""

    parser_class = Parser

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Since when a request is awaited that is not yet whole; None between two.
        self._awaited: float | None = self.creation_time
        self._unread: float | None = None
        self._sent = self._sent_then = 0

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Hand some bytes to the client's connection; how many it took."""
        taken: int = super().send(data, do_close)
        self._sent += taken
        return taken

    def received(self, data: bytes) -> bool:
        """Take in some bytes."""
        before = self.request
        taken = super().received(data)
        if self.request is None:
            self._awaited = None
        elif self._awaited is None or (before is not None and self.request is not before):
            self._awaited = time.time()
        return taken

    def mind_the_time(self, now: float) -> None:
        """Let go of a client that takes too long; called every few seconds, by the thread that reads."""
        pending: Any = self
        if not pending.total_outbufs_len:
            self._unread = None
        elif self._unread is None or self._sent - self._sent_then >= PACE:
            self._unread, self._sent_then = now, self._sent
        elif now - self._unread > ANSWER_TIME:
            # At once: a connection that takes nothing never comes to its turn to be closed.
            pending.handle_close()
            return
        if self._awaited is None:
            return
        if self.requests:
            self._awaited = now  # the one before it is being answered: its time begins after that
        elif now - self._awaited > REQUEST_TIME:
            self._awaited = None
            self._give_up()

    def _give_up(self) -> None:
        channel: Any = self
        with channel.requests_lock:
            request = channel.request
            if request is None:
                self.will_close = True
                return
            if not request.headers_finished:
                HTTPRequestParser.parse_header(request, b"GET / HTTP/1.0\r\n")
            request.error, request.completed = _Slow("too slow"), True
            channel.request = None
            channel.requests = [request]
            channel.server.add_task(channel)


def _trusting(proxy: str | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    return {"trusted_proxy": proxy, "trusted_proxy_headers": {"x-forwarded-for"}, "trusted_proxy_count": 1}


class BoundedServer(TcpWSGIServer):
    """Waitress on a socket that listens, its clients within the bounds of this file.

    From `proxy`, and from nobody else, it takes whom a request comes from (`X-Forwarded-For`).
    """

    channel_class: type[HTTPChannel] = BoundedChannel

    def __init__(
        self,
        application: Any,
        listening: socket.socket,
        *,
        threads: int,
        connections: int,
        proxy: str | None = None,
    ) -> None:
        super().__init__(
            application,
            _sock=listening,
            bind_socket=False,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            threads=threads,
            connection_limit=connections,
            asyncore_use_poll=True,
            channel_timeout=IDLE_TIME,
            cleanup_interval=LOOK_EVERY,
            max_request_header_size=SWALLOWED_HEAD,
            max_request_body_size=SWALLOWED_BODY,
            ident=None,
            outbuf_high_watermark=MOST_UNREAD,
            clear_untrusted_proxy_headers=True,
            **_trusting(proxy),
        )

    def maintenance(self, now: float) -> None:
        """Look after every connection."""
        super().maintenance(now)  # type: ignore[arg-type]
        channels: Any = self.active_channels
        for channel in list(channels.values()):
            channel.mind_the_time(now)
