"""What differs between the journal and the CRM's activity of one call, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.balance.comparing import Difference, name_of
from connector.connection import Connection
from connector.crms.base import Crm
from connector.errors import ConnectorError
from connector.journal.privacy import is_forgotten
from connector.model import Call


def on_record(call: Call, connections: Mapping[str, Connection], live: bool) -> Iterator[Difference]:
    """What the CRM does not show of a call; with `live` the CRM itself is asked."""
    name, replay = name_of(call), f"`connector calls replay {call.id}`"
    if call.write_dead:
        yield Difference(
            code="balance_activity_given_up",
            needs_person=True,
            sentence=f"{name} is not up to date in the CRM, and that was given up: {call.write_error} "
            f"Mend it, then {replay}; it cannot ring.",
            call=call.id,
        )
    elif call.written < call.wanted and call.activity_id is None:
        yield Difference(
            code="balance_activity_missing",
            needs_person=False,
            sentence=f"{name} has no activity in the CRM yet: it is tried again by itself.",
            call=call.id,
        )
    elif call.written < call.wanted:
        yield Difference(
            code="balance_activity_behind",
            needs_person=False,
            sentence=f"{name} shows an older version in the CRM: it is written again by itself.",
            call=call.id,
        )
    elif live and call.activity_id is not None and call.connection in connections:
        yield from _in_the_crm(call, connections[call.connection], f"{name}: {replay} writes it again.")


def _in_the_crm(call: Call, connection: Connection, advice: str) -> Iterator[Difference]:
    if not can_look(connection.crm) or is_forgotten(call):
        return
    try:
        found = connection.crm.find(connection.mapping.current().activity(call, look_first=True))
    except ConnectorError as failure:
        yield Difference(
            code="balance_crm_not_asked",
            needs_person=True,
            sentence=f"{name_of(call)} could not be looked for in the CRM: {failure.message}",
            call=call.id,
        )
        return
    if found is None:
        yield Difference(
            code="balance_activity_gone",
            needs_person=True,
            sentence=f"The CRM no longer has the activity of {advice}",
            call=call.id,
        )


def can_look(crm: Crm) -> bool:
    """Whether this CRM can be searched for an activity by our call's id."""
    return type(crm).find is not Crm.find and ("find" in crm.account.requests or not crm.account.requests)
