"""One misbehaving CallerDesk, one CRM and one connector between them for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from counterparts import FakeCallerDesk, TestCrm
from running import Running


@pytest.fixture(scope="module")
def desk() -> Iterator[FakeCallerDesk]:
    """A CallerDesk that counts."""
    with FakeCallerDesk() as listening:
        yield listening


@pytest.fixture(scope="module")
def crm() -> Iterator[TestCrm]:
    """A CRM that takes any contact."""
    with TestCrm() as listening:
        yield listening


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, crm: TestCrm, desk: FakeCallerDesk
) -> Iterator[Running]:
    """The connector between the two, one worker, started once for the file."""
    folder = tmp_path_factory.mktemp("service")
    running = Running(folder, crm=crm.base_url, callerdesk=desk.base_url, crm_key=crm.api_key)
    running.start()
    yield running
    running.stop()
