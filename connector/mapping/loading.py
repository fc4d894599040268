"""From the text of a mapping file to a Mapping, or to every fault in it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from marshmallow import ValidationError

from connector import yamlfile
from connector.errors import ConfigError, Problem
from connector.mapping.likes import resolve_likes
from connector.mapping.mapping import ActivityRules, Mapping, ObjectRules
from connector.mapping.paths import ROOTS, is_path_like, meant_root
from connector.mapping.rules import DeskphoneRule
from connector.mapping.schema import MappingSchema
from connector.mapping.values import Fixed
from connector.yamlfile import Document, Path

#: Says what is wrong with a CRM's name, or None when there is an adapter of that name.
CrmCheck = Callable[[str], str | None]

_SCHEMA = MappingSchema()
_PARTIES = ("calling_party_a", "calling_party_b")


def load(text: str, file: str, *, crm_check: CrmCheck | None = None) -> Mapping:
    """Compile a mapping file; ConfigError with all its problems, each with file, line and column.

    `crm_check` is asked about the value of `crm:`; `file` is the name that problems are reported under.
    """
    document = yamlfile.load(text, file)
    problems: list[Problem] = []
    loaded: Any = {}
    try:
        loaded = _SCHEMA.load(document.data)
    except ValidationError as error:
        problems += yamlfile.problems(document, error.messages, _SCHEMA)
    if isinstance(document.data, dict):
        problems += _whole_file(document, crm_check)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return Mapping(
        crm=loaded["crm"],
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        text=text,
        objects=_objects(loaded),
        requests=loaded.get("requests", {}),
        document=document,
    )


def _objects(loaded: dict[str, Any]) -> dict[str, ObjectRules]:
    common = loaded.get("activity", {})
    ancestry = resolve_likes({name: rules.get("like") for name, rules in loaded["objects"].items()})[0]
    objects = {}
    for name, chain in ancestry.items():
        rules: dict[str, Any] = {}
        for ancestor in chain:
            rules |= loaded["objects"][ancestor]
        objects[name] = _object(name, rules, common)
    return objects


def _object(name: str, rules: dict[str, Any], common: dict[str, Any]) -> ObjectRules:
    own = rules.get("activity", {})
    merged = {**common, **own, "fields_": {**common.get("fields_", {}), **own.get("fields_", {})}}
    return ObjectRules(
        name=name,
        customer=rules["calling_party_a"],
        member=rules["calling_party_b"],
        deskphone=rules.get("deskphone", (DeskphoneRule(Fixed("default")),)),
        activity=ActivityRules(merged.get("object", ""), merged.get("key"), merged["fields_"]),
        call_limit=rules.get("call_limit"),
        campid=rules.get("campid"),
        form_deskphone=rules.get("form_deskphone", ()),
        refuse=rules.get("refuse", ()),
    )


def _whole_file(document: Document, crm_check: CrmCheck | None) -> Iterator[Problem]:
    """What only the whole file can tell; looks at plain data, of which any part may have the wrong type."""
    data = document.data
    raw = data.get("objects")
    objects = (
        {name: rules for name, rules in raw.items() if isinstance(rules, dict)}
        if isinstance(raw, dict)
        else {}
    )
    likes = {name: rules.get("like") for name, rules in objects.items()}
    ancestry, wrong = resolve_likes(
        {name: like if isinstance(like, str) else None for name, like in likes.items()}
    )
    for name, message in wrong.items():
        yield document.problem(("objects", name, "like"), message, value=True)
    common = _part(data, "activity")
    for name, chain in ancestry.items():
        merged: dict[str, Any] = {}
        for ancestor in chain:
            merged |= objects[ancestor]
        for party in _PARTIES:
            if party not in merged:
                yield document.problem(("objects", name), f"objects.{name} has no {party}")
        if not common.get("fields") and not _part(merged, "activity").get("fields"):
            message = f"nothing says what the timeline shows for {name}: add `activity: {{fields: …}}`"
            yield document.problem(("objects", name), message)
    crm = data.get("crm")
    if isinstance(crm, str):
        yield from _crm(document, crm, crm_check)
    yield from _texts_named_after_objects(document, set(objects))


def _crm(document: Document, crm: str, crm_check: CrmCheck | None) -> Iterator[Problem]:
    wrong = crm_check(crm) if crm_check else None
    if wrong:
        yield document.problem(("crm",), wrong, value=True)
    requests = document.data.get("requests")
    if crm != "rest" and requests is not None:
        yield document.problem(
            ("requests",), f"`requests` is for `crm: rest`; {crm} has an adapter of its own"
        )
    elif crm == "rest" and requests is None:
        yield document.problem(("crm",), "`crm: rest` needs `requests`: read, create and update at least")
    elif crm == "rest" and isinstance(requests, dict):
        for root in ("owner", "user"):
            path = next((path for path, text in _texts(document.data, ()) if _uses(text, root)), None)
            if path and root not in requests:
                message = f"{root}.* is used, but `requests` does not say where the {root} is read"
                yield document.problem(path, message, value=True)


def _texts_named_after_objects(document: Document, objects: set[str]) -> Iterator[Problem]:
    """`Visitor.Phone` where an object is called Visitor: meant as a path, silently a literal otherwise."""
    for path, text in _texts(document.data, ()):
        named = next((name for name in objects if text.lower().startswith(f"{name.lower()}.")), None)
        if named and is_path_like(text) and not meant_root(text, ROOTS):
            meant = f"record.{text[len(named) + 1 :]}"
            yield document.problem(
                path, f"{text!r} is not a path we know; did you mean {meant!r}?", value=True
            )


def _uses(text: str, root: str) -> bool:
    return text.startswith(f"{root}.") or f"{{{root}." in text


def _texts(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict | list):
        for step, item in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _texts(item, (*path, step))


def _part(data: dict[str, Any], key: str) -> dict[str, Any]:
    part = data.get(key)
    return part if isinstance(part, dict) else {}
