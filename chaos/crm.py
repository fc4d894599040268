"""A CRM that can be searched by key but forgives nothing: the same create twice is two activities.

It sometimes answers 500 or 429, and sometimes stores what was sent and loses the answer.
"""

from __future__ import annotations

import json
import random
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chaos.listening import Server

KEY = "a-made-up-crm-key-for-chaos"
#: In a thousand requests: refused untouched, told to slow down, done but answered 500, done but not answered.
FAILS, SLOW_DOWN, DONE_BUT_FAILS, DONE_BUT_SILENT = 25, 15, 20, 20


class Crm:
    """Contacts, and the activities made on them; `trouble` off makes it a good CRM."""

    def __init__(self, contacts: dict[str, dict[str, Any]], seed: object, *, trouble: bool = True) -> None:
        self.contacts = contacts
        self.trouble = trouble
        self._activities: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._rng = random.Random(f"{seed} crm")
        self._server = Server(("127.0.0.1", 0), _handler(self))
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Crm:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def activities(self) -> list[dict[str, Any]]:
        """Copies of all: `id`, `key` (the call's id) and their fields."""
        with self._changed:
            return [dict(each) for each in self._activities]

    def of(self, key: str) -> list[dict[str, Any]]:
        """The activities of one call."""
        return [each for each in self.activities if each["key"] == key]

    def mood(self) -> int:
        """Where on the scale of a thousand this request falls."""
        with self._changed:
            return self._rng.randrange(1000) if self.trouble else 999

    def find(self, key: str) -> list[dict[str, Any]]:
        """Search by key."""
        return self.of(key)

    def create(self, fields: dict[str, Any], key: str) -> dict[str, Any]:
        """Store an activity, whether or not there is one with this key."""
        with self._changed:
            made = {**fields, "id": f"a{len(self._activities) + 1}", "key": key}
            self._activities.append(made)
            return {"id": made["id"]}

    def update(self, number: str, fields: dict[str, Any]) -> dict[str, Any] | None:
        """Change an activity."""
        with self._changed:
            for each in self._activities:
                if each["id"] == number:
                    each.update(fields)
                    return {"id": number}
        return None


def _handler(crm: Crm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65536

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

        def _done(self, body: dict[str, Any]) -> Any:
            target = urlsplit(self.path)
            last = target.path.rpartition("/")[2]
            match self.command:
                case "GET" if last == "activities":
                    return crm.find(parse_qs(target.query)["key"][0])
                case "GET":
                    return crm.contacts.get(last)
                case "POST":
                    return crm.create(body, self.headers["Idempotency-Key"])
            return crm.update(last, body)

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            mood = crm.mood()
            if mood < FAILS:
                self._say(500, {"error": "try later"})
            elif mood < FAILS + SLOW_DOWN:
                self._say(429, {"error": "slow down"}, {"Retry-After": "1"})
            else:
                told = self._done(json.loads(sent or b"{}"))
                if mood < FAILS + SLOW_DOWN + DONE_BUT_FAILS:
                    self._say(500, {"error": "oops"})
                elif mood < FAILS + SLOW_DOWN + DONE_BUT_FAILS + DONE_BUT_SILENT:
                    self.close_connection = True
                else:
                    self._say(404 if told is None else 200, told)

        do_GET = do_POST = do_PATCH = _answer

        def _say(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
            text = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text)

    return Handler
