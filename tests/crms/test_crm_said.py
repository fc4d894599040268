"""What a vendor says in a refusal is quoted briefly, and what it does not say breaks nothing."""

from __future__ import annotations

import pytest

from connector.crms.base_said import body_of, forbidden, no_such_record, rejected, said, slow_down
from connector.http import Reply


def test_it_quotes_on_one_line_briefly_and_without_numbers() -> None:
    quoted = said("No\n such   number +919876500001 " + "x" * 300)
    assert quoted.startswith("No such number ")
    assert "9876500001" not in quoted
    assert len(quoted) == 200
    assert said(None) == ""


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"', b"null", b"{"])
def test_it_reads_an_answer_that_is_no_object_as_an_empty_one(body: bytes) -> None:
    assert body_of(Reply(400, {}, body)) == {}


def test_it_reads_the_object_an_answer_holds() -> None:
    assert body_of(Reply(400, {}, b'{"error": "why"}')) == {"error": "why"}


def test_its_errors_name_the_vendor_and_the_record() -> None:
    errors = [
        (rejected("Bahi", "Person 17", "why"), "crm_rejected", 502),
        (forbidden("Bahi", "Person 17", "why"), "crm_forbidden", 502),
        (no_such_record("Bahi", "Person 17"), "record_not_found", 422),
        (slow_down("Bahi", "Person 17", 2.5), "crm_rate_limited", 503),
    ]
    for error, code, status in errors:
        assert (error.code, error.status) == (code, status)
        assert "Bahi" in error.message and "(Person 17)" in error.message
    assert errors[3][0].retry_after == 2.5  # type: ignore[attr-defined]
