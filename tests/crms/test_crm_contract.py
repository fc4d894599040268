"""The same promises of every CRM in the registry, whatever its wire looks like.

A new CRM needs no new test code here: `contract_<crm>.py` (how to make the adapter, what its server says)
with bodies recorded in `tests/payloads/<crm>/`. Without it nothing here runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import responses
from crm_contracts import Contract, Say, contracts, label_of

from connector.crms import REGISTRY
from connector.crms.base import Crm, Hook
from connector.errors import AdminNeeded, BadRequest, ConnectorError, Gone, Refused, TryAgain
from connector.model import Phase

HTML = b"<!doctype html><html><body>Down for maintenance</body></html>"


@pytest.fixture(params=sorted(REGISTRY))
def contract(request: pytest.FixtureRequest) -> Contract:
    return contracts()[request.param]


@pytest.fixture
def crm(contract: Contract) -> Crm:
    return contract.make()


@pytest.fixture
def net(contract: Contract) -> Iterator[responses.RequestsMock]:
    """The CRM's server; a request that nobody gave an answer for is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        say(mock, contract.login)
        yield mock


def say(net: responses.RequestsMock, said: list[Say]) -> None:
    for each in said:
        each.on(net)


def asked(net: responses.RequestsMock, contract: Contract) -> list[str]:
    """What every request but the logins is called."""
    logins = {login.label for login in contract.login}
    found = [label_of(call.request) for call in net.calls]
    return [label for label in found if label not in logins]


def answering(contract: Contract, status: int, body: bytes = HTML, **headers: str) -> list[Say]:
    """The read's first request is answered like this instead."""
    return [replace(contract.read[0], status=status, body=body, headers=headers)]


def failing(contract: Contract, net: responses.RequestsMock, said: list[Say]) -> ConnectorError:
    say(net, said)
    with pytest.raises(ConnectorError) as caught:
        contract.make().read(contract.clicked, contract.wanted)
    return caught.value


# -- Clicks --------------------------------------------------------------------------------------------------


def test_a_click_in_its_own_format_names_its_records(contract: Contract, crm: Crm) -> None:
    clicks = crm.parse(contract.hook)
    assert [(click.object, click.record_id) for click in clicks] == contract.names
    assert {click.connection for click in clicks} == {contract.clicked.connection}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"<a>", b'{"object": "Contact"}', b"\x00" * 50])
def test_a_broken_click_is_the_senders_fault(crm: Crm, body: bytes) -> None:
    for kind in ("application/json", "text/xml", ""):
        with pytest.raises(BadRequest):
            crm.parse(Hook("POST", body, kind, {}, {}))


def test_our_own_format_is_taken_too(contract: Contract, crm: Crm) -> None:
    clicked = contract.clicked
    body = f'{{"object": "{clicked.object}", "id": "{clicked.record_id}", "click_id": "k1"}}'
    (click,) = crm.parse(Hook("POST", body.encode(), "application/json", {}, {}))
    assert (click.object, click.record_id, click.delivery) == (clicked.object, clicked.record_id, "k1")


# -- Reading -------------------------------------------------------------------------------------------------


def test_it_reads_the_wanted_fields_of_record_and_owner(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    say(net, contract.read)
    record = crm.read(contract.clicked, contract.wanted)
    assert all(record.record[name] for name in contract.wanted.record)
    assert all(name in record.owner for name in contract.wanted.owner)
    assert record.owner[contract.owner_phone]


def test_an_owner_without_a_phone_is_no_failure(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    say(net, contract.unowned)
    assert crm.read(contract.clicked, contract.wanted).owner[contract.owner_phone] is None


def test_a_record_that_no_person_owns_is_no_failure(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    click, wanted, said = contract.queue
    say(net, said)
    assert not crm.read(click, wanted).owner.get(contract.owner_phone)


def test_a_deleted_record_is_gone_and_named(contract: Contract, net: responses.RequestsMock) -> None:
    gone = failing(contract, net, contract.gone)
    assert isinstance(gone, Gone)
    assert contract.clicked.record_id in gone.message


def test_a_field_the_crm_does_not_know_is_named(contract: Contract, net: responses.RequestsMock) -> None:
    name, said = contract.unknown_field
    refusal = failing(contract, net, said)
    assert isinstance(refusal, Refused)
    assert refusal.code == "unknown_field" and name in refusal.message


# -- What goes wrong -----------------------------------------------------------------------------------------


def test_a_refused_credential_needs_an_admin_after_one_renewal_at_most(
    contract: Contract, net: responses.RequestsMock
) -> None:
    wrong = failing(contract, net, answering(contract, 401))
    assert isinstance(wrong, AdminNeeded)
    assert len(asked(net, contract)) == 1 + contract.renewals
    assert len(net.calls) - len(asked(net, contract)) == len(contract.login) * (1 + contract.renewals)


def test_an_address_that_is_not_there_is_told_as_final(
    contract: Contract, net: responses.RequestsMock
) -> None:
    assert isinstance(failing(contract, net, answering(contract, 404)), Gone | AdminNeeded)
    assert len(asked(net, contract)) == 1


def test_it_slows_down_when_asked(contract: Contract, net: responses.RequestsMock) -> None:
    slow = failing(contract, net, answering(contract, *contract.slow_down, **{"Retry-After": "7000"}))
    assert isinstance(slow, TryAgain) and slow.code == "crm_rate_limited"
    asked_for = pytest.approx(7000 * contract.retry_after_unit)
    assert slow.retry_after == (asked_for if contract.hears_retry_after else None)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_in_trouble_is_tried_again_by_whoever_asked(
    contract: Contract, net: responses.RequestsMock, status: int
) -> None:
    assert isinstance(failing(contract, net, answering(contract, status)), TryAgain)
    assert len(asked(net, contract)) == 1


@pytest.mark.parametrize(
    ("lost", "code", "status"),
    [
        (requests.ReadTimeout("https://x/?key=canary-in-url"), "crm_timeout", 504),
        (requests.ConnectTimeout("https://x/?key=canary-in-url"), "crm_timeout", 504),
        (requests.ConnectionError("https://x/?key=canary-in-url"), "crm_unreachable", 502),
    ],
)
def test_a_lost_answer_is_tried_again_by_whoever_asked(
    contract: Contract, net: responses.RequestsMock, lost: Exception, code: str, status: int
) -> None:
    net.add(contract.read[0].method, contract.read[0].url, body=lost)
    failure = failing(contract, net, [])
    assert isinstance(failure, TryAgain)
    assert (failure.code, failure.status) == (code, status)
    assert len(asked(net, contract)) == 1
    assert "canary" not in f"{failure!r}{failure.__cause__!r}"


@pytest.mark.parametrize("body", [HTML, b"{", b"\xff\xfe", b"null", b"5", b'"x"', b""])
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(
    contract: Contract, net: responses.RequestsMock, body: bytes
) -> None:
    assert failing(contract, net, answering(contract, 200, body)).code


def test_nothing_at_all_is_an_error_of_ours(contract: Contract, net: responses.RequestsMock) -> None:
    assert failing(contract, net, answering(contract, 204, b"")).code


# -- Writing -------------------------------------------------------------------------------------------------


def test_the_same_write_twice_makes_one_activity(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    say(net, contract.create)
    first = crm.write(contract.activity())
    made = len(asked(net, contract))
    say(net, contract.found + contract.update)
    second = crm.write(contract.activity(look_first=True))
    assert first == second == contract.activity_id
    assert contract.create[0].label not in asked(net, contract)[made:]


def test_an_outcome_after_a_lost_answer_ends_the_same_activity(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    create = contract.create[0]
    net.add(create.method, create.url, body=requests.ReadTimeout())
    with pytest.raises(TryAgain):
        crm.write(contract.activity())
    net.remove(create.method, create.url)
    say(net, contract.found + contract.end)
    assert crm.write(contract.activity(Phase.ENDED, look_first=True)) == contract.activity_id
    assert asked(net, contract).count(create.label) == 1


def test_an_activity_somebody_deleted_is_made_again(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    status, body = contract.deleted
    say(net, [replace(contract.update[0], status=status, body=body), *contract.create])
    assert crm.write(contract.activity(id=contract.activity_id)) == contract.activity_id


def test_an_update_may_be_answered_by_nothing(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    say(net, [replace(each, status=204, body=b"") for each in contract.update])
    crm.update(contract.activity(id=contract.activity_id))


@pytest.mark.parametrize("body", [HTML, b"null", b"5", b'"x"', b'{"a": 1}', b"[1]", b"[{}]", b""])
@pytest.mark.parametrize("phase", [Phase.PLACED, Phase.ENDED])
def test_a_search_that_is_answered_oddly_breaks_nothing(
    contract: Contract, crm: Crm, net: responses.RequestsMock, body: bytes, phase: Phase
) -> None:
    """Whatever comes of it, it is an error of ours or an id that the CRM gave."""
    if phase not in crm.shows:
        pytest.skip("this CRM is not told of a call before it is over")
    say(net, [replace(contract.found[0], body=body), *contract.create, *contract.end])
    say(net, [replace(contract.end[0], body=body)])
    try:
        assert crm.write(contract.activity(phase, look_first=True)) == contract.activity_id
    except (TryAgain, AdminNeeded, Refused):
        assert asked(net, contract)


def test_a_call_that_it_does_not_show_yet_asks_nothing_of_it(
    contract: Contract, crm: Crm, net: responses.RequestsMock
) -> None:
    for phase in set(Phase) - crm.shows:
        assert crm.write(contract.activity(phase, look_first=True)) is None
    assert len(net.calls) == 0


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_write_that_failed_says_so_and_is_not_repeated(
    contract: Contract, crm: Crm, net: responses.RequestsMock, status: int
) -> None:
    say(net, [replace(contract.create[0], status=status, body=HTML), *contract.after_refusal])
    with pytest.raises((AdminNeeded, TryAgain)):
        crm.write(contract.activity())
    assert asked(net, contract).count(contract.create[0].label) == 1 + (
        contract.renewals if status == 401 else 0
    )


# -- Secrets -------------------------------------------------------------------------------------------------


def test_no_repr_shows_a_secret(contract: Contract, crm: Crm) -> None:
    assert contract.clicked.connection in repr(crm)
    assert all(secret not in repr(crm) for secret in contract.secrets)


def test_no_log_line_and_no_error_shows_a_secret_or_a_number(
    contract: Contract, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    tries: list[Callable[[Crm], Any]] = [
        lambda crm: crm.read(contract.clicked, contract.wanted),
        lambda crm: crm.write(contract.activity()),
        lambda crm: crm.check_live({contract.clicked.object: contract.wanted}),
    ]
    for status in (200, 204, 302, 400, 401, 403, 404, 429, 500):
        for attempt in tries:
            with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
                say(net, contract.login)
                echo = f'{{"message": "{" ".join(contract.secrets)} 98765 00001"}}'.encode()
                say(
                    net,
                    [replace(each, status=status, body=echo) for each in contract.read[:1] + contract.create],
                )
                try:
                    told.append(repr(attempt(contract.make())))
                except ConnectorError as failure:
                    told.append(f"{failure!r} {failure.message} {failure.__cause__!r}")
    shown = caplog.text + " ".join(told)
    for hidden in contract.secrets:
        assert hidden not in shown
    assert "98765 00001" not in caplog.text
