"""The house: who may import whom, who may ring, and what no file of ours may do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONNECTOR, TESTS = ROOT / "connector", ROOT / "tests"

#: From the roof to the ground: a part imports from floors below its own only, and siblings never each other.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("sandbox",),
    ("server",),
    ("web",),
    ("dispatcher",),
    ("turns",),
    ("assembly",),
    ("flow",),
    ("verdicts", "timeline", "balance", "forecast"),
    ("outcomes",),
    ("connection",),
    ("mapping", "policy", "journal", "crms", "callerdesk"),
    ("signatures", "phone", "settings", "waiters"),
    ("recordings",),
    ("http", "yamlfile", "retention"),
    ("pinned",),
    ("model", "redact", "addresses", "links"),
    ("errors",),
)
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
#: Parts that only these may import.
ONLY_FOR = {"sandbox": {"cli"}, "cli": {"__main__"}, "server": {"cli", "sandbox"}}
#: A library, and the parts that may see it; one that is not listed may be seen by none.
LIBRARIES = {
    "alembic": {"journal"},
    "apispec": {"mapping", "web", "policy"},
    "click": {"cli"},
    "cryptography": {"crms"},
    "defusedxml": {"crms"},
    "flask": {"web", "sandbox"},
    "jwt": {"crms"},
    "marshmallow": {
        "assembly",
        "crms",
        "mapping",
        "policy",
        "recordings",
        "retention",
        "settings",
        "web",
        "yamlfile",
    },
    "phonenumbers": {"phone"},
    "prometheus_client": {"web"},
    "psycopg": {"journal"},
    "requests": {"http", "pinned", "callerdesk", "crms", "sandbox", "recordings"},
    "simple_salesforce": {"crms"},
    "sqlalchemy": {"journal"},
    "urllib3": {"http", "pinned", "callerdesk"},
    "waitress": {"server", "sandbox", "web"},
    "werkzeug": {"web", "sandbox"},
    "yaml": {"yamlfile"},
}
FILES = sorted(path for path in CONNECTOR.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def part_of(path: Path) -> str:
    return path.relative_to(CONNECTOR).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, also inside functions and for type checking."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "connector":
                yield from (f"connector.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_part_has_its_floor() -> None:
    assert {part_of(path) for path in FILES} - {"__init__"} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_it_imports_downwards_only(path: Path) -> None:
    here = part_of(path)
    for name in imported(path):
        there = name.split(".")[1] if name.startswith("connector.") else ""
        if there in ("", "__version__", here):
            continue
        assert FLOOR[here] < FLOOR[there], f"{here} imports {name}"
        assert here in ONLY_FOR.get(there, {here}), f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_it_sees_the_libraries_of_its_part_only(path: Path) -> None:
    for name in imported(path):
        library = name.split(".")[0]
        if library != "connector" and library not in sys.stdlib_module_names:
            assert part_of(path) in LIBRARIES.get(library, set()), f"{named(path)} imports {library}"


def test_every_listed_library_is_used_where_it_is_listed() -> None:
    seen = {(name.split(".")[0], part_of(path)) for path in FILES for name in imported(path)}
    assert {library for library, _ in seen} >= set(LIBRARIES)


@pytest.mark.parametrize("part", ["flow", "verdicts", "timeline", "outcomes"])
def test_the_story_sees_neither_web_nor_wire_nor_sql(part: str) -> None:
    names = {name.split(".")[0] for name in imported(CONNECTOR / f"{part}.py")}
    assert names.isdisjoint({"flask", "requests", "sqlalchemy", "urllib3", "werkzeug"})


def test_the_ground_needs_nothing_but_python() -> None:
    for part in ("errors", "model", "redact"):
        names = {name.split(".")[0] for name in imported(CONNECTOR / f"{part}.py")}
        assert names <= set(sys.stdlib_module_names), part


def test_no_crm_sees_another() -> None:
    for path in (CONNECTOR / "crms").glob("*.py"):
        family = path.stem.split("_")[0]
        for name in imported(path):
            if name.startswith("connector.crms."):
                assert name.split(".")[2].split("_")[0] in (family, "base"), f"{named(path)} imports {name}"


# -- Who may ring --------------------------------------------------------------------------------------------


def calls_of(name: str) -> list[tuple[str, str]]:
    """(file, enclosing function) of every call of a function or method with this name."""
    found = []
    for path in FILES:
        for function in ast.walk(tree(path)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    called = node.func
                    word = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                    if word == name:
                        found.append((named(path), function.name))
    return found


def test_only_the_flows_dial_rings() -> None:
    assert calls_of("reverse_c2c") == [("connector/flow.py", "dial")]


def test_nothing_dials_but_whoever_has_just_passed_the_gate() -> None:
    """`sandbox.dial` is the stand-in's own answer to a request that has come."""
    ours = [place for place in calls_of("dial") if not place[0].startswith("connector/sandbox/")]
    assert ours == [("connector/flow.py", "_ring")]
    assert calls_of("gate") == [("connector/flow.py", "_ring")]
    (ring,) = (
        node
        for node in ast.walk(tree(CONNECTOR / "flow.py"))
        if isinstance(node, ast.FunctionDef) and node.name == "_ring"
    )
    assert [ast.unparse(statement) for statement in ring.body[:1]] == [
        "dialling = self.gate(call, record, plan)"
    ]
    branch = ring.body[1]
    assert isinstance(branch, ast.If) and ast.unparse(branch.test) == "dialling is None"
    assert [ast.unparse(statement) for statement in branch.orelse] == ["self.dial(dialling, plan)"]


def test_nobody_takes_the_dial_away_under_another_name() -> None:
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr == "reverse_c2c":
                assert named(path) == "connector/flow.py"
        holders = {name for name in imported(path) if name == "connector.callerdesk.once"}
        assert not holders or named(path) == "connector/callerdesk/client.py"


def test_the_dials_endpoint_stands_in_the_client_and_in_its_setting_only() -> None:
    found = {
        named(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value == "click_to_call_v3"
    }
    allowed = {"connector/callerdesk/client.py", "connector/settings.py", "connector/sandbox/callerdesk.py"}
    assert "connector/callerdesk/client.py" in found
    assert found <= allowed


# -- What no file may do -------------------------------------------------------------------------------------


def broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(each is None or getattr(each, "id", "") in ("Exception", "BaseException") for each in kinds)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_it_catches_nothing_broadly(path: Path) -> None:
    """Unless to clean up: then what was caught is raised again."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and broad(node.type):
            last = node.body[-1]
            assert isinstance(last, ast.Raise) and last.exc is None, f"{named(path)}:{node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            assert not any(broad(argument) for argument in node.args), f"{named(path)}:{node.lineno}"


def test_no_test_sleeps() -> None:
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("time.sleep", "sleep"), f"{named(path)}:{node.lineno}"


def test_nothing_is_called_by_a_word_that_says_nothing() -> None:
    empty = ("manager", "service", "helper", "utils")
    for path in FILES:
        names = [path.stem, *(node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))]
        assert not [name for name in names if name.lower().endswith(empty)], named(path)


def test_every_file_says_what_it_is_for() -> None:
    assert [
        named(path) for path in FILES if not ast.get_docstring(tree(path)) and path.read_text().strip()
    ] == []
