"""Find what is due by state, the line that rules' calls wait in, and the calls that members are in."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WAITING = "state = 'deferred'"


def upgrade() -> None:
    op.drop_index("ix_calls_due", "calls")
    for name, columns, where in (
        ("ix_calls_due", ["state", "source", "due_at"], "due_at IS NOT NULL AND state <> 'deferred'"),
        ("ix_calls_asleep", ["due_at"], f"{WAITING} AND due_at < expires_at"),
        ("ix_calls_line", ["connection", "member", "expires_at", "id"], f"{WAITING} AND due_at = expires_at"),
        ("ix_calls_place", ["connection", "expires_at", "id", "member"], WAITING),
        ("ix_calls_planned", ["member"], "state = 'planned'"),
        ("ix_calls_live", ["member", "dialled_at"], "state IN ('dialling', 'placed', 'unknown')"),
    ):
        op.create_index(name, "calls", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
