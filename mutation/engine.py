"""mutmut, told what it cannot be told by its settings; called like mutmut itself, or for many diffs at once.

    python mutation/engine.py run --max-children 1
    python mutation/engine.py sample PERCENT run --max-children 1
    python mutation/engine.py diffs FILE [MUTANT ...]

It leaves sentences alone, and mutates functions under decorators that it skips by itself: of these only the
one that is called keeps the decorator, the original and the mutants behind it are plain functions. What the
code has cached while nothing was mutated is forgotten before a mutant is tried. With `sample` it tries that
share of each file's mutants, drawn at random and always the same ones.
"""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import libcst as cst
from mutmut import __main__ as mutmut
from mutmut.__main__ import cli
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant
from mutmut.runners.harness import PytestRunner
from sentences import is_sentence

#: A function is still a plain function under these.
DECORATORS = {"property", "contextmanager", "post_load", "cache"}

_Cached: Any = type(functools.cache(lambda: None))
_skip = file_mutation.MutationVisitor._skip_node_and_children
_arrange = file_mutation.function_trampoline_arrangement
_run_tests = PytestRunner.run_tests
_execute_pytest = PytestRunner.execute_pytest
_collect = mutmut.collect_source_file_mutation_data


def strings(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """Mutants of a text that is no sentence."""
    return () if is_sentence(getattr(node, "value", "")) else mutators.operator_string(node)


def skip(visitor: Any, node: cst.CSTNode) -> bool:
    """mutmut's own choice, blind to the decorators above."""
    return _skip(visitor, _bare(node) if _is_plain_below(node) else node)


def arrange(
    function: cst.FunctionDef, mutants: Iterable[Any], class_name: str | None
) -> tuple[Any, Sequence[Any], Any, Any]:
    """mutmut's own arrangement of original, mutants and what is called, with decorators on the last alone."""
    if not _is_plain_below(function):
        return _arrange(function, mutants, class_name)
    before, (called, *others), after, names = _arrange(_bare(function), mutants, class_name)
    called = called.with_changes(decorators=[*function.decorators, *called.decorators])
    return before, [called, *others], after, names


class Forgetting:
    """Lets every test call what is cached itself, so that it is known for a test of that, too."""

    def pytest_runtest_setup(self) -> None:
        """Before each test."""
        forget()


def execute_pytest(runner: PytestRunner, params: list[str], **how: Any) -> int:
    """mutmut's call of pytest, in which it looks which test calls what when it names `plugins`."""
    if "plugins" in how:
        how["plugins"] = [*how["plugins"], Forgetting()]
    return _execute_pytest(runner, params, **how)


def run_tests(runner: PytestRunner, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """mutmut's run of the tests in the forked process, on empty caches."""
    forget()
    return _run_tests(runner, mutant_name=mutant_name, tests=tests)


def forget() -> None:
    """Empty the caches of the connector's functions."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "connector":
            for value in vars(module).values():
                if type(value) is _Cached:
                    value.cache_clear()


def collect(percent: int, **how: Any) -> tuple[list[Any], Any]:
    """mutmut's list of what to try, thinned out; the seed is the file's path."""
    mutants, by_path = _collect(**how)
    drawn: set[str] = set()
    for path, file in by_path.items():
        names = sorted(file.exit_code_by_key)
        drawn.update(random.Random(path).sample(names, -(-len(names) * percent // 100)))
    return [mutant for mutant in mutants if mutant[1] in drawn], by_path


def _is_plain_below(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.FunctionDef)
        and len(node.decorators) == 1
        and _name(node.decorators[0].decorator) in DECORATORS
    )


def _name(decorator: cst.BaseExpression) -> str:
    if isinstance(decorator, cst.Call):
        decorator = decorator.func
    return str(getattr(getattr(decorator, "attr", decorator), "value", ""))


def _bare(node: Any) -> Any:
    return node.with_changes(decorators=[])


def main(words: list[str]) -> None:
    """Change what has to be changed, then do as mutmut does."""
    table: Any = mutators.mutation_operators
    for at, (kind, operator) in enumerate(table):
        if operator is mutators.operator_string:
            table[at] = (kind, strings)
    file_mutation.MutationVisitor._skip_node_and_children = skip  # type: ignore[method-assign]
    file_mutation.function_trampoline_arrangement = arrange
    PytestRunner.run_tests = run_tests  # type: ignore[method-assign]
    PytestRunner.execute_pytest = execute_pytest  # type: ignore[method-assign]
    if words[:1] == ["sample"]:
        mutmut.collect_source_file_mutation_data = functools.partial(collect, int(words[1]))
        words = words[2:]
    if words[:1] == ["diffs"]:
        diffs = [f"# {name}\n{get_diff_for_mutant(name, path=find_mutant(name).path)}" for name in words[2:]]
        Path(words[1]).write_text("\n".join(diffs), encoding="utf-8")
    else:
        cli(words)


if __name__ == "__main__":
    main(sys.argv[1:])
