"""CallerDesk: the client that rings, its webhooks' events, its members. Importable without the rest."""

from connector.callerdesk.client import BASE_URL, ENDPOINT, CallerDesk, Placed
from connector.callerdesk.events import ProviderEvent, event_of, parse
from connector.callerdesk.members import Listing, Members
from connector.callerdesk.refusals import BadParameter, MemberInactive, WrongDeskphone, WrongKey
from connector.callerdesk.request import MaskedRequest
from connector.callerdesk.rows import Balance, Deskphone, LiveCall, Member, ReportRow, ending_of_row
from connector.callerdesk.words import LiveWord

__all__ = [
    "BASE_URL",
    "ENDPOINT",
    "BadParameter",
    "Balance",
    "CallerDesk",
    "Deskphone",
    "Listing",
    "LiveCall",
    "LiveWord",
    "MaskedRequest",
    "Member",
    "MemberInactive",
    "Members",
    "Placed",
    "ProviderEvent",
    "ReportRow",
    "WrongDeskphone",
    "WrongKey",
    "ending_of_row",
    "event_of",
    "parse",
]
