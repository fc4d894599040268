"""Following docs/adding-a-crm.md to the letter makes an adapter that keeps every promise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

PAGE = ROOT / "docs" / "adding-a-crm.md"
#: A file's name on a line of its own, then its text.
_FILE = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.M | re.S)
_LINE = re.compile(r"`(connector/[\w./]+\.py)`:\n\n```diff\n\+(.*?\n)```", re.S)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the page's files added, as a newcomer would have it."""
    made = tmp_path_factory.mktemp("newcomer")
    for part in ("connector", "mappings", "kits", "docs", "tests", "setup.cfg", "pyproject.toml"):
        whole = ROOT / part
        if whole.is_dir():
            shutil.copytree(whole, made / part, ignore=shutil.ignore_patterns("__pycache__", "live"))
        else:
            shutil.copy(whole, made / part)
    text = PAGE.read_text(encoding="utf-8")
    for name, content in _FILE.findall(text):
        assert not (made / name).exists(), name
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(content, encoding="utf-8")
    ((registry, line),) = _LINE.findall(text)
    file = made / registry
    before, mark, after = file.read_text(encoding="utf-8").partition("REGISTRY: dict[str, str] = {\n")
    assert mark
    file.write_text(before + mark + line + after, encoding="utf-8")
    return made


def run(copy: Path, *command: str) -> str:
    """What the command printed, run in the copy with the copy's own code; it must succeed."""
    environ = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_makes_every_file_it_names() -> None:
    names = [name for name, _ in _FILE.findall(PAGE.read_text(encoding="utf-8"))]
    assert names == [
        "tests/payloads/bahi/click.json",
        "tests/payloads/bahi/person.json",
        "tests/payloads/bahi/staff.json",
        "connector/crms/bahi.py",
        "mappings/bahi.yaml",
        "tests/crms/contract_bahi.py",
    ]


def test_the_adapter_it_makes_keeps_every_promise(copy: Path) -> None:
    told = run(copy, "pytest", "tests/crms", "-k", "bahi", "-q", "-p", "no:cacheprovider")
    assert told.count(".") > 60 and not set("sxX") & set(told.partition("[")[0]), told


def test_the_adapter_it_makes_fits_the_house(copy: Path) -> None:
    run(copy, "pytest", "tests/test_layers.py", "-q", "-p", "no:cacheprovider", "-k", "bahi or crm")
    run(copy, "mypy", "connector/crms/bahi.py")
    run(copy, "ruff", "check", "connector/crms/bahi.py", "tests/crms/contract_bahi.py")
    run(copy, "ruff", "format", "--check", "connector/crms/bahi.py", "tests/crms/contract_bahi.py")


def test_the_adapter_is_as_small_as_an_adapter_should_be(copy: Path) -> None:
    lines = (copy / "connector/crms/bahi.py").read_text(encoding="utf-8").splitlines()
    assert 40 <= len(lines) <= 120
