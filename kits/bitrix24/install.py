"""Takes Bitrix24's one message about an app that was just installed, and prints what the connector needs.

    python3 install.py --portal example.bitrix24.in --hook https://connector.example.com/hooks/bitrix24

Standard library only. Your proxy must pass the app's installation address on to its port (8090), by HTTPS.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

EVENTS = ("ONEXTERNALCALLSTART", "ONEXTERNALCALLBACKSTART")
LONGEST = 65536


def bind(endpoint: str, token: str, hook: str) -> list[str]:
    """Ask Bitrix24 to send both telephony events to the connector; what it answered, one line each."""
    said = []
    for event in EVENTS:
        form = urlencode({"event": event, "handler": hook, "auth": token}).encode()
        try:
            with urllib.request.urlopen(endpoint + "event.bind.json", form, timeout=20) as answer:  # noqa: S310
                said.append(f"# {event}: {json.load(answer).get('result')}")
        except urllib.error.HTTPError as error:
            said.append(f"# {event}: {error.read(500).decode(errors='replace')}")
    return said


def _is_of(endpoint: str, portal: str) -> bool:
    """Whether the address is the portal's own, by HTTPS (or on this machine)."""
    there = urlsplit(endpoint)
    return there.netloc == portal and (there.scheme == "https" or there.hostname == "127.0.0.1")


def server(portal: str, hook: str, port: int) -> HTTPServer:
    """A server that ends its work with the first message of this portal's installation."""

    class Installation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), LONGEST)
            told = dict(parse_qsl(self.rfile.read(length).decode()))
            self.send_response(200)
            self.end_headers()
            endpoint = told.get("auth[client_endpoint]", "")
            if told.get("event") != "ONAPPINSTALL" or not _is_of(endpoint, portal):
                return
            print(f"BITRIX24_REFRESH_TOKEN={told.get('auth[refresh_token]')}")  # noqa: T201
            print(f"BITRIX24_APPLICATION_TOKEN={told.get('auth[application_token]')}")  # noqa: T201
            print(*bind(endpoint, told.get("auth[access_token]", ""), hook), sep="\n", flush=True)  # noqa: T201
            self.server.done = True  # type: ignore[attr-defined]

        def log_message(self, *args: object) -> None:
            """Nothing: the address of a request may hold a token."""

    return HTTPServer(("127.0.0.1", port), Installation)


def main() -> None:
    """Wait for the message, print, end."""
    options = argparse.ArgumentParser()
    options.add_argument("--portal", required=True)
    options.add_argument("--hook", required=True)
    options.add_argument("--port", type=int, default=8090)
    given = options.parse_args()
    waiting = server(given.portal, given.hook, given.port)
    while not getattr(waiting, "done", False):
        waiting.handle_request()


if __name__ == "__main__":
    main()
