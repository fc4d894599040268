"""/openapi.json describes what is really there, in the shape that OpenAPI 3.0 wants and importers check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from web_house import WebHouse

from connector.crms.base import CLICK_KEYS
from connector.web.openapi import document

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    running = WebHouse(tmp_path_factory.mktemp("openapi"), public_url="https://calls.example.com/")
    yield running
    running.close()


@pytest.fixture(scope="module")
def spec(house: WebHouse) -> dict[str, Any]:
    answer = house.web.get("/openapi.json")
    assert answer.content_type == "application/json"
    described: dict[str, Any] = answer.get_json()
    return described


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_it_is_openapi_3_with_a_title_a_version_and_our_address(spec: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.0\.\d", spec["openapi"])
    assert spec["info"]["title"] and spec["info"]["version"]
    assert spec["servers"] == [{"url": "https://calls.example.com"}]
    assert "servers" not in document(None)


def test_every_operation_has_answers_with_a_description(spec: dict[str, Any]) -> None:
    assert operations(spec)
    for path, method, operation in operations(spec):
        assert operation["responses"], (path, method)
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status)
            assert answer["description"], (path, method, status)


def test_every_word_in_a_path_is_a_parameter_and_every_parameter_has_a_schema(spec: dict[str, Any]) -> None:
    for path, _method, operation in operations(spec):
        given = operation.get("parameters", []) + spec["paths"][path].get("parameters", [])
        in_path = {each["name"] for each in given if each["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), path
        assert all(each["required"] is True for each in given if each["in"] == "path")
        assert all("schema" in each for each in given)
        assert len({(each["name"], each["in"]) for each in given}) == len(given)


def test_operation_ids_are_unique(spec: dict[str, Any]) -> None:
    ids = [operation["operationId"] for *_, operation in operations(spec) if "operationId" in operation]
    assert len(ids) == len(set(ids)) >= 2


def test_every_reference_and_every_security_scheme_leads_somewhere(spec: dict[str, Any]) -> None:
    references = [node["$ref"] for node in nodes(spec) if "$ref" in node]
    assert references
    for reference in references:
        here: Any = spec
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]
    for *_, operation in operations(spec):
        for wanted in operation.get("security", []):
            assert set(wanted) <= set(spec["components"]["securitySchemes"])


def test_schemas_say_only_what_openapi_3_0_knows(spec: dict[str, Any]) -> None:
    types = {"string", "integer", "number", "boolean", "object", "array"}
    for schema in spec["components"]["schemas"].values():
        for node in nodes(schema):
            assert not isinstance(node.get("type"), list), "3.1's list of types"
            if isinstance(node.get("type"), str):
                assert node["type"] in types
            assert "items" in node or node.get("type") != "array"


def test_the_click_it_describes_is_the_click_that_is_read(spec: dict[str, Any]) -> None:
    click = spec["components"]["schemas"]["Click"]
    assert set(click["properties"]) == set(CLICK_KEYS)
    assert sorted(click["required"]) == ["id", "object"]


def test_every_path_it_describes_is_there(house: WebHouse, spec: dict[str, Any]) -> None:
    for path, method, _operation in operations(spec):
        target = path.replace("{connection}", "shop").replace("{call}", "0" * 24).replace("{token}", "0")
        answer = house.web.open(target, method=method.upper())
        told = answer.get_json(silent=True) or {}
        assert told.get("code") not in ("not_found", "method_not_allowed"), (path, method)


def test_the_answers_it_describes_are_the_answers_that_come(house: WebHouse, spec: dict[str, Any]) -> None:
    described = spec["paths"]["/hooks/{connection}"]["post"]["responses"]
    schemas = spec["components"]["schemas"]
    for record_id, kind in (("1", "Answer"), ("8", "Problem"), ("9", "Problem"), ("99", "Problem")):
        answer = house.click(record_id)
        told = described[str(answer.status_code)]["content"]
        assert answer.mimetype in told
        assert told[answer.mimetype]["schema"]["$ref"].endswith(kind)
        assert set(answer.get_json()) <= set(schemas[kind]["properties"])


def test_it_holds_no_secret(house: WebHouse, spec: dict[str, Any]) -> None:
    text = json.dumps(spec)
    for settings in house.house.settings.connections.values():
        assert all(secret not in text for secret in settings.clicks.secrets)
