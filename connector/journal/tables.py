"""The tables, and with them every index a claim or a guard needs. Times are seconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("user", Text),
    Column("source", Text, nullable=False),
    # The sender's id of the delivery: the same one again is the same click, for as long as the row lives.
    Column("delivery", Text),
    # Connection, object, record and user in one value: who pressed for whom.
    Column("press", Text, nullable=False),
    Column("click", Text, nullable=False),
    Column("accepted_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    # The dial lane: who works on the row, and when it is next to be looked at (a claim's lease ends then).
    Column("owner", Text),
    Column("due_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("record", Text),
    Column("plan", Text),
    Column("mapping_version", Text),
    Column("customer", Text),
    Column("member", Text),
    Column("code", Text),
    Column("message", Text),
    Column("dialled_at", Double),
    Column("campid", Text),
    Column("call_sid", Text),
    Column("live", Text),
    Column("ending", Text),
    Column("outcome", Text),
    Column("coins", Double),
    # The write lane: the activity is to show version `wanted`; the CRM holds version `written`.
    Column("wanted", Integer, nullable=False),
    Column("written", Integer, nullable=False),
    Column("wanted_since", Double),
    Column("write_owner", Text),
    Column("write_due_at", Double),
    Column("write_attempts", Integer, nullable=False),
    Column("write_error", Text),
    Column("write_dead", Boolean, nullable=False),
    Column("activity_id", Text),
    UniqueConstraint("connection", "delivery", name="uq_calls_delivery"),
)
Index("ix_calls_press", calls.c.press, calls.c.accepted_at)
# A statement has to say it in these very words, or the partial indexes are not seen to fit.
WAITING = "state = 'deferred'"
#: What policy holds back waits for a moment, or in line for its turn: then it is due when its wait ends.
ASLEEP = f"{WAITING} AND due_at < expires_at"
IN_LINE = f"{WAITING} AND due_at = expires_at"
#: Everything else that is not at rest.
DUE = "due_at IS NOT NULL AND state <> 'deferred'"
Index(
    "ix_calls_due",
    calls.c.state,
    calls.c.source,
    calls.c.due_at,
    sqlite_where=text(DUE),
    postgresql_where=text(DUE),
)
Index("ix_calls_asleep", calls.c.due_at, sqlite_where=text(ASLEEP), postgresql_where=text(ASLEEP))
Index(
    "ix_calls_line",
    calls.c.connection,
    calls.c.member,
    calls.c.expires_at,
    calls.c.id,
    sqlite_where=text(IN_LINE),
    postgresql_where=text(IN_LINE),
)
Index(
    "ix_calls_place",
    calls.c.connection,
    calls.c.expires_at,
    calls.c.id,
    calls.c.member,
    sqlite_where=text(WAITING),
    postgresql_where=text(WAITING),
)
#: Calls that rest before the gate: of people, for whom the member is busy.
PLANNED = "state = 'planned'"
Index("ix_calls_planned", calls.c.member, sqlite_where=text(PLANNED), postgresql_where=text(PLANNED))
Index(
    "ix_calls_write_due",
    calls.c.write_due_at,
    sqlite_where=calls.c.write_due_at.isnot(None),
    postgresql_where=calls.c.write_due_at.isnot(None),
)
Index("ix_calls_customer", calls.c.customer, calls.c.dialled_at)
Index("ix_calls_member", calls.c.member, calls.c.dialled_at)
Index("ix_calls_dialled", calls.c.dialled_at)
Index("ix_calls_campid", calls.c.campid)
Index("ix_calls_call_sid", calls.c.call_sid)
#: Calls that are going on, as far as we know.
LIVE = "state IN ('dialling', 'placed', 'unknown')"
Index(
    "ix_calls_live", calls.c.member, calls.c.dialled_at, sqlite_where=text(LIVE), postgresql_where=text(LIVE)
)

#: Deliveries that were folded into an earlier press: sent again, they are its repeats as long as it lives.
repeats = Table(
    "repeats",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("delivery", Text, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("at", Double, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("call_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("ix_events_call", events.c.call_id, events.c.id)

#: CallerDesk's webhooks as they came; without a call yet they are parked.
reports = Table(
    "reports",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("campid", Text),
    Column("call_sid", Text),
    Column("payload", Text, nullable=False),
    Column("call_id", Text),
)
Index(
    "ix_reports_parked",
    reports.c.campid,
    sqlite_where=reports.c.call_id.is_(None),
    postgresql_where=reports.c.call_id.is_(None),
)
Index("ix_reports_at", reports.c.at)

#: Small facts all processes share: the pause switch, the key that signs links.
flags = Table(
    "flags",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Double, nullable=False),
)

mapping_versions = Table(
    "mapping_versions",
    metadata,
    Column("version", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("first_used_at", Double, nullable=False),
)

#: What an admin did; numbers stand here masked, if at all.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
