"""A PostgreSQL of the tests' own, started once a run from the installed binaries, a database a test."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg

#: Longer than it ever takes; reached only when something is wrong.
PATIENCE = 60.0
_names = itertools.count(1)


def binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


WHY_NOT = "PostgreSQL is not installed here (/usr/lib/postgresql/*/bin): `apt-get install postgresql`"


class PostgresServer:
    """One server on a loopback port, its data in a temporary folder; `fsync` off, so not for measuring."""

    def __init__(self, *, fsync: bool = False) -> None:
        found = binaries()
        assert found is not None, WHY_NOT
        self.bin = found
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.data = self.folder / "data"
        self._as: tuple[str, ...] = ()
        if os.geteuid() == 0:  # it refuses to run as root
            user = "postgres" if any(each.pw_name == "postgres" for each in pwd.getpwall()) else "nobody"
            self._as = ("runuser", "-u", user, "--")
            shutil.chown(self.folder, user)
        self._run("initdb", "-D", str(self.data), "-U", "connector", "-A", "trust", "-E", "UTF8", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories='' "
            f"-c fsync={'on' if fsync else 'off'} -c max_connections=200"
        )
        self.start()

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as, str(self.bin / program), *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        log = self.folder / "data" / "log"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(log), "-o", self._options, "start")

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def stop(self, mode: str = "fast") -> None:
        """Stop it as an operator does."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def kill(self) -> None:
        """Take it away without a warning, its backends too, as a power cut would."""
        pid = self.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
        for child in map(int, children):
            _kill(child)
        until = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{each}/stat").exists() and not _zombie(each) for each in (pid, *children)):
            assert time.monotonic() < until
            threading.Event().wait(0.02)  # nobody tells of the end of a process that is not one's child
        # Where nobody collects the dead, its id looks alive; after a power cut it would not.
        (self.data / "postmaster.pid").unlink()

    def remove(self) -> None:
        """Stop it and delete its data."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        """The address of one of its databases, as DATABASE_URL takes it."""
        return f"postgresql://connector@127.0.0.1:{self.port}/{name}"

    def create(self) -> str:
        """A new, empty database; its address."""
        name = f"journal_{next(_names)}"
        with psycopg.connect(self.url(), autocommit=True) as bare:
            bare.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return self.url(name)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _zombie(pid: int | str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@functools.cache
def the_server() -> PostgresServer:
    """The one server of this test run, started when it is first asked for, removed at the end."""
    server = PostgresServer()
    atexit.register(server.remove)
    return server
