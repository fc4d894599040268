"""What `make mutants` mutates is there, all of the core is in it, and only sentences are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation.parts import PARTS
from mutation.sentences import is_sentence

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PARTS)
def test_it_mutates_files_and_runs_tests_that_are_there(name: str) -> None:
    for path in (*PARTS[name].files, *PARTS[name].tests):
        file = path.rpartition("=")[2].partition("::")[0]  # also of what is left out: `--ignore=…`
        assert (ROOT / file).exists(), path


def test_it_mutates_everything_between_a_click_and_the_gate() -> None:
    listed = {path for part in PARTS.values() for path in part.files}
    core = {"policy", "signatures", "phone", "journal"}
    core |= {f"{name}.py" for name in ("flow", "verdicts", "timeline", "outcomes", "dispatcher")}
    dial = {f"callerdesk/{name}.py" for name in ("client", "once", "request", "refusals", "rows")}
    assert {f"connector/{name}" for name in core | dial} <= listed


@pytest.mark.parametrize(
    "literal",
    [
        "The secret is empty.",
        "the token is not a plain HS256 token",
        "Nobody was rung: no deskphone is set for this call.",
        "no report came",
        " Set the member Ready there, then press Call again.",
    ],
)
def test_it_leaves_the_wording_of_a_sentence_alone(literal: str) -> None:
    assert is_sentence(f'"{literal}"')


@pytest.mark.parametrize(
    "literal",
    [
        "number_missing",
        "webhook-id",
        "GET",
        "not ",
        " .()[]-/'",
        "1 call",
        "PRAGMA synchronous=FULL",
        "BEGIN IMMEDIATE",
        "SELECT pg_advisory_lock_shared(%s)",
        "text/html, application/json",
        "",
    ],
)
def test_it_mutates_every_other_text(literal: str) -> None:
    assert not is_sentence(f'"{literal}"')
