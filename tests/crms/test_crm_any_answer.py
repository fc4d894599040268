"""Whatever a CRM answers, with anything in any place, is a result or an error of ours, never a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import responses
from crm_contracts import Contract, Say, contracts
from hypothesis import given
from hypothesis import strategies as st
from test_crm_any_hook import PATIENT, changed

from connector.crms import REGISTRY
from connector.crms.base import Crm
from connector.errors import ConnectorError, Refused
from connector.model import Phase

#: What is asked, and the answers it takes.
ASKED: dict[str, tuple[Callable[[Contract], list[Say]], Callable[[Contract, Crm], Any]]] = {
    "read": (
        lambda of: of.read,
        lambda of, crm: crm.read(
            replace(of.clicked, user="ravi@example.test"), replace(of.wanted, user=of.wanted.owner)
        ),
    ),
    "create": (lambda of: of.create, lambda of, crm: crm.write(of.activity())),
    "find": (
        lambda of: [*of.found, *of.update],
        lambda of, crm: crm.write(of.activity(look_first=True)),
    ),
    "end": (lambda of: of.end, lambda of, crm: crm.write(of.activity(Phase.ENDED, id=of.activity_id))),
}


@pytest.mark.parametrize("name", sorted(REGISTRY))
@pytest.mark.parametrize("what", sorted(ASKED))
@PATIENT
@given(data=st.data())
def test_anything_in_any_place_of_an_answer(name: str, what: str, data: st.DataObject) -> None:
    contract = contracts()[name]
    said, ask = ASKED[what]
    answers = list(said(contract))
    at = data.draw(st.integers(0, len(answers) - 1))
    try:
        told = json.loads(answers[at].body)
    except ValueError:
        told = None
    answers[at] = replace(answers[at], body=json.dumps(changed(told, data)).encode())
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        for each in [*contract.login, *answers]:
            each.on(net)
        try:
            ask(contract, contract.make())
        except ConnectorError as error:
            assert error.code and error.message


@pytest.mark.parametrize("name", ["espocrm", "freshsales", "hubspot", "pipedrive"])
@pytest.mark.parametrize("odd", ["../x", "1?x=2", "१२", " 7"])
def test_an_activity_whose_id_is_none_of_theirs_is_not_made_again(name: str, odd: str) -> None:
    contract = contracts()[name]

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: odd if key == "id" else renamed(item) for key, item in value.items()}
        return value

    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        for each in contract.create:
            replace(each, body=json.dumps(renamed(json.loads(each.body))).encode()).on(net)
        with pytest.raises(Refused) as final:
            contract.make().write(contract.activity())
    assert final.value.code == "id_missing"
