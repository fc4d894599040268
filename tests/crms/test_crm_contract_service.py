"""The same promises of every CRM on the whole way: its own hook, its shipped mapping, the gate, the record.

CallerDesk is the sandbox's on a real socket, the CRM's server answers what was recorded of it. Nothing here
is written for one CRM: see `crm_contracts.Contract`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import responses
import yaml
from crm_contracts import KEY, Contract, Say, contracts, label_of
from house_kit import AtOnce
from signing import DATED, Sent, secret_for, signed
from werkzeug.test import TestResponse

from connector import redact, settings
from connector.assembly import build
from connector.crms import REGISTRY
from connector.model import Call, Phase, State
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.web import create_app

ROOT = Path(__file__).parents[2]
HOST = "https://calls.example.com"
WEBHOOK = "made-up-webhook-token"


class Whole:
    """The connector with one connection to a CRM, and both far ends; every step is done when asked for."""

    def __init__(self, contract: Contract, folder: Path, mapping: str, closing: ExitStack) -> None:
        self.contract = contract
        self.net = closing.enter_context(responses.RequestsMock(assert_all_requests_are_fired=False))
        self.net.add_passthru("http://127.0.0.1")
        self.callerdesk = SandboxCallerDesk(authcode="authcode-0123456789", speed=100).start()
        closing.callback(self.callerdesk.stop)
        self.callerdesk.account.members.clear()
        self.callerdesk.add_member("Ravi", "nobody@example.test", contract.member[3:])
        self.secrets = [secret_for(contract.auth, word) for word in ("new", "old")]
        (folder / "mapping.yaml").write_text(mapping)
        (folder / "manifest.yaml").write_text(yaml.safe_dump(self._manifest()))
        self.house = build(settings.load(folder / "manifest.yaml", {}))
        closing.callback(self.house.close)
        self.house.journal.open()
        self.dispatcher = AtOnce(self.house.flow)
        self.web = create_app(self.house, self.dispatcher).test_client()
        self.say(contract.login)

    def _manifest(self) -> dict[str, Any]:
        contract = self.contract
        clicks = {**contract.clicks, "auth": contract.auth, "secrets": self.secrets}
        connection = {"crm": contract.crm, "mapping": "mapping.yaml", "clicks": clicks, **contract.connection}
        return {
            "database_url": "sqlite:///journal.db",
            "public_url": HOST,
            "callerdesk": {
                "base_url": self.callerdesk.base_url,
                "authcode": "authcode-0123456789",
                "deskphone": self.callerdesk.deskphones[0],
                "webhook_token": WEBHOOK,
            },
            "policy": {
                "quiet_hours": False,
                "workflow_dialling": "They asked for it.",
                "recall_gap": 0,
                "member_busy": "ignore",
            },
            "connections": {contract.clicked.connection: {**connection, **contract.settings}},
        }

    def say(self, *said: list[Say]) -> None:
        for each in [one for some in said for one in some]:
            replace(each, url=self._any_call(each.url)).on(self.net)

    def signed(self, *, secret: str | None = None, age: float = 0.0) -> Sent:
        """The CRM's own request, signed as it signs, `age` seconds ago."""
        hook = self.contract.hook
        target = f"/hooks/{self.contract.clicked.connection}{self.contract.query}"
        plain = Sent(target, hook.body, dict(hook.headers))
        return signed(self.contract.auth, secret or self.secrets[0], HOST, plain, time.time() - age)

    def send(self, sent: Sent) -> TestResponse:
        kind = self.contract.hook.content_type or None
        return self.web.post(
            sent.target, data=sent.body, headers=sent.headers, content_type=kind, base_url=HOST
        )

    def calls(self) -> list[Call]:
        self.dispatcher.look()
        return self.house.journal.latest(50)

    def ended(self, call: Call) -> Call:
        """The call after CallerDesk's report of it, taken by its webhook."""
        assert self.callerdesk.wait_until_over()
        for call_there in self.callerdesk.account.calls:
            address = f"/callerdesk/{WEBHOOK}?type=call_report"
            assert self.web.post(address, json=call_there.report(), base_url=HOST).status_code == 200
        return next(known for known in self.calls() if known.id == call.id)

    def rung(self) -> list[tuple[str, str]]:
        """Customer and member of each GET that CallerDesk got."""
        return [(f"+91{dial.customer[-10:]}", f"+91{dial.member[-10:]}") for dial in self.callerdesk.dials]

    def made(self) -> int:
        """How often the request that makes an activity came."""
        made = self._any_call(self.contract.create[0].label)
        asked = [label_of(call.request) for call in self.net.calls]
        return sum(found == made if isinstance(made, str) else bool(made.fullmatch(found)) for found in asked)

    def _any_call(self, said: str | re.Pattern[str]) -> str | re.Pattern[str]:
        """The same for whatever call: a real one has an id of its own instead of the contracts' `KEY`."""
        if not isinstance(said, str):
            return said
        for ours in (KEY, self.contract.activity_id):
            if ours in said:
                return re.compile(re.escape(said).replace(re.escape(ours), r"[^/]+"))
        return said


@pytest.fixture(params=sorted(REGISTRY))
def contract(request: pytest.FixtureRequest) -> Contract:
    return contracts()[request.param]


@pytest.fixture
def whole(contract: Contract, tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    """Makes the house; `change` edits the shipped mapping as an admin would."""
    with ExitStack() as closing:

        def make(change: Callable[[dict[str, Any]], None] | None = None) -> Whole:
            text = (ROOT / "mappings" / f"{contract.crm}.yaml").read_text(encoding="utf-8")
            if change:
                mapping = yaml.safe_load(text)
                change(mapping)
                text = yaml.safe_dump(mapping)
            return Whole(contract, tmp_path, text, closing)

        yield make


def reads(contract: Contract) -> list[Say]:
    return contract.shipped_read or contract.read


# -- Who may click -------------------------------------------------------------------------------------------


def test_a_click_rings_both_parties_once_and_is_on_the_record_once(whole: Callable[..., Whole]) -> None:
    house = whole()
    contract = house.contract
    house.say(reads(contract), contract.create)
    answer = house.send(house.signed())
    assert answer.status_code in (200, 202), answer.text
    calls = house.calls()
    first = next(call for call in calls if (call.click.object, call.click.record_id) == contract.names[0])
    assert first.state in (State.PLACED, State.ENDED), first.message
    assert house.rung() == [(contract.customer, contract.member)] * len(contract.names)
    if contract.first is Phase.ENDED:
        assert (first.activity_id, house.made()) == (None, 0)
        first = house.ended(first)
    assert first.activity_id and first.written == first.wanted
    assert house.made() == len(contract.names)
    assert house.dispatcher.failures == []


def test_the_same_delivery_again_rings_nobody(whole: Callable[..., Whole]) -> None:
    house = whole()
    house.say(reads(house.contract), house.contract.create, house.contract.update)
    sent = house.signed()
    answers = [house.send(sent).status_code for _ in range(3)]
    assert all(200 <= status < 300 for status in answers)
    assert len(house.calls()) == len(house.rung()) == len(house.contract.names)
    shown_at_once = house.contract.first is Phase.PLACED
    assert house.made() == (len(house.contract.names) if shown_at_once else 0)


def test_each_of_its_secrets_will_do_while_one_is_replaced(whole: Callable[..., Whole]) -> None:
    house = whole()
    house.say(reads(house.contract), house.contract.create)
    for secret in house.secrets:
        assert house.send(house.signed(secret=secret)).status_code < 300


def test_whoever_has_no_good_signature_rings_nobody(whole: Callable[..., Whole]) -> None:
    house = whole()
    contract = house.contract
    good = house.signed()
    unsigned = Sent(f"/hooks/{contract.clicked.connection}{contract.query}", contract.hook.body, {})
    wrong = [unsigned, house.signed(secret=secret_for(contract.auth, "another"))]
    if contract.auth in DATED:
        wrong += [house.signed(age=age) for age in (700, -700)]
    if contract.auth not in ("token", "bearer", "basic", "header", "jwt"):
        wrong.append(replace(good, body=good.body[:-2] + b"  "))
    for sent in wrong:
        answer = house.send(sent)
        assert (answer.status_code, answer.get_json()["code"]) == (401, "signature_invalid")
    assert house.calls() == [] and house.rung() == [] and len(house.net.calls) == 0


# -- Whom it never rings -------------------------------------------------------------------------------------


def refused(house: Whole, said: list[Say]) -> Call:
    """The one call of a click that was answered politely and rang nobody."""
    house.say(said, house.contract.create)
    answer = house.send(house.signed())
    assert answer.status_code < 500, answer.text
    assert house.rung() == []
    return house.calls()[-1]


def test_it_never_rings_whoever_asked_not_to_be_called(whole: Callable[..., Whole]) -> None:
    contract = contracts()[whole().contract.crm]
    path, value, said = contract.do_not_call

    def forbid(mapping: dict[str, Any]) -> None:
        rules = mapping["objects"][contract.names[0][0]]
        if not any(path in rule["when"] for rule in rules.get("refuse", ())):
            rules["refuse"] = [{"when": {path: value}, "say": "They asked not to be called."}]

    call = refused(whole(forbid), said)
    assert (call.state, call.code) == (State.REFUSED, "refused_by_rule")


def test_it_rings_nobody_for_an_owner_without_a_phone(whole: Callable[..., Whole]) -> None:
    house = whole()
    call = refused(house, house.contract.unowned)
    assert call.state is State.REFUSED, call.message
    assert call.code in ("member_number_missing", "member_number_unusable")


def test_it_rings_nobody_for_a_record_that_is_gone(whole: Callable[..., Whole]) -> None:
    house = whole()
    call = refused(house, house.contract.gone)
    assert call.state in (State.REFUSED, State.FAILED) and call.code == "record_not_found"
    assert call.click.record_id in (call.message or "")


# -- What is shown to nobody ---------------------------------------------------------------------------------


def test_no_log_line_shows_a_secret_or_a_number(
    whole: Callable[..., Whole], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = whole()
    redact.install(logging.DEBUG)
    house.say(reads(house.contract), house.contract.create)
    answers = [house.send(sent).text for sent in (house.signed(), house.signed(secret="x" * 32))]
    shown = caplog.text + "".join(answers)
    hidden = [*house.contract.secrets, *house.secrets, house.contract.customer[3:], house.contract.member[3:]]
    assert [each for each in hidden if each in shown] == []
