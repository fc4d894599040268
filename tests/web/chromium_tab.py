"""One tab of a real Chromium, driven over the DevTools protocol by a pair of pipes.

Chromium reads commands from its file descriptor 3 and writes answers to 4, each one JSON text ended by a NUL
(`--remote-debugging-pipe`), so that no library and no port is needed.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BINARY = shutil.which("chromium") or shutil.which("chromium-browser")
#: Seconds; reached only when a test fails.
PATIENCE = 30.0

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
)


class Tab:
    """The tab: opens addresses, runs JavaScript in the page, keeps what the console complained of."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._read = b""
        self._number = 0
        #: Violations of the Content-Security-Policy and other complaints, as Chromium words them.
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable", in_page=True)

    def open(self, url: str, *, before: str = "") -> None:
        """Go to an address and wait until it is loaded; `before` runs ahead of the page's own scripts."""
        if before:
            self._ask("Page.addScriptToEvaluateOnNewDocument", in_page=True, source=before)
        self._ask("Page.navigate", in_page=True, url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page, as plain data."""
        asked = {"expression": script, "returnByValue": True}
        told = self._ask("Runtime.evaluate", in_page=True, **asked)
        if "exceptionDetails" in told:
            raise AssertionError(f"{script}: {told['exceptionDetails']['text']}")
        return told["result"].get("value")

    def wait_for(self, script: str, within: float = PATIENCE) -> Any:
        """Wait until an expression is true; its value. It may be asked while the page is being changed."""
        until = time.monotonic() + within
        pause = threading.Event()
        while not (value := self._now(script)):
            assert time.monotonic() < until, f"never true: {script}\n{self._now('document.body.innerText')}"
            pause.wait(0.05)
        return value

    def text(self, element: str) -> str:
        """The visible text of the element with this id."""
        return str(self.run(f"document.getElementById({json.dumps(element)}).innerText"))

    def _now(self, script: str) -> Any:
        try:
            return self.run(script)
        except (AssertionError, LookupError):
            return None

    def _ask(self, method: str, *, in_page: bool = False, **parameters: Any) -> Any:
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if in_page:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                if "error" in told:
                    raise LookupError(told["error"]["message"])
                return told["result"]
            if told.get("method") == "Log.entryAdded":
                self.complaints.append(told["params"]["entry"]["text"])

    def _next(self) -> Any:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            some = os.read(self._answers, 65536) if ready else b""
            assert some, "Chromium says nothing"
            self._read += some
        one, _, self._read = self._read.partition(b"\0")
        return json.loads(one)


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """A Chromium of its own with an empty profile in `folder`, gone afterwards."""
    assert BINARY is not None
    here_reads, it_writes = os.pipe()
    it_reads, here_writes = os.pipe()
    # Above the two that Chromium wants, or the shell would overwrite one with the other.
    its = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (it_reads, it_writes)]
    os.close(it_reads)
    os.close(it_writes)
    redirected = ["bash", "-c", f'exec "$@" 3<&{its[0]} 4>&{its[1]}', "chromium"]
    process = subprocess.Popen(
        [*redirected, BINARY, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=its,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for end in its:
        os.close(end)
    try:
        yield Tab(here_writes, here_reads)
    finally:
        # The whole group: the browser's own children outlive it otherwise.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        os.close(here_reads)
        os.close(here_writes)
