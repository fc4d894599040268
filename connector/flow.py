"""The story of one click: read -> plan -> dial -> log -> outcome.

    THE LAW: RING AT MOST ONCE; WRITE AT LEAST ONCE.

`gate` commits `planned -> dialling`; `dial` is called by nobody but the thread whose gate has just
committed, and sends one request that nothing repeats. Whatever is unclear after that becomes `unknown`
and is looked up (`outcomes.py`), never redialled. `log` makes the CRM's timeline equal to the row and may run
any number of times: it cannot ring.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connector import phone
from connector.callerdesk import CallerDesk, Members
from connector.connection import Connection, connected
from connector.errors import ConnectorError, JournalDown, NotPlaced, Refused, TryAgain, Unclear
from connector.journal import Accepted, Journal
from connector.journal.rows import plan_columns
from connector.model import Call, CallPlan, Click, Record, Source, State
from connector.policy import Ask, decide, has_waited
from connector.redact import mask
from connector.timeline import WRITE_LEASE, Timeline
from connector.verdicts import Planned, Verdicts
from connector.waiters import Waiters

#: Longer than reading a record may take with its retry.
READ_LEASE = timedelta(seconds=25)
#: Longer than the dial's connect and read time-outs together.
DIAL_LEASE = timedelta(seconds=15)


class Flow:
    """The steps, and what they work on. Shared between threads; every step is safe to run on a stale row."""

    def __init__(
        self,
        journal: Journal,
        callerdesk: CallerDesk,
        members: Members,
        connections: Mapping[str, Connection],
        *,
        shown: Callable[[Call], Call] = lambda call: call,
        worker: str = "",
    ) -> None:
        self.journal = journal
        self.callerdesk = callerdesk
        self.members = members
        self.connections = connections
        self.waiters = Waiters()
        #: Mapping versions whose text the journal holds for certain.
        self._kept: set[tuple[str, str]] = set()
        self.verdicts = Verdicts(journal, self.waiters.tell, lambda call_id: self.behind(call_id))
        self.timeline = Timeline(journal, connections, self.token, shown)
        #: Begins every owner token of this process, so that its claims can be told from others'.
        self.worker = worker or secrets.token_hex(4)
        #: Called with a call's id whenever its activity is behind; the dispatcher hands it to its pool.
        self.behind: Callable[[str], None] = lambda call_id: None

    def token(self) -> str:
        """A fresh owner token: a claim is told from every earlier one, also of the same process."""
        return f"{self.worker}.{secrets.token_hex(6)}"

    # -- accept ---------------------------------------------------------------------------------------------

    def accept(self, click: Click, *, owner: str | None = None) -> Accepted:
        """Make a click durable, claimed for `owner` if given; Refused when its object is not mapped."""
        connection = self.connections[click.connection]
        connection.mapping.current().require(click.object)
        accepted = self.journal.accept(
            click,
            lifetime=timedelta(seconds=connection.policy.expire_after),
            repeat_window=timedelta(seconds=connection.policy.repeat_window),
            owner=owner,
            lease=READ_LEASE,
            in_line=timedelta(seconds=connection.policy.deferred_for_at_most)
            if click.source is Source.RULE
            else None,
        )
        first = accepted.call.click
        if accepted.repeat and (first.object, first.record_id) != (click.object, click.record_id):
            raise Refused(
                "click_id_reused",
                f"This click's id belongs to a call for {first.object} {first.record_id}: "
                "send every click with an id of its own. Nobody was rung.",
                status=409,
            )
        return accepted

    # -- read, plan, gate, dial -----------------------------------------------------------------------------

    def run(self, call: Call) -> None:
        """Take a claimed call as far as it goes now, and wake whoever waits for the verdict."""
        try:
            if call.state is State.PLANNED and call.plan and call.record:
                self._ring(call, call.record, call.plan)
            else:
                self._start(call)
        finally:
            self.waiters.tell(call.id)

    def _start(self, call: Call) -> None:
        record = None
        try:
            record = self.read(call)
            plan = self.plan(call, record)
        except Refused as refusal:
            self.verdicts.refuse(call, refusal, State.READING, record)
        except JournalDown:
            raise  # nothing can be written down now: the row is taken up again when its lease ends
        except ConnectorError as failure:
            self.verdicts.not_read(call, failure)
        except Exception as fault:
            # Nobody foresaw it: read again it would fail again, and nobody would be told.
            sentence = f"The connector failed with a fault of its own ({type(fault).__name__}): see its log."
            self.verdicts.not_read(call, ConnectorError("connector_fault", sentence), who="connector")
            raise
        else:
            self._ring(call, record, plan)

    def read(self, call: Call) -> Record:
        """Ask the CRM for the record, its owner and the acting user: just the fields the mapping uses."""
        connection = connected(self.connections, call.connection)
        wanted = connection.mapping.current().wanted(call.click.object)
        try:
            record = connection.crm.read(call.click, wanted)
        except TryAgain as failure:
            # One more look for a lost connection; after a time-out the person has waited long enough.
            if failure.status == 504 or call.click.source is Source.RULE:
                raise
            record = connection.crm.read(call.click, wanted)
        self._give_way(call, record, connection)
        return record

    def _give_way(self, call: Call, record: Record, connection: Connection) -> None:
        """One change that the CRM tells of twice is one call: its first click's."""
        other = connection.crm.same_change(call.click, record)
        window = timedelta(seconds=connection.policy.repeat_window)
        if other is not None and self.journal.asked_before(other, call.accepted_at, window):
            raise Refused(
                "told_twice",
                f"{call.click.object} {call.click.record_id} changed together with {other.object} "
                f"{other.record_id}, and the call is made for that one. Nobody was rung for this one.",
            )

    def plan(self, call: Call, record: Record) -> CallPlan:
        """Decide both parties and the deskphone by the mapping; Refused when it cannot, and why."""
        connection = self.connections[call.connection]
        mapping = connection.mapping.current()
        if (connection.name, mapping.version) not in self._kept:
            self.journal.keep_mapping(connection.name, mapping.version, mapping.text)
            self._kept.add((connection.name, mapping.version))
        plan = mapping.plan(
            call.click.object,
            record,
            call.click,
            default_deskphone=connection.deskphone,
            default_call_limit=connection.policy.call_limit,
            read_number=self.number_reader(connection),
            member_number=connection.member_number(self.members.number_of),
        )
        return replace(plan, mapping_version=mapping.version)

    def number_reader(self, connection: Connection) -> Callable[[object], str]:
        """Reads a typed number as this connection may ring it, else a list goes on to its next field."""

        def read(typed: object) -> str:
            number = phone.read(typed, connection.region)
            if number.country not in connection.policy.countries:
                raise Refused(
                    "country_not_allowed", f"{mask(number.e164)} is in {number.country}, not allowed"
                )
            if number.kind not in connection.policy.number_types:
                raise Refused("number_type_not_allowed", f"{mask(number.e164)} is {number.kind}, not rung")
            return number.e164

        return read

    def ask(self, call: Call, plan: CallPlan, now: datetime) -> Ask:
        """The question for the policy: may this plan ring now?"""
        return Ask(
            connection=call.connection,
            object=call.click.object,
            record=f"{call.click.object} {call.click.record_id}",
            source=call.click.source,
            plan=plan,
            now=now,
            user=call.click.user,
            member_active=self.members.active(plan.member),
            overrides=call.click.override,
        )

    def _ring(self, call: Call, record: Record, plan: CallPlan) -> None:
        dialling = self.gate(call, record, plan)
        if dialling is None:
            self.behind(call.id)  # a refusal has its place on the timeline
        else:
            self.dial(dialling, plan)

    def gate(self, call: Call, record: Record, plan: CallPlan) -> Call | None:
        """Commit `planned -> dialling` if expiry and every guard allow it; only its call may be dialled.

        A call that comes straight from reading passes `planned` in the same transaction.
        """
        connection = self.connections[call.connection]
        planned = self._planned(call, record, plan)
        ask = self.ask(call, plan, self.journal.now())
        with self.journal.transaction() as tx:
            tx.serialise("gate")
            dialled_at = tx.now
            if dialled_at >= call.expires_at:
                self.verdicts.expired(tx, planned)
                return None
            if has_waited(call) and call.due_at is not None and dialled_at >= call.due_at:
                # Its lease has ended, so what was read is old: it is taken up and read again.
                return None
            objection = decide(connection.policy, replace(ask, now=dialled_at), tx.ledger)
            if objection is not None:
                self.verdicts.objected(tx, planned, objection, connection.policy)
                return None
            moved = planned.move(
                tx,
                State.DIALLING,
                who="gate",
                detail="every guard agrees",
                due_at=dialled_at + DIAL_LEASE,
                keep_owner=True,
                columns={"dialled_at": dialled_at.timestamp()},
            )
        if not moved:
            return None
        return replace(
            call,
            state=State.DIALLING,
            record=record,
            plan=plan,
            mapping_version=plan.mapping_version,
            dialled_at=dialled_at,
        )

    def _sends_until(self, call: Call) -> datetime:
        """No dial goes out later than a click may be old, counted from its gate, however long it may wait."""
        life = timedelta(seconds=self.connections[call.connection].policy.expire_after)
        return min(call.expires_at, (call.dialled_at or call.accepted_at) + life)

    def _planned(self, call: Call, record: Record, plan: CallPlan) -> Planned:
        if call.state is State.PLANNED:
            return Planned(call)
        detail = f"customer {mask(plan.customer)}, member {mask(plan.member)}, version {plan.mapping_version}"
        return Planned(
            call,
            by_way_of=(State.PLANNED, "mapping", detail),
            columns=plan_columns(plan, record) | {"mapping_version": plan.mapping_version},
        )

    def dial(self, call: Call, plan: CallPlan) -> None:
        """Ring, once: only the thread whose `gate` has just committed comes here, and nothing repeats it."""
        if self.journal.now() >= self._sends_until(call):
            # The commit took its time, or the machine slept: nothing has been sent, and now it is too late.
            self.verdicts.too_late(call)
            return
        try:
            placed = self.callerdesk.reverse_c2c(
                plan.customer,
                plan.member,
                plan.deskphone,
                call_limit=plan.call_limit,
                campid=plan.campid,
                form_deskphone=plan.form_deskphone,
            )
        except NotPlaced as never:
            self.verdicts.not_placed(call, never)
        except Refused as refusal:
            self.verdicts.refuse(call, refusal, State.DIALLING)
        except Unclear as doubt:
            self.verdicts.unclear(call, doubt)
        else:
            writer = self.token()
            claimed = self.verdicts.placed(call, placed, writer, WRITE_LEASE)
            if claimed is not None:
                self.timeline.carry_on(claimed, writer)
