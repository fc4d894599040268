"""Whoever waits for a call's verdict is told of it, once, and nobody else is."""

from __future__ import annotations

from datetime import timedelta

from far_ends import NOON

from connector.model import Call, Click, State
from connector.waiters import Waiters


def a_call(state: State) -> Call:
    return Call("c1", "shop", Click("shop", "Contact", "1"), state, NOON, NOON + timedelta(minutes=1))


def test_everybody_who_waits_for_a_call_is_told_and_nobody_else() -> None:
    waiters, placed = Waiters(), a_call(State.PLACED)
    with waiters.expecting("c1") as one, waiters.expecting("c1") as two, waiters.expecting("c2") as other:
        waiters.tell("c1", placed)
        assert (one.wait(0), two.wait(0), other.wait(0)) == (placed, placed, None)
        assert (one.over, two.over, other.over) == (True, True, False)


def test_the_first_verdict_counts() -> None:
    waiters = Waiters()
    with waiters.expecting("c1") as waiting:
        waiters.tell("c1")
        waiters.tell("c1", a_call(State.PLACED))
        assert (waiting.over, waiting.call) == (True, None)


def test_who_has_gone_is_told_nothing_and_the_others_still_are() -> None:
    waiters, placed = Waiters(), a_call(State.PLACED)
    with waiters.expecting("c1") as stays:
        with waiters.expecting("c1") as goes:
            pass
        waiters.tell("c1", placed)
        assert (stays.call, goes.over) == (placed, False)
    waiters.tell("c1", placed)


def test_a_wait_ends_after_its_time() -> None:
    with Waiters().expecting("c1") as waiting:
        assert waiting.wait(0.01) is None
        assert not waiting.over
