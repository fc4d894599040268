"""A small HTTP server whose callers may die at any moment."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Threads for callers that may be killed: a connection they break is nobody's fault."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of everything but a broken connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
