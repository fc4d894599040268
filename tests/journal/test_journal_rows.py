"""A call comes out of its row just as it went in, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from far_ends import INDIA, NOON
from house_kit import HouseKit, click, report, rule

from connector.journal import day
from connector.journal.rows import (
    call_of,
    click_columns,
    dumps,
    ending_columns,
    moment,
    plan_columns,
    press_key,
    stamp,
)
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
from connector.policy import MemberBusy

PLAN = CallPlan(
    customer="+919876500001",
    member="+919876500101",
    deskphone="08060000001",
    call_limit=60,
    campid="45",
    form_deskphone="46",
    mapping_version="v1",
    trace=(
        Choice("customer", "record.mobile", "98765 00001", "taken"),
        Choice("member", "owner.phone", "", "no"),
    ),
)
RECORD = Record({"name": "Asha"}, {"email": "ravi@example.test"}, {"id": "7"})


def at(minutes: int) -> datetime:
    return NOON.astimezone(UTC) + timedelta(minutes=minutes)


ENDING = Ending(
    outcome=Outcome.ANSWERED,
    customer_leg=Leg(LegState.PICKED, at(1), at(2)),
    member_leg=Leg(LegState.RINGING, at(3), None),
    talk_seconds=35,
    total_seconds=50,
    started_at=at(1),
    ended_at=at(4),
    recording_url="https://recordings.example.test/1.mp3",
    coins="1.5",
    their_status="ANSWER",
)
CLICK = Click(
    "shop",
    "Contact",
    "1",
    source=Source.RULE,
    user="Ravi",
    delivery="d1",
    clicked_at=at(0),
    override=frozenset({"quiet_hours"}),
    raw={"note": "नमस्ते"},
    awaited=True,
)
FULL = Call(
    id="c1",
    connection="shop",
    click=CLICK,
    state=State.ENDED,
    accepted_at=at(0),
    expires_at=at(1),
    owner="w1.a",
    attempts=2,
    record=RECORD,
    plan=PLAN,
    mapping_version="v2",
    code="a_code",
    message="A sentence.",
    dialled_at=at(2),
    campid="47",
    call_sid="s1",
    live="both_talking",
    ending=ENDING,
    due_at=at(3),
    wanted=4,
    written=3,
    wanted_since=at(4),
    write_attempts=5,
    write_due_at=at(6),
    write_error="The shop is closed.",
    write_dead=True,
    activity_id="a1",
)
BARE = Call("c2", "shop", Click("shop", "Contact", "1"), State.ACCEPTED, at(0), at(1))
_AS_THEY_ARE = (
    *(
        "id",
        "owner",
        "attempts",
        "mapping_version",
        "code",
        "message",
        "campid",
        "call_sid",
        "live",
        "wanted",
    ),
    *("written", "write_attempts", "write_error", "write_dead", "activity_id"),
)
_MOMENTS = ("accepted_at", "expires_at", "dialled_at", "due_at", "wanted_since", "write_due_at")


def row_of(call: Call) -> dict[str, Any]:
    """What stands in the table for this call."""
    nothing = {"plan": None, "record": None, "ending": None}
    return {
        **nothing,
        **click_columns(call.click),
        **(plan_columns(call.plan, call.record) if call.plan and call.record else {}),
        **(ending_columns(call.ending) if call.ending else {}),
        **{name: getattr(call, name) for name in _AS_THEY_ARE},
        **{name: stamp(getattr(call, name)) for name in _MOMENTS},
        "state": call.state.value,
    }


@pytest.mark.parametrize("call", [FULL, BARE], ids=["all of it", "a bare one"])
def test_a_call_comes_out_as_it_went_in(call: Call) -> None:
    assert call_of(row_of(call)) == call


def test_a_flag_of_the_database_is_a_truth_value() -> None:
    assert call_of({**row_of(FULL), "write_dead": 1}).write_dead is True
    assert call_of({**row_of(FULL), "write_dead": 0}).write_dead is False


def test_a_row_of_before_calls_were_awaited_is_not_awaited() -> None:
    row = row_of(FULL)
    told = json.loads(row["click"])
    del told["awaited"]
    assert call_of({**row, "click": dumps(told)}).click.awaited is False


def test_a_new_row_has_the_clicks_own_columns() -> None:
    columns = click_columns(CLICK)
    assert json.loads(columns.pop("click")) == {
        "raw": {"note": "नमस्ते"},
        "override": ["quiet_hours"],
        "clicked_at": at(0).isoformat(),
        "awaited": True,
    }
    assert columns == {
        "connection": "shop",
        "object": "Contact",
        "record_id": "1",
        "user": "Ravi",
        "source": "rule",
        "delivery": "d1",
        "press": "shop\x1fContact\x1f1\x1fravi",
    }


def test_planning_decides_both_parties_columns() -> None:
    columns = plan_columns(PLAN, RECORD)
    assert (columns["customer"], columns["member"]) == (PLAN.customer, PLAN.member)
    assert json.loads(columns["record"]) == {
        "record": RECORD.record,
        "owner": RECORD.owner,
        "user": RECORD.user,
    }
    assert json.loads(columns["plan"])["trace"][1] == {
        "word": "member",
        "path": "owner.phone",
        "value": "",
        "verdict": "no",
    }


@pytest.mark.parametrize(("coins", "counted"), [("1.5", 1.5), (None, 0.0), ("", 0.0), ("two", 0.0)])
def test_coins_are_counted_as_far_as_they_are_a_number(coins: str | None, counted: float) -> None:
    columns = ending_columns(replace(ENDING, coins=coins))
    assert (columns["coins"], columns["outcome"]) == (counted, "answered")


def test_who_pressed_for_whom_is_told_apart() -> None:
    others = [
        Click("odoo", "Contact", "1", user="ravi"),
        Click("shop", "Lead", "1", user="ravi"),
        Click("shop", "Contact", "2", user="ravi"),
        Click("shop", "Contact", "1", user="divya"),
        Click("shop", "Contact", "1"),
    ]
    keys = {press_key(each) for each in [CLICK, *others]}
    assert len(keys) == 6
    assert press_key(CLICK) == press_key(Click("shop", "Contact", "1", user="RAVI"))
    assert press_key(others[-1]).endswith("\x1f")


def test_json_is_compact_and_plain() -> None:
    assert dumps({"ä": [1, None], "at": NOON.astimezone(INDIA)}) == (
        '{"ä":[1,null],"at":"2026-03-02T06:30:00+00:00"}'
    )
    assert dumps([{"b", "a"}, frozenset({"d", "c"}), Path("x")]) == '[["a","b"],["c","d"],"x"]'


def test_a_moment_is_a_number_and_back() -> None:
    assert (stamp(None), moment(None)) == (None, None)
    assert moment(stamp(NOON)) == NOON
    found = moment(0.0)
    assert found is not None and found.tzinfo is UTC


# -- Questions -----------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    kit.change_policy(member_busy=MemberBusy.IGNORE)
    yield kit
    kit.close()


@pytest.mark.both_engines
def test_the_newest_calls_are_fifty_unless_it_is_said(house: HouseKit) -> None:
    for number in range(51):
        house.flow.accept(click(str(number)))
    assert len(house.journal.latest()) == 50
    assert len(house.journal.latest(60)) == 51


@pytest.mark.both_engines
def test_only_the_calls_of_one_connection_or_state_are_listed_if_asked_for(house: HouseKit) -> None:
    house.connections["odoo"] = replace(house.shop, name="odoo")
    placed, waiting = house.press("1"), house.flow.accept(click("2")).call
    other = house.flow.accept(replace(click("3"), connection="odoo")).call
    latest = house.journal.latest
    assert [call.id for call in latest(connection="odoo")] == [other.id]
    assert [call.id for call in latest(state=State.PLACED)] == [placed.id]
    assert [call.id for call in latest(connection="shop", state=State.ACCEPTED)] == [waiting.id]
    assert house.journal.get("none") is None


@pytest.mark.both_engines
def test_it_counts_the_calls_in_each_state(house: HouseKit) -> None:
    house.press("1")
    house.press("2")
    house.flow.accept(click("3"))
    counts = house.journal.counts()
    assert (counts.pop(State.PLACED), counts.pop(State.ACCEPTED)) == (2, 1)
    assert set(counts.values()) == {0}


@pytest.mark.both_engines
def test_a_row_is_stuck_ten_seconds_after_it_was_due(house: HouseKit) -> None:
    house.flow.accept(click("1"))
    house.clock.advance(10)
    assert house.journal.health()["stuck"] == 0
    house.clock.advance(0.1)
    assert house.journal.health() == {"stuck": 1, "dead": 0, "behind": 0, "unknown": 0}


@pytest.mark.both_engines
def test_the_calls_of_a_stretch_of_time_are_those_dialled_in_it_oldest_first(house: HouseKit) -> None:
    begun, dialled = house.clock.now, list[Call]()
    for number in range(3):
        dialled.append(house.press(str(number)))
        house.clock.advance(60)
    house.flow.accept(rule("9"))
    last = dialled[2].dialled_at
    assert last is not None
    found = day.dialled_between(house.journal, begun, last)
    assert [call.id for call in found] == [call.id for call in dialled[:2]]
    late = day.dialled_between(house.journal, begun + timedelta(seconds=1), house.clock.now)
    assert late == dialled[1:]
    house.hear(report(dialled[2], house.clock))
    assert day.dialled_between(house.journal, last, house.clock.now) == [house.call(dialled[2].id)]
