"""LeadSquared's ways of telling of a click: the Click2Call of a telephony connector, and webhooks.

Vendor's documentation: https://help.leadsquared.com/universal-connector (an admin writes the body),
https://apidocs.leadsquared.com/webhooks/ and https://support.leadsquared.com/support/solutions/articles/3000074525
(the lead's own fields, unsigned but for a custom header). The shape of an update, with the lead before and
after it, is not documented there: the forms that are told of elsewhere are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.crms.base import Account, Hook, fields_of, parse_click
from connector.crms.base_click import in_our_words, raw_of, record_missing
from connector.model import Click, Source

LEAD = "Lead"
#: Names an admin may give to what he lets the connector send, small letters -> our own name of it.
_NAMES = {"lead_id": "id", "leadid": "id", "user_id": "user", "userid": "user"}
#: Where a webhook names its lead, in LeadSquared's own spelling.
_LEAD_IDS = ("ProspectID", "RelatedProspectId")
#: Where an update holds the lead as it is now.
_NOW = ("After", "Current")


def parse_leadsquared_click(hook: Hook, account: Account) -> Click:
    """Read one click; BadRequest 422 `record_missing` when numbers came and no lead."""
    sent = fields_of(hook)
    told = _as_it_is_now(sent)
    lead = next((told[name] for name in _LEAD_IDS if told.get(name)), None)
    if lead is not None:
        # Nothing else in it is meant for us: a lead's own `Source` is where the lead came from.
        ours = {"object": LEAD, "id": lead, "click_id": _delivery(told, lead)}
        click = parse_click(ours, account, Source.RULE)
        return replace(click, raw=raw_of(told))
    ours = in_our_words(sent, _NAMES)
    if "id" not in ours and "object" not in ours:
        raise record_missing(
            "The request names no lead, and a number from a request is never dialled: nobody was rung."
            " Let the connector send `lead_id`, the lead's id."
        )
    click = parse_click({"object": LEAD, **ours}, account, Source.BUTTON)
    return replace(click, raw=raw_of(sent))


def _as_it_is_now(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((sent[name] for name in _NOW if isinstance(sent.get(name), dict)), sent)


def _delivery(told: Mapping[str, Any], lead: Any) -> str | None:
    """Name the activity, or the change of the lead, that a webhook tells of; None when it does not say."""
    activity, changed = told.get("ProspectActivityId"), told.get("ModifiedOn")
    if isinstance(activity, str) and activity:
        return f"activity {activity}"
    return f"lead {lead} {changed}" if isinstance(changed, str) and changed else None
