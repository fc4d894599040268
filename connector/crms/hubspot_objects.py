"""HubSpot's objects that people call from, by every name HubSpot has for them.

HubSpot, "CRM objects" (object type ids) and "Associations v4" (association type ids from a call):
https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.crms.base_api import checked_id
from connector.errors import Refused

ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """One object of HubSpot's."""

    #: What a mapping file calls it.
    name: str
    #: What the API's addresses call it.
    path: str
    #: What app cards and generic webhooks call it.
    type_id: str
    #: How a call points at it (`associationTypeId`, category HUBSPOT_DEFINED).
    association: int


CONTACT = Kind("Contact", "contacts", "0-1", 194)
KINDS = (
    CONTACT,
    Kind("Company", "companies", "0-2", 182),
    Kind("Deal", "deals", "0-3", 206),
    Kind("Ticket", "tickets", "0-5", 220),
    Kind("Lead", "leads", "0-136", 596),
)
_BY_NAME = {word.lower(): kind for kind in KINDS for word in (kind.name, kind.path, kind.type_id)}


def name_of(name: str) -> str:
    """`Contact` for `CONTACT`, `contacts` and `0-1`; a name that is none of HubSpot's as it is."""
    kind = _BY_NAME.get(name.strip().lower())
    return kind.name if kind else name


def kind_of(name: str) -> Kind:
    """The object of that name, in any spelling; Refused (`unknown_object`) for any other."""
    try:
        return _BY_NAME[name.strip().lower()]
    except KeyError:
        known = ", ".join(kind.name for kind in KINDS)
        raise Refused(
            "unknown_object", f"Calls cannot be put on HubSpot's {name[:80]!r}: there are {known}."
        ) from None


def record_path(kind: Kind, record_id: str) -> str:
    """The record's address in the API; Gone for an id that is no number."""
    number = checked_id(record_id, ID, "HubSpot", f"{kind.name} {record_id[:40]}")
    return f"crm/v3/objects/{kind.path}/{number}"
