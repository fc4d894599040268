"""What the guards speak of: the question (`Ask`), whom they may ask (`Ledger`), the answer (`Verdict`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from connector import phone
from connector.model import CallPlan, Source
from connector.policy.settings import Policy


@dataclass(frozen=True, slots=True)
class Ask:
    """One plan about to ring, and what is known around it.

    `customer` and `member` are read from the plan, so that no other number can be judged in their place;
    making an Ask raises Refused when the plan holds a number that cannot be read.
    """

    connection: str
    object: str
    #: The record as a sentence may name it: "Contact Asha Rao".
    record: str
    source: Source
    plan: CallPlan = field(repr=False)
    #: Aware.
    now: datetime
    user: str | None = None
    #: Whether CallerDesk lists the member as active; None when that is not known.
    member_active: bool | None = None
    #: Codes of guards a person chose to override; those of rules are never heeded.
    overrides: frozenset[str] = frozenset()
    customer: phone.Number = field(init=False)
    member: phone.Number = field(init=False)

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("Ask.now has no time zone")
        object.__setattr__(self, "customer", phone.read(self.plan.customer))
        object.__setattr__(self, "member", phone.read(self.plan.member))


class Ledger(Protocol):
    """What the guards ask the journal, inside its open transaction; every question costs one small query.

    A call counts as dialled from the commit that lets it ring, whatever became of it.
    """

    def last_dialled(self, customer: str) -> datetime | None:
        """When this customer (E.164) was last dialled, or None."""

    def member_busy_since(self, member: str) -> datetime | None:
        """When the call began that this member (E.164) still seems to be in, or None."""

    def person_waits_for(self, member: str) -> bool:
        """Whether a person's own call waits until this member (E.164) is free."""

    def dialled_since(
        self,
        since: datetime,
        *,
        customer: str | None = None,
        member: str | None = None,
        connection: str | None = None,
        source: Source | None = None,
    ) -> int:
        """How many calls were dialled at or after `since` that match everything given."""

    def channels_in_use(self) -> int:
        """How many channels calls under way take; a call takes two, one for each leg."""

    def coins_since(self, since: datetime) -> Decimal | float:
        """How many coins calls dialled at or after `since` have cost, as far as it was reported."""

    def paused(self) -> bool:
        """Whether the kill switch is on."""


class Action(StrEnum):
    """What becomes of a call that a guard objects to."""

    REFUSE = "refuse"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why this plan may not ring now; with `until` it waits till then, else it is refused."""

    sentence: str
    until: datetime | None = None
    may_expire: bool = True
    in_line: bool = False

    @property
    def action(self) -> Action:
        return Action.REFUSE if self.until is None else Action.DEFER


@dataclass(frozen=True, slots=True)
class Verdict:
    """One guard's answer. When `ok`, the sentence is a note for the reader or empty, and `action` None."""

    code: str
    ok: bool
    sentence: str = ""
    action: Action | None = None
    #: When to ask again (UTC); set for every deferral.
    until: datetime | None = None
    #: A person may ask again with this code as an override.
    overridable: bool = False
    #: Whether the click ages while deferred. False: the wait is the policy's own and does not count.
    may_expire: bool = True
    #: Whether it waits for its turn among others, and `until` is no more than the next moment to ask.
    in_line: bool = False


#: None: nothing to say. A text: a note. An `Objection`: not now, or not at all.
Guard = Callable[[Policy, Ask, Ledger], Objection | str | None]
