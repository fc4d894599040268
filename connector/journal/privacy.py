"""Forgetting a person now, while the rows that repeats are recognised by live on until they may be erased.

A word made up for the occasion takes the number's place: it cannot be turned back, and rows of one person
still belong together. (India: Digital Personal Data Protection Act 2023, section 12; Rules 2025, rule 8(3).)
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from connector.errors import ConnectorError
from connector.journal.holdings import (
    JSON_COLUMNS,
    TEXT_COLUMNS,
    holdings,
    rows_of,
)
from connector.journal.journal import Journal
from connector.journal.numbers import OneNumber
from connector.journal.rows import dumps
from connector.journal.sql import Row, one_of
from connector.journal.states import RESTING
from connector.journal.tables import calls, events, reports
from connector.journal.transaction import Transaction
from connector.model import Call
from connector.redact import mask

#: What stands where a number stood begins like this; letters only, lest it is taken for a number.
FORGOTTEN = "forgotten-"
#: Rows changed in one transaction.
BATCH = 50
#: CallerDesk may still report on a call this young, and its report names the number again.
MAY_BE_REPORTED = timedelta(days=1)

_ID = re.compile(r"(?:^|_)id$|Id$|ID$")
_RECORDING = re.compile("record|^file$", re.IGNORECASE)
_SHORTEST_TEXT = 3
_DETAIL = update(events).where(events.c.id == bindparam("b_id")).values(detail=bindparam("detail"))
_PAYLOAD = (
    update(reports).where(reports.c.fingerprint == bindparam("b_print")).values(payload=bindparam("payload"))
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Calls and webhooks that were changed, calls whose keys still hold it, and whether to come again."""

    calls: int
    reports: int
    keys: int
    come_again: bool


def is_forgotten(call: Call) -> bool:
    """Whether one of the call's parties was forgotten."""
    plan = call.plan
    return plan is not None and FORGOTTEN in (plan.customer[: len(FORGOTTEN)], plan.member[: len(FORGOTTEN)])


def forget(journal: Journal, number: OneNumber, note: Callable[[Transaction, str], None]) -> Forgotten:
    """Put a word in the number's place everywhere but in keys; doing it again changes nothing.

    Of the calls this person was the customer of, texts of the CRM record go, too, and of all their calls the
    recording's link. `note` writes the act down in the last transaction. Raises ConnectorError
    (`number_in_use`) while a call with the number is under way or its activity is not written yet.
    """
    found = holdings(journal, number)
    ids = sorted({*found.calls, *found.parties})
    for batch in _batches(ids):
        with journal.transaction() as tx:
            _refuse_under_way(tx.connection.execute_once(rows_of(batch)), number)
    word = FORGOTTEN + "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
    calls_changed, come_again = 0, False
    for batch in _batches(ids):
        with journal.transaction() as tx:
            young = (tx.now - MAY_BE_REPORTED).timestamp()
            rows = tx.connection.execute_once(rows_of(batch)).all()
            _refuse_under_way(rows, number)
            for row in rows:
                calls_changed += _forget_call(tx, row, number, word)
                come_again = come_again or (row["dialled_at"] or 0.0) > young
    for lines in _batches(found.events):
        with journal.transaction() as tx:
            _forget_events(tx, events.c.id, lines, lambda text: number.taken_out_of(text, word))
    webhooks = 0
    for prints in _batches(found.reports):
        with journal.transaction() as tx:
            webhooks += _forget_reports(tx, prints, number, word)
    done = Forgotten(calls_changed, webhooks, len(found.keys), come_again)
    with journal.transaction() as tx:
        note(tx, f"{done.calls} calls, {done.reports} webhooks; {done.keys} calls hold it in their keys")
    return done


def _refuse_under_way(rows: Iterable[Row], number: OneNumber) -> None:
    for row in rows:
        resting = row["state"] in RESTING and row["due_at"] is None
        if not resting or row["write_due_at"] is not None or row["write_owner"] is not None:
            sentence = (
                f"Call {row['id']} with {mask(number.e164)} is under way, or its activity is not on the CRM "
                "record yet: look at it with `connector calls show`, and try again when both are done."
            )
            raise ConnectorError("number_in_use", sentence, status=409)


def _forget_call(tx: Transaction, row: Row, number: OneNumber, word: str) -> bool:
    """Change one row and its story; whether there was anything to change."""
    is_customer, is_party = row["customer"] == number.e164, number.e164 in (row["customer"], row["member"])
    data: dict[str, Any] = {name: json.loads(row[name]) if row[name] else None for name in JSON_COLUMNS}
    gone: set[str] = set()
    if is_customer and data["record"]:
        data["record"]["record"] = _blanked(data["record"]["record"], row["record_id"], word, gone)
    if is_party and data["ending"]:
        data["ending"]["recording_url"] = None
    named = _any_of(gone)

    def without(text: str) -> str:
        text = number.taken_out_of(text, word)
        return named.sub(word, text) if named else text

    if data["plan"]:
        for choice in data["plan"]["trace"]:
            choice["value"] = without(choice["value"])
    data["click"]["raw"] = _in_all_texts(data["click"]["raw"], without)
    new: dict[str, Any] = {
        name: dumps(number.taken_out(value, word)) for name, value in data.items() if value is not None
    }
    new |= {name: without(row[name]) for name in TEXT_COLUMNS if row[name]}
    changed = {name: value for name, value in new.items() if value != row[name]}
    if changed:
        tx.connection.execute_once(
            update(calls)
            .where(calls.c.id == bindparam("b_id"))
            .values({name: bindparam(f"b_{name}") for name in changed}),
            {"b_id": row["id"], **{f"b_{name}": value for name, value in changed.items()}},
        )
    _forget_events(tx, events.c.call_id, [row["id"]], without)
    return bool(changed)


def _forget_events(
    tx: Transaction, column: Any, values: Sequence[Any], without: Callable[[str], str]
) -> None:
    wanted = select(events).where(or_(*(column == value for value in values)))
    for line in tx.connection.execute_once(wanted).all():
        detail = without(line["detail"])
        if detail != line["detail"]:
            tx.connection.execute(_DETAIL, {"b_id": line["id"], "detail": detail})


def _forget_reports(tx: Transaction, prints: Sequence[str], number: OneNumber, word: str) -> int:
    changed = 0
    for row in tx.connection.execute_once(select(reports).where(one_of(reports.c.fingerprint, prints))).all():
        told = number.taken_out(json.loads(row["payload"]), word)
        payload = dumps({name: "" if _RECORDING.search(name) else value for name, value in told.items()})
        if payload != row["payload"]:
            tx.connection.execute(_PAYLOAD, {"b_print": row["fingerprint"], "payload": payload})
            changed += 1
    return changed


def _blanked(value: Any, record_id: str, word: str, gone: set[str], key: str = "") -> Any:
    """The CRM's record with `word` for every text but ids; the texts are added to `gone`."""
    if isinstance(value, Mapping):
        return {name: _blanked(item, record_id, word, gone, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_blanked(item, record_id, word, gone, key) for item in value]
    if not isinstance(value, str) or not value or value == record_id or _ID.search(key):
        return value
    gone.add(value)
    return word


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Matches any of these where it stands as a word; None when there is none long enough to be told."""
    told = sorted((text for text in texts if len(text) >= _SHORTEST_TEXT), key=len, reverse=True)
    # The same word again is no text of theirs: a second run leaves it.
    told = [text for text in told if not text.startswith(FORGOTTEN)]
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, told))})(?!\w)") if told else None


def _in_all_texts(value: Any, without: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return without(value)
    if isinstance(value, Mapping):
        return {name: _in_all_texts(item, without) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_all_texts(item, without) for item in value]
    return value


def _batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(items), BATCH):
        yield list(items[first : first + BATCH])
