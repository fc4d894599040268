"""What the policy may ask of the past: who is on a call of ours, as far as anybody can know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from far_ends import MEMBER, number_of
from house_kit import HouseKit, click, live_event, report

from connector.journal.ledger import DEAF_FOR, SILENT_FOR, TALKING_FOR
from connector.model import Call, Source, State
from connector.policy import MemberBusy

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


# -- What was dialled, and what it took ----------------------------------------------------------------------


def test_it_knows_when_a_customer_was_last_rung(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE, recall_gap=0)
    house.flow.accept(click("1"), owner="w1.a")
    with house.journal.ledger() as ledger:
        assert ledger.last_dialled(number_of("1")) is None
    house.press("1", user="a")
    house.clock.advance(20)
    last = house.press("1", user="b")
    house.clock.advance(20)
    house.press("2")
    with house.journal.ledger() as ledger:
        assert ledger.last_dialled(number_of("1")) == last.dialled_at
        assert ledger.last_dialled(number_of("3")) is None


def test_it_knows_whether_a_person_waits_for_a_member(house: HouseKit, placed: Call) -> None:
    house.press("2", source=Source.RULE)
    with house.journal.ledger() as ledger:
        assert ledger.person_waits_for(MEMBER) is False
    assert house.press("3").state is State.PLANNED
    with house.journal.ledger() as ledger:
        assert (ledger.person_waits_for(MEMBER), ledger.person_waits_for("+919876500102")) == (True, False)


def test_it_counts_what_was_dialled_by_all_that_is_asked_for(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    begun = house.clock.now
    house.press("1")
    house.clock.advance(60)
    house.press("2", source=Source.RULE)
    house.flow.accept(click("3"))
    one, two, later = number_of("1"), number_of("2"), house.clock.now
    with house.journal.ledger() as ledger:
        assert ledger.dialled_since(begun) == 2
        assert ledger.dialled_since(later) == 1
        assert ledger.dialled_since(later + timedelta(seconds=0.1)) == 0
        assert (ledger.dialled_since(begun, customer=one), ledger.dialled_since(later, customer=one)) == (
            1,
            0,
        )
        assert (ledger.dialled_since(begun, member=MEMBER), ledger.dialled_since(begun, member=one)) == (2, 0)
        assert [ledger.dialled_since(begun, connection=name) for name in ("shop", "odoo")] == [2, 0]
        assert [ledger.dialled_since(begun, source=source) for source in ("rule", "button")] == [1, 1]
        assert ledger.dialled_since(begun, connection="shop", source="rule", customer=two, member=MEMBER) == 1
        assert ledger.dialled_since(begun, connection="odoo", source="rule", customer=two) == 0
        assert ledger.dialled_since(begun, connection="shop", source="rule", customer=one) == 0


def test_every_call_under_way_takes_two_channels(house: HouseKit) -> None:
    house.change_policy(member_busy=MemberBusy.IGNORE)
    with house.journal.ledger() as ledger:
        assert ledger.channels_in_use() == 0
    silent, talking = house.press("1"), house.press("2")
    house.hear(live_event(talking, house.clock))
    with house.journal.ledger() as ledger:
        assert ledger.channels_in_use() == 4
    house.clock.advance(SILENT_FOR.total_seconds())
    with house.journal.ledger() as ledger:
        assert ledger.channels_in_use() == 2
    house.hear(report(talking, house.clock))
    with house.journal.ledger() as ledger:
        assert ledger.channels_in_use() == 0
    assert house.call(silent.id).state is State.PLACED


def test_it_adds_up_the_coins_of_what_was_dialled_since_then(house: HouseKit, placed: Call) -> None:
    begun = house.clock.now
    with house.journal.ledger() as ledger:
        assert ledger.coins_since(begun) == 0.0
    house.hear(report(placed, house.clock, coins="1.5"))
    house.clock.advance(60)
    house.hear(report(house.press("2"), house.clock, coins="2"))
    with house.journal.ledger() as ledger:
        assert ledger.coins_since(begun) == 3.5
        assert ledger.coins_since(begun + timedelta(seconds=1)) == 2.0


def test_it_knows_whether_all_is_paused(house: HouseKit) -> None:
    for value, paused in ((None, False), ("admin", True), (None, False)):
        house.journal.set_flag("paused", value)
        house.journal.set_flag("another", "admin")
        with house.journal.ledger() as ledger:
            assert ledger.paused() is paused


@pytest.mark.parametrize(("heard", "silent_for"), [(False, DEAF_FOR), (True, SILENT_FOR)])
def test_a_member_is_kept_busy_as_long_as_webhooks_would_take_to_come(
    house: HouseKit, placed: Call, heard: bool, silent_for: timedelta
) -> None:
    if heard:
        house.hear(report(placed, house.clock))
    house.clock.advance(hours=23)
    with house.journal.ledger() as ledger:
        assert ledger.busy_bounds() == {
            "silent": (house.clock.now - silent_for).timestamp(),
            "talking": (house.clock.now - TALKING_FOR).timestamp(),
        }


def test_a_member_who_talks_is_busy_also_where_the_other_webhooks_are_not_heard(
    house: HouseKit, placed: Call
) -> None:
    house.hear(live_event(placed, house.clock))
    house.clock.advance(60)
    with house.journal.transaction() as tx:
        tx.connection.bare.execute("DELETE FROM reports")
    assert busy_since(house) == placed.dialled_at
