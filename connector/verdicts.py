"""What becomes of a row once a step has told: one function for each answer, each one committed move.

None of these can ring. Every path out of `dialling` is here: placed, refused, never connected, unclear, and
the process that dialled is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector import outcomes
from connector.callerdesk import Placed
from connector.errors import ConnectorError, NotPlaced, Refused, TryAgain, Unclear
from connector.journal import NOT_ON_TIMELINE, WAITS, Journal, Transaction, audit, reports
from connector.journal.rows import record_json
from connector.model import Call, Record, Source, State
from connector.policy import Policy, Verdict, has_waited, wait_ends
from connector.redact import mask, scrub

#: How long a planned call rests when a guard defers it without naming a time.
LOOK_AGAIN = timedelta(seconds=2)
#: A rule's call that never reached CallerDesk is tried again after this long.
NOT_PLACED_REST = timedelta(seconds=5)
TOO_OLD = "The click was too old to ring anybody when its turn came; it is only recorded."
WAITED = "The call has waited for its turn as long as it may, and the turn did not come; it is only recorded."
#: Seconds between two tries to read the record for a rule's click, while it has not expired.
READ_RESTS = (1, 2, 4, 8, 15)


@dataclass(frozen=True, slots=True)
class Planned:
    """A call before the gate, and what passing `planned` on the way writes into its row."""

    call: Call
    by_way_of: tuple[State, str, str] | None = None
    columns: Mapping[str, object] = field(default_factory=dict)

    def move(
        self,
        tx: Transaction,
        to: State,
        *,
        who: str,
        detail: str,
        due_at: datetime | None = None,
        keep_owner: bool = False,
        write: bool | None = None,
        columns: Mapping[str, object],
    ) -> bool:
        """Move on from `planned`, or through it; False when the call is somebody else's by now."""
        return tx.move(
            self.call,
            self.call.state,
            to,
            by_way_of=self.by_way_of,
            owner=self.call.owner,
            who=who,
            detail=detail,
            due_at=due_at,
            keep_owner=keep_owner,
            write=write,
            columns={**self.columns, **columns},
        )


class Verdicts:
    """Moves rows by what a step told, and tells whoever waits for the verdict or writes the timeline."""

    def __init__(
        self,
        journal: Journal,
        tell: Callable[[str, Call | None], None],
        behind: Callable[[str], None],
    ) -> None:
        self.journal = journal
        self._tell = tell
        self._behind = behind

    def placed(self, call: Call, placed: Placed, writer: str, lease: timedelta) -> Call | None:
        """CallerDesk took the call; the call as it now stands, claimed for `writer` to log it, or None."""
        plan = call.plan
        assert plan is not None  # nothing is dialled without one
        message = f"Ringing the customer {mask(plan.customer)} first, then you on {mask(plan.member)}."
        with self.journal.transaction() as tx:
            reports.in_turn(tx, placed.campid)
            moved = tx.move(
                call,
                State.DIALLING,
                State.PLACED,
                owner=call.owner,
                who="callerdesk",
                detail=scrub(placed.message),
                due_at=tx.now + outcomes.REPORT_OVERDUE,
                columns={"campid": placed.campid, "code": None, "message": message},
            )
            if not moved:
                # The lease ran out meanwhile: then this reply is evidence that resolves the `unknown`.
                outcomes.placed_after_all(tx, call.id, placed.campid, message)
            ended = outcomes.claim_parked(tx, call, placed.campid)
            simple = moved and not ended
            claimed = simple and tx.claim_write(call.id, writer, lease)
        now = replace(call, state=State.PLACED, owner=None, campid=placed.campid, code=None, message=message)
        self._tell(call.id, now if simple else None)
        if claimed:
            return replace(now, wanted=now.wanted + 1, write_attempts=now.write_attempts + 1)
        self._behind(call.id)
        return None

    def refuse(self, call: Call, refusal: Refused, state: State, record: Record | None = None) -> None:
        columns: dict[str, object] = {"code": refusal.code, "message": refusal.message}
        if record is not None:
            columns["record"] = record_json(record)
        if state is State.DIALLING:
            columns["dialled_at"] = None
        with self.journal.transaction() as tx:
            tx.move(
                call,
                state,
                State.REFUSED,
                owner=call.owner,
                who="callerdesk" if state is State.DIALLING else "mapping",
                detail=refusal.message,
                write=refusal.code not in NOT_ON_TIMELINE and (record or call.record) is not None,
                columns=columns,
            )
        self._settled(call.id)

    def expired(self, tx: Transaction, planned: Planned) -> None:
        """The click was too old when its turn came, or had waited too long for it: it rings nobody."""
        columns = {"code": "expired", "message": TOO_OLD}
        if has_waited(planned.call):
            columns = {"code": "waited_too_long", "message": WAITED}
        planned.move(tx, State.EXPIRED, who="gate", detail=columns["message"], columns=columns)

    def too_late(self, call: Call) -> None:
        """It grew too old between the gate's commit and the dial, of which nothing has been sent."""
        columns = {"code": "expired", "message": TOO_OLD, "dialled_at": None}
        with self.journal.transaction() as tx:
            tx.move(
                call,
                State.DIALLING,
                State.EXPIRED,
                owner=call.owner,
                who="dial",
                detail=TOO_OLD,
                columns=columns,
            )
        self._settled(call.id)

    def objected(self, tx: Transaction, planned: Planned, objection: Verdict, policy: Policy) -> None:
        """A guard objects: refuse, or defer visibly to the moment it names."""
        who, said = objection.code, objection.sentence
        columns: dict[str, object] = {"code": who, "message": said}
        expires_at = planned.call.expires_at
        if objection.action == "refuse":
            write = who not in NOT_ON_TIMELINE
            planned.move(tx, State.REFUSED, who=who, detail=said, write=write, columns=columns)
        elif objection.until is None or objection.may_expire:
            again_at = min(objection.until or tx.now + LOOK_AGAIN, expires_at)
            planned.move(tx, State.PLANNED, who=who, detail=said, due_at=again_at, columns=columns)
        else:
            self._held_back(tx, planned, objection, policy)

    def _held_back(self, tx: Transaction, planned: Planned, objection: Verdict, policy: Policy) -> None:
        """The click does not age while policy itself holds it back: its wait has an end of its own."""
        call, said = planned.call, objection.sentence
        customer = planned.columns.get("customer") or (call.plan.customer if call.plan else None)
        ends = wait_ends(policy, str(customer), call.accepted_at)
        until = objection.until or tx.now
        columns: dict[str, object] = {"expires_at": ends.timestamp()}
        if tx.now >= ends or (until >= ends and not objection.in_line):
            columns |= {"code": "waited_too_long", "message": f"{said} {WAITED}"}
            planned.move(tx, State.EXPIRED, who=objection.code, detail=said, columns=columns)
            return
        columns |= {"code": objection.code, "message": said}
        # Who was read in its turn and cannot go yet rests a little: otherwise it is read over and over.
        rests = call.plan is not None and has_waited(call)
        due_at = ends if objection.in_line and not rests else min(until, ends)
        planned.move(tx, State.DEFERRED, who=objection.code, detail=said, due_at=due_at, columns=columns)

    def cancel(self, call_id: str, *, who: str, detail: str, on_behalf_of: str) -> None:
        """Take a call out before anybody is rung, and note who did; Refused (`too_late`) if dialled."""
        with self.journal.transaction() as tx:
            # As it stands by now: a row that is being tried again moves by itself.
            call = tx.call(call_id)
            if call is None or call.state not in WAITS:
                state = call.state if call else "gone"
                raise Refused(
                    "too_late",
                    f"Call {call_id} is {state}: only what was not dialled can be cancelled.",
                    status=409,
                )
            message = "The call was cancelled before anybody was rung."
            columns = {"code": "cancelled", "message": message}
            tx.move(call, call.state, State.CANCELLED, who=who, detail=detail, columns=columns)
            audit.note(tx, on_behalf_of, "cancel", call_id)
        self._settled(call_id)

    def not_read(self, call: Call, failure: ConnectorError, who: str = "crm") -> None:
        """A rule's click is read again until it expires; a person is told at once."""
        may_come_back = isinstance(failure, TryAgain) and call.click.source is Source.RULE
        rest = READ_RESTS[min(call.attempts, len(READ_RESTS)) - 1]
        with self.journal.transaction() as tx:
            again_at = tx.now + timedelta(seconds=rest)
            if may_come_back and again_at < call.expires_at:
                tx.move(
                    call,
                    State.READING,
                    State.ACCEPTED,
                    owner=call.owner,
                    who=who,
                    detail=failure.message,
                    due_at=again_at,
                )
                return
            tx.move(
                call,
                State.READING,
                State.FAILED,
                owner=call.owner,
                who=who,
                detail=failure.message,
                columns={"code": failure.code, "message": f"{failure.message} Nobody was rung."},
            )

    def not_placed(self, call: Call, never: NotPlaced) -> None:
        """No connection was made, so nothing rang: a rule tries again until it expires."""
        with self.journal.transaction() as tx:
            again_at = tx.now + NOT_PLACED_REST
            if call.click.source is Source.RULE and again_at < call.expires_at:
                # A click lives a minute or so; who may wait for hours goes by the record as it is then.
                again = (State.PLANNED, "callerdesk", never.message) if has_waited(call) else None
                tx.move(
                    call,
                    State.DIALLING,
                    State.ACCEPTED if again else State.PLANNED,
                    by_way_of=again,
                    owner=call.owner,
                    who="callerdesk",
                    detail="the record is read again first" if again else never.message,
                    due_at=again_at,
                    columns={"dialled_at": None},
                )
                return
        self.refuse(call, Refused(never.code, never.message), State.DIALLING)

    def unclear(self, call: Call, doubt: Unclear) -> None:
        with self.journal.transaction() as tx:
            reports.in_turn(tx, None)
            moved = tx.move(
                call,
                State.DIALLING,
                State.UNKNOWN,
                owner=call.owner,
                who="callerdesk",
                detail=doubt.message,
                due_at=tx.now + outcomes.UNKNOWN_REST,
                columns={"code": doubt.code, "message": doubt.message},
            )
            if moved:
                outcomes.claim_parked(tx, call, None)
        self._settled(call.id)

    def lease_ended(self, call: Call) -> None:
        """Take up a row whose worker is gone: before the gate it goes on, after it nobody may dial again."""
        with self.journal.transaction() as tx:
            if call.state is State.READING:
                tx.move(
                    call,
                    State.READING,
                    State.ACCEPTED,
                    owner=call.owner,
                    who="reaper",
                    detail="the process that read the record is gone",
                    due_at=tx.now,
                )
            else:
                message = (
                    "The connector was stopped while it asked CallerDesk to ring. The customer's phone may "
                    "be ringing: do not press again, we are finding out."
                )
                tx.move(
                    call,
                    State.DIALLING,
                    State.UNKNOWN,
                    owner=call.owner,
                    who="reaper",
                    detail="the process that dialled is gone",
                    due_at=tx.now,
                    columns={"code": "connector_stopped", "message": message},
                )
        self._settled(call.id)

    def _settled(self, call_id: str) -> None:
        self._tell(call_id, None)
        self._behind(call_id)
