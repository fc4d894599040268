"""Every stable code in the source, collected from its syntax tree: what raises, what is written into rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pages import ROOT

from connector.callerdesk.refusals import REFUSALS
from connector.policy import GUARDS
from connector.web.problems import FRAMEWORK

#: Where a code is worked out instead of written down -> the codes it may come to. A new such place is a
#: failing test, for somebody has to say here what it may make.
WORKED_OUT: dict[str, set[str]] = {
    # The codes of REFUSALS, and those of the one way out under CallerDesk's name.
    "connector/callerdesk/account.py": {
        "callerdesk_timeout",
        "callerdesk_unreachable",
        "callerdesk_answer_too_large",
    },
    "connector/callerdesk/client.py": {"callerdesk_no_answer", "callerdesk_unclear_answer"},
    # Hands on the failure it was given.
    "connector/callerdesk/members.py": set(),
    "connector/callerdesk/refusals.py": set(),
    "connector/callerdesk/request.py": {"customer_number_invalid", "member_number_invalid"},
    # Both hand on the code of the error they turn into another kind.
    "connector/crms/odoo_read.py": set(),
    "connector/crms/salesforce_task.py": set(),
    "connector/mapping/planning.py": {
        "customer_number_missing",
        "customer_number_unusable",
        "member_number_missing",
        "member_number_unusable",
        "call_limit_invalid",
        "campid_invalid",
    },
    # An error with a code of its own takes a length.
    "connector/recordings/fetching.py": set(),
    "connector/verdicts.py": set(),
}

_CODE = re.compile("[a-z]+(_[a-z]+)*")


def trees() -> dict[str, ast.Module]:
    """The syntax tree of every file of the product; the sandbox answers in other people's words."""
    files = sorted((ROOT / "connector").rglob("*.py"))
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in files
        if "sandbox" not in path.parts
    }


def error_classes(of: dict[str, ast.Module]) -> set[str]:
    """The names of ConnectorError and of everything made from it."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for tree in of.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"ConnectorError"}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return found


def codes() -> tuple[set[str], set[str]]:
    """All codes, and the files in which one is worked out."""
    parsed = trees()
    classes = error_classes(parsed)
    found = {code for code, _ in GUARDS} | {code for _, _, code in REFUSALS}
    found |= {code for code, _ in FRAMEWORK.values()}
    worked_out = set()
    for file, tree in parsed.items():
        for node in ast.walk(tree):
            for code in _codes_in(node, classes):
                if code is None:
                    worked_out.add(file)
                else:
                    found.add(code)
    for more in WORKED_OUT.values():
        found |= more
    found |= _of_the_web(parsed)
    return {code for code in found if _CODE.fullmatch(code)}, worked_out


def _codes_in(node: ast.AST, classes: set[str]) -> Iterator[str | None]:
    """The codes one node holds: as an error's first argument, or behind the key `code`."""
    if isinstance(node, ast.Call) and node.args and _raises(node.func, node.args[0], classes):
        yield from _texts(node.args[0])
    if isinstance(node, ast.Call) and _is_init(node):
        yield from _texts(node.args[0])
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant | ast.IfExp):
                yield from _constants(keyword.value)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "code":
                yield from _constants(value)


def _raises(called: ast.expr, first: ast.expr, classes: set[str]) -> bool:
    """`Refused(…)`, and what is chosen or looked up at run time: `(A if … else B)(…)`, `type(error)(…)`."""
    if isinstance(called, ast.IfExp):
        return bool({_name(called.body), _name(called.orelse)} & classes)
    if isinstance(called, ast.Call):
        return _name(called.func) == "type"
    # A ConfigError takes problems, all under one code; others of these take a sentence under a fixed one.
    fixed = {"ConfigError", "UnknownField"}
    if isinstance(called, ast.Name) and called.id in {"error", "refusal"}:
        return isinstance(first, ast.Constant) or _name(first) == "code"
    return _name(called) in classes - fixed


def _is_init(node: ast.Call) -> bool:
    """`super().__init__("unknown_field", …)` of an error with a code of its own."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )


def _texts(value: ast.expr) -> Iterator[str | None]:
    if isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    else:
        text = value.value if isinstance(value, ast.Constant) else None
        yield text if isinstance(text, str) else None


def _constants(value: ast.expr) -> Iterator[str]:
    yield from (text for text in _texts(value) if text)


def _of_the_web(parsed: dict[str, ast.Module]) -> set[str]:
    """What stands beside a sentence in the tables of the web side: `("not_found", "There is …")`."""
    found = set()
    for file, tree in parsed.items():
        if Path(file).parent.name != "web":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple) and len(node.elts) == 2:
                found |= {code for code in _texts(node.elts[0]) if code and code.islower()}
    return found


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))
