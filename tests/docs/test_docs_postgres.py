"""What docs/postgres.md tells an operator to run does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from databases import new_database  # noqa: E402
from house_kit import HouseKit, click  # noqa: E402

from connector.journal import Journal  # noqa: E402

PAGE = (TESTS.parent / "docs" / "postgres.md").read_text(encoding="utf-8")


def test_the_history_is_carried_over_and_goes_on(tmp_path: Path) -> None:
    house = HouseKit(tmp_path)
    calls = [house.press(str(number), delivery=f"d{number}", user=str(number)) for number in range(3)]
    stories = [house.journal.story(call.id) for call in calls]
    old, key, new = f"sqlite:///{tmp_path / 'journal.db'}", house.journal.link_key(), new_database("postgres")
    house.close()
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-c", script, old, new], check=True, timeout=60)
    journal = Journal(new)
    assert [journal.get(call.id) for call in calls] == calls
    assert [journal.story(call.id) for call in calls] == stories
    assert journal.link_key() == key
    day = timedelta(days=1)
    assert journal.accept(click("9", delivery="d1"), lifetime=day, repeat_window=day).call == calls[1]
    fresh = journal.accept(click("9"), lifetime=day, repeat_window=day).call
    assert len(journal.story(fresh.id)) == 1
    journal.close()
