"""Lint and back-test: what a mapping most likely does not mean, and what an edit would have changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from mapping_cases import MEMBERS, call, contact, design, read_number, small

from connector.mapping import Mapping
from connector.mapping.backtest import Difference, Kind, compare, summary
from connector.mapping.lint import lint
from connector.model import Call, Click, Record

REFUSE = '    refuse: [{when: {record.DoNotCall: true}, say: "No."}]\n'
ARGS: dict[str, Any] = {
    "default_deskphone": "01204567890",
    "read_number": read_number,
    "member_number": MEMBERS.get,
}


def doubts(mapping: Mapping, calls: list[Call] | None = None) -> list[str]:
    return [str(doubt) for doubt in lint(mapping, calls or [])]


def test_the_designs_files_raise_no_doubt() -> None:
    assert doubts(design("salesforce")) == doubts(design("rest")) == []


@pytest.mark.parametrize(
    ("mapping", "doubt"),
    [
        (
            small(),
            "x.yaml:3:3: objects.Contact has no `refuse` rule: "
            "people who asked not to be called would be rung",
        ),
        (
            small(REFUSE, calling_party_b="[owner.Phone, record.Phone]"),
            "x.yaml:5:5: record.Phone is the number of both customer and member: one of the two is wrong",
        ),
        (
            small(REFUSE, calling_party_a="[record.Phone, record.Phone]"),
            "x.yaml:4:37: record.Phone stands twice in this list",
        ),
        (
            small(REFUSE, fields="{A: call.story, B: record.Id, C: {D: record.Id}}"),
            "x.yaml:8:45: C.D and B are both filled from record.Id",
        ),
        (
            small(REFUSE, fields="{A: record.Id}"),
            "x.yaml:3:3: the activity of Contact never says how the call ended: "
            "use call.outcome_text or call.story",
        ),
        (
            small(REFUSE + "  Lead: {like: Contact}\n  Deal: {like: Lead}\n"),
            "x.yaml:8:16: objects.Deal is Deal like Lead like Contact: point it at Contact itself",
        ),
        (
            small(REFUSE + "    deskphone: [{when: {record.X: 1}, use: 0804}]\n"),
            "x.yaml:7:5: a Contact that no rule fits has no deskphone: end the list with `default`",
        ),
        (
            small(REFUSE + "    deskphone: [default, 0804]\n"),
            "x.yaml:7:26: this rule is never reached: the one above it always gives a deskphone",
        ),
    ],
)  # fmt: skip
def test_it_points_at_what_is_most_likely_not_meant(mapping: Mapping, doubt: str) -> None:
    assert doubts(mapping) == [doubt]


def test_an_empty_refuse_list_is_taken_as_meant() -> None:
    assert doubts(small("    refuse: []\n")) == []


def test_it_names_a_field_that_was_empty_in_every_past_record() -> None:
    calls = [call(), call(record=contact(MobilePhone=" ")), call(record=None)]
    assert doubts(small(REFUSE, calling_party_a="[record.Phone, record.MobilePhone]"), calls) == [
        "x.yaml:4:37: record.MobilePhone was filled in 0 of the last 2 Contact records"
    ]


def differences(old: Mapping, new: Mapping, *records: Record) -> list[Difference]:
    calls = [call(id=f"call{number}", record=record) for number, record in enumerate(records)]
    return compare(old, new, calls, **ARGS)


def test_the_same_mapping_differs_in_nothing() -> None:
    found = differences(design("salesforce"), design("salesforce"), contact(), contact(Phone=None))
    assert (found, summary(found, 2)) == ([], "nothing would have changed for 2 calls")


def test_it_tells_what_an_edit_would_have_changed_with_numbers_masked() -> None:
    old = small(calling_party_a="[record.Phone, record.MobilePhone]")
    new = small(
        "    CallLimit: 60\n",
        calling_party_a="[record.MobilePhone, record.Phone]",
        fields="{Subject: call.story, X: record.Phone}",
    )
    found = differences(old, new, contact(MobilePhone="98765 00003"))
    assert [(one.kind, one.what, one.old, one.new) for one in found] == [
        (Kind.CHANGED, "customer", "…0001", "…0003"),
        (Kind.CHANGED, "call_limit", "", "60"),
        (Kind.ACTIVITY, "X", "", "…0001"),
    ]


def test_it_sums_up_in_one_line() -> None:
    old = small(calling_party_b="[owner.Phone, owner.MobilePhone]")
    new = small(REFUSE, calling_party_b="owner.MobilePhone")
    found = differences(old, new, contact(), contact(), contact(DoNotCall=True))
    assert [one.kind for one in found] == [Kind.REFUSED_NOW] * 3
    assert summary(found, 3) == (
        "2 of 3 calls would now have no member number; 1 would now be refused by a rule"
    )


def test_a_field_that_was_not_read_then_is_no_claim() -> None:
    old, new = small(), small(calling_party_a="[record.HomePhone, record.Phone]")
    (found,) = differences(old, new, contact())
    assert (found.kind, found.what) == (Kind.NEEDS_READ, "record.HomePhone")
    assert summary([found], 1) == "1 of 1 calls cannot be told without reading record.HomePhone"


def test_an_activity_field_that_was_not_read_leaves_the_plan_comparable() -> None:
    new = small("    CallLimit: 60\n", fields="{Subject: call.story, X: record.Stage}")
    assert [one.kind for one in differences(small(), new, contact())] == [Kind.NEEDS_READ, Kind.CHANGED]


def test_an_owner_who_was_asked_for_and_is_not_there_was_read() -> None:
    new = small(calling_party_b="[owner.Phone, owner.Home]")
    (found,) = differences(small(), new, Record(contact().record, {"Phone": "98765 00002"}))
    assert found.kind is Kind.NEEDS_READ
    assert differences(small(), new, Record(contact().record, {})) == [], "refused before, refused now"


def test_calls_refused_now_rung_now_and_of_unknown_objects_are_told() -> None:
    reading = small("    campid: record.MobilePhone\n", calling_party_a="record.Phone")
    reading_b = small("    campid: record.MobilePhone\n", calling_party_a="record.MobilePhone")
    (now_refused,) = differences(reading, reading_b, contact())
    assert (now_refused.kind, now_refused.what) == (Kind.REFUSED_NOW, "customer_number_missing")
    (now_rung,) = differences(small(calling_party_a="record.MobilePhone"), small(), contact())
    assert (now_rung.kind, now_rung.what) == (Kind.RUNG_NOW, "customer_number_missing")
    lead = call(click=Click("crm", "Lead", "1"))
    with_lead = small("  Lead: {like: Contact}\n")
    (gone,) = compare(with_lead, small(), [lead], **ARGS)
    assert summary([gone], 1) == "1 of 1 calls would now be of an unknown object"


def test_the_summary_counts_each_call_once_and_names_the_commonest_first() -> None:
    def one(number: int, kind: Kind, what: str) -> Difference:
        return Difference(str(number), "Contact", "1", kind, what, "", "")

    found = [one(n, Kind.REFUSED_NOW, "member_number_missing") for n in (1, 2, 3)]
    found += [one(4, Kind.ACTIVITY, "Subject"), one(4, Kind.ACTIVITY, "Subject")]
    assert summary(found, 200) == (
        "3 of 200 calls would now have no member number; 1 would now show another Subject"
    )


def test_calls_without_a_snapshot_are_passed_over() -> None:
    assert compare(small(), small("    CallLimit: 1\n"), [replace(call(), record=None)], **ARGS) == []
