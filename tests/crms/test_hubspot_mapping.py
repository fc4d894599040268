"""The shipped mapping for HubSpot: what the timeline says of each end of a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.mapping import load
from connector.model import Call, Click, Ending, Outcome, Record, State

PATH = Path(__file__).parents[2] / "mappings" / "hubspot.yaml"
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ASHA = Record({"firstname": "Asha", "lastname": "Menon", "id": "501"}, {"id": "41629779"})
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"


def shown(state: State, outcome: Outcome | None = None, **ending: Any) -> dict[str, Any]:
    call = Call("c1", "hubspot", Click("hubspot", "Contact", "501"), state, NOON, NOON, record=ASHA)
    if outcome:
        call = replace(call, ending=Ending(outcome, **ending))
    return dict(load(PATH.read_text(), PATH.name).activity(call).fields)


@pytest.mark.parametrize(
    ("outcome", "status", "disposition"),
    [
        (Outcome.ANSWERED, "COMPLETED", CONNECTED),
        (Outcome.CUSTOMER_NO_ANSWER, "NO_ANSWER", "73a0d17f-1163-4015-bdd5-ec830791da20"),
        (Outcome.CUSTOMER_BUSY, "BUSY", "9d9162e7-6cf3-4944-bf63-4dff82258764"),
        (Outcome.CUSTOMER_UNREACHABLE, "FAILED", None),
        (Outcome.MEMBER_NO_ANSWER, "FAILED", None),
        (Outcome.MEMBER_BUSY, "FAILED", None),
        (Outcome.MEMBER_UNREACHABLE, "FAILED", None),
        (Outcome.CANCELLED, "CANCELED", None),
        (Outcome.FAILED, "FAILED", None),
        (Outcome.UNKNOWN, "FAILED", None),
    ],
)
def test_each_outcome_has_hubspots_word_and_never_blames_the_customer(
    outcome: Outcome, status: str, disposition: str | None
) -> None:
    fields = shown(State.ENDED, outcome)
    assert (fields["hs_call_status"], fields.get("hs_call_disposition")) == (status, disposition)


def test_every_outcome_is_looked_at_above() -> None:
    (mark,) = test_each_outcome_has_hubspots_word_and_never_blames_the_customer.pytestmark  # type: ignore[attr-defined]
    assert [row[0] for row in mark.args[1]] == list(Outcome)


@pytest.mark.parametrize(
    ("state", "status"),
    [(State.PLACED, "RINGING"), (State.REFUSED, "CANCELED"), (State.UNKNOWN, "CONNECTING")],
)
def test_a_call_without_an_outcome_has_a_word_too(state: State, status: str) -> None:
    assert shown(state)["hs_call_status"] == status


def test_a_call_that_rang_nobody_has_the_time_it_was_asked_for() -> None:
    assert shown(State.REFUSED)["hs_timestamp"] == "2026-01-31T12:00:00Z"


def test_what_hubspot_shows_of_a_call() -> None:
    fields = shown(State.ENDED, Outcome.ANSWERED, talk_seconds=35)
    assert fields["hs_call_title"] == "Call with Asha Menon"
    assert (fields["hs_call_duration"], fields["hs_call_direction"]) == (35000, "OUTBOUND")
    assert fields["hubspot_owner_id"] == "41629779"
