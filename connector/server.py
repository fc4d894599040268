"""The production server: waitress, one or more processes on one listening socket.

Waitress buffers a request whole before a thread sees it, so slow senders cost a connection and no thread;
with `poll` and a raised limit, hundreds of them leave room for everybody else.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import secrets
import signal
import socket
import sys
import threading
import time
from functools import partial
from types import FrameType

from connector.assembly import build
from connector.dispatcher import Dispatcher
from connector.errors import JournalDown
from connector.journal import Journal, erasing
from connector.journal.engine import Presence
from connector.settings import Settings
from connector.web import create_app
from connector.web.bounded import BoundedServer

log = logging.getLogger("connector.server")

#: Seconds a start waits for a port that a predecessor is just leaving.
PORT_PATIENCE = 5.0
THREADS = 64
CONNECTIONS = 2000
#: Files beside the clients' connections: the database, and connections to CallerDesk and the CRMs.
OWN_FILES = 512


def listen(host: str, port: int, patience: float = 0.0) -> socket.socket:
    """The listening socket; port 0 takes a free one.

    `patience` is for how many seconds a taken port is asked for again: the workers of a killed predecessor
    finish what they dial before they leave it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    until = time.monotonic() + patience
    while True:
        try:
            listening.bind((host, port))
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                listening.close()
                raise
        time.sleep(0.1)
    listening.listen(1024)
    return listening


def room_for(connections: int) -> int:
    """How many connections fit beside `OWN_FILES`, the limit of open files raised as far as may be."""
    needed = connections + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections
    soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == needed:
        return connections
    fits = max(soft - OWN_FILES, soft // 2)
    log.warning("%d open files allow for %d connections only: raise the limit to %d", soft, fits, needed)
    return fits


def serve(settings: Settings, listening: socket.socket, workers: int = 1) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    journal = Journal(settings.database_url)
    journal.open()
    presence = Presence(journal.database)
    if presence.alone():
        journal.release_dead()
    else:
        journal.release_gone()
    presence.share()
    journal.close()
    try:
        if workers == 1:
            return _work(settings, listening)
        return _supervise(settings, listening, workers)
    finally:
        presence.leave()


def _work(settings: Settings, listening: socket.socket) -> int:
    """One process: its own connections, its own dispatcher, the shared socket."""
    house = build(settings, worker=_worker_name(os.getpid()))
    dispatcher = Dispatcher(house.flow)
    dispatcher.daily = partial(erasing.erase_daily, house.journal, settings.retention)
    app = create_app(house, dispatcher)
    server = BoundedServer(
        app,
        listening,
        threads=THREADS,
        connections=room_for(CONNECTIONS),
        proxy=settings.trusted_proxy,
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    dispatcher.start()
    _tune()
    try:
        server.run()
    finally:
        server.close()
        dispatcher.stop()
        house.close()
    return 0


def _tune() -> None:
    """Many short steps in many threads: what is loaded is not searched for garbage, and turns are short.

    Measured by `make bench` with 64 clicks at once: about a fifth more clicks a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.001)


#: Containers may share a host name and begin their process ids anew; their claims must not look alike.
_START = secrets.token_hex(3)


def _worker_name(pid: int) -> str:
    return f"{socket.gethostname()}-{_START}-{pid}"


def _supervise(settings: Settings, listening: socket.socket, workers: int) -> int:
    """Keep `workers` processes running: one that dies is replaced, all end when this one does."""
    children: set[int] = set()
    stopping = False
    # Nobody ever writes to it: its reading end tells the workers when this process is gone.
    alive, held = os.pipe()

    def spawn() -> None:
        child = os.fork()
        if child:
            children.add(child)
            return
        os.close(held)
        threading.Thread(target=_end_with_parent, args=(alive,), name="parent", daemon=True).start()
        code = _work(settings, listening)
        logging.shutdown()
        os._exit(code)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    for _ in range(workers):
        spawn()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while children:
        child, status = os.wait()
        children.discard(child)
        if not stopping:
            log.error("worker %d ended with status %d and is replaced", child, status)
            _release(settings, f"{_worker_name(child)}.")
            spawn()
    return 0


def _release(settings: Settings, prefix: str) -> None:
    journal = Journal(settings.database_url)
    try:
        journal.release_dead(prefix)
    except JournalDown as down:
        log.error("%s What the dead worker had claimed is free when its leases end.", down.message)
    finally:
        journal.close()


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
