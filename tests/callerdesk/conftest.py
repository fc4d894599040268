from __future__ import annotations

from pathlib import Path

import pytest

BODIES = Path(__file__).parent.parent / "payloads" / "callerdesk"


@pytest.fixture
def bodies() -> Path:
    return BODIES
