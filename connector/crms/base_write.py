"""What several `create`s and `update`s do alike: our key at a text's end, and values as they are taken."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from connector.model import Activity


def reference(activity: Activity) -> str:
    """How a text names the call where no field of its own holds our key: `find` looks for these words."""
    return f"CallerDesk {activity.key}"


def with_reference(text: Any, activity: Activity, *, gap: str = "\n\n", longest: int | None = None) -> str:
    """The text with our key at its end, behind a gap; cut before the key where both are longer than that."""
    end = reference(activity)
    told = str(text or "")
    if longest is not None:
        told = told[: longest - len(end) - len(gap)]
    return f"{told}{gap}{end}".removeprefix(gap).strip()


def without(values: Mapping[str, Any], left: Container[str]) -> dict[str, Any]:
    """The values but for those of these names: what was set once is left to people, for one."""
    return {name: value for name, value in values.items() if name not in left}


def shortened(values: Mapping[str, Any], longest: Mapping[str, int]) -> dict[str, Any]:
    """The values, texts cut to the length their field takes: a longer one would be refused as a whole."""
    return {
        name: value[: longest[name]] if name in longest and isinstance(value, str) else value
        for name, value in values.items()
    }
