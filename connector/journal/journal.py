"""The journal: the row is the whole truth about a call, and the queue it waits in.

Every step that must not be lost or doubled is one committed transaction here. A claim is a lease: `owner` is
a fresh token, `due_at` the moment the lease ends, and a row that is due is anybody's to take up again.
"""

from __future__ import annotations

from connector.journal.claims import Claims
from connector.journal.clicks import Clicks
from connector.journal.facts import Facts
from connector.journal.line import Line
from connector.journal.questions import Questions


class Journal(Clicks, Claims, Line, Questions, Facts):
    """All that this connector must never forget. Shared between threads.

    Without a `clock` (seconds since the epoch) it is the host's on SQLite, the server's on PostgreSQL.
    """
