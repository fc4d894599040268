"""Where recordings lie, on a real socket: it answers as a test tells it to, and remembers what was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from connector.sandbox.callerdesk_recordings import served, wav

#: Writes one answer by hand.
Says = Callable[[BaseHTTPRequestHandler, threading.Event], None]
WAV = wav()


def plays(handler: BaseHTTPRequestHandler, _over: threading.Event) -> None:
    """A store of files: the recording, or the part of it that was asked for."""
    status, headers, body = served(handler.headers.get("Range"))
    _send(handler, status, headers, body)


def answers(status: int, body: bytes = b"", **headers: str) -> Says:
    """This status, body and these headers (`_` for `-`) to every request, and the body's length."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}

    def say(handler: BaseHTTPRequestHandler, _over: threading.Event) -> None:
        _send(handler, status, told, body)

    return say


def hangs(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Takes the request and says nothing."""
    over.wait(30)


def stops_after(sent: int) -> Says:
    """The head, so many bytes of the recording, and then nothing."""

    def say(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/wav")
        handler.send_header("Content-Length", str(len(WAV)))
        handler.end_headers()
        handler.wfile.write(WAV[:sent])
        over.wait(30)

    return say


def breaks_after(sent: int) -> Says:
    """The head, so many bytes, and the end of the connection."""

    def say(handler: BaseHTTPRequestHandler, _over: threading.Event) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/wav")
        handler.send_header("Content-Length", str(len(WAV)))
        handler.end_headers()
        handler.wfile.write(WAV[:sent])
        handler.close_connection = True

    return say


def _send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Store:
    """The server; `say` may be changed at any time."""

    def __init__(self) -> None:
        self.say: Says = plays
        #: The heads of what was asked, names in small letters.
        self.asked: list[dict[str, str]] = []
        self.over = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.asked.append({name.lower(): value for name, value in self.headers.items()})
                try:
                    store.say(self, store.over)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    def __enter__(self) -> Store:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Host and port, as `recordings.hosts` names them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of a recording."""
        return f"http://{self.host}/incoming/01_2026.wav"
