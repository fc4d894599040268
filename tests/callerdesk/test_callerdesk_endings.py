"""How a customer-first call ended: who answered from the legs' times, why not from the words."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.callerdesk import event_of, parse
from connector.callerdesk.endings import _COLUMN, _REASONS, OUTCOMES, Stage, ending_of, said_in
from connector.callerdesk.words import WORDS, Word
from connector.model import LegState, Outcome

CUSTOMER, MEMBER = "+919876500001", "+919876500002"
OURS = frozenset({"9876500001", "9876500002"})
AT, NEVER = "2026-03-02 23:59:57", "0000-00-00 00:00:00"


def ending(**fields: str):
    return ending_of(said_in(fields), OURS, CUSTOMER, MEMBER)


@pytest.mark.parametrize(
    ("name", "outcome", "customer", "member"),
    [
        ("answered", Outcome.ANSWERED, LegState.PICKED, LegState.PICKED),
        ("customer-no-answer", Outcome.CUSTOMER_NO_ANSWER, LegState.NO_ANSWER, LegState.NOT_RUNG),
        ("customer-busy", Outcome.CUSTOMER_BUSY, LegState.BUSY, LegState.NOT_RUNG),
        ("customer-unreachable", Outcome.CUSTOMER_UNREACHABLE, LegState.UNREACHABLE, LegState.NOT_RUNG),
        ("member-no-answer", Outcome.MEMBER_NO_ANSWER, LegState.PICKED, LegState.NO_ANSWER),
        ("member-busy", Outcome.MEMBER_BUSY, LegState.PICKED, LegState.BUSY),
        ("member-unreachable", Outcome.MEMBER_UNREACHABLE, LegState.PICKED, LegState.UNREACHABLE),
        ("cancelled", Outcome.CANCELLED, LegState.PICKED, LegState.UNKNOWN),
        ("new-word", Outcome.UNKNOWN, LegState.UNKNOWN, LegState.NOT_RUNG),
        ("no-legs", Outcome.ANSWERED, LegState.PICKED, LegState.PICKED),
    ],
)
def test_it_reads_each_recorded_report(bodies: Path, name, outcome, customer, member):
    event = parse("POST", (bodies / f"report-reverse-{name}.json").read_bytes(), "", "application/json")
    found = event.ending(CUSTOMER, MEMBER)
    assert (found.outcome, found.customer_leg.state, found.member_leg.state) == (outcome, customer, member)
    assert found.talk_seconds == (35 if outcome is Outcome.ANSWERED else 0)
    assert found.total_seconds == 50
    assert found.started_at == datetime(2026, 3, 2, 18, 29, 50, tzinfo=UTC)
    assert found.ended_at == datetime(2026, 3, 2, 18, 30, 40, tzinfo=UTC)


def test_a_recorded_report_with_upper_case_keys_is_read_too(bodies: Path):
    event = parse("POST", (bodies / "report-upper-case-keys.json").read_bytes(), "", "application/json")
    assert event.ending(CUSTOMER, MEMBER).outcome is Outcome.CUSTOMER_NO_ANSWER


def test_it_keeps_the_legs_times_and_their_own_words(bodies: Path):
    event = parse("POST", (bodies / "report-reverse-answered.json").read_bytes(), "", "")
    found = event.ending(CUSTOMER, MEMBER)
    assert found.customer_leg.picked_at == datetime(2026, 3, 2, 18, 29, 57, tzinfo=UTC)
    assert found.member_leg.started_at == datetime(2026, 3, 2, 18, 29, 58, tzinfo=UTC)
    assert found.member_leg.picked_at == datetime(2026, 3, 2, 18, 30, 5, tzinfo=UTC)
    assert found.their_status == "ANSWER(16-customer) / ANSWER"


def test_its_table_is_total_and_says_what_the_docstring_says():
    assert set(OUTCOMES) == {Word.UNKNOWN} | {word for words in _REASONS for word in words}
    assert set(_COLUMN) | {Stage.BOTH} == set(Stage)
    document = (Path(__file__).parents[2] / "connector/callerdesk/endings.py").read_text().split('"""')[1]
    for word, outcomes in OUTCOMES.items():
        name = {Word.UNKNOWN: "(none known)"}.get(word, word.value.replace("_", " "))
        line = next(line.strip() for line in document.splitlines() if line.strip().startswith(name + " "))
        cells = line.removeprefix(name).split()
        assert cells == [outcomes[0], outcomes[1], "answered", outcomes[2]]


@pytest.mark.parametrize("word", sorted(WORDS))
def test_both_picked_is_answered_whatever_the_words_say(word):
    found = ending(lega_picked_time=AT, legb_picked_time=AT, status=word, talkduration="9")
    assert (found.outcome, found.talk_seconds) == (Outcome.ANSWERED, 9)


@pytest.mark.parametrize("label", ["agent", "customer"])
def test_it_never_believes_which_leg_a_label_names(label):
    status = f"Cancel-{label.title()}"
    a_never = ending(
        lega_picked_time=NEVER, legb_picked_time=NEVER, status=status, hangup_cause=f"Busy (17-{label})"
    )
    b_never = ending(
        lega_picked_time=AT, legb_picked_time=NEVER, status=status, hangup_cause=f"Busy (17-{label})"
    )
    untold = ending(status=status, hangup_cause=f"Busy (17-{label})")
    assert a_never.outcome is Outcome.CUSTOMER_BUSY
    assert b_never.outcome is Outcome.MEMBER_BUSY
    assert untold.outcome is Outcome.UNKNOWN
    assert untold.customer_leg.state is untold.member_leg.state is LegState.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        # no leg times at all: only what can be known
        ({"status": "ANSWER", "talkduration": "5"}, Outcome.ANSWERED),
        ({"status": "ANSWER", "talkduration": "0"}, Outcome.UNKNOWN),
        ({"status": "ANSWER"}, Outcome.UNKNOWN),
        ({"status": "No Answer", "talkduration": "5"}, Outcome.UNKNOWN),
        ({"status": "CANCEL"}, Outcome.CANCELLED),
        ({"status": "INVALIDARGS"}, Outcome.FAILED),
        ({"status": "AgentEngaged"}, Outcome.MEMBER_BUSY),
        ({"status": "Agent-Unregistered"}, Outcome.MEMBER_UNREACHABLE),
        ({}, Outcome.UNKNOWN),
        # times that are filled with noughts by an account that does not keep them
        (
            {"status": "ANSWER", "talkduration": "5", "lega_picked_time": NEVER, "legb_picked_time": ""},
            Outcome.ANSWERED,
        ),
        ({"status": "ANSWER", "lega_picked_time": NEVER}, Outcome.UNKNOWN),
        # A picked, nothing said of B
        ({"status": "ANSWER", "talkduration": "5", "lega_picked_time": AT}, Outcome.ANSWERED),
        ({"status": "NOANSWER", "lega_picked_time": AT}, Outcome.MEMBER_NO_ANSWER),
        ({"status": "ANSWER", "lega_picked_time": AT}, Outcome.UNKNOWN),
        # A picked, B never: talk time may be the customer's waiting
        (
            {"status": "ANSWER", "talkduration": "5", "lega_picked_time": AT, "legb_picked_time": NEVER},
            Outcome.UNKNOWN,
        ),
        (
            {"status": "Cancel-Customer", "lega_picked_time": AT, "legb_picked_time": NEVER},
            Outcome.MEMBER_NO_ANSWER,
        ),
        ({"status": "Cancel-Agent", "lega_picked_time": NEVER}, Outcome.CUSTOMER_NO_ANSWER),
        # A's time missing, but B was rung, which happens only after A picked up
        ({"status": "NOANSWER", "legb_start_time": AT, "legb_picked_time": NEVER}, Outcome.MEMBER_NO_ANSWER),
        ({"status": "BUSY", "legb_start_time": AT}, Outcome.MEMBER_BUSY),
        ({"legb_picked_time": AT}, Outcome.ANSWERED),
        ({"callstatus": "Leg B Answer"}, Outcome.ANSWERED),
        ({"callstatus": "Leg A Answer", "status": "NOANSWER"}, Outcome.MEMBER_NO_ANSWER),
        # contradictions
        (
            {"lega_picked_time": NEVER, "legb_picked_time": AT, "status": "ANSWER", "talkduration": "5"},
            Outcome.UNKNOWN,
        ),
        ({"lega_picked_time": NEVER, "legb_start_time": AT, "status": "NOANSWER"}, Outcome.UNKNOWN),
        # a new word beside a known one, and the more telling of two known ones
        (
            {"hangup_cause": "Sunspots", "status": "NOANSWER", "lega_picked_time": NEVER},
            Outcome.CUSTOMER_NO_ANSWER,
        ),
        ({"hangup_cause": "NOANSWER", "status": "AgentEngaged", "lega_picked_time": AT}, Outcome.MEMBER_BUSY),
        (
            {"hangup_cause": "Busy", "status": "Cancel-Agent", "lega_picked_time": NEVER},
            Outcome.CUSTOMER_BUSY,
        ),
        (
            {"hangup_cause": "ANSWER", "status": "Cancel-Agent", "lega_picked_time": NEVER},
            Outcome.CUSTOMER_NO_ANSWER,
        ),
        ({"hangup_cause": "BUSY", "status": "NOANSWER", "lega_picked_time": NEVER}, Outcome.CUSTOMER_BUSY),
    ],
)
def test_it_decides_by_the_table(fields, outcome):
    assert ending(**fields).outcome is outcome


def test_it_names_nobody_who_cannot_be_known_without_leg_times():
    named = {outcome for outcome in Outcome if outcome.startswith(("customer_", "member_"))}
    for word, talk in itertools.product(sorted(WORDS), ("", "0")):
        found = ending(status=word, talkduration=talk).outcome
        about_the_member = word.startswith("AGENT") or word in ("LEGAANSWER", "PICKED", "LEGBANSWER")
        assert about_the_member or found not in named


def test_a_report_about_strangers_says_nothing_of_our_call(bodies: Path):
    fields = json.loads((bodies / "report-reverse-answered.json").read_text())
    event = parse("POST", json.dumps(fields).encode(), "", "")
    assert event.ending("+919876500008", "+919876500009").outcome is Outcome.UNKNOWN
    assert event.ending(CUSTOMER, "+919876500009").outcome is Outcome.ANSWERED
    masked = event_of({**event.raw, "sourcenumber": "98765XXXXX", "dialwhomnumber": "98765XXXXX"})
    assert masked.ending(CUSTOMER, MEMBER).outcome is Outcome.ANSWERED


def test_the_order_of_the_numbers_changes_nothing(bodies: Path):
    for path in bodies.glob("report-reverse-*.json"):
        event = parse("POST", path.read_bytes(), "", "")
        turned = replace(event, source=event.dial_whom, dial_whom=event.source)
        assert turned.ending(CUSTOMER, MEMBER) == event.ending(CUSTOMER, MEMBER)


def test_their_words_are_shown_without_numbers_or_markup():
    found = ending(status="<b>Gone</b> 09876500001", hangup_cause="x\n" * 300)
    assert "98765" not in found.their_status
    assert "<" not in found.their_status
    assert len(found.their_status) <= 200
