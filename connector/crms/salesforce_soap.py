"""Outbound Messages: Salesforce's SOAP notifications in, its acknowledgement out.

Salesforce, "SOAP API Developer Guide", Outbound Messaging: one body holds up to 100 notifications, is sent
again for 24 hours until it is acknowledged as a whole, and may come twice and out of order.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError  # names only: defusedxml parses # nosec B405

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connector.crms.base import Account, Wire
from connector.crms.salesforce_soql import checked_id, checked_object
from connector.errors import BadRequest, ConnectorError
from connector.model import Click, Source

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_OBJECT = "{urn:sobject.enterprise.soap.sforce.com}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MOST = 100

#: What `click.raw["shape"]` says of such clicks.
SHAPE = "outbound_message"

ACK = Wire(
    200,
    "text/xml; charset=utf-8",
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>",
)


def is_xml(content_type: str, body: bytes) -> bool:
    """Whether a body is meant as XML: it says so, or it begins like it."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.endswith("/xml") or kind.endswith("+xml") or body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def parse_outbound(body: bytes, account: Account) -> list[Click]:
    """Read the notifications of one message as clicks of a rule.

    The session id and both server URLs are neither kept nor looked at. Raises BadRequest: 400 `body_broken`
    or `batch_too_large`, 401 `organization_unknown`, 422 `field_missing` or `record_id_invalid`.
    """
    message = _one(_one(_root(body), _ENVELOPE + "Body"), _OUTBOUND + "notifications")
    _check_organization(_text(message, _OUTBOUND + "OrganizationId"), account)
    action = _text(message, _OUTBOUND + "ActionId")
    notifications = message.findall(_OUTBOUND + "Notification")
    if len(notifications) > MOST:
        raise BadRequest(
            "batch_too_large",
            f"The message holds {len(notifications)} notifications; Salesforce sends {MOST} at most.",
        )
    if not notifications:
        raise _broken("it holds no Notification")
    return [_click(notification, action, account) for notification in notifications]


def _root(body: bytes) -> Element:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise _broken("it brings a document type or entities, which are not read") from None
    except (ParseError, ValueError, LookupError):
        raise _broken("it is not well-formed XML") from None
    if root.tag != _ENVELOPE + "Envelope":
        raise _broken("it is not a SOAP 1.1 envelope")
    return root


def _check_organization(sent: str, account: Account) -> None:
    """Only the first 15 characters tell organisations apart; the 18-character form may be on either side."""
    ours = str(account.clicks.get("organization_id") or "")
    if len(ours) < 15 or not hmac.compare_digest(ours[:15].encode(), sent[:15].encode()):
        raise BadRequest(
            "organization_unknown",
            "This Outbound Message is not from the organisation in this connection's clicks.organization_id.",
            status=401,
        )


def _click(notification: Element, action: str, account: Account) -> Click:
    delivery = _text(notification, _OUTBOUND + "Id")
    if not delivery.isascii() or not delivery.isalnum() or len(delivery) > 18:
        raise _broken("a Notification's Id is not a Salesforce id")
    record = _one(notification, _OUTBOUND + "sObject")
    name = record.get(_TYPE, "").strip().rpartition(":")[2]
    if not name:
        raise _broken(f"the sObject of notification {delivery} has no xsi:type")
    record_id = (record.findtext(_OBJECT + "Id") or "").strip()
    if not record_id:
        raise BadRequest(
            "field_missing",
            f"Notification {delivery} names no {name} Id: add Id to the fields of the Outbound Message.",
            status=422,
        )
    try:
        checked_object(name)
    except ConnectorError:
        raise _broken(f"the sObject of notification {delivery} has an impossible xsi:type") from None
    return Click(
        connection=account.name,
        object=name,
        record_id=checked_id(record_id, f"{name} in notification {delivery}"),
        source=Source.RULE,
        delivery=delivery,
        clicked_at=_moment(record.findtext(_OBJECT + "LastModifiedDate")),
        raw={"shape": SHAPE, "action": action},
    )


def _moment(text: str | None) -> datetime | None:
    """When the record was last changed, if the admin put that field into the message."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _children(parent: Element, tag: str) -> Iterator[Element]:
    return (child for child in parent if child.tag == tag)


def _one(parent: Element, tag: str) -> Element:
    found = list(_children(parent, tag))
    if len(found) != 1:
        raise _broken(f"it must hold exactly one {tag.rpartition('}')[2]} where the WSDL puts it")
    return found[0]


def _text(parent: Element, tag: str) -> str:
    text = (_one(parent, tag).text or "").strip()
    if not text:
        raise _broken(f"its {tag.rpartition('}')[2]} is empty")
    return text


def _broken(why: str) -> BadRequest:
    return BadRequest("body_broken", f"The Outbound Message cannot be read: {why}.")
