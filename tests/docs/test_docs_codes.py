"""docs/codes.md lists every stable code of the source once, and none that is not there."""

from __future__ import annotations

from collections import Counter

import source_codes
from pages import ROOT, column, tables

from connector.policy import GUARDS, OVERRIDABLE
from connector.web.answers import STATUS_OF_CODE

TABLES = tables(ROOT / "docs" / "codes.md")
TOLD = [code for rows in TABLES.values() for code in column(rows)]
CODES, WORKED_OUT = source_codes.codes()


def test_every_code_of_the_source_is_told_and_no_other() -> None:
    assert sorted(CODES - set(TOLD)) == []
    assert sorted(set(TOLD) - CODES) == []


def test_every_code_is_told_once_with_what_happened_and_what_to_do() -> None:
    assert [code for code, times in Counter(TOLD).items() if times > 1] == []
    for rows in TABLES.values():
        assert all(happened and advice for _, happened, advice in rows)


def test_whoever_works_a_code_out_says_which_it_may_come_to() -> None:
    assert sorted(source_codes.WORKED_OUT) == sorted(WORKED_OUT)


def test_the_guards_are_told_in_the_order_in_which_they_are_asked() -> None:
    told = column(TABLES["A guard of the policy said no"])
    assert [code for code in told if code in dict(GUARDS)] == [code for code, _ in GUARDS]


def test_what_a_person_may_override_is_said_to_be() -> None:
    told = TABLES["A guard of the policy said no"]
    assert {code.strip("`") for code, _, advice in told if advice.endswith("override")} == OVERRIDABLE


def test_every_code_with_an_http_status_of_its_own_is_a_code() -> None:
    assert set(STATUS_OF_CODE) <= CODES


def test_the_collection_finds_what_is_raised_written_and_listed() -> None:
    # One of each way a code comes into being: were the collection blind, the tests above could not fail.
    ways = {"click_id_reused", "never_confirmed", "cap_channels", "callerdesk_wrong_key", "header_too_large"}
    assert ways | {"unknown_field", "crm_rejected", "request_incomplete", "customer_number_unusable"} <= CODES
