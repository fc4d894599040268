"""CallerDesk's webhooks on disk: each kept once, matched or parked, and claimed by its call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import HouseKit, click
from sqlalchemy import update

from connector.errors import Unclear
from connector.journal import Transaction, reports
from connector.journal.tables import calls
from connector.model import Call, State

pytestmark = pytest.mark.both_engines


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


def keep(tx: Transaction, fingerprint: str = "f1", **changes: Any) -> bool:
    told = {"kind": "report", "campid": None, "call_sid": None, "payload": {"a": "1"}, "call_id": None}
    return reports.keep(tx, fingerprint=fingerprint, **{**told, **changes})


def unclear(house: HouseKit, record_id: str = "1") -> Call:
    house.desk.next.append(Unclear("callerdesk_no_answer", "CallerDesk did not answer."))
    return house.press(record_id)


def test_it_keeps_the_very_same_webhook_once(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        assert keep(tx)
        assert not keep(tx)
        assert keep(tx, "f2")


def test_a_webhook_is_forgotten_again_when_its_transaction_fails(house: HouseKit) -> None:
    with pytest.raises(ZeroDivisionError), house.journal.transaction() as tx:
        keep(tx)
        raise ZeroDivisionError
    with house.journal.transaction() as tx:
        assert keep(tx)


def test_it_parks_by_campid_and_gives_each_back_until_it_is_matched(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        keep(tx, "f1", campid="45")
        keep(tx, "f2", campid="46")
        keep(tx, "f3", campid="45", call_id="c1")
        (parked,) = reports.parked(tx, "45", tx.now)
        assert (parked.fingerprint, parked.payload, parked.kind) == ("f1", {"a": "1"}, "report")
        reports.matched(tx, "f1", "c1")
        assert reports.parked(tx, "45", tx.now) == []


def test_without_a_campid_it_gives_all_that_came_since_then(house: HouseKit) -> None:
    with house.journal.transaction() as tx:
        keep(tx, "old")
    house.clock.advance(60)
    with house.journal.transaction() as tx:
        keep(tx, "new", campid="45")
        found = reports.parked(tx, None, tx.now - timedelta(seconds=30))
    assert [parked.fingerprint for parked in found] == ["new"]


def test_their_own_ids_find_the_call_the_campid_first(house: HouseKit) -> None:
    first, second = house.press("1"), house.press("2", user="x")
    with house.journal.transaction() as tx:
        theirs = {first.id: {"call_sid": "s1", "campid": "c1"}, second.id: {"call_sid": "s2"}}
        for call_id, ids in theirs.items():
            tx.connection.execute_once(update(calls).where(calls.c.id == call_id).values(ids))
        for ids, expected in ((("c1", "s2"), first), ((None, "s2"), second), ((None, "s1"), first)):
            found = reports.by_ids(tx, *ids)
            assert found is not None and found.id == expected.id
        for strange in ((None, None), ("no", "none"), ("another call's", "s1")):
            assert reports.by_ids(tx, *strange) is None


def test_only_dialled_calls_without_a_campid_are_looked_at_by_number(house: HouseKit) -> None:
    call = unclear(house)
    house.press("2", user="x")
    house.flow.accept(click("3"))
    at = call.dialled_at
    assert at is not None
    with house.journal.transaction() as tx:
        for moment, expected in (
            (at, [call.id]),
            (at + timedelta(hours=6), [call.id]),
            (at + timedelta(hours=6, seconds=1), []),
            (at - timedelta(seconds=60), [call.id]),
            (at - timedelta(seconds=61), []),
        ):
            assert [found.id for found in reports.candidates(tx, moment)] == expected


def test_an_abandoned_call_may_still_be_told_of(house: HouseKit) -> None:
    call = unclear(house)
    with house.journal.transaction() as tx:
        tx.move(call, State.UNKNOWN, State.ABANDONED, who="reconciler", detail="")
        assert call.dialled_at is not None
        assert [found.id for found in reports.candidates(tx, call.dialled_at)] == [call.id]
