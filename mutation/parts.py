"""What is mutated, and the tests that have to notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Source files (relative to the root; a folder means all of it) and the tests that are theirs."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


_DIAL = tuple(f"connector/callerdesk/{name}.py" for name in ("client", "once", "request", "rows", "refusals"))
_WAY = (
    "tests/test_flow.py",
    "tests/test_flow_plan.py",
    "tests/test_gate.py",
    "tests/test_verdicts.py",
    "tests/test_same_change.py",
)
#: Not those that take seconds each, and so for every mutant.
_JOURNAL = (
    "tests/journal",
    "tests/test_turns.py",
    "tests/recordings/test_recordings_listening.py",
    "--ignore=tests/journal/test_journal_machine.py",
    "--deselect=tests/journal/test_journal_accept.py::test_two_processes_that_bring_the_same_clicks_make_one_row_each",
    "--deselect=tests/journal/test_journal_migrate.py::test_two_processes_that_start_at_once_make_it_once",
    "--deselect=tests/journal/test_journal_migrate.py::test_a_first_start_that_is_killed_half_way_leaves_nothing_half_made",
)

#: By the name that `MUTANTS="…"` picks it by.
PARTS: dict[str, Part] = {
    "policy": Part(("connector/policy",), ("tests/test_policy.py",)),
    "signatures": Part(("connector/signatures",), ("tests/test_signatures.py",)),
    "phone": Part(("connector/phone",), ("tests/test_phone.py",)),
    "callerdesk": Part(_DIAL, ("tests/callerdesk",)),
    "flow": Part(("connector/flow.py",), _WAY),
    "verdicts": Part(("connector/verdicts.py",), _WAY),
    "timeline": Part(("connector/timeline.py",), ("tests/test_timeline.py",)),
    "outcomes": Part(("connector/outcomes.py",), ("tests/test_outcomes.py", "tests/test_verdicts.py")),
    "dispatcher": Part(
        ("connector/dispatcher.py", "connector/turns.py", "connector/waiters.py"),
        ("tests/test_dispatcher.py", "tests/test_turns.py", "tests/test_waiters.py", *_WAY),
    ),
    "journal": Part(("connector/journal",), _JOURNAL),
}
