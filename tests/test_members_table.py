"""A CRM user's number out of the manifest: where neither the CRM nor CallerDesk knows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_assembly import faults, house
from test_settings import MANIFEST

TABLE = '    members: {Asha@Example.com: "98765 00011", "0051": "+91 98765 00012"}\n'


def nobody(email: str) -> str | None:
    return None


def test_a_user_is_found_by_id_or_e_mail_whatever_its_capitals(tmp_path: Path) -> None:
    shop = house(tmp_path, MANIFEST + TABLE).connections["shop"]
    find = shop.member_number(nobody)
    assert [find("asha@example.COM "), find("0051"), find("51"), find("")] == [
        "+919876500011",
        "+919876500012",
        None,
        None,
    ]


def test_whoever_is_not_in_the_table_is_looked_for_among_callerdesks_members(tmp_path: Path) -> None:
    shop = house(tmp_path, MANIFEST + TABLE).connections["shop"]
    find = shop.member_number({"ravi@example.com": "+919876500013", "0051": "+919876500099"}.get)
    assert (find("ravi@example.com"), find("0051")) == ("+919876500013", "+919876500012")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('{asha@example.com: "12"}', "12: "),
        ('{a@example.com: "98765 00011", A@example.com: "98765 00012"}', "stands here twice"),
        ('{"": "98765 00011"}', "12: "),
        ("[asha]", "12: "),
    ],
)
def test_it_names_what_is_wrong_with_the_table(tmp_path: Path, table: str, said: str) -> None:
    told = faults(tmp_path, f"{MANIFEST}    members: {table}\n")
    assert any(said in fault for fault in told), told


def test_no_repr_shows_the_numbers(tmp_path: Path) -> None:
    built = house(tmp_path, MANIFEST + TABLE)
    assert "98765" not in repr(built.connections["shop"]) + repr(built.settings.connections["shop"])
