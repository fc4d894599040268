"""A vendor's own OpenAPI document as a judge of the requests we send: path, query and body.

The documents are large and not ours, so they are not in this repository: they are looked for in the folder
that `CONNECTOR_SPECS` names, else beside the checkout, and a test that needs one is skipped without it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator
from requests import PreparedRequest

FOLDER = Path(os.environ.get("CONNECTOR_SPECS") or Path(__file__).parents[3] / "shared" / "specs")


class Document:
    """One OpenAPI 3.0 document; `prefix` is what its paths stand behind on the vendor's address."""

    def __init__(self, name: str, prefix: str) -> None:
        self._prefix = prefix
        self._paths = _loaded(name)["paths"]
        self.root = _loaded(name)

    def problems(self, request: PreparedRequest) -> list[str]:
        """What the document has against a request; empty when it is well formed."""
        parts = urlsplit(str(request.url))
        operation = self._operation(str(request.method).lower(), parts.path)
        if operation is None:
            return [f"there is no {request.method} {parts.path}"]
        return [*self._query(operation, parts.query), *self._body(operation, request.body)]

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        if not path.startswith(self._prefix):
            return None
        for template, operations in self._paths.items():
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if method in operations and re.fullmatch(pattern, path.removeprefix(self._prefix)):
                found: dict[str, Any] = operations[method]
                return found
        return None

    def _query(self, operation: dict[str, Any], query: str) -> Iterator[str]:
        known = {
            each["name"]: each
            for each in map(self._resolved, operation.get("parameters", ()))
            if each["in"] == "query"
        }
        given = dict(parse_qsl(query))
        for name, value in given.items():
            if name not in known:
                yield f"no query field {name!r}"
                continue
            schema = self._resolved(known[name].get("schema", {}))
            typed = json.loads(value) if schema.get("type") in ("integer", "number", "boolean") else value
            typed = value.split(",") if schema.get("type") == "array" else typed
            yield from self._against(schema, typed, name)
        yield from (
            f"{name} is needed" for name in known if known[name].get("required") and name not in given
        )

    def _body(self, operation: dict[str, Any], body: bytes | str | None) -> Iterator[str]:
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        if not content:
            if body:
                yield "it takes no body"
            return
        schema = self._resolved(content["application/json"]["schema"])
        given = json.loads(body or "null")
        yield from self._against(schema, given, "body")
        # Their schemas let any other key pass; a misspelt one would go unseen.
        allowed = schema.get("properties")
        if allowed and isinstance(given, dict):
            yield from (f"no field {name!r}" for name in given if name not in allowed)

    def _against(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        whole = {**schema, "components": self.root.get("components", {})}
        for error in Draft202012Validator(whole).iter_errors(value):
            yield f"{where}: {error.message}"

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node


def document(name: str, prefix: str) -> Document:
    """The document of that file name, or a skip that says what to do."""
    if not (FOLDER / name).exists():
        pytest.skip(f"set CONNECTOR_SPECS to a folder that holds {name} to hold our requests against it")
    return Document(name, prefix)


@cache
def _loaded(name: str) -> dict[str, Any]:
    with (FOLDER / name).open(encoding="utf-8") as text:
        loaded: dict[str, Any] = yaml.load(text, Loader=_AsJson)
    return loaded


class _AsJson(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML (and JSON) quickly, and nothing becomes a date."""


_AsJson.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
