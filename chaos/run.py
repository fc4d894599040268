"""`make chaos`: clicks by the thousand while processes are killed; then nobody was rung twice, nothing lost.

    python -m chaos.run [--clicks N] [--kills N] [--processes N] [--every SECONDS]
                        [--database sqlite|postgres] [--seed TEXT] [--quick-end] [--folder DIR]

Prints the story of every call something is wrong with, and as its last line the figures as JSON; exits 0 when
everything holds. The seed fixes who clicks how, whom CallerDesk and the CRM treat how, and who is killed;
threads and processes are scheduled by the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaos.callerdesk import CallerDesk
from chaos.clicks import Sender, drawn
from chaos.crm import KEY, Crm
from chaos.fleet import Fleet
from chaos.invariants import Inquest, all_calls, is_settled
from connector.journal import Journal

#: Every so many kills take all processes at once, as a power cut would.
ALL_AT_ONCE = 6
#: After the last kill no row may be overdue by then.
SETTLING = 10.0
#: Longer than the longest lease and the look-ups after it.
DRAIN = 180.0
CLIENTS = 48


def main() -> int:
    """Run as the command line says; the exit code."""
    options = argparse.ArgumentParser(prog="python -m chaos.run", description=(__doc__ or "").split(":")[1])
    options.add_argument("--clicks", type=int, default=5000)
    options.add_argument("--kills", type=int, default=500)
    options.add_argument("--processes", type=int, default=3)
    options.add_argument("--every", type=float, default=2.0, help="seconds between kills, on average")
    options.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options.add_argument("--seed", default=str(int(time.time())))
    options.add_argument(
        "--quick-end",
        action="store_true",
        help="at the end stop all and start one, which takes over at once, instead of waiting for leases",
    )
    options.add_argument("--folder", type=Path, help="where database and logs are kept for a look afterwards")
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    with _folder(given.folder) as folder, _database(given.database) as url:
        figures = run(folder, given, url)
    print(json.dumps(figures), flush=True)
    return 0 if figures["ok"] else 1


def run(folder: Path, given: argparse.Namespace, database_url: str = "") -> dict[str, Any]:
    """One whole run; its figures."""
    rng = random.Random(f"{given.seed} kills")
    clicks = drawn(given.clicks, given.seed)
    contacts = {click.contact: click.in_crm() for click in clicks}
    began = time.monotonic()
    with (
        Crm(contacts, given.seed) as crm,
        CallerDesk({click.customer: click.conduct for click in clicks}, given.seed) as desk,
    ):
        fleet = Fleet(
            folder,
            given.processes,
            crm=crm.base_url,
            crm_key=KEY,
            callerdesk=desk.base_url,
            database_url=database_url,
        )
        desk.deliver = lambda body, kind, rng: fleet.webhook(fleet.somebody(rng), body, kind)
        journal = Journal(fleet.database_url)
        try:
            fleet.start()
            _chaos(fleet, Sender(fleet, desk.over), clicks, rng, given)
            desk.over.wait(SETTLING)
            doctor = fleet.doctor()
            if given.quick_end:
                fleet.stop()
                fleet.processes[0].start()
                fleet.processes[0].wait_until_it_listens()
                del fleet.processes[1:]
            _wait_until_settled(journal, desk.over)
            inquest = Inquest(journal, clicks, desk, crm)
            at_the_end = fleet.doctor()
        finally:
            desk.over.set()
            fleet.stop()
            journal.close()
    faults = fleet.faults()
    for name, stories in inquest.wrong.items():
        for story in stories:
            print(f"{name}: {story}")
    for fault in faults:
        print(f"fault in the log: {fault}")
    stuck = doctor["stuck calls"] + at_the_end["stuck calls"]
    given_up = at_the_end["activities given up"]
    return {
        "ok": inquest.fine and not stuck and not given_up and not faults,
        "database": given.database,
        "processes": given.processes,
        "kills": fleet.kills,
        "seconds": round(time.monotonic() - began, 1),
        **inquest.figures(),
        "stuck": stuck,
        "activities_given_up": given_up,
        "faults_in_logs": len(faults),
        "seed": given.seed,
    }


def _chaos(
    fleet: Fleet, sender: Sender, clicks: list[Any], rng: random.Random, given: argparse.Namespace
) -> None:
    """Click evenly over the time of the kills; returns when the last kill is over and all are answered."""
    lasts = given.kills * given.every
    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS, thread_name_prefix="client") as clients:

        def click_all() -> None:
            for click in clicks:
                at = began + lasts * (click.number + 1) / (len(clicks) + 1)
                sender.over.wait(max(0.0, at - time.monotonic()))
                clients.submit(sender.send, click)

        clicking = threading.Thread(target=click_all, daemon=True)
        clicking.start()
        rounds = 0
        while fleet.kills < given.kills:
            sender.over.wait(given.every * rng.uniform(0.6, 1.4))
            rounds += 1
            if rounds % ALL_AT_ONCE:
                victims = [fleet.somebody(rng)]
            else:
                victims = fleet.processes[: given.kills - fleet.kills]
            fleet.kill(victims)
        clicking.join()


def _wait_until_settled(journal: Journal, over: threading.Event) -> None:
    until = time.monotonic() + DRAIN
    while time.monotonic() < until and not all(map(is_settled, all_calls(journal))):
        over.wait(1.0)


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as made:
        yield Path(made)


@contextmanager
def _database(kind: str) -> Iterator[str]:
    """The address of a database, empty for a file in the folder; PostgreSQL is started for this run."""
    if kind == "sqlite":
        yield ""
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from postgres_server import PostgresServer  # type: ignore[import-not-found,unused-ignore]

    server = PostgresServer(fsync=True)
    try:
        yield server.create()
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
