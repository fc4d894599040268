"""A Freshsales workflow's webhook as a click: JSON, XML or a form, whatever its author chose.

Freshworks, "How to use workflows with webhooks": the content is a template of the author's, or ticked fields.
It is unsigned and has no id of the delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import ParseError  # a name only: defusedxml parses # nosec B405

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connector.crms.base import CLICK_KEYS, Account, Hook, fields_of, parse_click
from connector.crms.base_click import field_invalid, raw_of
from connector.crms.base_read import if_there
from connector.crms.freshsales_api import KINDS, path_of
from connector.errors import BadRequest
from connector.model import Click, Source

#: Ticked fields come under such names (not confirmed); they tell object and record at once.
_IDS = {f"{name}_id": name for name in KINDS}
_MOST_CHILDREN = 200


def parse_workflow(hook: Hook, account: Account) -> Click:
    """Read one click, ignoring whatever else the author sends; BadRequest (400, 422) names what is wrong."""
    sent = _fields(hook)
    ours = {name: value for name, value in sent.items() if name in CLICK_KEYS}
    if "object" not in ours:
        named = next((name for name in _IDS if sent.get(name)), None)
        if named:
            ours |= {"object": _IDS[named], "id": sent[named]}
            if ours.get("source") not in list(Source):
                ours.pop("source", None)  # a ticked field of the record: where it came from
    if isinstance(ours.get("object"), str):
        ours["object"] = ours["object"].strip().lower().replace(" ", "_")
    for name in ("id", "user"):
        if isinstance(ours.get(name), float) and ours[name].is_integer():
            ours[name] = int(ours[name])
    click = parse_click(ours, account, Source.RULE)
    if if_there(path_of, click.object, click.record_id) is None:
        raise field_invalid(
            f"The click must name a Freshsales record: `object` one of {', '.join(KINDS)}, `id` its number."
            " A placeholder that is sent as it stands was not picked from the list."
        )
    return replace(click, raw=raw_of(sent))


def _fields(hook: Hook) -> Mapping[str, Any]:
    if (
        hook.media_type in ("application/xml", "text/xml")
        or hook.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    ):
        return _children(hook.body)
    return fields_of(hook)


def _children(body: bytes) -> dict[str, str]:
    """The elements right under the root that hold text, whatever the root is called."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise BadRequest("body_broken", "The XML brings a document type, which is not read.") from None
    except (ParseError, ValueError, LookupError):
        raise BadRequest("body_broken", "The body is not well-formed XML.") from None
    if len(root) > _MOST_CHILDREN:
        raise BadRequest("body_broken", f"The XML has more than {_MOST_CHILDREN} fields.")
    texts = {child.tag: (child.text or "").strip() for child in root if not len(child)}
    return {name: text for name, text in texts.items() if text}
