"""The parts of a mapping file that marshmallow cannot describe by itself, as JSON Schema for editors."""

from __future__ import annotations

from typing import Any

from connector.mapping.templates import VERBS

_SCALAR = ["string", "number", "boolean"]
#: Named parts of the generated JSON Schema.
DEFINITIONS: dict[str, Any] = {
    "table": {
        "type": "object",
        "description": "One value for another; needs `else` unless it names every value there is.",
        "properties": {
            "from": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "to": {
                "type": "object",
                "additionalProperties": {"type": [*_SCALAR, "null"]},
                "minProperties": 1,
            },
            "else": {"type": [*_SCALAR, "null"]},
        },
        "required": ["from", "to"],
        "additionalProperties": False,
    },
    "value": {
        "description": "A path, a list (first that is usable), a text with {paths}, a table, or a literal.",
        "anyOf": [
            {"type": _SCALAR},
            {
                "type": "array",
                "items": {"anyOf": [{"type": _SCALAR}, {"$ref": "#/$defs/table"}]},
                "minItems": 1,
            },
            {"$ref": "#/$defs/table"},
        ],
    },
    "tree": {
        "description": "A right-hand side, or nested data made of them; null leaves the field out.",
        "anyOf": [
            {"type": "null"},
            {"$ref": "#/$defs/value"},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}},
            {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        ],
    },
    "member": {
        "type": "object",
        "description": "The number of CallerDesk's active member with this e-mail.",
        "properties": {
            "member": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        },
        "required": ["member"],
        "additionalProperties": False,
    },
    "when": {
        "type": "object",
        "description": "Paths and the value, or one of the values, each must hold.",
        "additionalProperties": {
            "anyOf": [{"type": [*_SCALAR, "null"]}, {"type": "array", "items": {"type": [*_SCALAR, "null"]}}]
        },
        "minProperties": 1,
    },
    "rule": {
        "type": "object",
        "properties": {"when": {"$ref": "#/$defs/when"}, "use": {"$ref": "#/$defs/value"}},
        "required": ["use"],
        "additionalProperties": False,
    },
    "request": {
        "type": "object",
        "description": "One of get, post, patch, put with a path under the base_url.",
        "properties": {
            **{verb: {"type": "string", "pattern": "^/"} for verb in VERBS},
            "params": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}},
            "json": {"$ref": "#/$defs/tree"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "id": {"type": "string"},
        },
        "additionalProperties": False,
    },
}


def ref(name: str) -> dict[str, str]:
    """A reference to one of the named parts."""
    return {"$ref": f"#/$defs/{name}"}
