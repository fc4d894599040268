"""The marshmallow schemas of a mapping file; what only the whole file can tell is checked in `compiling`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from connector.mapping.definitions import ref
from connector.mapping.parsing import Place, each, parse_tree, parse_value
from connector.mapping.rules import parse_deskphone, parse_refusal
from connector.mapping.templates import REQUEST_ROOTS, parse_request

#: Where a phone number may come from: never from the click.
PARTY = Place(("record", "owner", "user", "click"), number=True)
PLAN = Place(("record", "owner", "user", "click"))
ACTIVITY = Place(("record", "owner", "user", "click", "call"))


class ValueField(fields.Field[Any]):
    """A right-hand side."""

    json_schema: ClassVar[dict[str, Any]] = ref("value")

    def __init__(self, place: Place, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place = place

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return parse_value(value, self.place)


class MemberField(ValueField):
    """A right-hand side in which `{member: path}` may stand."""

    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            ref("value"),
            ref("member"),
            {"type": "array", "items": {"anyOf": [ref("value"), ref("member")]}, "minItems": 1},
        ]
    }


class LimitField(ValueField):
    """Whole seconds, or where they come from."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool | float) or (isinstance(value, int) and value < 1):
            raise ValidationError("must be a whole number of seconds, 1 or more")
        return super()._deserialize(value, attr, data, **kwargs)


class DeskphoneField(fields.Field[Any]):
    """A deskphone, or rules that choose one."""

    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            ref("value"),
            ref("rule"),
            {"type": "array", "items": {"anyOf": [ref("value"), ref("rule")]}},
        ]
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return parse_deskphone(value, PLAN)


class RefuseField(fields.Field[Any]):
    """A list of `{when, say}`."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"when": ref("when"), "say": {"type": "string", "minLength": 1}},
            "required": ["when", "say"],
            "additionalProperties": False,
        },
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError("must be a list: [{when: …, say: …}]")
        return tuple(each(dict(enumerate(value)), lambda item: parse_refusal(item, PLAN)).values())


class TreeField(fields.Field[Any]):
    """The activity's fields: nested data made of right-hand sides."""

    json_schema: ClassVar[dict[str, Any]] = {"type": "object", "additionalProperties": ref("tree")}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must hold the CRM's field names and what fills them")
        return each(value, lambda item: parse_tree(item, ACTIVITY))


class RequestField(fields.Field[Any]):
    """A request template; where the record may hold its answer already, a path instead."""

    @property
    def json_schema(self) -> Mapping[str, Any]:
        """A request, or a path for owner and user."""
        if self.name in ("owner", "user"):
            return {"anyOf": [{"type": "string", "pattern": "^record[.]"}, ref("request")]}
        return ref("request")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return parse_request(self.name or "", value)


class ActivitySchema(Schema):
    """What the CRM's timeline shows."""

    class Meta:
        unknown = RAISE

    object = fields.String(metadata={"description": "The CRM's object for activities, such as Task."})
    key = fields.String(metadata={"description": "The CRM's field for our key: writing twice then updates."})
    fields_ = TreeField(data_key="fields", metadata={"description": "The CRM's fields and what fills them."})


class ObjectSchema(Schema):
    """How a record of one CRM object becomes a call."""

    class Meta:
        unknown = RAISE

    like = fields.String(
        metadata={"description": "Another object of this file to take everything else from."}
    )
    calling_party_a = ValueField(
        Place(PARTY.roots, literal=False, number=True),
        metadata={"description": "The customer's number: rung first."},
    )
    calling_party_b = MemberField(
        Place(PARTY.roots, member=True, number=True),
        metadata={"description": "The member's number: rung second."},
    )
    deskphone = DeskphoneField(
        metadata={"description": "The deskphone to call through; `default` is the account's."}
    )
    call_limit = LimitField(
        PLAN, data_key="CallLimit", metadata={"description": "Seconds after which to hang up."}
    )
    campid = ValueField(PLAN, metadata={"description": "CallerDesk campaign id, digits."})
    form_deskphone = DeskphoneField(metadata={"description": "The second deskphone of CallerDesk's form."})
    refuse = RefuseField(metadata={"description": "When nobody is rung, and what the person then reads."})
    activity = fields.Nested(
        ActivitySchema, metadata={"description": "What differs from the common activity for this object."}
    )


class RequestsSchema(Schema):
    """The requests of a CRM without an adapter of its own."""

    class Meta:
        unknown = RAISE

    read = RequestField(required=True, metadata={"description": "Answers the record."})
    owner = RequestField(metadata={"description": "Answers its owner, or where the record holds him."})
    user = RequestField(metadata={"description": "Answers the user who clicked."})
    find = RequestField(metadata={"description": "Answers the activity with our key, if there is one."})
    create = RequestField(required=True, metadata={"description": "Makes the activity."})
    update = RequestField(required=True, metadata={"description": "Changes the activity."})


assert set(REQUEST_ROOTS) == set(RequestsSchema().fields)


class MappingSchema(Schema):
    """One mapping file."""

    class Meta:
        unknown = RAISE
        title = "CallerDesk connector mapping"

    crm = fields.String(required=True, metadata={"description": "The adapter: salesforce, odoo, rest…"})
    requests = fields.Nested(RequestsSchema, metadata={"description": "For `crm: rest` only."})
    objects = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ObjectSchema),
        required=True,
        validate=validate.Length(min=1, error="must name at least one object"),
        metadata={"description": "The CRM's objects people call from."},
    )
    activity = fields.Nested(
        ActivitySchema, metadata={"description": "What the timeline shows, for all objects."}
    )
