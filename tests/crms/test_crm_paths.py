"""What reads of several CRMs do alike: dotted paths, the wanted fields, and what is gone."""

from __future__ import annotations

from typing import Any

import pytest

from connector.crms.base_api import only_one
from connector.crms.base_read import behind, first_parts, if_there, kept, row_with, split_paths
from connector.errors import Gone, Refused, TryAgain


def test_the_first_part_of_each_path_comes_once_and_in_order() -> None:
    assert first_parts(["b.x", "a", "b.y", "b"]) == ["b", "a"]


def test_paths_behind_a_link_come_without_its_name() -> None:
    own, through = split_paths(["name", "org.name", "org.zip.code", "org", "other.name"], {"org"})
    assert own == ["name", "org", "other.name"]
    assert through == {"org": ["name", "zip.code"]}


def test_just_the_wanted_fields_are_kept() -> None:
    row = {"name": None, "phone": "1", "secret": "x"}
    assert kept(row, ["phone.first", "name"], "Bahi", "Person 17") == {"phone": "1", "name": None}


def test_a_wanted_field_that_did_not_come_is_named() -> None:
    with pytest.raises(Refused, match="'phone' on Person 17") as caught:
        kept({"name": "A"}, ["name", "phone"], "Bahi", "Person 17")
    assert caught.value.code == "unknown_field"


@pytest.mark.parametrize("rows", [None, {}, "5", [], [5, None], [{"id": 6}]])
def test_nobody_is_found_in_whatever_came(rows: Any) -> None:
    assert row_with(rows, 5) is None


def test_a_row_is_found_by_its_id_as_number_and_as_text() -> None:
    assert row_with([None, {"id": 6}, {"id": "5", "name": "Ravi"}], 5) == {"id": "5", "name": "Ravi"}
    assert row_with([{"ID": 5}], "5", "ID") == {"ID": 5}


@pytest.mark.parametrize("nobody", [None, "", 0])
def test_no_id_is_nobodys(nobody: Any) -> None:
    assert row_with([{"id": None}, {"id": ""}, {"id": 0}, {}], nobody) is None


def test_what_is_gone_is_none_and_what_fails_otherwise_still_fails() -> None:
    def gone() -> int:
        raise Gone("record_not_found", "Bahi has no such record.")

    def broken() -> int:
        raise TryAgain("crm_failed", "Bahi answered 500.")

    assert if_there(gone) is None
    assert if_there(int, "5") == 5
    with pytest.raises(TryAgain):
        if_there(broken)


ROWS: list[dict[str, Any]] = [
    {"id": 1, "email": " Ravi@Example.test", "login": "ravi"},
    {"id": 2, "email": "asha@example.test", "login": "Asha"},
    {"id": 3, "email": None, "login": "asha@example.test"},
]


def test_a_person_is_found_by_an_address_that_just_one_has() -> None:
    assert only_one(ROWS, "ravi@example.TEST ") == ROWS[0]
    assert only_one(ROWS, "ASHA", "email", "login") == ROWS[1]


@pytest.mark.parametrize("sought", ["", "None", "nobody@example.test", "asha@example.test"])
def test_nobody_is_guessed(sought: str) -> None:
    assert only_one(ROWS, sought, "email", "login") is None


def test_names_behind_a_link_come_once_and_never_empty() -> None:
    assert behind(["custom.a.b", "custom.c", "custom.a", "custom.", "custom", "d"], "custom") == ["a", "c"]
