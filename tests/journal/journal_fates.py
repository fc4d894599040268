"""What may happen to a read, a dial and a write in the machine of `test_journal_machine`, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from house_kit import Desk, Died, HouseKit, Shelf

from connector.callerdesk import Placed
from connector.errors import AdminNeeded, Gone, NotPlaced, Refused, TryAgain, Unclear
from connector.model import Call

DOWN = TryAgain("crm_failed", "The shop answered 503.")
READS = ("fine", "fine", "down", "refused", "died", "fault", "slow")
DIALS = ("fine", "fine", "refused", "not placed", "unclear", "died", "slow", "report first")
WRITES = ("fine", "fine", "down", "gone", "unheard", "died before", "died after")


class WatchedDesk(Desk):
    """Counts, for each call, how often somebody's phone may have rung for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_dialling: list[str] = []
        self.may_have_rung: Counter[str] = Counter()

    def reverse_c2c(self, customer: str, member: str, deskphone: str, **more: Any) -> Placed:
        call_id = self.now_dialling[-1]
        self.may_have_rung[call_id] += 1
        try:
            return super().reverse_c2c(customer, member, deskphone, **more)
        except (NotPlaced, Refused):
            self.may_have_rung[call_id] -= 1
            raise


def watched(house: HouseKit, desk: WatchedDesk) -> HouseKit:
    dial = house.flow.dial

    def dial_and_tell(call: Call, plan: Any) -> None:
        desk.now_dialling.append(call.id)
        try:
            dial(call, plan)
        finally:
            desk.now_dialling.pop()

    house.flow.dial = dial_and_tell  # type: ignore[method-assign]
    return house


def script(
    desk: Desk,
    shelf: Shelf,
    fates: tuple[str, str, str],
    slow: Callable[[float], None],
    report_first: Callable[[], None],
) -> None:
    """Set what happens at the next read, dial and write; whatever was left of earlier fates is dropped."""
    read, dial, write = fates
    reads = {
        "down": DOWN,
        "refused": AdminNeeded("crm_forbidden", "The shop does not let our user do this."),
        "died": Died(),
        "fault": ZeroDivisionError(),
        "slow": lambda: slow(26),
    }
    dials = {
        "refused": Refused("callerdesk_low_coins", "The account has no coins left."),
        "not placed": NotPlaced("callerdesk_unreachable", "CallerDesk could not be reached."),
        "unclear": Unclear("callerdesk_no_answer", "CallerDesk did not answer."),
        "died": Died(),
        "slow": lambda: slow(16),
        "report first": report_first,
    }
    before = {"down": DOWN, "gone": Gone("record_not_found", "No such record."), "died before": Died()}
    after = {"unheard": TryAgain("crm_timeout", "No answer in time.", status=504), "died after": Died()}
    for happenings, chosen, known in (
        (shelf.reads, read, reads),
        (desk.next, dial, dials),
        (shelf.writes, write, before),
        (shelf.unheard, write, after),
    ):
        happenings.clear()
        if chosen in known:
            happenings.append(known[chosen])  # type: ignore[arg-type]
