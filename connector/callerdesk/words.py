"""CallerDesk's words for how a call goes, as two literal tables; new words become `unknown`.

Their `-agent` and `-customer` labels assume that the agent is leg A. In a reverse call leg A is the customer
and nothing published says what the labels then mean, so they are dropped and never believed.
Source: CallerDesk API, call report and C2C status pages; further words reported from real accounts.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Word(StrEnum):
    """What one of their words tells, with no party named unless the word itself is about the member."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    FAILED = "failed"
    MEMBER_BUSY = "member_busy"
    MEMBER_UNREACHABLE = "member_unreachable"
    #: It did not come to a conversation, and the word does not say why.
    NOT_CONNECTED = "not_connected"
    RINGING = "ringing"
    A_PICKED = "a_picked"
    B_RINGING = "b_ringing"
    B_PICKED = "b_picked"
    UNKNOWN = "unknown"


class LiveWord(StrEnum):
    """How far a call is right now: what the live page shows."""

    CUSTOMER_RINGING = "customer_ringing"
    CUSTOMER_PICKED = "customer_picked"
    MEMBER_RINGING = "member_ringing"
    BOTH_TALKING = "both_talking"
    ENDED = "ended"
    UNKNOWN = "unknown"


#: Their word, normalised (`normal`), and what it tells.
WORDS: dict[str, Word] = {
    "ANSWER": Word.ANSWERED,
    "ANSWERED": Word.ANSWERED,
    "NOANSWER": Word.NO_ANSWER,
    "RINGTIMEOUT": Word.NO_ANSWER,
    "BUSY": Word.BUSY,
    "CONGESTION": Word.UNREACHABLE,
    "UNAVAILABLE": Word.UNREACHABLE,
    "UNAVAIL": Word.UNREACHABLE,
    "CHANUNAVAIL": Word.UNREACHABLE,
    "CANCEL": Word.CANCELLED,
    "ABANDONEDCALL": Word.CANCELLED,
    "INVALIDARGS": Word.FAILED,
    "AGENTENGAGED": Word.MEMBER_BUSY,
    "AGENTONRING": Word.MEMBER_BUSY,
    "AGENTUNREGISTERED": Word.MEMBER_UNREACHABLE,
    # Which of the two legs failed is what these labels would say, and what is not believed.
    "CANCELAGENT": Word.NOT_CONNECTED,
    "CANCELCUSTOMER": Word.NOT_CONNECTED,
    "NOTCONNECTED": Word.NOT_CONNECTED,
    # Not published; the first phone rings first, and the second has a word of its own.
    "RINGING": Word.RINGING,
    "LEGAANSWER": Word.A_PICKED,
    # Somebody picked up: the customer at least, who is rung first.
    "PICKED": Word.A_PICKED,
    "TRANSFERTOAGENT": Word.B_RINGING,
    "LEGBANSWER": Word.B_PICKED,
}

#: What a word means while the call is going on.
LIVE: dict[Word, LiveWord] = {
    Word.ANSWERED: LiveWord.CUSTOMER_PICKED,
    Word.NO_ANSWER: LiveWord.ENDED,
    Word.BUSY: LiveWord.ENDED,
    Word.UNREACHABLE: LiveWord.ENDED,
    Word.CANCELLED: LiveWord.ENDED,
    Word.FAILED: LiveWord.ENDED,
    # Said of a member who is on another call or being rung: not an end, nor a step of this call.
    Word.MEMBER_BUSY: LiveWord.UNKNOWN,
    Word.MEMBER_UNREACHABLE: LiveWord.ENDED,
    Word.NOT_CONNECTED: LiveWord.ENDED,
    Word.RINGING: LiveWord.CUSTOMER_RINGING,
    Word.A_PICKED: LiveWord.CUSTOMER_PICKED,
    Word.B_RINGING: LiveWord.MEMBER_RINGING,
    Word.B_PICKED: LiveWord.BOTH_TALKING,
    Word.UNKNOWN: LiveWord.UNKNOWN,
}

_BRACKET = re.compile(r"\([^()]*\)?")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]")


def normal(their_word: str) -> str:
    """Their word without `(…)`, upper-cased, letters and digits only: `NOANSWER (0-agent)` is `NOANSWER`."""
    return _NOT_ALPHANUMERIC.sub("", _BRACKET.sub("", their_word).upper())


def word_of(their_word: str) -> Word:
    """What their word tells; the whole word has to match, since `No Answer` contains `Answer`."""
    return WORDS.get(normal(their_word), Word.UNKNOWN)
