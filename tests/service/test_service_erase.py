"""`connector serve` erases what is older than it may be kept, without being asked."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from counterparts import FakeCallerDesk, TestCrm
from running import Running, eventually

sys.path.insert(0, str(Path(__file__).parents[1]))

from house_kit import HouseKit, report


def test_old_calls_are_gone_soon_after_the_start_and_young_ones_stay(
    tmp_path: Path, crm: TestCrm, desk: FakeCallerDesk
) -> None:
    kit = HouseKit(tmp_path)
    kit.clock.advance(days=-3000)
    old = kit.press("1")
    kit.hear(report(old, kit.clock))
    kit.look()
    kit.close()
    (tmp_path / "journal.db").rename(tmp_path / "calls.db")
    running = Running(tmp_path, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key)

    def ids() -> set[str]:
        with sqlite3.connect(tmp_path / "calls.db") as bare:
            return {name for (name,) in bare.execute("SELECT id FROM calls")}

    assert ids() == {old.id}
    running.start()
    try:
        young = running.click(crm.put("young", "98765 60901")).json["call"]
        assert eventually(lambda: ids() == {young})
    finally:
        running.stop()
    code, printed, _ = running.command("audit")
    assert code == 0 and "dispatcher  erase" in printed
