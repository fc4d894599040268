"""The only SQL: the calls table, its events, legal transitions and claims."""

from connector.journal.clicks import Accepted, new_call_id
from connector.journal.journal import Journal
from connector.journal.states import NOT_ON_TIMELINE, PHASE, RESTING, VERDICT, WAITS
from connector.journal.transaction import IllegalMove, Transaction

__all__ = [
    "NOT_ON_TIMELINE",
    "PHASE",
    "RESTING",
    "VERDICT",
    "WAITS",
    "Accepted",
    "IllegalMove",
    "Journal",
    "Transaction",
    "new_call_id",
]
