"""Numbered schema changes, applied on start; a database newer than the code is refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.errors import ConfigError, Problem
from connector.journal.engine import Database


def upgrade(database: Database) -> None:
    """Bring the schema to this code's version; ConfigError when the database is from a newer one."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with database.migrating() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found == script.get_current_head():
            return
        if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
            sentence = (
                f"The database has schema version {found}, which is newer than this connector knows. "
                "Start the newer connector, or give this one a database of its own."
            )
            raise ConfigError([Problem("database", 0, 0, sentence)])
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
