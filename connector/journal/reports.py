"""CallerDesk's webhooks on disk: each kept once, matched to its call now, or parked until it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from connector.journal.rows import call_of, dumps, moment, stamp
from connector.journal.sql import one_of
from connector.journal.tables import calls, reports
from connector.journal.transaction import Transaction
from connector.model import Call, State

#: How long before and after its dial a report without a campid may claim a call by both numbers.
EARLIEST, LATEST = timedelta(seconds=60), timedelta(hours=6)

_KEPT = select(reports.c.fingerprint).where(reports.c.fingerprint == bindparam("fingerprint"))
_KEEP = insert(reports)
# Locked: of two webhooks of one call that come at once, the second sees what the first has changed.
_BY_CAMPID = (
    select(calls)
    .where(calls.c.campid == bindparam("campid"))
    .order_by(calls.c.dialled_at.desc())
    .with_for_update()
)
_BY_SID = select(calls).where(calls.c.call_sid == bindparam("call_sid")).with_for_update()
_UNCLAIMED = select(reports).where(reports.c.call_id.is_(None)).order_by(reports.c.at)
_PARKED_FOR = _UNCLAIMED.where(reports.c.campid == bindparam("campid"))
_PARKED_SINCE = _UNCLAIMED.where(reports.c.at >= bindparam("since"))
_MATCHED = (
    update(reports).where(reports.c.fingerprint == bindparam("b_print")).values(call_id=bindparam("call_id"))
)


@dataclass(frozen=True, slots=True)
class Parked:
    """One webhook on disk that no call has claimed yet."""

    fingerprint: str
    at: datetime
    kind: str
    campid: str | None
    call_sid: str | None
    payload: Mapping[str, Any]


def in_turn(tx: Transaction, campid: str | None, *, coming: bool = False) -> None:
    """Keep a `coming` webhook and the call that looks for it apart: either's transaction begins with this.

    Else the webhook might look for its call just before that gets its campid, and be parked just after the
    call has looked for it. A call without a campid looks through all that came.
    """
    if coming or not campid:
        tx.serialise("reports", shared=coming and bool(campid))
    if campid:
        tx.serialise(f"report {campid}")


def keep(
    tx: Transaction,
    *,
    fingerprint: str,
    kind: str,
    campid: str | None,
    call_sid: str | None,
    payload: Mapping[str, Any],
    call_id: str | None,
) -> bool:
    """Store one webhook; False when the very same one is stored already."""
    if tx.connection.execute(_KEPT, {"fingerprint": fingerprint}).first():
        return False
    tx.connection.execute(
        _KEEP,
        {
            "fingerprint": fingerprint,
            "at": stamp(tx.now),
            "kind": kind,
            "campid": campid,
            "call_sid": call_sid,
            "payload": dumps(payload),
            "call_id": call_id,
        },
    )
    return True


def by_ids(tx: Transaction, campid: str | None, call_sid: str | None) -> Call | None:
    """The call CallerDesk's own ids name: by campid, else by CallSid if no campid contradicts."""
    if campid and (row := tx.connection.execute(_BY_CAMPID, {"campid": campid}).first()):
        return call_of(row)
    if call_sid and (row := tx.connection.execute(_BY_SID, {"call_sid": call_sid}).first()):
        call = call_of(row)
        return None if campid and call.campid else call
    return None


def candidates(tx: Transaction, at: datetime) -> list[Call]:
    """Calls without a campid, dialled around `at`, not ended: to be matched by both numbers."""
    rows = tx.connection.execute_once(
        select(calls)
        .where(
            calls.c.campid.is_(None),
            one_of(calls.c.state, [State.UNKNOWN.value, State.PLACED.value, State.ABANDONED.value]),
            calls.c.dialled_at.between(stamp(at - LATEST), stamp(at + EARLIEST)),
        )
        .order_by(calls.c.dialled_at.desc())
    )
    return [call_of(row) for row in rows]


def parked(tx: Transaction, campid: str | None, since: datetime) -> list[Parked]:
    """Unclaimed webhooks with this campid, or without one all that came since then; oldest first."""
    if campid is not None:
        rows = tx.connection.execute(_PARKED_FOR, {"campid": campid})
    else:
        rows = tx.connection.execute(_PARKED_SINCE, {"since": stamp(since)})
    return [
        Parked(
            row["fingerprint"],
            _moment(row["at"]),
            row["kind"],
            row["campid"],
            row["call_sid"],
            json.loads(row["payload"]),
        )
        for row in rows
    ]


def matched(tx: Transaction, fingerprint: str, call_id: str) -> None:
    """A parked webhook has found its call."""
    tx.connection.execute(_MATCHED, {"b_print": fingerprint, "call_id": call_id})


def _moment(seconds: float) -> datetime:
    found = moment(seconds)
    assert found is not None  # seconds is a number
    return found
