"""What SuiteCRM's refusals mean: whatever is wrong with a request is 400, told apart by its sentence.

Seen on a live SuiteCRM 7.12.14 ("not found is 400"); the sentences as SuiteCRM's source has them (`Api/V8`).
"""

from __future__ import annotations

import re

from connector.crms.base_said import body_of, forbidden, no_such_record, rejected, said
from connector.errors import ConnectorError, Refused
from connector.http import Reply

WHO = "SuiteCRM"
MODULES = "Api/V8/module"
_FIELD = re.compile(r"The following fields? in (\w+) module (?:is|are) not found: (.+)")
_PROPERTY = re.compile(r"Property (\w+) in (\w+) module is invalid")
_NO_RECORD = re.compile(r'module with id \S+ is not found|The option "id" with value')
_NO_MODULE = re.compile(r"Module \S+ does not exist|Module with name \S+ is not found")
_TAKEN = re.compile(r"is already exist")
_DENIED = re.compile(r"not allowed|access denied|does not have access|no access", re.IGNORECASE)


class Taken(Refused):
    """There is a record of this id already, perhaps a deleted one."""


def explain(reply: Reply, about: str) -> ConnectorError | None:
    """What a 400 means; None for everything else."""
    if reply.status != 400:
        return None
    detail = _detail(reply)
    if found := _FIELD.search(detail):
        return _unknown_field(found[2], found[1], about)
    if found := _PROPERTY.search(detail):
        return _unknown_field(found[1], found[2], about)
    if _NO_RECORD.search(detail):
        return no_such_record(WHO, about)
    if _TAKEN.search(detail):
        return Taken("crm_rejected", f"{WHO} has a record of this id already ({about}).")
    if _NO_MODULE.search(detail):
        return Refused("unknown_object", f"{WHO} has no such module ({about}): correct it in the mapping.")
    if _DENIED.search(detail):
        return forbidden(WHO, about, "give its role the missing right.")
    return rejected(WHO, about, said(detail))


def _unknown_field(name: str, module: str, about: str) -> Refused:
    return Refused(
        "unknown_field", f"{WHO} has no field {name[:80]!r} in {module} ({about}): correct it in the mapping."
    )


def _detail(reply: Reply) -> str:
    errors = body_of(reply).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else errors
    return str(first.get("detail") or "") if isinstance(first, dict) else ""
