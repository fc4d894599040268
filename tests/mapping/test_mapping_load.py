"""Loading a mapping file: what it takes, and every fault with line, column and a suggestion."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import FILES, SHIPPED, SMALL, design, problems_of, small

from connector.errors import ConfigError, Refused
from connector.mapping import load
from connector.model import Phase, Wanted


@pytest.mark.parametrize("name", ["salesforce", "rest"])
def test_it_loads_the_examples_of_the_design_unchanged(name: str) -> None:
    assert design(name).crm == name


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_loads_every_file_we_ship(path) -> None:
    text = path.read_text()
    assert load(text, path.name).crm == path.stem
    assert len(text.splitlines()) <= 36
    assert text.startswith("# yaml-language-server: $schema=mapping.schema.json\n")


def test_it_derives_the_fields_to_read_from_every_path_used() -> None:
    assert design("salesforce").wanted("Lead") == Wanted(
        record=("MobilePhone", "Phone", "DoNotCall", "Name", "Id"),
        owner=("MobilePhone", "Phone", "Email", "Department", "Id"),
    )
    mapping = small(
        "    CallLimit: record.Limit\n    campid: user.Team.Campaign\n",
        fields='{A: {B: ["{record.X.Y} {click.id}", owner.Z]}, C: {from: record.W, to: {a: b}, else: c}}',
    )
    assert mapping.wanted("Contact") == Wanted(
        record=("Phone", "Limit", "X.Y", "W"), owner=("Phone", "Z"), user=("Team.Campaign",)
    )


def test_its_version_is_that_of_the_text() -> None:
    one, same, other = load(SMALL, "a"), load(SMALL, "b"), load(SMALL + "# edited\n", "a")
    assert one.version == same.version != other.version
    assert (len(one.version), one.text) == (12, SMALL)


@pytest.mark.parametrize(
    ("object_line", "place", "says"),
    [
        (
            "calling_party_c: record.X",
            (6, 5),
            "unknown key 'calling_party_c'; did you mean 'calling_party_a'?",
        ),
        ("campid: recrod.Campaign", (6, 13), "did you mean 'record.Campaign'?"),
        ("campid: contact.Campaign", (6, 13), "did you mean 'record.Campaign'?"),
        ("campid: Owner.Campaign", (6, 13), "did you mean 'owner.Campaign'?"),
        ("campid: record.", (6, 13), "is not a path"),
        ("campid: call.campid", (6, 13), "exist once a call was made"),
        ("CallLimit: 0", (6, 16), "1 or more"),
        ("CallLimit: 1.5", (6, 16), "1 or more"),
        ("deskphone: 0120-456", (6, 16), "digits only"),
        ("deskphone: []", (6, 16), "`default`"),
        ("deskphone: [{when: {record.X: 1}, usee: default}]", (6, 39), "did you mean 'use'?"),
        (
            "deskphone: [{when: {recrod.X: 1}, use: default}]",
            (6, 25),
            "deskphone[0].when: 'recrod.X' is not a path we know",
        ),
        ("deskphone: {from: record.X, to: {a: 0120-45}, else: default}", (6, 16), "digits only"),
        ("refuse: {when: {record.X: 1}, say: no}", (6, 13), "must be a list"),
        ("refuse: [{when: {record.X: 1}}]", (6, 14), "refuse[0].say is missing"),
        ("refuse: [{when: {record.X: {a: 1}}, say: no}]", (6, 32), "must be a value or a list"),
        ('refuse: [{when: {record.X: 1}, say: "{name} no"}]', (6, 41), "holds no path"),
        ('refuse: [{when: {record.X: 1}, say: "50% {"}]', (6, 41), "stands alone"),
        ("like: Contact", (6, 11), "circle: Contact -> Contact"),
        ("like: Contcat", (6, 11), "there is no object 'Contcat'"),
        ("form_deskphone: {member: owner.Email}", (6, 22), "unknown key 'member'"),
        ("campid: {member: owner.Email}", (6, 13), "calling_party_b only"),
        ("campid: [[record.X]]", (6, 14), "one flat list"),
        ("campid: []", (6, 13), "at least one path"),
    ],
)
def test_it_says_what_is_wrong_with_an_object(object_line: str, place: tuple[int, int], says: str) -> None:
    text = SMALL.replace("activity:", f"    {object_line}\nactivity:")
    found = problems_of(text)
    assert [(fault.line, fault.column) for fault in found if says in fault.message] == [place], found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('"98765 00001"', "'…0001' is a fixed value"),
        ("click.phone", "never from the click"),
        ('"0{click.phone}"', "never from the click"),
        ("{from: record.Team, to: {A: '98765 00001'}, else: x}", "a table holds fixed values"),
        ("{member: record.Email}", "calling_party_b only"),
        ("Phone", "'Phone' is a fixed value"),
    ],
)
def test_the_customers_number_comes_from_the_record_only(value: str, says: str) -> None:
    (fault,) = problems_of(SMALL.replace("record.Phone", value))
    assert says in fault.message
    assert "98765" not in str(fault)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("call.talk_secs", "did you mean 'talk_seconds'?"),
        ("activity.id", "for the requests that write it"),
        ("Visitor.Name", "did you mean 'record.Name'?"),
        ("{from: call.phase, to: {placed: a, ended: b}}", "says nothing for refused, unknown"),
        ("{from: call.phase, to: {plaecd: a}, else: b}", "did you mean 'placed'?"),
        ("{from: call.outcome, to: {answered: a}}", "says nothing for cancelled, customer_busy"),
        ("{from: record.Stage, to: {A: a}}", "needs an `else`"),
        ("{from: record.Stage, too: {A: a}, else: b}", "did you mean 'to'?"),
        ("{from: record.Stage, too: {A: a}, else: b}", "fields.F.to is missing"),
        ("{from: record.Stage, to: {A: record.Name}, else: b}", "plain values only"),
        ("{deep: {er: recor.Name}}", "fields.F.deep.er: 'recor.Name' is not a path"),
        ("[{a: 1}, {b: usr.Name}]", "did you mean 'user.Name'?"),
    ],
)
def test_it_says_what_is_wrong_with_the_activity(field: str, says: str) -> None:
    text = SMALL.replace("Contact", "Visitor").replace("{Subject: call.story}", "{F: " + field + "}")
    assert [fault.line for fault in problems_of(text) if says in fault.message] == [7]


@pytest.mark.parametrize("text", ["a.b c", "https://crm.example/x", "v1.2", "example.com", "{{record.Name}}"])
def test_other_texts_with_dots_stay_literals(text: str) -> None:
    fields = small(fields=f'{{F: "{text}"}}').objects["Contact"].activity.fields
    assert fields["F"].render({}) == text.replace("{{", "{").replace("}}", "}")


def test_it_tells_all_faults_of_a_file_at_once_in_its_order() -> None:
    found = problems_of(
        "crm: odo\nobjects:\n"
        "  Lead: {like: Contct, CallLimit: -1}\n"
        "  Contact: {calling_party_a: recrd.Phone}\n",
        crm_check=lambda crm: f"unknown crm {crm!r}",
    )
    assert [(fault.line, fault.column) for fault in found] == [
        (1, 6),
        (3, 16),
        (3, 35),
        (4, 3),
        (4, 3),
        (4, 30),
    ]


@pytest.mark.parametrize("text", ["", "[]", "just text", "crm: rest", "crm: {}\nobjects: 5\nactivity: []"])
def test_a_file_of_the_wrong_shape_is_refused(text: str) -> None:
    assert problems_of(text)


def test_like_takes_everything_and_each_key_overrides() -> None:
    more = (
        "    CallLimit: 60\n  Lead: {like: Contact, calling_party_a: record.Mobile}\n  Deal: {like: Lead}\n"
    )
    mapping = small(more)
    assert mapping.wanted("Deal").record == ("Mobile",)
    assert mapping.objects["Deal"].call_limit.render({}) == 60


def test_a_circle_of_likes_names_it() -> None:
    text = SMALL.replace("activity:", "  A: {like: B}\n  B: {like: A}\nactivity:")
    assert {fault.message for fault in problems_of(text)} == {
        "`like` goes in a circle: A -> B -> A",
        "`like` goes in a circle: B -> A -> B",
    }


def test_requests_are_for_rest_and_rest_needs_them() -> None:
    (without,) = problems_of(SMALL.replace("salesforce", "rest"))
    assert "needs `requests`" in without.message
    text = (FILES / "rest.yaml").read_text().replace("crm: rest", "crm: odoo")
    (with_them,) = problems_of(text)
    assert (with_them.line, "adapter of its own" in with_them.message) == (3, True)


def test_rest_says_where_the_owner_is_read_before_it_uses_him() -> None:
    text = (FILES / "rest.yaml").read_text()
    (fault,) = problems_of("".join(line for line in text.splitlines(True) if "owner:" not in line))
    assert "does not say where the owner is read" in fault.message


def test_an_unknown_object_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r"no object 'Contakt'; did you mean 'Contact'\?") as refusal:
        design("salesforce").require("Contakt")
    assert (refusal.value.code, refusal.value.status) == ("unknown_object", 422)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_of_a_file_raises_anything_but_config_errors(data: st.DataObject) -> None:
    text = (FILES / data.draw(st.sampled_from(["salesforce.yaml", "rest.yaml"]))).read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    put = data.draw(
        st.sampled_from(["", " ", "\n", "1", "null", "[]", "{}", "[[a]]", "{from: 1}", "to", "{", "x: "])
    )
    try:
        load(text[:start] + put + text[end:], "x.yaml")
    except ConfigError as error:
        assert all(problem.line >= 1 and problem.message for problem in error.problems)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["record.X", "call.id", "{record.Y}", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["from", "to", "else", "when", "use", "say", "member", "get", "post", "json", "id", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["calling_party_a", "calling_party_b", "deskphone", "refuse", "CallLimit", "activity"]
        ),
        JSON,
    ),
    JSON,
    JSON,
)
def test_no_shape_of_data_raises_anything_but_config_errors(
    rules: object, activity: object, requests: object
) -> None:
    data = {
        "crm": "rest",
        "objects": {"A": rules, "B": {"like": "A"}},
        "activity": activity,
        "requests": requests,
    }
    try:
        load(json.dumps(data), "x.yaml")
    except ConfigError as error:
        assert error.problems


def test_a_table_over_the_phases_is_complete_without_else() -> None:
    rows = ", ".join(f"{phase}: x" for phase in Phase)
    assert small(fields=f"{{S: {{from: call.phase, to: {{{rows}}}}}}}")
