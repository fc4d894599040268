"""The call's life as one literal table: every legal way forward, and nothing else.

    accepted -> reading -> planned -> dialling -> placed -> ended
       |           |          |          |-> unknown -> placed | ended | abandoned  (never redialled)
       |           |          |-> refused | expired | cancelled | deferred -> accepted
       |           |-> failed (the CRM could not be read)
       |-> deferred (others are before it)

There is one way into `dialling`, from `planned`, and no way back out of it that leads to it again except
through a connection that was never made (`NotPlaced`), which returns the row to `planned`. `dialling` ends in
`expired` only before anything was sent.
"""

from __future__ import annotations

from connector.model import Phase, State

LEGAL: dict[State, frozenset[State]] = {
    State.ACCEPTED: frozenset({State.READING, State.DEFERRED, State.EXPIRED, State.CANCELLED}),
    State.READING: frozenset(
        {State.ACCEPTED, State.PLANNED, State.REFUSED, State.FAILED, State.EXPIRED, State.CANCELLED}
    ),
    State.PLANNED: frozenset(
        {
            State.DIALLING,
            State.REFUSED,
            State.EXPIRED,
            State.CANCELLED,
            State.DEFERRED,
            State.PLANNED,
            State.ACCEPTED,
        }
    ),
    # Back to the start, not to `planned`: hours later the record may say do-not-call.
    State.DEFERRED: frozenset({State.ACCEPTED, State.EXPIRED, State.CANCELLED}),
    State.DIALLING: frozenset({State.PLACED, State.REFUSED, State.PLANNED, State.UNKNOWN, State.EXPIRED}),
    State.UNKNOWN: frozenset({State.PLACED, State.ENDED, State.REFUSED, State.ABANDONED}),
    State.PLACED: frozenset({State.PLACED, State.ENDED}),
    # A later report may know more (a recording, an outcome after we gave up); none of these can ring.
    State.ENDED: frozenset({State.ENDED}),
    State.ABANDONED: frozenset({State.ENDED}),
    State.REFUSED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.FAILED: frozenset(),
}

#: Nothing further happens to these by itself, so they carry no due time.
RESTING = frozenset(
    {
        State.ENDED,
        State.ABANDONED,
        State.REFUSED,
        State.EXPIRED,
        State.CANCELLED,
        State.FAILED,
    }
)

#: Nobody has been rung, and nobody is being rung: a call can still be cancelled in these.
WAITS = frozenset(state for state in LEGAL if State.CANCELLED in LEGAL[state])

#: A person waiting for the answer to a button has it in these.
VERDICT = RESTING | {State.PLACED, State.UNKNOWN, State.DEFERRED}

#: Refusals that say nothing about the customer: they are the sender's to hear, not the timeline's.
NOT_ON_TIMELINE = frozenset(
    {"paused", "workflow_dialling_off", "called_recently", "unknown_object", "unknown_field"}
)

#: What the timeline shows for a state; None where the CRM is not written to.
PHASE: dict[State, Phase | None] = {
    State.ACCEPTED: None,
    State.READING: None,
    State.PLANNED: None,
    State.DEFERRED: None,
    State.DIALLING: None,
    State.PLACED: Phase.PLACED,
    State.UNKNOWN: Phase.UNKNOWN,
    State.ENDED: Phase.ENDED,
    State.ABANDONED: Phase.ENDED,
    State.REFUSED: Phase.REFUSED,
    State.EXPIRED: None,
    State.CANCELLED: None,
    State.FAILED: None,
}
