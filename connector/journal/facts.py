"""Small facts that all processes share: flags, the key of links, and the texts of mapping versions."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select

from connector.journal.ledger import FLAG
from connector.journal.opened import Opened
from connector.journal.rows import stamp
from connector.journal.tables import flags, mapping_versions

_UNFLAG = delete(flags).where(flags.c.name == bindparam("name"))
_SET_FLAG = insert(flags)


class Facts(Opened):
    """Facts by name, each set by one process at a time and seen by all."""

    def flag(self, name: str) -> str | None:
        """The value of a flag that all processes share, or None."""
        with self.database.read() as connection:
            value: str | None = connection.execute(FLAG, {"name": name}).scalar()
            return value

    def set_flag(self, name: str, value: str | None) -> None:
        """Set a shared flag, or clear it with None."""
        with self.transaction() as tx:
            tx.serialise(f"flag {name}")
            tx.connection.execute(_UNFLAG, {"name": name})
            if value is not None:
                tx.connection.execute(_SET_FLAG, {"name": name, "value": value, "at": stamp(tx.now)})

    def link_key(self) -> str:
        """The key that signs links to call pages: made once, kept with the calls."""
        while (key := self.flag("link_key")) is None:
            with self.transaction() as tx:
                tx.serialise("flag link_key")
                if tx.connection.execute(FLAG, {"name": "link_key"}).first():
                    continue
                made: dict[str, Any] = {
                    "name": "link_key",
                    "value": secrets.token_hex(32),
                    "at": stamp(tx.now),
                }
                tx.connection.execute(_SET_FLAG, made)
        return key

    def keep_mapping(self, connection_name: str, version: str, text: str) -> None:
        """Keep the text of a mapping version the first time a call is planned with it."""
        named = and_(mapping_versions.c.version == version, mapping_versions.c.connection == connection_name)
        with self.transaction() as tx:
            tx.serialise("mapping versions")
            if not tx.connection.execute_once(select(mapping_versions.c.version).where(named)).first():
                tx.connection.execute_once(
                    insert(mapping_versions).values(
                        version=version, connection=connection_name, text=text, first_used_at=stamp(tx.now)
                    )
                )
