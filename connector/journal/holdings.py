"""All that the journal holds of one number: found by reading everything, for it may stand anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, select

from connector.journal.journal import Journal
from connector.journal.listening import LISTEN
from connector.journal.numbers import OneNumber
from connector.journal.sql import Row, one_of
from connector.journal.tables import audit, calls, events, repeats, reports

#: Columns that hold JSON, and columns that hold a text.
JSON_COLUMNS = ("click", "record", "plan", "ending")
TEXT_COLUMNS = ("customer", "member", "message", "write_error")
#: What repeats, reports and activities are recognised by: these stay as they are while the row lives.
KEY_COLUMNS = ("record_id", "user", "delivery", "press", "campid", "call_sid", "activity_id")
#: Rows read at a time.
PAGE = 500
#: Times, as seconds since the epoch.
_MOMENTS = frozenset(column.name for column in calls.c if column.name.endswith("_at")) | {
    "at",
    "wanted_since",
}


@dataclass(frozen=True, slots=True)
class Holdings:
    """Where a number stands: calls it is a party of, other rows that name it, and rows whose keys do."""

    parties: frozenset[str]
    #: Ids of all calls that name it outside of their keys.
    calls: tuple[str, ...]
    #: Ids of events, and fingerprints of webhooks.
    events: tuple[int, ...]
    reports: tuple[str, ...]
    #: Calls in whose keys it stands.
    keys: frozenset[str]


def holdings(journal: Journal, number: OneNumber) -> Holdings:
    """Look through calls, events, webhooks and repeats."""
    parties, named, keys = set(), [], set()
    for row in _all(journal, calls, "id"):
        if number.e164 in (row["customer"], row["member"]):
            parties.add(row["id"])
        if stands_in(row, number):
            named.append(row["id"])
        if any(number.in_text(row[name] or "") for name in KEY_COLUMNS):
            keys.add(row["id"])
    for row in _all(journal, repeats, "delivery"):
        if number.in_text(row["delivery"]):
            keys.add(row["call_id"])
    lines = [row["id"] for row in _all(journal, events, "id") if number.in_text(row["detail"])]
    webhooks = [
        row["fingerprint"]
        for row in _all(journal, reports, "fingerprint")
        if row["call_id"] in parties or _in_json(row["payload"], number)
    ]
    return Holdings(frozenset(parties), tuple(named), tuple(lines), tuple(webhooks), frozenset(keys))


def stands_in(row: Row, number: OneNumber) -> bool:
    """Whether a row of `calls` names the number outside of its keys."""
    return any(number.in_text(row[name] or "") for name in TEXT_COLUMNS) or any(
        _in_json(row[name], number) for name in JSON_COLUMNS
    )


def export(journal: Journal, number: OneNumber) -> dict[str, Any]:
    """All of it as plain data, numbers in full: whoever calls this must be allowed to see them."""
    found = holdings(journal, number)
    webhooks = set(found.reports)
    ids = sorted({*found.calls, *found.keys, *found.parties})
    return {
        "number": number.e164,
        "calls": [_call(journal, call_id) for call_id in ids],
        "webhooks": [
            _plain(row) for row in _all(journal, reports, "fingerprint") if row["fingerprint"] in webhooks
        ],
        "repeats": [_plain(row) for row in _all(journal, repeats, "delivery") if row["call_id"] in set(ids)],
    }


def _call(journal: Journal, call_id: str) -> dict[str, Any]:
    with journal.database.read() as connection:
        (row,) = connection.execute_once(select(calls).where(calls.c.id == call_id)).all()
        told = select(events).where(events.c.call_id == call_id).order_by(events.c.id)
        found = _plain(row) | {"events": [_plain(line) for line in connection.execute_once(told)]}
        listened = select(audit).where(audit.c.what == LISTEN, audit.c.about == call_id).order_by(audit.c.id)
        return found | {"listened": [_plain(line) for line in connection.execute_once(listened)]}


def _plain(row: Row) -> dict[str, Any]:
    """One row with its times as ISO 8601 and its JSON as data; what is empty is left out."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None:
            continue
        if name in _MOMENTS:
            value = datetime.fromtimestamp(value, UTC).isoformat()
        elif name in (*JSON_COLUMNS, "payload"):
            value = json.loads(value)
        found[name] = value
    return found


def _in_json(text: str | None, number: OneNumber) -> bool:
    return text is not None and number.may_be_in(text) and number.is_in(json.loads(text))


def _all(journal: Journal, table: Table, key: str) -> Iterator[Row]:
    """Every row, a page at a time, so that nobody waits for the end of it."""
    order = [*table.primary_key.columns]
    order.sort(key=lambda column: column.name != key)
    last: Row | None = None
    while True:
        page = select(table).order_by(*order).limit(PAGE)
        if last is not None:
            first, *rest = order
            after = first > last[first.name]
            if rest:
                after = after | ((first == last[first.name]) & (rest[0] > last[rest[0].name]))
            page = page.where(after)
        with journal.database.read() as connection:
            rows = connection.execute_once(page).all()
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1]


def rows_of(ids: list[str]) -> Any:
    """The calls of these ids, held until the end of the transaction."""
    return select(calls).where(one_of(calls.c.id, ids)).order_by(calls.c.id).with_for_update()
