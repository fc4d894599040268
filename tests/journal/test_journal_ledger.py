"""What the policy may ask of the past: who is on a call of ours, as far as anybody can know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from far_ends import MEMBER
from house_kit import HouseKit, live_event, report

from connector.journal.ledger import DEAF_FOR, SILENT_FOR, TALKING_FOR
from connector.model import Call

pytestmark = pytest.mark.both_engines


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


@pytest.fixture
def placed(house: HouseKit) -> Call:
    return house.press("1")


def busy_since(house: HouseKit) -> datetime | None:
    with house.journal.ledger() as ledger:
        return ledger.member_busy_since(MEMBER)


def test_who_was_never_rung_is_free(house: HouseKit) -> None:
    assert busy_since(house) is None


def test_where_no_webhook_ever_came_a_silent_call_blocks_its_member_for_moments(
    house: HouseKit, placed: Call
) -> None:
    house.clock.advance(DEAF_FOR.total_seconds() - 0.1)
    assert busy_since(house) == placed.dialled_at
    house.clock.advance(0.1)
    assert busy_since(house) is None


def test_where_webhooks_come_a_silent_call_blocks_its_member_until_they_would_have(house: HouseKit) -> None:
    house.hear(report(house.press("2"), house.clock))
    house.clock.advance(minutes=5)
    placed = house.press("1")
    house.clock.advance(SILENT_FOR.total_seconds() - 0.1)
    assert busy_since(house) == placed.dialled_at
    house.clock.advance(0.1)
    assert busy_since(house) is None


def test_a_webhook_of_two_days_ago_says_nothing_of_today(house: HouseKit) -> None:
    house.hear(report(house.press("2"), house.clock))
    house.clock.advance(days=2)
    house.press("1")
    house.clock.advance(DEAF_FOR.total_seconds())
    assert busy_since(house) is None


def test_who_talks_is_busy_for_as_long_as_people_talk(house: HouseKit, placed: Call) -> None:
    house.hear(live_event(placed, house.clock))
    house.clock.advance((TALKING_FOR - timedelta(seconds=1)).total_seconds())
    assert busy_since(house) == placed.dialled_at
    house.clock.advance(1)
    assert busy_since(house) is None
