"""Makes what was overwritten or deleted vanish from an SQLite file, too.

A changed row leaves its old text in unused parts of the file and in the write-ahead log. VACUUM writes the
file anew from what is there (https://www.sqlite.org/lang_vacuum.html); the checkpoint that follows empties
the log. Writers wait meanwhile, readers do not.
"""

from __future__ import annotations

import fcntl
import sqlite3

from connector.errors import JournalDown
from connector.journal.engine import Database

_PATIENCE_SECONDS = 60.0


def compact(database: Database) -> bool:
    """Write the file anew; False where nothing was done or a reader kept the old log from being emptied.

    On PostgreSQL that is autovacuum's work, and False. Raises JournalDown when the file cannot be written
    anew.
    """
    if database.path is None:
        return False
    with database.beside(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bare = sqlite3.connect(database.path, timeout=_PATIENCE_SECONDS, isolation_level=None)
        try:
            bare.execute("PRAGMA secure_delete=ON")
            bare.execute("PRAGMA synchronous=FULL")
            bare.execute("VACUUM")
            (busy, _, _) = bare.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            sentence = (
                f"The rows are changed, but the database file could not be written anew ({error}), so it may "
                "still hold what stood there. Make room on its disk, twice its size, and run this again."
            )
            raise JournalDown("journal_down", sentence) from None
        finally:
            bare.close()
    return not busy
