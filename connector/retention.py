"""How long calls are kept: section `retention:` of the manifest.

At least a year, as the law asks of whoever handles personal data (India: Digital Personal Data Protection
Rules 2025, rule 8(3)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

FLOOR_DAYS = 365
DEFAULT_DAYS = 400
#: A delivery is known as a repeat for as long as its row lives, and some senders come again after weeks.
SHORTEST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which a call is erased; fewer than `FLOOR_DAYS` only with the reason in `override_floor`."""

    days: int = DEFAULT_DAYS
    override_floor: str | None = None

    @property
    def days_forgotten(self) -> int:
        """Days after which the row of a forgotten person is erased: as soon as the law lets it."""
        return min(self.days, FLOOR_DAYS)


class _Reason(fields.Field[str | None]):
    """`false`, or the reason in words."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        if value is False:
            return None
        if isinstance(value, str) and len(value.strip()) >= 10:
            return value.strip()
        raise ValidationError("must be false, or the reason in a sentence")


class RetentionSchema(Schema):
    """Section `retention:` of the manifest."""

    class Meta:
        unknown = RAISE

    days = fields.Integer(
        strict=True,
        load_default=DEFAULT_DAYS,
        validate=validate.Range(min=SHORTEST_DAYS, max=36_500),
        metadata={"description": "Calls older than this many days are erased"},
    )
    override_floor = _Reason(
        load_default=None,
        metadata={
            "description": f"The reason why calls may be erased before {FLOOR_DAYS} days",
            "type": ["string", "boolean"],
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def _keeps_the_floor(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data["days"] < FLOOR_DAYS and data["override_floor"] is None:
            sentence = f'must be {FLOOR_DAYS} or more; fewer only with `override_floor: "<the reason>"`'
            raise ValidationError(sentence, "days")
