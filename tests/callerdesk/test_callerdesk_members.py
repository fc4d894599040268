"""The remembered member list: one fetch at a time, and "not a member" never mixed up with "nobody knows"."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.callerdesk import Listing, Member, Members
from connector.errors import AdminNeeded, ConnectorError, TryAgain

ASHA = Member("101", "Asha", "Asha@Example.com", "+919876500002", True, "11")
BELA = Member("102", "Bela", "bela@example.com", "+919876500003", False, "")
NUMBERLESS = Member("103", "Chand", "chand@example.com", "", True, "")


class Source:
    def __init__(self, *members: Member) -> None:
        self.now_listed = list(members)
        self.failure: ConnectorError | None = None
        self.fetches = 0
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()

    def members(self) -> list[Member]:
        self.fetches += 1
        self.entered.set()
        self.let_go.wait(5)
        if self.failure:
            raise self.failure
        return self.now_listed


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_finds_an_active_members_number_by_email():
    members = Members(Source(ASHA, BELA, NUMBERLESS))
    assert members.number_of(" asha@EXAMPLE.com ") == "+919876500002"
    for nobody in ("bela@example.com", "chand@example.com", "dora@example.com", "", " "):
        assert members.number_of(nobody) is None


def test_it_guesses_no_number_when_two_members_share_an_email():
    twin = Member("104", "Asha two", "asha@example.com", "+919876500005", True, "")
    same = Member("105", "Asha three", "asha@example.com", "+919876500002", True, "")
    assert Members(Source(ASHA, twin)).number_of("asha@example.com") is None
    assert Members(Source(ASHA, same)).number_of("asha@example.com") == "+919876500002"


def test_it_finds_a_member_by_number_with_any_prefix():
    members = Members(Source(ASHA, BELA, NUMBERLESS))
    for number in ("+919876500002", "09876500002", "9876500002"):
        assert members.find(number) == ASHA
    assert members.find("+919876500003") == BELA
    assert members.find("+919876500009") is None
    assert members.find("") is None


def fetched(members: Members, source: Source) -> None:
    """Wait until no thread fetches any more."""
    assert source.entered.wait(5)
    with members._fetching:
        pass


def test_it_says_without_waiting_whether_a_number_is_an_active_members():
    source = Source(ASHA, BELA)
    source.let_go.clear()
    members = Members(source)
    assert [members.active("+919876500002") for _ in range(3)] == [None] * 3
    source.let_go.set()
    fetched(members, source)
    numbers = ("+919876500002", "+919876500003", "+919876500009", "")
    assert [members.active(number) for number in numbers] == [True, False, False, None]
    assert source.fetches == 1


def test_it_uses_an_outdated_list_while_the_next_one_is_fetched():
    source, clock = Source(ASHA), Clock()
    members = Members(source, clock=clock)
    members.find("9876500002")
    source.entered.clear()
    source.now_listed = [BELA]
    clock.now += 301
    assert members.active("9876500002") is True
    fetched(members, source)
    assert members.active("9876500002") is False
    assert source.fetches == 2


def test_it_prefers_the_active_one_of_two_with_the_same_number():
    gone = Member("99", "Old", "old@example.com", "+919876500002", False, "")
    assert Members(Source(gone, ASHA)).find("9876500002") == ASHA


def test_it_asks_again_only_after_five_minutes():
    source, clock = Source(ASHA), Clock()
    members = Members(source, clock=clock)
    members.find("9876500002")
    source.now_listed = [BELA]
    clock.now += 299.9
    assert members.find("9876500002") == ASHA
    clock.now += 0.1
    assert members.find("9876500002") is None
    assert source.fetches == 2


@pytest.mark.parametrize("kind", [TryAgain, AdminNeeded])
def test_it_tells_an_unknown_list_from_an_unknown_member(kind):
    source, clock = Source(ASHA), Clock()
    source.failure = kind("callerdesk_timeout", "CallerDesk did not answer in time.", status=504)
    members = Members(source, clock=clock)
    assert members.find("9876500002") is Listing.UNKNOWN
    assert members.active("9876500002") is None
    raised = []
    for _ in range(2):
        with pytest.raises(kind) as caught:
            members.number_of("asha@example.com")
        raised.append(caught.value)
    assert (raised[0].code, raised[0].status) == ("callerdesk_timeout", 504)
    assert raised[0] is not raised[1]
    source.failure = None
    clock.now += 29.9
    assert members.find("9876500002") is Listing.UNKNOWN
    assert source.fetches == 1
    clock.now += 0.1
    assert members.find("9876500002") == ASHA


def test_it_lets_one_thread_fetch_and_the_others_wait():
    source = Source(ASHA)
    source.let_go.clear()
    members = Members(source)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(members.number_of, "asha@example.com") for _ in range(8)]
        assert source.entered.wait(5)
        source.let_go.set()
        assert {one.result(5) for one in asked} == {"+919876500002"}
    assert source.fetches == 1
