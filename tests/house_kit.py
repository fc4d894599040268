"""A connector whose clock, CallerDesk and CRM a test holds in its hands.

Journal (on the engine the test runs on), mapping, policy, flow, timeline, outcomes and dispatcher are the
real ones. Only the two far ends of the line are stand-ins: their own adapters are tested elsewhere on real
sockets, and here a test has to say what happens in the very moment of a request, and whether anybody hears
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from databases import DATABASES
from evidence import a_member, live_call, live_event, report, report_row
from far_ends import INDIA, NOON, Clock, Desk, Died, Shelf, number_of

from connector import outcomes
from connector.callerdesk import Members, ProviderEvent
from connector.connection import Connection
from connector.crms.base import Crm
from connector.dispatcher import Dispatcher
from connector.flow import Flow
from connector.journal import Journal
from connector.mapping import MappingFile
from connector.model import Call, Click, Source, State
from connector.policy import Policy
from connector.sandbox.stage import MAPPING

__all__ = [
    "INDIA",
    "NOON",
    "AtOnce",
    "Clock",
    "Desk",
    "Died",
    "HouseKit",
    "Shelf",
    "a_member",
    "calm",
    "click",
    "live_call",
    "live_event",
    "number_of",
    "report",
    "report_row",
    "rule",
]

DESKPHONE = "08060000001"


class AtOnce(Dispatcher):
    """The dispatcher without threads: what it would hand to a pool is done before it goes on."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.failures: list[Exception] = []
        self.deaths = 0

    def _submit(self, pool: Any, work: Callable[..., None], *args: Any, **kw: Any) -> None:
        try:
            work(*args, **kw)
        except Died:
            self.deaths += 1
        except Exception as failure:  # noqa: BLE001 - as a pool keeps it
            self.failures.append(failure)


class HouseKit:
    """One process: journal, flow and dispatcher, over a clock and two far ends that others may share."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: Policy | None = None,
        like: HouseKit | None = None,
        worker: str = "w1",
        crm: Crm | None = None,
        mapping: Path = MAPPING,
    ) -> None:
        self.folder = folder
        self.clock = like.clock if like else Clock()
        self.desk = like.desk if like else Desk()
        self.shelf = like.shelf if like else Shelf()
        self.policy = policy or (like.policy if like else calm())
        url = DATABASES.url_in if (folder / "journal.db").exists() else DATABASES.fresh_in
        self.journal = Journal(url(folder), clock=self.clock)
        self.journal.open()
        members = Members(self.desk, clock=self.clock)
        self.shop = Connection("shop", crm or self.shelf, MappingFile(mapping), self.policy, DESKPHONE)
        self.connections = {"shop": self.shop}
        self.flow = Flow(self.journal, self.desk, members, self.connections, worker=worker)  # type: ignore[arg-type]
        self.dispatcher = AtOnce(self.flow)

    def another(self, worker: str = "w2") -> HouseKit:
        """A second process on the same database, clock, CallerDesk and CRM."""
        return HouseKit(self.folder, like=self, worker=worker)

    def close(self) -> None:
        self.dispatcher.stop()
        self.journal.close()

    def change_policy(self, **changes: Any) -> None:
        self.policy = replace(self.policy, **changes)
        self.connections["shop"] = self.shop = replace(self.shop, policy=self.policy)

    def press(self, record_id: str = "1", **changes: Any) -> Call:
        """Accept a click and run it as far as it goes now; the row afterwards."""
        call, _ = self.dispatcher.accept(click(record_id, **changes))
        return self.call(call.id)

    def call(self, call_id: str) -> Call:
        found = self.journal.get(call_id)
        assert found is not None
        return found

    def look(self, seconds: float = 0, **units: float) -> None:
        """Let time pass, then let the dispatcher look until there is nothing more to do."""
        self.clock.advance(seconds, **units)
        for _ in range(50):
            if not self.dispatcher.look():
                return
        raise AssertionError("the dispatcher never comes to rest")

    def states(self, call_id: str) -> list[State]:
        return [event.to_state for event in self.journal.story(call_id)]

    def hear(self, event: ProviderEvent) -> Call | None:
        """CallerDesk's webhook comes in, as the web side takes it."""
        call = outcomes.receive(self.journal, event)
        if call is not None:
            self.dispatcher.write_soon(call.id)
        return call


def calm(**changes: Any) -> Policy:
    """A policy without quiet hours that lets rules ring."""
    return Policy(**{"quiet_hours": None, "workflow_dialling": "They asked to be rung back.", **changes})


def click(record_id: str = "1", **changes: Any) -> Click:
    return Click("shop", "Contact", record_id, **changes)


def rule(record_id: str = "1", **changes: Any) -> Click:
    return click(record_id, source=Source.RULE, **changes)
