"""What is written alike: our key at a text's end, and values as a field takes them."""

from __future__ import annotations

import pytest

from connector.crms.base_write import reference, shortened, with_reference, without
from connector.model import Activity, Phase

CALL = Activity("k-1", "bahi", "Person", "17", "", None, {}, Phase.ENDED)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_the_key_stands_alone_where_there_is_no_text(text: str | None) -> None:
    assert with_reference(text, CALL) == reference(CALL) == "CallerDesk k-1"


def test_the_key_stands_behind_a_gap_at_the_end() -> None:
    assert with_reference("Talked.", CALL) == "Talked.\n\nCallerDesk k-1"
    assert with_reference("Talked.", CALL, gap="<br/>") == "Talked.<br/>CallerDesk k-1"
    assert with_reference("", CALL, gap="<br/>") == "CallerDesk k-1"


def test_a_text_that_is_too_long_is_cut_and_the_key_is_not() -> None:
    text = with_reference("x" * 100, CALL, longest=40)
    assert len(text) == 40
    assert text.endswith("x\n\nCallerDesk k-1")


def test_texts_are_cut_to_their_fields_and_nothing_else_is() -> None:
    values = {"subject": "abcdef", "seconds": 123456, "text": "abcdef"}
    assert shortened(values, {"subject": 3, "seconds": 3}) == {**values, "subject": "abc"}


def test_what_is_left_to_people_is_not_written() -> None:
    assert without({"owner": 1, "text": "a"}, {"owner", "unheard"}) == {"text": "a"}
