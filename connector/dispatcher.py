"""Runs what is due: the accepting process's clicks at once, and whatever any process left behind.

One thread looks at the journal when something is due, at the latest every second; pools do the work. The
reaper is no more than this: a row whose lease has ended is due like any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, ParamSpec

from connector import outcomes
from connector.errors import JournalDown
from connector.flow import READ_LEASE, Flow
from connector.journal import VERDICT, Transaction
from connector.model import Call, Click, Source, State
from connector.turns import Turns
from connector.verdicts import Planned
from connector.waiters import Waiting

if TYPE_CHECKING:
    from connector.journal.wake import Listener

log = logging.getLogger("connector.dispatcher")

#: Wake-ups make it quick, this makes it sure.
SLOW_POLL = 1.0
#: Seconds between two looks whether the work of the day is done.
LOOK_AT_THE_DAY = 600.0
#: How often a person's waiting answer looks whether another process has reached the verdict.
LOOK_FOR_VERDICT = 0.25
#: Rows taken up in one look.
BATCH = 32
#: While CallerDesk is being asked about a row, nobody else asks.
LOOK_UP_LEASE = timedelta(seconds=60)
#: More than the server has threads: a person who waits is never behind a full pool.
DIALLERS, WRITERS = 80, 16
#: Of these, so many may work for rules, so that a person who clicks finds the others free.
BY_RULES = 16
#: States whose due time means: a lease or a look-up has come to its end.
_LEFT_BEHIND = (State.READING, State.DIALLING, State.UNKNOWN, State.PLACED)
#: States whose due time means: CallerDesk is asked what became of the call.
_UNCLEAR = frozenset({State.UNKNOWN, State.PLACED})
#: States whose due time means: somebody may take it up.
_TO_RUN = (State.ACCEPTED, State.PLANNED)

P = ParamSpec("P")


class Dispatcher:
    """Claims due rows of one journal and runs their next step in this process."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.journal = flow.journal
        self._dial_pool = ThreadPoolExecutor(DIALLERS, thread_name_prefix="dial")
        self._write_pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="write")
        self._look_up_pool = ThreadPoolExecutor(1, thread_name_prefix="look-up")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._running = self._by_rules = 0
        self._turns = Turns(flow)
        self._to_write: set[str] = set()
        #: The work of the day, which itself knows when it was done last; it is told when to stop.
        self.daily: Callable[[Callable[[], bool]], object] | None = None
        self._daily_at = 0.0
        #: Where the database can wake us; else, and beside it, we look.
        self._listener: Listener | None = None
        self._thread: threading.Thread = threading.Thread(target=self._watch, name="dispatcher", daemon=True)
        flow.behind = self.write_soon

    def start(self) -> None:
        """Begin to look after the journal."""
        self._thread.start()
        self._listener = self.journal.listen(self._heard, self.flow.worker)
        if self._listener is not None:
            # Whatever this process claims, others can tell that it lives.
            self._listener.listening.wait(SLOW_POLL)

    def _heard(self, what: str, call_id: str) -> None:
        """Another process says that something is due, or that it has reached a verdict."""
        if what == "verdict":
            self.flow.waiters.tell(call_id)
        else:
            self._wake.set()

    def stop(self) -> None:
        """Claim nothing more, finish what is under way, leave the rest to whoever starts next."""
        self._stopping.set()
        self._wake.set()
        if self._listener is not None:
            self._listener.stop()
        if self._thread.is_alive():
            self._thread.join()
        for pool in (self._dial_pool, self._write_pool, self._look_up_pool):
            pool.shutdown(wait=True, cancel_futures=True)

    # -- Clicks of this process -----------------------------------------------------------------------------

    def accept(self, click: Click) -> tuple[Call, bool]:
        """Make a click durable and run it in this process at once; the call, and whether it is a repeat."""
        accepted = self.flow.accept(click, owner=self._turn(click.source))
        self._run_or_leave(accepted.call, accepted.repeat)
        return accepted.call, accepted.repeat

    def accept_all(self, clicks: Sequence[Click]) -> list[tuple[Call, bool]]:
        """The same for a message of many: all are durable before the first runs, for its sender waits."""
        try:
            accepted = [self.flow.accept(click) for click in clicks]
        finally:
            self._wake.set()
        return [(each.call, each.repeat) for each in accepted]

    def accept_and_wait(self, click: Click, seconds: float) -> tuple[Call, bool]:
        """The same for a person: wait until the verdict is in, or that long at the most."""
        accepted = self.flow.accept(click, owner=self._turn(click.source))
        call = accepted.call
        if call.state in VERDICT:
            return call, accepted.repeat
        with self.flow.waiters.expecting(call.id) as verdict:
            self._run_or_leave(call, accepted.repeat)
            if accepted.repeat and (now := self.journal.get(call.id)) and now.state in VERDICT:
                # It was reached between the look at the row and the beginning of the wait.
                return now, True
            ours = not accepted.repeat and call.state is State.READING
            told = self._awaited(call.id, verdict, seconds, ours)
        return told or self.journal.get(call.id) or call, accepted.repeat

    def _awaited(self, call_id: str, verdict: Waiting, seconds: float, ours: bool) -> Call | None:
        """The verdict, also when another process reaches it: that one can only write it into the row.

        Of a call that this process runs (`ours`) the waiters are told; a look at the row is the net.
        """
        until = time.monotonic() + seconds
        told = self._listener is not None and self._listener.listening.is_set()
        look_again = SLOW_POLL if told or ours else LOOK_FOR_VERDICT
        while (left := until - time.monotonic()) > 0:
            verdict.wait(min(left, look_again))
            if verdict.over:
                break
            now = self.journal.get(call_id)
            if now is not None and now.state in VERDICT:
                return now
        return verdict.call

    def _turn(self, source: Source) -> str | None:
        """A token to claim the new row with, when somebody is free to run it now."""
        free = self._free_for_rules() if source is Source.RULE else DIALLERS - self._running
        return self.flow.token() if free > 0 else None

    def _free_for_rules(self) -> int:
        return min(BY_RULES - self._by_rules, DIALLERS - self._running)

    def _run_or_leave(self, call: Call, repeat: bool) -> None:
        if repeat or call.state is State.EXPIRED:
            return
        if call.state is State.READING:
            self._run(call)
        else:
            self._wake.set()

    def _run(self, call: Call) -> None:
        by_rule = call.click.source is Source.RULE
        with self._counting:
            self._running += 1
            self._by_rules += by_rule
        self._submit(self._dial_pool, self._run_and_count, call, by_rule)

    def _run_and_count(self, call: Call, by_rule: bool) -> None:
        try:
            self.flow.run(call)
        finally:
            with self._counting:
                self._running -= 1
                self._by_rules -= by_rule
                was_full = self._running == DIALLERS - 1
            if was_full or (by_rule and self._turns.somebody_waits):
                self._wake.set()

    def write_soon(self, call_id: str) -> None:
        """Bring the CRM up to date with this call, in the background."""
        with self._counting:
            if call_id in self._to_write:
                return
            self._to_write.add(call_id)
        self._submit(self._write_pool, self._write, call_id)

    def _write(self, call_id: str) -> None:
        # Taken out first: whatever is wanted from here on asks for a round of its own.
        with self._counting:
            self._to_write.discard(call_id)
        self.flow.timeline.log(call_id)

    def wake(self) -> None:
        """Look at the journal now."""
        self._wake.set()

    # -- What is due ----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look after the journal until told to stop; a fault of ours ends the thread, and another goes on."""
        try:
            self._look_after()
        finally:
            if not self._stopping.is_set():
                self._thread = threading.Timer(SLOW_POLL, self._watch)
                self._thread.daemon = True
                self._thread.start()

    def _look_after(self) -> None:
        while not self._stopping.is_set():
            pause = SLOW_POLL
            try:
                self.journal.follow_clock()
                self._look_at_the_day()
                if self.look():
                    pause = 0.0
                elif (due_at := self.journal.next_due()) is not None:
                    pause = min(SLOW_POLL, max(0.25, (due_at - self.journal.now()).total_seconds()))
            except JournalDown as down:
                log.error("%s The rows keep until it is back.", down.message)
            if pause:
                self._wake.wait(pause)
                self._wake.clear()

    def _look_at_the_day(self) -> None:
        if self.daily is not None and time.monotonic() >= self._daily_at:
            self._daily_at = time.monotonic() + LOOK_AT_THE_DAY
            self._submit(self._write_pool, self._do_daily, self.daily)

    def _do_daily(self, daily: Callable[[Callable[[], bool]], object]) -> None:
        daily(self._stopping.is_set)

    def look(self) -> bool:
        """Take up what is due now; True when there may be more that can be done at once."""
        overdue = self.journal.due(_LEFT_BEHIND, BATCH)
        for call in overdue:
            if call.state in (State.READING, State.DIALLING):
                self.flow.verdicts.lease_ended(call)
        if _UNCLEAR & {call.state for call in overdue}:
            self._look_up()
        free = min(BATCH, DIALLERS - self._running)
        taken = self._take(free) if free > 0 and self.journal.due(_TO_RUN, 1) else 0
        more_awake = self._turns.awake()
        let_out = self._turns.take(min(BATCH, self._free_for_rules()))
        for call in let_out:
            self._run(call)
        for call in self.journal.due_writes(BATCH):
            self.write_soon(call.id)
        return len(overdue) == BATCH or taken == BATCH or more_awake or bool(let_out)

    def _take(self, limit: int) -> int:
        """Claim what is due in one transaction and run it; how many rows that were."""
        with self.journal.transaction() as tx:
            due = self.journal.take_due(tx, _TO_RUN, limit)
            claimed = [self._claimed(tx, call) for call in due]
        for call in claimed:
            if call is not None:
                self._run(call)
        return len(due)

    def _claimed(self, tx: Transaction, call: Call) -> Call | None:
        owner = self.flow.token()
        if not self.journal.claim(tx, call, owner, READ_LEASE):
            return None
        if tx.now >= call.expires_at:
            # Also the end of a row on which a fault of ours fails every time.
            self.flow.verdicts.expired(tx, Planned(replace(call, owner=owner)))
            return None
        if call.state is State.ACCEPTED:
            tx.move(
                call,
                State.ACCEPTED,
                State.READING,
                owner=owner,
                who="dispatcher",
                detail="taken up",
                due_at=tx.now + READ_LEASE,
                keep_owner=True,
            )
        return tx.call(call.id)

    def _look_up(self) -> None:
        with self.journal.transaction() as tx:
            unclear = self.journal.take_due(tx, _UNCLEAR, BATCH)
            claimed = [
                call for call in unclear if self.journal.claim(tx, call, self.flow.token(), LOOK_UP_LEASE)
            ]
        if claimed:
            self._submit(self._look_up_pool, self._looked_up, claimed)

    def _looked_up(self, calls: list[Call]) -> None:
        for call in outcomes.look_up(self.journal, self.flow.callerdesk, calls):
            self.write_soon(call.id)

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[P, None], *args: P.args, **kw: P.kwargs
    ) -> None:
        if not self._stopping.is_set():
            pool.submit(work, *args, **kw).add_done_callback(_report)


def _report(done: Future[None]) -> None:
    """A step that failed is a fault of ours or of the database: its row says so, or is taken up again."""
    failure = None if done.cancelled() else done.exception()
    if isinstance(failure, JournalDown):
        log.error("a step was left: %s", failure.message)
    elif failure is not None:
        log.error("a step failed: a fault of the connector's own; report it", exc_info=failure)
