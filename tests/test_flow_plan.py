"""What a call is planned with: numbers its connection may ring, the acting member, the mapping's text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from house_kit import HouseKit, Shelf, a_member, click, number_of, rule

from connector import flow as module
from connector.errors import Refused, TryAgain
from connector.flow import Flow
from connector.model import Click, Record, State, Wanted

pytestmark = pytest.mark.both_engines

AMERICAN = "+12015550123"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseKit]:
    kit = HouseKit(tmp_path)
    yield kit
    kit.close()


# -- Numbers -------------------------------------------------------------------------------------------------


def test_a_number_is_read_by_the_habits_of_its_connections_country(house: HouseKit) -> None:
    read = house.flow.number_reader(house.shop)
    assert read("098765 00001") == number_of("1")
    house.change_policy(countries=frozenset({"US"}))
    assert house.flow.number_reader(house.shop)("(201) 555-0123") == AMERICAN


def test_a_number_of_another_country_is_not_rung(house: HouseKit) -> None:
    with pytest.raises(Refused) as refused:
        house.flow.number_reader(house.shop)(AMERICAN)
    assert refused.value.code == "country_not_allowed"
    assert refused.value.message == "…0123 is in US, not allowed"


def test_a_number_of_another_kind_is_not_rung(house: HouseKit) -> None:
    house.change_policy(number_types=frozenset({"fixed_line"}))
    with pytest.raises(Refused) as refused:
        house.flow.number_reader(house.shop)(number_of("1"))
    assert refused.value.code == "number_type_not_allowed"
    assert refused.value.message == "…0001 is mobile, not rung"


# -- Members and mappings ------------------------------------------------------------------------------------


def given_to_the_mapping(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What planning was given, beside the record and the click, when somebody presses."""
    given: dict[str, Any] = {}
    mapping = type(house.shop.mapping.current())
    plan = mapping.plan

    def watched(self: Any, *known: Any, **more: Any) -> Any:
        given.update(more)
        return plan(self, *known, **more)

    monkeypatch.setattr(mapping, "plan", watched)
    assert house.press("1").state is State.PLACED
    return given


def test_a_crm_user_is_found_in_the_manifest_and_then_among_callerdesks_members(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.desk.listed = [a_member()]
    house.connections["shop"] = replace(house.shop, members={"divya": "+919876500102"})
    find = given_to_the_mapping(house, monkeypatch)["member_number"]
    assert (find("Divya "), find("ravi@example.test"), find("nobody")) == (
        "+919876500102",
        "+919876500101",
        None,
    )


def test_a_mapping_text_is_kept_with_the_first_call_planned_by_it(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[str, ...]] = []
    keep = house.journal.keep_mapping

    def watched(*what: str) -> None:
        kept.append(what)
        keep(*what)

    monkeypatch.setattr(house.journal, "keep_mapping", watched)
    mapping = house.shop.mapping.current()
    for record_id in ("1", "2"):
        house.press(record_id)
    assert kept == [("shop", mapping.version, mapping.text)]
    house.connections["odoo"] = replace(house.shop, name="odoo")
    house.dispatcher.accept(replace(click("3"), connection="odoo"))
    assert [name for name, _, _ in kept] == ["shop", "odoo"]


# -- Claims and the gate -------------------------------------------------------------------------------------


def test_every_claim_has_a_token_of_its_own_under_the_workers_name(house: HouseKit) -> None:
    tokens = {house.flow.token() for _ in range(5)}
    assert len(tokens) == 5
    assert all(re.fullmatch(r"w1\.[0-9a-f]{12}", token) for token in tokens)


def test_those_who_pass_the_gate_take_turns(house: HouseKit, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def serialise(connection: Any, key: str, shared: bool = False) -> None:
        keys.append(key)

    monkeypatch.setattr(house.journal.database, "serialise", serialise)
    assert house.press("1").state is State.PLACED
    assert keys.count("gate") == 1


def test_the_guards_are_asked_for_the_moment_the_gate_is_passed_at(
    house: HouseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[module.Ask] = []
    ask, decide = house.flow.ask, module.decide

    def slowly(*about: Any) -> module.Ask:
        made = ask(*about)
        house.clock.advance(3)
        return made

    def watched(policy: Any, question: module.Ask, ledger: Any) -> Any:
        asked.append(question)
        return decide(policy, question, ledger)

    monkeypatch.setattr(house.flow, "ask", slowly)
    monkeypatch.setattr(module, "decide", watched)
    call = house.press("1")
    (question,) = asked
    assert question.now == call.dialled_at == house.clock.now


@pytest.mark.parametrize(("late", "state"), [(-0.1, State.PLACED), (0, State.EXPIRED)])
def test_a_click_does_not_pass_the_gate_from_the_moment_it_expires_at(
    house: HouseKit, late: float, state: State
) -> None:
    life = timedelta(seconds=house.policy.expire_after).total_seconds()
    house.shelf.reads.append(lambda: house.clock.advance(life + late))
    assert house.press("1").state is state


# -- One change told of twice --------------------------------------------------------------------------------


def test_a_crm_is_asked_about_the_same_change_with_what_was_read(tmp_path: Path) -> None:
    asked: list[tuple[Click, Record]] = []

    class Noting(Shelf):
        def same_change(self, click: Click, record: Record) -> Click | None:
            asked.append((click, record))
            return None

    house = HouseKit(tmp_path, crm=Noting())
    call = house.press("1")
    assert asked == [(call.click, call.record)]
    house.close()


def test_a_crm_is_asked_for_just_what_the_mapping_uses_also_the_second_time(tmp_path: Path) -> None:
    asked: list[Wanted] = []

    class Noting(Shelf):
        def read(self, click: Click, wanted: Wanted) -> Record:
            asked.append(wanted)
            if len(asked) == 1:
                raise TryAgain("crm_failed", "The shop answered 503.")
            return super().read(click, wanted)

    house = HouseKit(tmp_path, crm=Noting())
    house.press("1")
    assert asked == [house.shop.mapping.current().wanted("Contact")] * 2
    house.close()


# -- Accepting -----------------------------------------------------------------------------------------------


def test_a_click_is_held_as_long_as_a_read_may_take_and_a_rules_call_may_wait_its_turn(
    house: HouseKit,
) -> None:
    now = house.clock.now
    held = house.flow.accept(click("1"), owner="w1.a").call
    assert (held.state, held.due_at) == (State.READING, now + module.READ_LEASE)
    waits = house.flow.accept(rule("2")).call
    until = now + timedelta(seconds=house.policy.deferred_for_at_most)
    assert (waits.state, waits.due_at, waits.expires_at) == (State.DEFERRED, until, until)
    free = house.flow.accept(click("3")).call
    assert (free.state, free.due_at) == (State.ACCEPTED, now)
    assert free.expires_at == now + timedelta(seconds=house.policy.expire_after)


def test_the_same_press_again_is_a_repeat_and_its_id_for_another_record_a_mistake(house: HouseKit) -> None:
    first = house.flow.accept(click("1", delivery="d1"))
    again = house.flow.accept(click("1", delivery="d1"))
    assert (again.call.id, again.repeat) == (first.call.id, True)
    with pytest.raises(Refused, match="This click's id belongs to a call for Contact 1: ") as refused:
        house.flow.accept(click("2", delivery="d1"))
    assert (refused.value.code, refused.value.status) == ("click_id_reused", 409)


def test_whoever_waits_for_a_call_is_told_when_it_was_run(house: HouseKit) -> None:
    call = house.flow.accept(click("1"), owner="w1.a").call
    with house.flow.waiters.expecting(call.id) as waiting:
        house.flow.run(call)
        assert waiting.over


def test_a_process_without_a_name_makes_one_up_and_needs_nobody_behind_it(house: HouseKit) -> None:
    desk: Any = house.desk
    bare = Flow(house.journal, desk, house.flow.members, house.connections)
    assert re.fullmatch("[0-9a-f]{8}", bare.worker)
    bare.behind("c1")
    named = Flow(house.journal, desk, house.flow.members, house.connections, worker="w9")
    assert named.worker == "w9"
