"""What a second process of the connector does on the same database, with a CallerDesk that counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from databases import DATABASES
from house_kit import HouseKit, calm, rule

from connector.policy import Caps, MemberBusy


def house_on(url: str, folder: Path, worker: str, per_day: int | None = None) -> HouseKit:
    """A house on this database, whose rules may ring anybody, up to so many a day."""
    DATABASES.use(url, folder)
    policy = calm(member_busy=MemberBusy.IGNORE, caps=Caps(connection_per_day=per_day))
    return HouseKit(folder, policy=policy, worker=worker)


def take_what_is_due(url: str, folder: Path, worker: str, start: Any, told: Any) -> None:
    """Look as long as there is more; tell who was rung."""
    house = house_on(url, folder, worker)
    start.wait(60)
    while house.dispatcher.look():
        pass
    told.put(house.desk.rung)
    house.close()


def bring_clicks(
    url: str, folder: Path, worker: str, clicks: int, per_day: int | None, start: Any, told: Any
) -> None:
    """Accept and run these clicks in four threads; tell who was rung."""
    house = house_on(url, folder, worker, per_day)
    start.wait(60)
    with ThreadPoolExecutor(4) as threads:
        for number in range(clicks):
            threads.submit(house.dispatcher.accept, rule(str(number), delivery=f"d{number}"))
    told.put(house.desk.rung)
    assert not house.dispatcher.failures, house.dispatcher.failures
    house.close()
