"""Whatever the API's own description allows, and what it does not: no 5xx, and no ring without a secret.

`make fuzz` asks for more examples of each than the suite does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from counterparts import FakeCallerDesk, TestCrm
from hypothesis import HealthCheck, given, settings
from running import Running, eventually

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: `pip install '.[test]'`"
)

MOST = int(os.environ.get("FUZZ", "20"))
#: The same examples in every run of the suite; `make fuzz` draws others each time.
EXAMPLES = settings(
    max_examples=MOST,
    derandomize="FUZZ" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
CONNECTIONS = ("shop", "manual", "link", "nowhere")
OPEN = ("/healthz", "/readyz")
_turns = cycle(range(60))


@pytest.fixture(scope="module")
def operations(service: Running, crm: TestCrm) -> list[Any]:
    """What the running service says can be asked of it."""
    assert eventually(lambda: service.send("GET", "/readyz").status == 200)
    crm.put("known", "98760 00001")
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


MODES = pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)


def ask(
    operations: list[Any], mode: Any, headers: Callable[[], dict[str, str]], check: Callable[..., None]
) -> None:
    """Send examples of every operation, as described or as described otherwise, and check each answer."""
    for operation in operations:
        if mode is schemathesis.GenerationMode.NEGATIVE and operation.method.upper() != "POST":
            continue  # an address is text, and any text is as described

        @EXAMPLES
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            aimed(case)
            kept = {name: value for name, value in (case.headers or {}).items() if name != "Authorization"}
            case.headers = {**kept, **headers()}
            told = case.call(allow_redirects=False)
            assert told.status_code < 500, (told.status_code, told.text)
            check(case, told)

        one()


def aimed(case: Any) -> None:
    """Of every few requests some are for connections and records that there are."""
    turn = next(_turns)
    if "connection" in (case.path_parameters or {}) and turn % 5:
        case.path_parameters["connection"] = CONNECTIONS[turn % len(CONNECTIONS)]
    if isinstance(case.body, dict) and turn % 3 == 0:
        case.body |= {"object": "Contact", "id": "known"}


@MODES
def test_with_a_secret_no_request_is_a_fault_of_ours(
    service: Running, operations: list[Any], mode: Any
) -> None:
    secret = {"Authorization": f"Bearer {service.secrets['CLICK_SECRET']}"}
    ask(operations, mode, lambda: secret, lambda case, told: None)


@MODES
def test_without_one_no_request_rings_anybody(
    service: Running, desk: FakeCallerDesk, operations: list[Any], mode: Any
) -> None:
    wrong = {"Authorization": f"Bearer {service.secrets['WEBHOOK_TOKEN']}"}
    before = len(desk.dials)

    def is_refused(case: Any, told: Any) -> None:
        assert told.status_code >= 400 or case.path in OPEN, told.text

    ask(operations, mode, lambda: wrong if next(_turns) % 2 else {}, is_refused)
    assert len(desk.dials) == before


def test_some_of_it_rang(service: Running, desk: FakeCallerDesk) -> None:
    """Else nothing was tried."""
    assert service.click("known", "at last").status == 200
    assert len(desk.dials) > 1
    assert not any("Traceback" in line for line in service.log)
