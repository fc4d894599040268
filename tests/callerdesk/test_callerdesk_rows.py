"""What a row of a reading call says, field by field, and that a field which is not there is empty."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.callerdesk.rows import (
    Balance,
    Deskphone,
    Member,
    balance_in,
    blocked_in,
    deskphone_in,
    ending_of_row,
    live_call_in,
    member_in,
    report_row_in,
)
from connector.callerdesk.words import LiveWord
from connector.model import Outcome


def test_it_reads_a_member():
    entry = {
        "member_id": "101",
        "member_name": "Asha",
        "member_email": "asha@example.test",
        "member_num": "09876500002",
        "status": "1",
        "agent_extn": "11",
        "password": "hunter2",
    }
    assert member_in(entry) == Member("101", "Asha", "asha@example.test", "+919876500002", True, "11")
    assert member_in({}) == Member("", "", "", "", False, "")


def test_it_reads_a_deskphone():
    entry = {"did_id": "7", "did_num": "8060000001", "deskphone": "08060000001"}
    assert deskphone_in(entry) == Deskphone("7", "8060000001", "08060000001")
    assert deskphone_in({}) == Deskphone("", "", "")


def test_it_reads_no_balance_out_of_nothing():
    assert balance_in({}) == Balance({}, None)


def test_it_reads_a_report_that_says_nothing():
    row = report_row_in({})
    assert (row.id, row.call_sid, row.caller, row.member, row.deskphone) == ("", None, "", "", "")
    assert (row.started_at, row.ended_at, row.ringing_seconds, row.direction) == (None, None, None, "")
    ending = ending_of_row(row, "+919876500001", "+919876500002")
    assert (ending.outcome, ending.talk_seconds) == (Outcome.UNKNOWN, None)


def test_it_reads_a_live_call_that_says_nothing():
    call = live_call_in({})
    assert (call.call_sid, call.customer, call.member, call.status) == (None, "", "", "")
    assert (call.started_at, call.live_word) == (None, LiveWord.UNKNOWN)


def test_a_live_call_is_known_by_both_numbers():
    call = live_call_in({"msisdn": "09876500001", "member_num": "919876500002"})
    assert call.matches("+919876500002", "+919876500001")
    assert not call.matches("+919876500001", "+919876500003")


@pytest.mark.parametrize("name", ["caller_number", "caller_num", "number", "block_number", "Block_Number"])
def test_it_finds_a_blocked_number_under_each_of_their_names(name):
    assert blocked_in({"id": "7", name: "09876500009"}) == "9876500009"


def test_it_reads_times_as_indias():
    row = report_row_in({"startdatetime": "2026-03-02 23:59:50", "enddatetime": "2026-03-03 00:00:40"})
    assert row.started_at == datetime(2026, 3, 2, 18, 29, 50, tzinfo=UTC)
    assert row.ended_at == datetime(2026, 3, 2, 18, 30, 40, tzinfo=UTC)
