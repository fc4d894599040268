"""CallerDesk's "no": each published error sentence, and the named refusal a person reads for it."""

from __future__ import annotations

import re

from connector import redact
from connector.callerdesk.request import DialRequest
from connector.errors import Refused


class WrongKey(Refused):
    """CallerDesk does not know our authcode, or the base URL has the wrong prefix."""


class MemberInactive(Refused):
    """The member is not in the CallerDesk panel, not active there, or on break."""


class WrongDeskphone(Refused):
    """The deskphone is not one of the account's, or lost its leading 0."""


class BadParameter(Refused):
    """One of the values sent is not one CallerDesk takes."""


#: A piece of their sentence (normalised), the refusal it means, our code.
#: Source: replies reported from real accounts; the deskphone's from public integrations.
REFUSALS: tuple[tuple[str, type[Refused], str], ...] = (
    ("invalid auth code", WrongKey, "callerdesk_wrong_key"),
    ("agent on break inactive", MemberInactive, "callerdesk_member_inactive"),
    ("invalid deskphone", WrongDeskphone, "callerdesk_wrong_deskphone"),
    ("invalid parameter value", BadParameter, "callerdesk_bad_parameter"),
)

_SENTENCES = {
    "callerdesk_wrong_key": (
        "CallerDesk does not know our API key, so nobody was rung."
        " Ask your administrator to check the authcode and the base URL."
    ),
    "callerdesk_member_inactive": (
        "Nobody was rung: member {member} is missing, inactive or on break in CallerDesk."
        " Set the member Ready there, then press Call again."
    ),
    "callerdesk_wrong_deskphone": (
        "Nobody was rung: CallerDesk has no deskphone {deskphone} in this account."
        " Ask your administrator to enter it exactly as the CallerDesk panel lists it, leading 0 included."
    ),
    "callerdesk_bad_parameter": (
        "Nobody was rung: CallerDesk rejected a value of the call of customer {customer} and member {member}."
        " Ask your administrator to compare the dry run of this call with the CallerDesk panel."
    ),
}

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_TAG = re.compile(r"<[^<>]*>")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
#: Any run of digits that could be a phone number, however it is glued to its neighbours.
_DIGITS = re.compile(r"\d{7,}")
_LONGEST_QUOTE = 200


def known(sentence: str) -> tuple[type[Refused], str] | None:
    """The refusal class and code of a published error sentence, None for any other."""
    said = f" {_NOT_A_WORD.sub(' ', sentence.lower()).strip()} "
    for piece, refusal, code in REFUSALS:
        if f" {piece} " in said:
            return refusal, code
    return None


def quotable(sentence: str) -> str:
    """Their sentence fit to be shown: no secret, number, markup or control character; short."""
    plain = _UNPRINTABLE.sub(" ", _TAG.sub(" ", sentence))
    masked = _DIGITS.sub(lambda found: redact.mask(found.group()), redact.scrub(plain))
    return " ".join(masked.split())[:_LONGEST_QUOTE]


def refusal_of(sentence: str, asked: DialRequest) -> Refused:
    """The refusal of one dial that CallerDesk answered with `type: error`: surely not placed, all of them."""
    found = known(sentence)
    if found is None:
        quote = quotable(sentence) or "no reason given"
        return Refused(
            "callerdesk_refused",
            f"CallerDesk refused to ring customer {redact.mask(asked.customer)}: “{quote}”.",
        )
    refusal, code = found
    masked = {name: redact.mask(getattr(asked, name)) for name in ("customer", "member", "deskphone")}
    return refusal(code, _SENTENCES[code].format(**masked))
