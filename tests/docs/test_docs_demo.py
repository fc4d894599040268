"""`connector demo --once`, as somebody runs it who has just installed the connector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

#: Seconds the whole demo may take, start of Python included.
MOST = 15.0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], float]:
    """The demo, run once in an empty folder without any setting, and the seconds it took."""
    empty: Path = tmp_path_factory.mktemp("demo")
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "CONNECTOR_MANIFEST")
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "connector", "demo", "--once", "--json"],
        cwd=empty,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert list(empty.iterdir()) == []
    return done, time.monotonic() - began


def _told(demo: tuple[subprocess.CompletedProcess[str], float]) -> Any:
    done, _ = demo
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_it_ends_well_in_time_and_without_a_complaint(
    demo: tuple[subprocess.CompletedProcess[str], float],
) -> None:
    assert _told(demo)["ok"] is True
    assert demo[1] < MOST
    assert demo[0].stderr == ""


def test_one_click_is_one_request_to_ring_and_one_activity(
    demo: tuple[subprocess.CompletedProcess[str], float],
) -> None:
    told = _told(demo)
    assert (told["gets"], told["activities"]) == (1, 1)
    assert told["message"].startswith("Ringing the customer …0001 first, then you on …0101")


def test_the_activity_has_outcome_talk_time_and_recording(
    demo: tuple[subprocess.CompletedProcess[str], float],
) -> None:
    told = _told(demo)
    activity = told["activity"]
    assert (activity["status"], activity["outcome"]) == ("ended", "answered")
    assert activity["talk_seconds"] >= 1
    assert activity["recording_url"].startswith("https://")
    assert told["call"]["on_record"] is True
    assert [event["to"] for event in told["events"]][:5] == [
        "accepted",
        "reading",
        "planned",
        "dialling",
        "placed",
    ]


def test_no_full_number_is_printed(demo: tuple[subprocess.CompletedProcess[str], float]) -> None:
    assert "9876500" not in demo[0].stdout
