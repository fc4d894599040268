"""What is allowed in a mapping file and still most likely not meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from connector.errors import Problem
from connector.mapping.mapping import Mapping, ObjectRules
from connector.mapping.paths import Path as FieldPath
from connector.mapping.paths import is_empty
from connector.mapping.values import Fixed
from connector.model import Call, Record
from connector.yamlfile import Path, dotted

#: Words that tell how a call ended.
_ENDINGS = {"phase", "outcome", "outcome_text", "state", "story", "story_html"}


def lint(mapping: Mapping, calls: Iterable[Call] = ()) -> list[Problem]:
    """Every doubt about a valid mapping, in the order of the file.

    `calls` are past calls whose record snapshots show which fields are ever filled.
    """
    doubts: list[Problem] = []
    for name in mapping.objects:
        doubts += _object(mapping, name)
    doubts += _fields_filled_twice(mapping)
    doubts += _never_filled(mapping, calls)
    return sorted(doubts, key=lambda problem: (problem.line, problem.column, problem.message))


def _object(mapping: Mapping, name: str) -> Iterator[Problem]:
    rules, at = mapping.objects[name], ("objects", name)
    chain = _likes(mapping, name)
    if len(chain) > 2:
        message = f"objects.{name} is {' like '.join(chain)}: point it at {chain[-1]} itself"
        yield mapping.document.problem((*at, "like"), message, value=True)
    both = {path.text for path in rules.customer.paths()} & {path.text for path in rules.member.paths()}
    for text in sorted(both):
        message = f"{text} is the number of both customer and member: one of the two is wrong"
        yield mapping.document.problem((*at, "calling_party_b"), message)
    if not any("refuse" in mapping.document.data["objects"][one] for one in chain):
        message = f"objects.{name} has no `refuse` rule: people who asked not to be called would be rung"
        yield mapping.document.problem(at, message)
    if not any(path.root == "call" and path.steps[0] in _ENDINGS for path in rules.activity_paths()):
        message = f"the activity of {name} never says how the call ended: use call.outcome_text or call.story"
        yield mapping.document.problem(at, message)
    yield from _deskphones(mapping, rules, at)


def _deskphones(mapping: Mapping, rules: ObjectRules, at: Path) -> Iterator[Problem]:
    always = [number for number, rule in enumerate(rules.deskphone) if _always_gives(rule)]
    path = (*at, "deskphone")
    if not always:
        message = f"a {rules.name} that no rule fits has no deskphone: end the list with `default`"
        yield mapping.document.problem(path, message)
    elif always[0] < len(rules.deskphone) - 1:
        message = "this rule is never reached: the one above it always gives a deskphone"
        yield mapping.document.problem((*path, always[0] + 1), message)


def _always_gives(rule: Any) -> bool:
    return not rule.when.tests and isinstance(rule.use, Fixed)


def _likes(mapping: Mapping, name: str) -> list[str]:
    objects, chain = mapping.document.data["objects"], [name]
    while (parent := objects[chain[-1]].get("like")) is not None:
        chain.append(parent)
    return chain


def _fields_filled_twice(mapping: Mapping) -> Iterator[Problem]:
    """One path in two fields of an activity, and one path twice in one list."""
    by_path: defaultdict[str, list[Path]] = defaultdict(list)
    for path, text in _leaves(
        (mapping.document.data.get("activity") or {}).get("fields"), ("activity", "fields")
    ):
        by_path[text].append(path)
    for text, places in by_path.items():
        for place in places[1:]:
            message = f"{dotted(place[2:])} and {dotted(places[0][2:])} are both filled from {text}"
            yield mapping.document.problem(place, message)
    for name, rules in mapping.document.data["objects"].items():
        for party in ("calling_party_a", "calling_party_b"):
            listed = rules.get(party)
            seen: set[str] = set()
            for number, item in enumerate(listed if isinstance(listed, list) else ()):
                if str(item) in seen:
                    message = f"{item} stands twice in this list"
                    yield mapping.document.problem(("objects", name, party, number), message)
                seen.add(str(item))


def _leaves(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The right-hand sides that are one path, with where they stand."""
    if isinstance(data, str) and data.split(".")[0] in ("record", "owner", "user", "click", "call"):
        yield path, data
    elif isinstance(data, dict) and "from" not in data:
        for key, item in data.items():
            yield from _leaves(item, (*path, key))


def _never_filled(mapping: Mapping, calls: Iterable[Call]) -> Iterator[Problem]:
    records: defaultdict[str, list[Record]] = defaultdict(list)
    for call in calls:
        if call.record is not None and call.click.object in mapping.objects:
            records[call.click.object].append(call.record)
    for name, seen in records.items():
        rules = mapping.objects[name]
        paths = {path.text: path for path in (*rules.plan_paths(), *rules.activity_paths())}
        for path in paths.values():
            if path.root in ("record", "owner", "user") and _empty_in_all(path, seen):
                message = f"{path.text} was filled in 0 of the last {len(seen)} {name} records"
                yield mapping.document.problem(_first_use(mapping, name, path.text), message, value=True)


def _empty_in_all(path: FieldPath, records: list[Record]) -> bool:
    roots = ({"record": one.record, "owner": one.owner, "user": one.user} for one in records)
    return all(is_empty(path.read(words)) for words in roots)


def _first_use(mapping: Mapping, name: str, text: str) -> Path:
    """Where a path stands first: in the object, in one it is like, in the activity."""
    data = mapping.document.data
    starts: list[Path] = [("objects", one) for one in _likes(mapping, name)]
    for start in (*starts, ("activity",)):
        part = data
        for step in start:
            part = part.get(step, {})
        found = _find(part, text, start)
        if found:
            return found
    return ("objects", name)


def _find(data: Any, text: str, path: Path) -> Path | None:
    if data == text or (isinstance(data, str) and f"{{{text}}}" in data):
        return path
    if isinstance(data, dict) and text in data:
        return (*path, text)
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return next((found for step, item in steps if (found := _find(item, text, (*path, step)))), None)
