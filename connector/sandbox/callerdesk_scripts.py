"""How a sandbox call goes: chosen by the last two digits of the customer's number.

digits   what happens
-------  --------------------------------------------------------------------------------
11       the customer does not answer
12       the customer is busy
13       the customer answers, the member does not
14       the customer answers, the member is busy
15       refused: the key is rejected
16       placed, but the API's reply never comes; the report comes late
17       placed, but the connection is reset instead of a reply; the report comes late
18       answered, the report comes late
19       answered, the report comes three times: twice by POST, once by GET
20       answered, the report comes before the API's reply
21       refused: the member is inactive or on break
others   answered: both talk
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: Seconds at speed 1; the whole of an answered call takes about two.
RING, RING_OUT, TALK, LATE = 0.6, 1.2, 0.9, 10.0


class Manner(Enum):
    """What becomes of the API's reply."""

    SAID = "said"
    HANG = "hang"
    RESET = "reset"
    AFTER_REPORT = "after_report"


@dataclass(frozen=True, slots=True)
class Script:
    """One way a call goes; `status` and `hangup_cause` are their words, with their leg labels."""

    status: str = "ANSWER"
    hangup_cause: str = "ANSWER(16-customer)"
    customer_picks: bool = True
    member_picks: bool = True
    manner: Manner = Manner.SAID
    #: Seconds (at speed 1) between the call's end and its report.
    report_after: float = 0.0
    #: How the report is delivered, one after the other.
    deliveries: tuple[str, ...] = ("POST",)
    #: The sentence the API refuses the call with.
    refusal: str = ""


def _customer(hangup_cause: str) -> Script:
    # Their labels call leg A the agent, also when it is the customer who is rung first.
    return Script("Cancel-Agent", hangup_cause, customer_picks=False, member_picks=False)


def _member(hangup_cause: str) -> Script:
    return Script("Cancel-Customer", hangup_cause, member_picks=False)


ANSWERED = Script()

SCRIPTS: dict[str, Script] = {
    "11": _customer("NOANSWER (0-agent)"),
    "12": _customer("Busy (17-agent)"),
    "13": _member("NOANSWER (0-customer)"),
    "14": _member("Busy (17-customer)"),
    "15": Script(refusal="Invalid Auth Code!"),
    "16": Script(manner=Manner.HANG, report_after=LATE),
    "17": Script(manner=Manner.RESET, report_after=LATE),
    "18": Script(report_after=LATE),
    "19": Script(deliveries=("POST", "POST", "GET")),
    "20": Script(manner=Manner.AFTER_REPORT),
    "21": Script(refusal="Agent on break/Inactive. Call not allowed"),
}


def script_for(customer: str) -> Script:
    """The script of a call to this customer."""
    return SCRIPTS.get(customer[-2:], ANSWERED)
