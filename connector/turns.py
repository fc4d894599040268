"""Who may leave the line now: the first who came, as far as the caps, members and people let them.

Whoever leaves is read again and passes the gate like everybody else; being let out decides nothing there.
"""

from __future__ import annotations

from connector.flow import READ_LEASE, Flow
from connector.journal import Transaction
from connector.journal import line as lines
from connector.model import Call, State
from connector.policy import MemberBusy, Policy, room
from connector.verdicts import Planned


class Turns:
    """Lets calls out of the lines of one journal, claimed for this process."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._journal = flow.journal
        #: Whether anybody stood in a line when it was last looked at, or may have.
        self.somebody_waits = False
        self._begins_with = 0

    def awake(self) -> bool:
        """Put those in line whose moment has come; True when there may be more."""
        if not self._journal.somebody_awakes():
            return False
        with self._journal.transaction() as tx:
            return lines.stand_up(tx) == lines.BATCH

    def take(self, limit: int) -> list[Call]:
        """Let out those whose turn it is, `limit` at the most, each claimed to be read."""
        if limit <= 0:
            self.somebody_waits = True
            return []
        names = self._journal.lines()
        self.somebody_waits = bool(names)
        if not names:
            return []
        # Another line comes first each time, so that none lives on what others leave.
        self._begins_with += 1
        first = self._begins_with % len(names)
        taken: list[Call] = []
        with self._journal.transaction() as tx:
            tx.serialise("line")
            paused = tx.ledger.paused()
            for number, name in enumerate(names[first:] + names[:first]):
                self._end_waits(tx, name)
                share = -(-(limit - len(taken)) // (len(names) - number))
                if not paused:
                    taken += self._from(tx, name, share)
        return taken

    def _from(self, tx: Transaction, name: str, limit: int) -> list[Call]:
        connection = self._flow.connections.get(name)
        policy = connection.policy if connection else None
        free = room(policy, name, tx.ledger, tx.now) if policy else None
        if free is not None:
            limit = min(limit, free - lines.under_way(tx, name))
        if limit <= 0:
            return []
        firsts = [each for each in lines.firsts(tx, name, limit) if _is_free(each, policy)]
        ids = [each.call_id for each in firsts[:limit]]
        # Whoever holds more than one row takes them by id, so that nobody waits in a circle.
        let_out = {call_id: self._let_out(tx, call_id) for call_id in sorted(ids)}
        return [call for call in map(let_out.get, ids) if call is not None]

    def _let_out(self, tx: Transaction, call_id: str) -> Call | None:
        call = tx.call(call_id)
        if call is None or call.state is not State.DEFERRED:
            return None
        tx.move(
            call,
            State.DEFERRED,
            State.READING,
            by_way_of=(State.ACCEPTED, "dispatcher", "its turn has come"),
            who="dispatcher",
            detail="the record is read again" if call.plan else "at once",
            due_at=tx.now + READ_LEASE,
            keep_owner=True,
            columns={"owner": self._flow.token(), "attempts": call.attempts + 1},
        )
        return tx.call(call_id)

    def _end_waits(self, tx: Transaction, name: str) -> None:
        for call_id in sorted(lines.over(tx, name)):
            call = tx.call(call_id)
            if call is not None and call.state is State.DEFERRED:
                self._flow.verdicts.expired(tx, Planned(call))


def _is_free(first: lines.First, policy: Policy | None) -> bool:
    """Whether the gate may let this one through, as far as its member goes."""
    if policy is None or policy.member_busy is MemberBusy.IGNORE:
        return True
    return not first.wanted and not (first.busy and policy.member_busy is MemberBusy.DEFER)
