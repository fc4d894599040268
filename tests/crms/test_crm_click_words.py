"""What adapters say of clicks alike: whose wish, what is kept of the request, what is wrong with it."""

from __future__ import annotations

import pytest

from connector.crms.base import Account
from connector.crms.base_click import field_invalid, in_our_words, raw_of, record_missing, source_of
from connector.model import Source


@pytest.mark.parametrize("implied", list(Source))
def test_the_manifest_says_whose_wish_a_click_is(implied: Source) -> None:
    assert source_of(Account("bahi", {}, clicks={"source": "button"}), implied) is Source.BUTTON
    assert source_of(Account("bahi", {}, clicks={"source": "rule"}), implied) is Source.RULE


def test_the_request_implies_it_where_the_manifest_says_nothing() -> None:
    assert source_of(Account("bahi", {})) is Source.RULE
    assert source_of(Account("bahi", {}, clicks={"source": None}), Source.BUTTON) is Source.BUTTON


def test_no_number_and_nothing_unstorable_is_kept_of_a_request() -> None:
    raw = raw_of({"phone": "+919876500001", "deep": [{"name": "A\x00"}], "size": 3})
    assert "9876500001" not in str(raw)
    assert raw["deep"] == [{"name": "A\ufffd"}]
    assert raw["size"] == 3


def test_an_admins_own_names_are_read_as_ours_whatever_their_capitals() -> None:
    sent = {"Lead_ID": "7", "object": "Lead", "Unheard": "x"}
    assert in_our_words(sent, {"lead_id": "id"}) == {"id": "7", "object": "Lead"}


def test_what_is_wrong_with_a_click_is_422() -> None:
    for error, code in ((field_invalid("Why."), "field_invalid"), (record_missing("Why."), "record_missing")):
        assert (error.code, error.status, error.message) == (code, 422, "Why.")
