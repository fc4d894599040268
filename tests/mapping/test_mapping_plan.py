"""From a record to a plan: whom it rings, why, and in which words it refuses."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import pytest
from mapping_cases import MEMBERS, contact, design, plan, small

from connector.errors import Refused, TryAgain
from connector.model import Choice, Click, Record

BOTH = "[record.MobilePhone, record.Phone]"


def refusal(mapping, record: Record, **changes) -> Refused:
    with pytest.raises(Refused) as refused:
        plan(mapping, record, **changes)
    return refused.value


def test_it_rings_the_first_number_that_is_usable_and_tells_how_it_came_to_it() -> None:
    made = plan(design("salesforce"), contact())
    assert (made.customer, made.member) == ("+919876500001", "+919876500002")
    assert (made.deskphone, made.call_limit) == ("01204567890", 3600)
    assert made.trace == (
        Choice("refuse", "record.DoNotCall", "false", "does not apply"),
        Choice("calling_party_a", "record.MobilePhone", "", "is empty"),
        Choice("calling_party_a", "record.Phone", "…0001", "used"),
        Choice("calling_party_b", "owner.MobilePhone", "", "is empty"),
        Choice("calling_party_b", "owner.Phone", "…0002", "used"),
        Choice("deskphone", "when owner.Department", "", "does not apply"),
        Choice("deskphone", "default", "…7890", "used"),
        Choice("CallLimit", "the mapping file", "3600", "used"),
    )


def test_no_full_number_stands_in_the_trace() -> None:
    assert "98765" not in str(plan(design("salesforce"), contact(MobilePhone="+91 98765 00003")).trace)


def test_an_unusable_number_gives_way_to_the_next_one() -> None:
    made = plan(small(calling_party_a=BOTH), contact(MobilePhone="98765"))
    assert made.customer == "+919876500001"
    assert [step.verdict[:10] for step in made.trace if step.word == "calling_party_a"] == [
        "…8765 is a",
        "used",
    ]


def test_it_names_the_record_and_every_field_when_there_is_no_customer_number() -> None:
    error = refusal(small(calling_party_a=BOTH), contact(Phone=""))
    assert (error.code, error.status) == ("customer_number_missing", 422)
    assert error.message == (
        "Nobody was rung: Contact 003A has no number (record.MobilePhone is empty; record.Phone is empty). "
        "Correct it on the record and press Call again."
    )


def test_it_says_why_each_number_is_unusable_without_showing_it() -> None:
    error = refusal(small(calling_party_a=BOTH), contact(Phone="+91 98765 0000"))
    assert error.code == "customer_number_unusable"
    assert "record.Phone (…0000): " in error.message and "record.MobilePhone is empty" in error.message
    assert "98765" not in error.message


def test_a_field_that_was_not_read_is_told_apart_from_an_empty_one() -> None:
    assert "record.Fax was not read" in refusal(small(calling_party_a="record.Fax"), contact()).message


def test_a_number_made_of_several_fields_needs_all_of_them() -> None:
    mapping = small(calling_party_a='"{record.Code}{record.Phone}"')
    assert plan(mapping, contact(Code="+91")).customer == "+919876500001"
    error = refusal(mapping, contact(Code=None))
    assert (error.code, "record.Code + record.Phone is empty" in error.message) == (
        "customer_number_missing",
        True,
    )


def test_a_members_number_is_looked_up_by_email_when_the_crm_has_none() -> None:
    owner = {"MobilePhone": None, "Phone": None, "Email": "ada@example.test", "Department": None}
    made = plan(design("salesforce"), replace(contact(), owner=owner))
    assert made.member == MEMBERS["ada@example.test"]
    assert Choice("calling_party_b", "member by owner.Email", "a…@example.test", "used") in made.trace


def test_an_email_no_active_member_has_is_unusable() -> None:
    owner = {"MobilePhone": None, "Phone": None, "Email": "bob@example.test"}
    error = refusal(design("salesforce"), replace(contact(), owner=owner))
    assert error.code == "member_number_unusable"
    assert "member by owner.Email (b…@example.test): CallerDesk has no active member" in error.message


def test_a_record_without_owner_is_said_to_have_none() -> None:
    error = refusal(design("salesforce"), replace(contact(), owner={}))
    assert error.code == "member_number_missing"
    assert "Contact 003A has no owner whose number could be rung" in error.message


def test_a_member_list_that_cannot_be_had_is_no_refusal() -> None:
    def down(email: str) -> str | None:
        raise TryAgain("members_unreadable", "The member list cannot be had.")

    with pytest.raises(TryAgain):
        plan(
            small(calling_party_b="{member: owner.Email}"),
            replace(contact(), owner={"Email": "a@b"}),
            member_number=down,
        )


def test_a_member_may_come_from_a_table_or_be_a_team_number() -> None:
    table = '{from: owner.Id, to: {"005A": 98765 00004}, else: 98765 00005}'
    assert plan(small(calling_party_b=table), contact()).member == "+919876500004"
    team = "[owner.MobilePhone, 98765 00006]"
    assert plan(small(calling_party_b=team), contact()).member == "+919876500006"


REFUSE = """    refuse:
      - {when: {record.DoNotCall: true}, say: "{record.Name} asked  not to be called."}
      - {when: {record.Stage: [Lost, 7], owner.Department: Sales}, say: "{record.Missing} is lost."}
"""


@pytest.mark.parametrize("value", [True, "true", "True", "1", 1, ["x", True]])
def test_a_ticked_box_in_any_spelling_refuses(value: object) -> None:
    error = refusal(small(REFUSE), contact(DoNotCall=value))
    assert (error.code, error.message) == ("refused_by_rule", "Carol asked  not to be called.")


@pytest.mark.parametrize("value", [False, None, "", "0", 0, "false", []])
def test_an_unticked_box_does_not(value: object) -> None:
    assert plan(small(REFUSE), contact(DoNotCall=value, Stage=None))


@pytest.mark.parametrize("stage", ["Lost", 7, 7.0, "7"])
def test_all_conditions_of_a_rule_must_hold(stage: object) -> None:
    assert refusal(small(REFUSE), contact(Stage=stage)).message == "is lost."
    owner = {**contact().owner, "Department": "sales"}
    assert plan(small(REFUSE), replace(contact(Stage=stage), owner=owner))


def test_a_rule_whose_field_was_not_read_refuses() -> None:
    record = contact()
    unread = Record({key: value for key, value in record.record.items() if key != "DoNotCall"}, record.owner)
    error = refusal(small(REFUSE), unread)
    assert error.code == "refused_by_rule"
    assert "record.DoNotCall of Contact 003A was not read" in error.message


@pytest.mark.parametrize("value", ["Yes", "on", "x", 2, {"value": True}, ["No"], "ＴＲＵＥ"])
def test_a_box_that_is_neither_ticked_nor_unticked_refuses(value: object) -> None:
    error = refusal(small(REFUSE), contact(DoNotCall=value))
    assert error.code == "refused_by_rule"
    assert "record.DoNotCall of Contact 003A is neither true nor false" in error.message
    consent = small('    refuse: [{when: {record.Consent: false}, say: "No consent."}]\n')
    assert refusal(consent, contact(Consent=value)).code == "refused_by_rule"


def test_a_rule_that_names_other_values_as_well_takes_any_value() -> None:
    mapping = small('    refuse: [{when: {record.DoNotCall: [true, "Yes"]}, say: "No."}]\n')
    assert refusal(mapping, contact(DoNotCall="Yes")).message == "No."
    assert plan(mapping, contact(DoNotCall="No"))


def test_a_rule_that_is_ruled_out_by_what_was_read_does_not_refuse() -> None:
    owner = {**contact().owner, "Department": "Support"}
    assert plan(small(REFUSE), replace(contact(), owner=owner)), (
        "Stage was not read, but the department says no"
    )


def test_no_full_number_gets_into_a_rules_sentence() -> None:
    mapping = small('    refuse: [{when: {record.Name: Carol}, say: "{record.Phone} is not called."}]\n')
    assert refusal(mapping, contact()).message == "…0001 is not called."


def test_a_false_in_a_rule_is_an_unticked_or_empty_box() -> None:
    mapping = small('    refuse: [{when: {record.Consent: false}, say: "No consent."}]\n')
    assert refusal(mapping, contact(Consent=None)).message == "No consent."
    assert plan(mapping, contact(Consent=True))


def test_a_rule_may_look_at_the_click_and_what_it_does_not_say_is_empty() -> None:
    mapping = small('    refuse: [{when: {click.campaign: [Old]}, say: "Over."}]\n')
    assert plan(mapping, contact())
    assert (
        refusal(mapping, contact(), click=Click("crm", "Contact", "1", raw={"campaign": "Old"})).message
        == "Over."
    )


def test_the_deskphone_follows_the_first_rule_that_holds() -> None:
    owner = {**contact().owner, "Department": "Service"}
    made = plan(design("salesforce"), replace(contact(), owner=owner))
    assert made.deskphone == "08045670000"


@pytest.mark.parametrize(
    ("deskphone", "default", "says"),
    [
        (
            "[{when: {owner.Department: X}, use: 0804}]",
            "01204567890",
            "End the mapping's deskphone list with `default`",
        ),
        ("default", None, "Set `deskphone` in the manifest"),
        ("record.Name", "01204567890", "record.Name is no deskphone"),
        ("{from: record.Name, to: {Dave: default}, else: null}", "012", "table of record.Name is empty"),
    ],
)
def test_no_deskphone_is_a_refusal_that_says_what_to_set(
    deskphone: str, default: str | None, says: str
) -> None:
    error = refusal(small(f"    deskphone: {deskphone}\n"), contact(), default_deskphone=default)
    assert error.code == "deskphone_missing" and says in error.message


def test_a_deskphone_may_come_from_a_table_of_brands() -> None:
    mapping = small('    deskphone: {from: record.Name, to: {Carol: "08045670000"}, else: default}\n')
    assert plan(mapping, contact()).deskphone == "08045670000"
    assert plan(mapping, contact(Name="Dave")).deskphone == "01204567890"


def test_the_accounts_limit_holds_where_the_mapping_says_nothing() -> None:
    assert plan(small(), contact(), default_call_limit=120).call_limit == 120
    assert (
        plan(small("    CallLimit: record.Max\n"), contact(Max=None), default_call_limit=120).call_limit
        == 120
    )
    assert (
        plan(small("    CallLimit: record.Max\n"), contact(Max=60.0), default_call_limit=120).call_limit == 60
    )


@pytest.mark.parametrize(
    ("word", "code"), [("CallLimit", "call_limit_invalid"), ("campid", "campid_invalid")]
)
@pytest.mark.parametrize("value", ["soon", "-1", 0, 1.5])
def test_a_limit_or_campaign_that_is_no_number_is_refused(word: str, code: str, value: object) -> None:
    error = refusal(small(f"    {word}: record.Max\n"), contact(Max=value))
    assert error.code == code and "record.Max of Contact 003A" in error.message


def test_campaign_and_form_deskphone_are_passed_on() -> None:
    made = plan(small("    campid: 9995\n    form_deskphone: '01204567891'\n"), contact())
    assert (made.campid, made.form_deskphone) == ("9995", "01204567891")


def test_a_plan_costs_little() -> None:
    mapping = design("salesforce")
    record, rounds = contact(), 500
    started = perf_counter()
    for _ in range(rounds):
        plan(mapping, record, read_number=lambda typed: "+919876500001")
    assert (perf_counter() - started) / rounds < 0.0005, "measured at a tenth of this on a quiet machine"
