"""Three processes, clicks of every kind, a kill every two seconds: what `make chaos` does at length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ("--clicks", "200", "--kills", "8", "--every", "1.8", "--quick-end", "--seed", "the short one")

pytestmark = pytest.mark.both_engines


def test_nobody_is_rung_twice_and_nothing_is_lost_while_processes_are_killed(engine: str) -> None:
    command = [sys.executable, "-m", "chaos.run", "--database", engine, *SHORT]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    print(ran.stdout, ran.stderr)
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, figures["ok"]) == (0, True)
    assert (figures["database"], figures["clicks"]) == (engine, 200)
    assert figures["kills"] == 8
    assert figures["customers_with_more_than_one_get"] == 0
    assert figures["stuck"] == 0
    # Else it was no chaos.
    assert figures["requests_unanswered"] > 0
    assert figures["repeats"] > 0
    assert figures["unknown_resolved"] > 0
