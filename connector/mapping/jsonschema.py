"""JSON Schema (draft 2020-12) of our file kinds, made from their marshmallow schemas, for editors.

`python -m connector.mapping.jsonschema > mappings/mapping.schema.json` writes the one of mapping files anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from connector.mapping.definitions import DEFINITIONS
from connector.mapping.paths import ROOTS
from connector.mapping.schema import MappingSchema
from connector.mapping.words import CALL_WORDS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
#: apispec writes for OpenAPI 3.1, whose schemas are JSON Schema 2020-12 but live elsewhere.
_OPENAPI_HOME, _HOME = "#/components/schemas/", "#/$defs/"


def json_schema(
    schema: type[Schema] | Schema, definitions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON Schema of any marshmallow Schema; unknown keys are allowed where it includes them.

    A field class says its own part in an attribute `json_schema`; `definitions` are the named parts that
    such an attribute refers to as `#/$defs/<name>`.
    """
    plugin = MarshmallowPlugin()
    spec = APISpec("", "", "3.1.0", plugins=[plugin])
    converter: Any = plugin.converter
    converter.add_attribute_function(_own_part)
    root = converter.schema2jsonschema(schema)
    parts = spec.to_dict().get("components", {}).get("schemas", {})
    whole = {"$schema": DRAFT, **root, "$defs": {**parts, **(definitions or {})}}
    if not whole["$defs"]:
        del whole["$defs"]
    moved: dict[str, Any] = _with_object_sizes(json.loads(json.dumps(whole).replace(_OPENAPI_HOME, _HOME)))
    return moved


def mapping_json_schema() -> dict[str, Any]:
    """The JSON Schema of a mapping file."""
    value = DEFINITIONS["value"]
    roots = "; ".join(f"{root}.* is {holds}" for root, holds in ROOTS.items())
    described = {
        **value,
        "description": f"{value['description']} {roots}. Words of call.*: {', '.join(CALL_WORDS)}.",
    }
    return json_schema(MappingSchema, {**DEFINITIONS, "value": described})


def as_text(schema: Mapping[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _with_object_sizes(part: Any) -> Any:
    """apispec writes the length of an object as that of a text."""
    if isinstance(part, dict):
        part = {key: _with_object_sizes(item) for key, item in part.items()}
        if part.get("type") == "object" and "minLength" in part:
            part["minProperties"] = part.pop("minLength")
    return part


def _own_part(converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    return dict(getattr(field, "json_schema", {}))


if __name__ == "__main__":
    sys.stdout.write(as_text(mapping_json_schema()))
