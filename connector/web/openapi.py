"""/openapi.json: OpenAPI 3.0 from marshmallow schemas, also for CRMs that import one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields, validate

from connector import __version__
from connector.crms.base import CLICK_KEYS


class ClickBody(Schema):
    """A click in our own format."""

    object = fields.String(required=True, metadata={"description": CLICK_KEYS["object"]})
    id = fields.String(required=True, metadata={"description": CLICK_KEYS["id"]})
    user = fields.String(metadata={"description": CLICK_KEYS["user"]})
    click_id = fields.String(metadata={"description": CLICK_KEYS["click_id"]})
    source = fields.String(
        validate=validate.OneOf(["button", "rule"]), metadata={"description": CLICK_KEYS["source"]}
    )
    override = fields.List(fields.String(), metadata={"description": CLICK_KEYS["override"]})
    clicked_at = fields.AwareDateTime(metadata={"description": CLICK_KEYS["clicked_at"]})


class AnswerBody(Schema):
    """What became of a click."""

    call = fields.String(metadata={"description": "id of the call"})
    state = fields.String(metadata={"description": "how far the call has come"})
    message = fields.String(metadata={"description": "one sentence for the person who clicked"})
    url = fields.String(metadata={"description": "live page of the call"})
    code = fields.String(metadata={"description": "stable code behind the sentence"})
    repeat = fields.Boolean(
        metadata={"description": "true: the click was a repeat, this is the first one's call"}
    )
    line = fields.Nested(lambda: LineBody(), metadata={"description": "of a rule's call that waits"})


class LineBody(Schema):
    """Where a call waits, as a forecast and no promise."""

    ahead = fields.Integer(metadata={"description": "how many calls are before it"})
    position = fields.Integer(metadata={"description": "1 is the first"})
    wait_seconds = fields.Integer(
        allow_none=True, metadata={"description": "seconds until its turn is expected; null: not known"}
    )
    expected_at = fields.AwareDateTime(allow_none=True, metadata={"description": "the same as a moment"})
    not_before = fields.AwareDateTime(
        allow_none=True, metadata={"description": "the end of quiet hours, or the next try"}
    )
    until = fields.AwareDateTime(metadata={"description": "if it has not rung by then, it rings nobody"})
    text = fields.String(metadata={"description": "the same in a sentence: 12th in line, about 2 minutes."})


class ProblemBody(Schema):
    """RFC 9457 problem details."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String(metadata={"description": "stable code"})
    detail = fields.String(metadata={"description": "one sentence: what happened and what to do"})
    call = fields.String()
    state = fields.String()
    url = fields.String()
    repeat = fields.Boolean()


@lru_cache(maxsize=4)
def document(public_url: str | None) -> dict[str, Any]:
    """The OpenAPI 3.0.3 document of the parts that others call."""
    spec = APISpec(
        title="CallerDesk CRM connector",
        version=__version__,
        openapi_version="3.0.3",
        plugins=[MarshmallowPlugin()],
        **({"servers": [{"url": public_url.rstrip("/")}]} if public_url else {}),
    )
    for name, schema in (("Click", ClickBody), ("Answer", AnswerBody), ("Problem", ProblemBody)):
        spec.components.schema(name, schema=schema)
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.path(
        "/hooks/{connection}",
        operations={
            "post": {
                "operationId": "click",
                "summary": "Ring the record's customer, then the member",
                "security": [{"bearer": []}],
                "parameters": [_in_path("connection")],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Click")}}},
                "responses": {
                    "200": _answer("The call is placed, or a rule's click is durable", "Answer"),
                    "202": _answer("The verdict is not in yet, or unclear", "Answer"),
                    **{status: _problem(why) for status, why in _PROBLEMS.items()},
                },
            }
        },
    )
    spec.path(
        "/calls/{call}",
        operations={
            "get": {
                "operationId": "call",
                "summary": "How far a call has come",
                "security": [{"bearer": []}],
                "parameters": [_in_path("call"), _KEY],
                "responses": {
                    "200": _CALL,
                    "401": _problem("The link does not open this call"),
                },
            }
        },
    )
    spec.path("/recordings/{call}/{token}", operations={"get": _listen()})
    spec.path(
        "/calls/{call}/cancel",
        operations={
            "post": {
                "operationId": "cancel",
                "summary": "Take a call out before anybody is rung",
                "security": [{"bearer": []}],
                "parameters": [_in_path("call"), _KEY],
                "responses": {
                    "200": _CALL,
                    "401": _problem("The link does not open this call"),
                    "409": _problem("The call was dialled already, or has ended"),
                },
            }
        },
    )
    for path in ("/healthz", "/readyz"):
        answer = {"description": "Fine", "content": {"application/json": {"schema": {"type": "object"}}}}
        spec.path(path, operations={"get": {"responses": {"200": answer, "503": _problem("Not ready")}}})
    return spec.to_dict()


_KEY = {"in": "query", "name": "key", "schema": {"type": "string"}, "description": "signed link"}
_CALL = {
    "description": "The call; while it waits, `line` tells where",
    "content": {
        "application/json": {"schema": {"type": "object", "properties": {"line": {"nullable": True}}}}
    },
}
_PROBLEMS = {
    "400": "The body is broken or of the wrong type",
    "401": "The secret or signature is wrong",
    "403": "This call must not be made",
    "404": "No such connection",
    "405": "Calls are made by POST only",
    "409": "The customer or member was called just now",
    "410": "The click came too late",
    "413": "The body is too large",
    "422": "The call cannot be made from this record",
    "502": "The CRM or CallerDesk could not be reached",
    "503": "Nothing can be accepted just now",
    "504": "The CRM did not answer in time",
}


def _listen() -> dict[str, Any]:
    audio = {"audio/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "operationId": "recording",
        "summary": "The recording of a call, for whoever holds its link",
        "parameters": [
            _in_path("call"),
            _in_path("token"),
            {
                "in": "header",
                "name": "Range",
                "schema": {"type": "string"},
                "description": "one range of bytes",
            },
        ],
        "responses": {
            "200": {"description": "The recording", "content": audio},
            "206": {"description": "The part that was asked for", "content": audio},
            "404": _problem("The link opens nothing, or CallerDesk has no such recording"),
            "410": _problem("The link ran out, or the recording was forgotten"),
            "416": _problem("The recording ends before that part"),
            "502": _problem("The recording could not be fetched"),
            "503": _problem("Too many are listening"),
            "504": _problem("The recording was not answered in time"),
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _in_path(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _ref("Problem")}}}
