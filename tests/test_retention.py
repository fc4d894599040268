"""How long calls are kept: a year at least, unless somebody says why not, and `check` tells of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from house_kit import HouseKit

from connector import settings
from connector.assembly import build
from connector.cli import checking
from connector.errors import ConfigError
from connector.retention import DEFAULT_DAYS, FLOOR_DAYS, Retention
from connector.sandbox.stage import MAPPING

MANIFEST = f"""\
callerdesk: {{authcode: a-made-up-key, deskphone: "01200000002"}}
connections:
  shop:
    crm: rest
    mapping: {MAPPING}
    base_url: "https://shop.example.com"
    auth: {{bearer: a-made-up-key}}
    clicks: {{auth: bearer, secrets: [a-made-up-secret]}}
"""


def load(folder: Path, section: str = "") -> settings.Settings:
    manifest = folder / "manifest.yaml"
    manifest.write_text(MANIFEST + section, encoding="utf-8")
    return settings.load(manifest, {})


def warnings(folder: Path, section: str = "") -> list[str]:
    house = build(load(folder, section))
    found = [f"{each.what}: {each.advice}" for each in checking.warnings(house)]
    house.close()
    return [each for each in found if each.startswith("retention")]


def test_without_a_word_calls_are_kept_for_longer_than_the_law_asks(tmp_path: Path) -> None:
    assert load(tmp_path).retention == Retention(DEFAULT_DAYS, None)
    assert (DEFAULT_DAYS, FLOOR_DAYS) == (400, 365)
    assert warnings(tmp_path) == []


def test_less_than_a_year_needs_the_reason_in_words(tmp_path: Path) -> None:
    for words in ("{days: 364}", "{days: 364, override_floor: false}"):
        with pytest.raises(ConfigError, match=r"manifest.yaml:9:19: retention.days: must be 365 or more"):
            load(tmp_path, f"retention: {words}\n")
    assert load(tmp_path, "retention: {days: 365}\n").retention.days == 365


@pytest.mark.parametrize("no_reason", ["true", '""', '"because"', "[a]", "1"])
def test_a_reason_is_a_sentence(tmp_path: Path, no_reason: str) -> None:
    with pytest.raises(ConfigError, match="must be false, or the reason in a sentence"):
        load(tmp_path, f"retention: {{days: 30, override_floor: {no_reason}}}\n")


def test_a_reason_is_taken_and_told_by_check(tmp_path: Path) -> None:
    section = 'retention: {days: 30, override_floor: "Our officer allows a month."}\n'
    assert load(tmp_path, section).retention == Retention(30, "Our officer allows a month.")
    (told,) = warnings(tmp_path, section)
    assert "erased after 30 days" in told and "Our officer allows a month." in told


def test_a_forgotten_row_is_never_kept_for_longer_than_others() -> None:
    assert Retention().days_forgotten == FLOOR_DAYS
    assert Retention(30, "Our officer allows a month.").days_forgotten == 30


def test_days_are_whole_and_a_wrong_key_is_found(tmp_path: Path) -> None:
    for words, told in (
        ('{days: 29, override_floor: "Our officer allows a month."}', "30"),
        ('{days: "400"}', "days"),
        ("{day: 400}", "did you mean 'days'"),
    ):
        with pytest.raises(ConfigError, match=told):
            load(tmp_path, f"retention: {words}\n")


def test_the_dispatcher_does_the_work_of_the_day_and_tells_it_when_to_stop(tmp_path: Path) -> None:
    kit = HouseKit(tmp_path)
    begun = threading.Event()
    asked: list[Callable[[], bool]] = []

    def daily(stop: Callable[[], bool]) -> None:
        asked.append(stop)
        begun.set()

    kit.dispatcher.daily = daily
    kit.dispatcher.start()
    assert begun.wait(10)
    (stop,) = asked
    assert not stop()
    kit.close()
    assert stop()
    assert len(asked) == 1
