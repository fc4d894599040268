"""The write lane: the CRM's activity becomes equal to the row, however often that takes. It cannot ring."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from datetime import timedelta

from connector.connection import Connection, connected
from connector.errors import ConnectorError, Gone, Refused, TryAgain
from connector.journal import NOT_ON_TIMELINE, PHASE, RESTING, Journal
from connector.model import Call, State

logger = logging.getLogger("connector.timeline")

#: Longer than the slowest write: a login, a look-up, an update and a create, each near its time-out.
WRITE_LEASE = timedelta(seconds=90)
#: A failed write is tried again after these many seconds, the last one repeated, for seven days in all.
WRITE_RESTS = (1, 3, 10, 30, 120, 600, 1800, 3600)
WRITE_FOR = timedelta(days=7)


class Timeline:
    """Writes activities, one writer a call at a time, looking first where an earlier try may have worked."""

    def __init__(
        self,
        journal: Journal,
        connections: Mapping[str, Connection],
        token: Callable[[], str],
        shown: Callable[[Call], Call],
    ) -> None:
        self.journal = journal
        self.connections = connections
        self._token = token
        #: The call as the CRM may show it.
        self._shown = shown

    def log(self, call_id: str) -> None:
        """Make the CRM's activity equal to the row, until no newer version is wanted."""
        owner = self._token()
        while True:
            with self.journal.transaction() as tx:
                if not tx.claim_write(call_id, owner, WRITE_LEASE):
                    return
                call = tx.call(call_id)
            if call is None or not self._log_once(call, owner):
                return

    def carry_on(self, call: Call, owner: str) -> None:
        """The same for a call that `owner` has claimed for writing already."""
        if self._log_once(call, owner):
            self.log(call.id)

    def _log_once(self, call: Call, owner: str) -> bool:
        """Write one version; True when a newer one is already wanted."""
        try:
            activity_id = self._written(call)
            self._conclude(call)
        except (Gone, Refused) as final:
            self._not_logged(call, owner, final, dead=self._concluded(call))
            return False
        except ConnectorError as failure:
            self._not_logged(call, owner, failure, dead=False)
            return False
        except Exception as fault:
            # Nobody foresaw it: it rests and is given up like any other failure, so that somebody sees it.
            sentence = f"The connector failed with a fault of its own ({type(fault).__name__}): see its log."
            self._not_logged(call, owner, ConnectorError("connector_fault", sentence), dead=False)
            raise
        with self.journal.transaction() as tx:
            return tx.written(call, owner, call.wanted, activity_id)

    def _written(self, call: Call) -> str | None:
        """The id of the activity, made or changed; of a call that has no place on the timeline, None."""
        if call.click.awaited and not _has_a_place(call):
            return call.activity_id
        connection = connected(self.connections, call.connection)
        look_first = call.activity_id is None and call.write_attempts > 1
        activity = connection.mapping.current().activity(self._shown(call), look_first=look_first)
        return connection.crm.write(activity)

    def _conclude(self, call: Call) -> None:
        """Tell a CRM that waits for it how the call came out."""
        if call.click.awaited and call.state in RESTING:
            connected(self.connections, call.connection).crm.conclude(self._shown(call))

    def _concluded(self, call: Call) -> bool:
        """The same of an activity that can never be written; False when it is to be tried again."""
        try:
            self._conclude(call)
        except ConnectorError as failure:
            logger.warning("call %s: the CRM could not be told how it came out: %s", call.id, failure.message)
            return False
        return True

    def _not_logged(self, call: Call, owner: str, failure: ConnectorError, *, dead: bool) -> None:
        rest = float(WRITE_RESTS[min(call.write_attempts, len(WRITE_RESTS)) - 1])
        asked = failure.retry_after if isinstance(failure, TryAgain) else None
        # Jitter, so that a CRM that comes back is not met by everything at once.
        rest = max(rest * random.uniform(0.5, 1.0), min(asked or 0.0, WRITE_RESTS[-1]))  # noqa: S311
        logger.warning("call %s is not on the CRM record yet: %s", call.id, failure.message)
        with self.journal.transaction() as tx:
            since = call.wanted_since or tx.now
            over = dead or tx.now - since > WRITE_FOR
            tx.not_written(call, owner, failure.message, None if over else tx.now + timedelta(seconds=rest))


def _has_a_place(call: Call) -> bool:
    """Whether the timeline shows such an end; what was refused in passing is only told to who waits."""
    if call.state is State.REFUSED:
        return call.code not in NOT_ON_TIMELINE and call.record is not None
    return PHASE[call.state] is not None
