"""`like:` between the objects of a mapping file: who takes what from whom."""

from __future__ import annotations

from collections.abc import Mapping

from connector.yamlfile import did_you_mean


def resolve_likes(likes: Mapping[str, str | None]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """For each object its ancestry, oldest first and itself last; and for each that has none, why."""
    ancestry: dict[str, list[str]] = {}
    wrong: dict[str, str] = {}
    for name in likes:
        chain = [name]
        while (parent := likes[chain[-1]]) is not None:
            if parent not in likes:
                others = [other for other in likes if other != name]
                wrong[name] = f"there is no object {parent!r} in this file{did_you_mean(parent, others)}"
                break
            if parent in chain:
                wrong[name] = f"`like` goes in a circle: {' -> '.join([*chain, parent])}"
                break
            chain.append(parent)
        else:
            ancestry[name] = chain[::-1]
    return ancestry, wrong
