"""`make bench`: the connector beside the plain script, on the same stub, in the same run.

Rounds alternate, so that a machine whose speed drifts slows both; the medians of the rounds are compared.
Every click of the connector is durable (SQLite, synchronous=FULL) before it is answered; the script keeps
none.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
SECRET = "bench-secret-of-the-benchmark"
MANIFEST = """\
database_url: sqlite:///bench.db
callerdesk: {{base_url: "http://127.0.0.1:{stub}/api/", authcode: "made-up-key", deskphone: "01204567890"}}
connections:
  shop:
    crm: rest
    mapping: "{mapping}"
    base_url: "http://127.0.0.1:{stub}"
    auth: {{bearer: "made-up-crm-key"}}
    clicks: {{auth: bearer, secrets: ["{secret}"]}}
policy: {{quiet_hours: off}}
"""


class Peer:
    """A server under test: where it listens, and the click it takes."""

    def __init__(
        self, name: str, port: int, path: str, headers: dict[str, str], fields: dict[str, str]
    ) -> None:
        self.name, self.port, self.path = name, port, path
        self.headers = {"Content-Type": "application/json", **headers}
        self.fields = fields

    def click(self, connection: http.client.HTTPConnection, number: int) -> int:
        body = json.dumps({**self.fields, "id": str(number)})
        connection.request("POST", self.path, body, self.headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


class Numbers:
    """Contact ids, each used once."""

    def __init__(self) -> None:
        self._next = 1
        self._lock = threading.Lock()

    def take(self) -> int:
        with self._lock:
            self._next += 1
            return self._next


def arrivals(port: int) -> dict[str, list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/arrivals")
    found: dict[str, list[float]] = json.loads(connection.getresponse().read())
    return found


def one_by_one(peer: Peer, numbers: Numbers, clicks: int, stub: int) -> list[float]:
    """Milliseconds from sending each click to its dial's arrival at CallerDesk."""
    connection, sent = peer.connect(), {}
    for _ in range(clicks):
        number = numbers.take()
        sent[str(number)] = time.monotonic()
        status = peer.click(connection, number)
        if status != 200:
            raise SystemExit(f"{peer.name} answered {status}")
    came = arrivals(stub)
    return [(came[number][0] - at) * 1000 for number, at in sent.items()]


def all_at_once(peer: Peer, numbers: Numbers, concurrent: int, seconds: float) -> float:
    """Answered clicks a second with so many clients in a closed loop."""
    until, counts = time.monotonic() + seconds, [0] * concurrent

    def client(index: int) -> None:
        connection = peer.connect()
        while time.monotonic() < until:
            if peer.click(connection, numbers.take()) in (200, 202):
                counts[index] += 1

    threads = [threading.Thread(target=client, args=(index,)) for index in range(concurrent)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - until + seconds)


def idle(pid: int, seconds: float) -> tuple[float, float]:
    """Percent of a core, and megabytes resident, of a process that is left alone."""

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, began = ticks(), time.monotonic()
    time.sleep(seconds)
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began) * 100
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return used, resident


def start(command: list[str], folder: str, log: str, **more: str) -> subprocess.Popen[str]:
    with Path(folder, log).open("w") as output:
        return subprocess.Popen(
            command, cwd=folder, env={**os.environ, **more}, stdout=output, stderr=output, text=True
        )


def port_of(process: subprocess.Popen[str], folder: str, log: str, telling: str) -> int:
    """The port a server says it listens on, once it answers there."""
    for _ in range(200):
        found = re.search(telling, Path(folder, log).read_text())
        if found:
            with contextlib.suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", int(found.group(1)), timeout=5).connect()
                return int(found.group(1))
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{log} does not serve:\n{Path(folder, log).read_text()}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--clicks", type=int, default=100, help="one by one, a round")
    options.add_argument("--seconds", type=float, default=4.0, help="of 64 at once, a round")
    options.add_argument("--workers", type=int, default=2, help="processes of either side")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        running = []
        try:
            stub = start([sys.executable, str(HERE / "stub.py")], folder, "stub")
            running.append(stub)
            stub_port = port_of(stub, folder, "stub", r"^(\d+)$")
            mapping = HERE.parent / "mappings" / "rest.yaml"
            Path(folder, "manifest.yaml").write_text(
                MANIFEST.format(stub=stub_port, mapping=mapping, secret=SECRET), encoding="utf-8"
            )
            workers = str(given.workers)
            command = [sys.executable, "-m", "connector", "serve", "--port", "0", "--workers", workers]
            connector = start(command, folder, "connector")
            running.append(connector)
            ours = port_of(connector, folder, "connector", r"serving on http://[^:]+:(\d+)")
            command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", workers, "-k", "gthread"]
            command += ["--threads", "32", "--chdir", str(HERE), "plain_script:app"]
            script = start(command, folder, "script", STUB=f"http://127.0.0.1:{stub_port}")
            running.append(script)
            plain = port_of(script, folder, "script", r"Listening at: http://[^:]+:(\d+)")
            bearer = {"Authorization": f"Bearer {SECRET}"}
            compare(
                Peer("connector", ours, "/hooks/shop", bearer, {"object": "Contact"}),
                Peer("script", plain, "/call", {}, {}),
                given,
                stub_port,
            )
            children = Path(f"/proc/{connector.pid}/task/{connector.pid}/children").read_text().split()
            for pid in map(int, children or [connector.pid]):
                used, resident = idle(pid, 10)
                print(f"idle: {used:.2f} % of a core, {resident:.0f} MB in process {pid}")
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()


def compare(connector: Peer, script: Peer, given: argparse.Namespace, stub: int) -> None:
    numbers = Numbers()
    for peer in (connector, script):
        one_by_one(peer, numbers, 20, stub)
    to_dial: dict[str, list[float]] = {connector.name: [], script.name: []}
    rate: dict[str, list[float]] = {connector.name: [], script.name: []}
    for _ in range(given.rounds):
        for peer in (connector, script):
            to_dial[peer.name].append(statistics.median(one_by_one(peer, numbers, given.clicks, stub)))
        for peer in (connector, script):
            rate[peer.name].append(all_at_once(peer, numbers, 64, given.seconds))
    report("click to dial, one at a time", to_dial, "ms")
    report("clicks a second, 64 at once", rate, "/s")
    doubled = [number for number, came in arrivals(stub).items() if len(came) > 1]
    print(f"customers dialled more than once: {len(doubled)}")


def report(what: str, found: dict[str, list[float]], unit: str) -> None:
    ours, theirs = found["connector"], found["script"]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    rounds = ", ".join(f"{a / b:.2f}" for a, b in zip(ours, theirs, strict=True))
    medians = f"connector {statistics.median(ours):.1f} {unit}, script {statistics.median(theirs):.1f} {unit}"
    print(f"{what}: {medians}, ratio {ratio:.2f} (rounds {rounds})")


if __name__ == "__main__":
    main()
