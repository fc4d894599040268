"""A CRM and a CallerDesk that answer at once, and note when the dial for each contact arrived.

GET /crm/contacts/N, GET /api/click_to_call_v3, POST /crm/activities; GET /arrivals: N -> time.monotonic()
"""

import argparse
import asyncio
import json
import re
import time
from typing import ClassVar

CUSTOMER = re.compile(rb"[?&]calling_party_a=(\d+)")
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


class Stub(asyncio.Protocol):
    """One connection; requests are answered in the order they come."""

    arrivals: ClassVar[dict[int, list[float]]] = {}
    activities = 0

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        now = time.monotonic()
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            found = LENGTH.search(head)
            size = end + 4 + (int(found.group(1)) if found else 0)
            if len(self.buffer) < size:
                return
            self.buffer = self.buffer[size:]
            status, body = self.answer(head.split(b" ", 2)[1], now)
            close = b"connection: close" in head.lower()
            self.transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
                % (status, len(body), b"Connection: close\r\n" if close else b"", body)
            )
            if close:
                self.transport.close()

    def answer(self, path, now):
        if path.startswith(b"/crm/contacts/"):
            number = int(path[14:])
            contact = {
                "id": str(number),
                "name": f"Contact {number}",
                "phone": f"+91 987{number % 10**7:07}",
                "mobile": f"+91 987{number % 10**7:07}",
                "do_not_call": False,
                "owner": {"id": "1", "name": "Member", "phone": f"+91 981{number % 10**7:07}"},
            }
            return b"200 OK", json.dumps(contact).encode()
        if path.startswith(b"/api/click_to_call_v3"):
            number = int(CUSTOMER.search(path).group(1)[-7:])
            self.arrivals.setdefault(number, []).append(now)
            placed = {
                "type": "success",
                "message": "Call to Customer Initiate Successfully..",
                "campid": number,
            }
            return b"200 OK", json.dumps(placed).encode()
        if path.startswith(b"/crm/activities"):
            Stub.activities += 1
            return b"201 Created", b'{"id":"a%d"}' % Stub.activities
        if path.startswith(b"/arrivals"):
            return b"200 OK", json.dumps(self.arrivals).encode()
        return b"404 Not Found", b"{}"


async def main(port):
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    asyncio.run(main(options.parse_args().port))
