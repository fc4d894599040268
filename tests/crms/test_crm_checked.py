"""What checks of several CRMs say alike: a thing looked at by name, and the wanted fields it has."""

from __future__ import annotations

from collections.abc import Iterable

from connector.crms.base import Finding
from connector.crms.base_check import did_you_mean, fields_asked, looked_at, people_paths
from connector.errors import AdminNeeded
from connector.model import Wanted


def closed() -> Iterable[str]:
    raise AdminNeeded("crm_forbidden", "Bahi does not let our user do this.")


def test_a_look_that_succeeds_will_do() -> None:
    assert looked_at("api_key", list) == Finding("api_key", True)


def test_a_look_that_fails_says_why() -> None:
    assert looked_at("api_key", closed) == Finding("api_key", False, "Bahi does not let our user do this.")


def test_fields_that_nobody_tells_are_one_finding() -> None:
    assert fields_asked("Person", ["name"], closed) == [
        Finding("Person", False, "Bahi does not let our user do this.")
    ]


def test_each_missing_field_is_named_with_the_closest_there_is() -> None:
    missing, other = fields_asked("Person", ["mobil", "name.first", "zip"], lambda: ["name", "mobile"])
    assert (missing.what, other.what) == ("Person.mobil", "Person.zip")
    assert missing.advice.endswith("Did you mean 'mobile'?")
    assert not missing.ok and "mean" not in other.advice


def test_a_name_like_none_has_no_closest() -> None:
    assert did_you_mean("zip", ["name"]) == ""


def test_owners_and_users_of_all_objects_are_asked_for_once() -> None:
    wanted = {
        "Person": Wanted(record=["name"], owner=["phone"], user=["email"]),
        "Deal": Wanted(owner=["email", "phone"]),
    }
    assert people_paths(wanted) == ["phone", "email"]
