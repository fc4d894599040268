"""Between a row of `calls` and the frozen `Call`: times become datetimes, JSON columns become nouns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from connector.journal.sql import Row
from connector.model import (
    Call,
    CallPlan,
    Choice,
    Click,
    Ending,
    Leg,
    LegState,
    Outcome,
    Record,
    Source,
    State,
)


def stamp(moment: datetime | None) -> float | None:
    """Seconds since the epoch of an aware datetime."""
    return None if moment is None else moment.timestamp()


def moment(seconds: float | None) -> datetime | None:
    """The aware UTC datetime of a stored time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def dumps(value: Any) -> str:
    """JSON for a column: sorted nowhere, compact, times as ISO 8601."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_default)


def click_columns(click: Click) -> dict[str, Any]:
    """The columns of a new row that the click alone decides."""
    return {
        "connection": click.connection,
        "object": click.object,
        "record_id": click.record_id,
        "user": click.user,
        "source": click.source.value,
        "delivery": click.delivery,
        "press": press_key(click),
        "click": dumps(
            {
                "raw": click.raw,
                "override": click.override,
                "clicked_at": click.clicked_at,
                "awaited": click.awaited,
            }
        ),
    }


def press_key(click: Click) -> str:
    """Who pressed for whom, in one comparable value (users compare without case)."""
    return "\x1f".join((click.connection, click.object, click.record_id, (click.user or "").casefold()))


_PLAN = tuple(each.name for each in fields(CallPlan))
_CHOICE = tuple(each.name for each in fields(Choice))


def plan_columns(plan: CallPlan, record: Record) -> dict[str, Any]:
    """The columns that planning decides."""
    trace = [{name: getattr(choice, name) for name in _CHOICE} for choice in plan.trace]
    return {
        "plan": dumps({name: getattr(plan, name) for name in _PLAN} | {"trace": trace}),
        "record": record_json(record),
        "customer": plan.customer,
        "member": plan.member,
    }


def record_json(record: Record) -> str:
    """The snapshot of what the CRM said, for the activity, the story and back-tests."""
    return dumps({"record": record.record, "owner": record.owner, "user": record.user})


def ending_columns(ending: Ending) -> dict[str, Any]:
    """The columns that the end of a call decides."""
    try:
        coins = float(ending.coins or 0)
    except ValueError:
        coins = 0.0
    return {"ending": dumps(asdict(ending)), "outcome": ending.outcome.value, "coins": coins}


def _when(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _leg(data: Mapping[str, Any]) -> Leg:
    return Leg(LegState(data["state"]), _when(data["started_at"]), _when(data["picked_at"]))


def _ending(text: str | None) -> Ending | None:
    if text is None:
        return None
    data = json.loads(text)
    data["outcome"] = Outcome(data["outcome"])
    for leg in ("customer_leg", "member_leg"):
        data[leg] = _leg(data[leg])
    for when in ("started_at", "ended_at"):
        data[when] = _when(data[when])
    return Ending(**data)


def _plan(text: str | None) -> CallPlan | None:
    if text is None:
        return None
    data = json.loads(text)
    data["trace"] = tuple(Choice(**choice) for choice in data["trace"])
    return CallPlan(**data)


def call_of(row: Row) -> Call:
    """The frozen call of one row."""
    extra = json.loads(row["click"])
    record = json.loads(row["record"]) if row["record"] else None
    accepted_at, expires_at = moment(row["accepted_at"]), moment(row["expires_at"])
    assert accepted_at is not None and expires_at is not None  # NOT NULL columns
    return Call(
        id=row["id"],
        connection=row["connection"],
        click=Click(
            connection=row["connection"],
            object=row["object"],
            record_id=row["record_id"],
            source=Source(row["source"]),
            user=row["user"],
            delivery=row["delivery"],
            clicked_at=_when(extra["clicked_at"]),
            override=frozenset(extra["override"]),
            raw=extra["raw"],
            awaited=extra.get("awaited", False),
        ),
        state=State(row["state"]),
        accepted_at=accepted_at,
        expires_at=expires_at,
        owner=row["owner"],
        attempts=row["attempts"],
        record=Record(**record) if record else None,
        plan=_plan(row["plan"]),
        mapping_version=row["mapping_version"],
        code=row["code"],
        message=row["message"],
        dialled_at=moment(row["dialled_at"]),
        campid=row["campid"],
        call_sid=row["call_sid"],
        live=row["live"],
        ending=_ending(row["ending"]),
        due_at=moment(row["due_at"]),
        wanted=row["wanted"],
        written=row["written"],
        wanted_since=moment(row["wanted_since"]),
        write_attempts=row["write_attempts"],
        write_due_at=moment(row["write_due_at"]),
        write_error=row["write_error"],
        write_dead=bool(row["write_dead"]),
        activity_id=row["activity_id"],
    )
