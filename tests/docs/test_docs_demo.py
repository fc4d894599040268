"""`connector demo --once`, as somebody runs it who has just installed the connector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

#: Seconds the whole demo may take, start of Python included.
MOST = 15.0


@dataclass(frozen=True)
class Demo:
    """One run: what it printed, what it complained of, and how long it took."""

    code: int
    printed: str
    complained: str
    seconds: float

    @property
    def told(self) -> Any:
        """What it printed, decoded."""
        assert self.code == 0, self.printed + self.complained
        return json.loads(self.printed)


def _run(folder: Path) -> Demo:
    """Run it in an empty folder, without any setting."""
    unset = ("DATABASE_URL", "CONNECTOR_MANIFEST")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "connector", "demo", "--once", "--json"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in unset},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert list(folder.iterdir()) == []
    return Demo(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run once for all."""
    return _run(tmp_path_factory.mktemp("demo"))


def test_it_ends_well_and_without_a_complaint(demo: Demo) -> None:
    assert demo.told["ok"] is True
    assert demo.complained == ""


def test_it_takes_less_than_fifteen_seconds(demo: Demo, tmp_path: Path) -> None:
    # On a machine that was busy with something else, once more.
    assert demo.seconds < MOST or _run(tmp_path).seconds < MOST


def test_one_click_is_one_request_to_ring_and_one_activity(demo: Demo) -> None:
    assert (demo.told["gets"], demo.told["activities"]) == (1, 1)
    assert demo.told["message"] == "Ringing the customer …0001 first, then you on …0101."


def test_the_activity_has_outcome_talk_time_and_recording(demo: Demo) -> None:
    activity = demo.told["activity"]
    assert (activity["status"], activity["outcome"]) == ("ended", "answered")
    assert activity["talk_seconds"] >= 1
    assert f"/recordings/{demo.told['call']['call']}/" in activity["recording_url"]
    assert demo.told["call"]["on_record"] is True
    states = [event["to"] for event in demo.told["events"]]
    assert states[:5] == ["accepted", "reading", "planned", "dialling", "placed"]


def test_no_full_number_is_printed(demo: Demo) -> None:
    assert "9876500" not in demo.printed
