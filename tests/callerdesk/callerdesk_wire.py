"""A bare TCP server on 127.0.0.1 that counts requests and misbehaves on the wire exactly as a test says."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType

Behaviour = Callable[[socket.socket], None]


class Wire:
    """Serve every connection with `behaviour` after reading a request's head; `requests` holds them."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.behaviour, self.tls, self.reads = behaviour, tls, reads
        self.requests: list[str] = []
        self.connections = 0
        self.over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"{'https' if self.tls or not self.reads else 'http'}://127.0.0.1:{self.port}/api/"

    def __enter__(self) -> Wire:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            if self.reads:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        return
                    head += more
                self.requests.append(head.decode())
            self.behaviour(connection)
        except OSError:
            pass
        finally:
            connection.close()


def answers(
    body: str | bytes, status: str = "200 OK", content_type: str = "text/html", extra: str = ""
) -> Behaviour:
    """A whole answer and a closed connection."""
    data = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\n{extra}\r\n"
    return says(head.encode() + data)


def says(data: bytes) -> Behaviour:
    """These bytes and a closed connection."""
    return lambda connection: connection.sendall(data)


def closes(connection: socket.socket) -> None:
    """End the connection without a word."""


def resets(connection: socket.socket) -> None:
    """Slam the connection: the other side sees ECONNRESET."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
