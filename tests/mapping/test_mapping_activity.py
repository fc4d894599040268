"""What the timeline shows: rendered fields, the closed list of call words, and a story true to both roles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from mapping_cases import NOON, call, design, small

from connector.mapping import CALL_WORDS, call_words
from connector.mapping import story as telling
from connector.mapping.parsing import CLOSED
from connector.mapping.words import PHASE
from connector.model import Choice, Ending, Leg, LegState, Outcome, Phase, Record, Source, State

PICKED = Leg(LegState.PICKED, NOON + timedelta(seconds=2), NOON + timedelta(seconds=9))
MISSED = Leg(LegState.NO_ANSWER, NOON + timedelta(seconds=10))
TALKED = Ending(
    Outcome.ANSWERED,
    PICKED,
    Leg(LegState.PICKED, NOON + timedelta(seconds=10), NOON + timedelta(seconds=15)),
    talk_seconds=125,
    total_seconds=140,
    started_at=NOON + timedelta(seconds=2),
    ended_at=NOON + timedelta(seconds=140),
    recording_url="https://rec.example.test/1.mp3",
    coins="4",
    their_status="ANSWER(16-customer) 9876500001",
)


def test_it_renders_the_designs_task() -> None:
    activity = design("salesforce").activity(call(State.ENDED, TALKED, activity_id="00T1"), look_first=True)
    assert (activity.kind, activity.key_field, activity.key) == ("Task", "CallerDesk_Call__c", "0f3a")
    assert (activity.id, activity.look_first, activity.phase) == ("00T1", True, Phase.ENDED)
    story = activity.fields.pop("Description")
    assert activity.fields == {
        "Subject": "Call with Carol",
        "WhoId": "003A",
        "OwnerId": "005A",
        "CallDurationInSeconds": 125,
        "CallDisposition": "Answered",
        "Status": "Completed",
    }
    assert story == (
        "Asked for by a click of 005A on 31 Jan 2026 at 17:30:00 (India).\n"
        "Customer: …0001, to be rung first.\n"
        "Member: …0002, to be rung second.\n"
        "Deskphone: …7890.\n"
        "Sent to CallerDesk on 31 Jan 2026 at 17:30:01 (India).\n"
        "The customer picked up at 17:30:09.\n"
        "The member picked up at 17:30:15.\n"
        "Both were connected.\n"
        "Ended at 17:32:20.\n"
        "Talk time: 2 min 5 s.\n"
        "Recording: https://rec.example.test/1.mp3\n"
        "CallerDesk's own words: ANSWER(16-customer) …0001"
    )


def test_what_is_empty_is_left_out_and_types_are_kept() -> None:
    mapping = small(
        fields="""
    Gone: call.talk_seconds
    Blank: "{record.MobilePhone}"
    Null: null
    Number: record.Score
    Flag: true
    Greeting: "Dear {record.Title} {record.Name} , hello"
    First: [record.MobilePhone, record.Phone]
    Nested: {a: {b: record.Name, c: record.MobilePhone}, list: [{x: record.Name}, {y: 1}]}
    Sent: {from: record.Name, to: customer}
    Level: {from: record.Score, to: {5: five}, else: other}
"""
    )
    made = call(
        record=Record({"Name": "Carol", "MobilePhone": None, "Phone": "1", "Score": 5.0, "Title": None})
    )
    assert mapping.activity(made).fields == {
        "Number": 5.0,
        "Flag": True,
        "Greeting": "Dear Carol , hello",
        "First": "1",
        "Nested": {"a": {"b": "Carol"}, "list": [{"x": "Carol"}, {"y": 1}]},
        "Sent": {"from": "Carol", "to": "customer"},
        "Level": "five",
    }


def test_an_object_may_override_the_common_activity_field_by_field() -> None:
    mapping = small(
        "    activity: {object: Call, fields: {Who: null, What: record.Id}}\n",
        fields="{Who: record.Id, S: x}",
    )
    activity = mapping.activity(call())
    assert (activity.kind, activity.fields) == ("Call", {"What": "003A", "S": "x"})


def test_the_call_words_are_just_the_documented_ones_in_every_state() -> None:
    for state in State:
        for ending in (None, TALKED):
            assert call_words(call(state, ending)).keys() == CALL_WORDS.keys()
    bare = call(State.ACCEPTED, plan=None, record=None, dialled_at=None)
    assert call_words(bare).keys() == CALL_WORDS.keys()


def test_durations_and_times_come_in_the_forms_crms_want() -> None:
    words = call_words(
        call(State.ENDED, replace(TALKED, started_at=NOON.replace(hour=20), talk_seconds=3601))
    )
    assert (words["talk_milliseconds"], words["talk_minutes"], words["talk_hhmm"]) == (3_601_000, 61, "01:01")
    assert words["talk_mmss"] == "60:01"
    assert (words["talk_hours_part"], words["talk_minutes_part"]) == (1, 1)
    assert words["started_at"] == "2026-01-31T20:00:00Z"
    assert words["started_at_space"] == "2026-01-31 20:00:00"
    assert words["started_at_epoch"] == 1769889600
    assert words["started_date"] == "2026-02-01", "it is past midnight in India"
    assert (words["started_date_utc"], words["started_time_utc"]) == ("2026-01-31", "20:00")
    assert (words["customer"], words["customer_last4"]) == ("+919876500001", "0001")


def test_nothing_is_said_of_what_is_not_known_yet() -> None:
    words = call_words(call(State.PLACED))
    unknown = (
        "outcome",
        "talk_seconds",
        "talk_hhmm",
        "talk_mmss",
        "talk_hours_part",
        "talk_minutes_part",
        "ended_at",
        "ended_at_epoch",
        "customer_picked_at",
        "recording_url",
        "code",
    )
    assert [words[word] for word in unknown] == [None] * len(unknown)
    assert "picked up" not in words["story"] and words["outcome_text"] == "In progress"


def test_it_is_known_of_every_call_when_it_was_asked_for() -> None:
    refused = call(State.REFUSED, plan=None, record=None, dialled_at=None)
    words = call_words(refused)
    assert words["asked_at"] == refused.accepted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert words["asked_at_space"] == refused.accepted_at.strftime("%Y-%m-%d %H:%M:%S")
    assert words["asked_at_epoch"] == int(refused.accepted_at.timestamp())
    clicked = replace(refused, click=replace(refused.click, clicked_at=NOON.replace(hour=3)))
    assert call_words(clicked)["asked_at"] == "2026-01-31T03:00:00Z"


@pytest.mark.parametrize(("state", "phase"), [(State.UNKNOWN, "unknown"), (State.ABANDONED, "ended")])
def test_a_doubt_is_told_as_a_doubt(state: State, phase: str) -> None:
    words = call_words(call(state))
    assert (words["phase"], words["outcome"], words["outcome_text"]) == (phase, "unknown", "Not known")
    assert "Whether anybody was rung" in words["story"]


@pytest.mark.parametrize(
    "outcome", [Outcome.MEMBER_NO_ANSWER, Outcome.MEMBER_BUSY, Outcome.MEMBER_UNREACHABLE]
)
def test_a_member_who_missed_the_call_is_never_the_customers_fault(outcome: Outcome) -> None:
    words = call_words(call(State.ENDED, Ending(outcome, PICKED, MISSED)))
    assert words["outcome_text"].startswith("Customer answered, member ")
    assert "Call the customer back." in words["story"]
    assert "customer did not" not in words["story"].lower()


def test_a_refusal_is_told_with_its_sentence_and_no_number() -> None:
    refused = call(
        State.REFUSED,
        code="member_busy",
        message="…0002 +91 98765 00002 is on another call.",
        dialled_at=None,
    )
    words = call_words(refused)
    assert (words["phase"], words["outcome"], words["outcome_text"]) == (
        "refused",
        None,
        "Not called: refused",
    )
    assert words["story"].endswith("Nobody was rung.\n…0002 …0002 is on another call. (member_busy)")


def test_the_story_names_the_field_a_number_came_from_and_the_rule() -> None:
    plan = replace(call().plan, trace=(Choice("calling_party_a", "record.Phone", "…0001", "used"),))
    told = call_words(call(plan=plan, click=replace(call().click, source=Source.RULE, user=None)))["story"]
    assert "Customer: …0001 (record.Phone), to be rung first." in told
    assert told.startswith("Asked for by a workflow rule on ")


def test_no_story_holds_a_full_number() -> None:
    for state in State:
        for ending in (None, TALKED):
            assert "98765" not in call_words(call(state, ending))["story"]


def test_the_html_story_is_escaped() -> None:
    ending = replace(TALKED, their_status="<b>x</b>")
    html = call_words(call(State.ENDED, ending))["story_html"]
    assert "<br/>CallerDesk&#x27;s own words: &lt;b&gt;x&lt;/b&gt;" in html


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (PHASE, State),
        (telling.STATE_TEXT, State),
        (telling._STANDS, State),
        (telling.OUTCOME_TEXT, Outcome),
        (telling._ENDED, Outcome),
        (telling._LEG, LegState),
        (dict.fromkeys(CLOSED["call.phase"]), Phase),
        (dict.fromkeys(CLOSED["call.outcome"]), Outcome),
        (dict.fromkeys(CLOSED["call.state"]), State),
    ],
)
def test_every_table_is_total(table: dict, words: type) -> None:
    assert set(table) == set(words)


def test_texts_for_picklists_are_short() -> None:
    assert max(map(len, [*telling.OUTCOME_TEXT.values(), *telling.STATE_TEXT.values()])) < 60
