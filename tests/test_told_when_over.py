"""A CRM that takes no change of an activity hears of a call once: when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from house_kit import HouseKit, report

from connector.cli.show import on_record
from connector.model import Phase, State

pytestmark = pytest.mark.both_engines


def test_it_is_told_once_when_the_call_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = HouseKit(tmp_path)
    monkeypatch.setattr(type(house.shelf), "shows", frozenset({Phase.ENDED}))
    call = house.press("1")
    assert (call.state, call.written, call.activity_id) == (State.PLACED, call.wanted, None)
    assert house.shelf.shown(call.id) == []
    assert on_record(call) == "nothing yet: this CRM is told when the call is over"
    house.hear(report(call, house.clock))
    call = house.call(call.id)
    (shown,) = house.shelf.shown(call.id)
    assert (shown.phase, shown.look_first) == (Phase.ENDED, False)
    assert (call.written, call.activity_id) == (call.wanted, "a1")
    assert on_record(call) == "activity a1 is up to date"
    house.close()
