"""`make mutants`: mutates the core in a copy and tells how many of the mutants the tests notice.

    python -m mutation.run [--again] [--sample PERCENT] [PART ...]

A part is a name of `parts`, one of its paths, or a file (`policy`, `connector/policy`,
`connector/policy/caps.py`); without one it is all of them.
`--again` keeps what the last run killed and tests only the survivors once more, for one who is writing tests.
`--sample 40` tries two fifths of each file's mutants, drawn at random but always the same ones; the score is
theirs.
Prints a table and exits 0 when every module's score is 90 % or more. The survivors' diffs are left in
`build/mutants/<part>/survivors.diff`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutation.parts import PARTS, Part

ROOT = Path(__file__).parents[1]
COPIES = ROOT / "build" / "mutants"
LOWEST = 90.0
MEMORY = Path("/dev/shm")
#: What the tests need beside the code; whatever is not there is not missed.
COPIED = ("connector", "tests", "mappings", "setup.cfg")
#: pytest's "a test failed", "interrupted" (a module of tests could not be imported) and "internal error",
#: then mutmut's time-outs.
KILLED = {1, 2, 3, 24, -24, 36, 152, 255}
ENTRY = Path(__file__).with_name("engine.py")
PYTEST = (
    *("-p", "no:cacheprovider"),
    # The one plugin that the tests need; no others are loaded, for each mutant starts pytest anew.
    *("-p", "_hypothesis_pytestplugin"),
    # Always the same examples, and no deadline: the machine may be busy.
    "--hypothesis-profile=ci",
)


def main() -> int:
    """Run as the command line says; the exit code."""
    options = argparse.ArgumentParser(
        prog="python -m mutation.run", description=(__doc__ or "").split("\n")[0]
    )
    options.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options.add_argument("--again", action="store_true", help="only what survived the last run")
    options.add_argument(
        "--sample", type=int, default=100, metavar="PERCENT", help="only so many of each file"
    )
    given = options.parse_args()
    parts = dict(map(_chosen, given.parts)) or PARTS
    counts: dict[str, Counter[str]] = {}
    for name, part in parts.items():
        copy = COPIES / name
        _lay_out(copy, part, given.again)
        print(f"== {name}", flush=True)
        _mutmut(copy, "sample", str(given.sample), "run", "--max-children", "1")
        _mutmut(copy, "diffs", "survivors.diff", *_count(copy, counts))
    return _tell(counts)


def _chosen(word: str) -> tuple[str, Part]:
    """The part a word of the command line means: its name, one of its paths, or a file in one of these."""
    path = word.rstrip("/")
    for name, part in PARTS.items():
        if path in (name, *part.files):
            return name, part
        if (ROOT / path).is_file() and any(Path(path).is_relative_to(whole) for whole in part.files):
            return path.replace("/", "."), Part((path,), part.tests)
    raise SystemExit(f"There is no part {word!r}: choose of {', '.join(PARTS)}, or a file of theirs.")


def _lay_out(copy: Path, part: Part, again: bool) -> None:
    """A tree to mutate: ours as it is now, and mutmut's settings."""
    if not again:
        shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.db", "*.db-*")
            shutil.copytree(source, copy / name, ignore=ignore, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, copy / name)
    settings = {
        "source_paths": ["connector"],
        "only_mutate": [f if f.endswith(".py") else f"{f}/*.py" for f in part.files],
        "do_not_mutate": [
            "connector/journal/migrations/*",
            "*/journal/postgres.py",
            "*/journal/wake.py",
        ],
        "also_copy": [name for name in COPIED if name != "connector"],
        "pytest_add_cli_args": list(PYTEST),
        "pytest_add_cli_args_test_selection": [*part.tests, "-k", "not postgres", "-m", "not chromium"],
        "use_git_change_detection": False,
        "timeout_constant": 2.0,
        "timeout_multiplier": 5.0,
    }
    # JSON's texts, numbers and lists are TOML's, too.
    table = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    ours = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (copy / "pyproject.toml").write_text(f"{ours}\n[tool.mutmut]\n{table}\n", encoding="utf-8")
    (copy / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for meta in (copy / "mutants").rglob("*.meta"):
        found = json.loads(meta.read_text(encoding="utf-8"))
        codes = found["exit_code_by_key"]
        found["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
        meta.write_text(json.dumps(found), encoding="utf-8")


def _mutmut(copy: Path, *words: str) -> None:
    """Run mutmut; what it says is shown as it comes on a terminal only, or when it fails."""
    run = subprocess.run(
        [sys.executable, str(ENTRY), *words],
        cwd=copy,
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            # Databases that wait for no disk.
            **({"TMPDIR": str(MEMORY)} if MEMORY.is_dir() else {}),
        },
        stdout=None if sys.stdout.isatty() else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode:
        print((run.stdout or "").replace("\r", "\n")[-5000:])
        raise SystemExit(f"mutmut ended with {run.returncode} in {copy}.")


def _count(copy: Path, counts: dict[str, Counter[str]]) -> list[str]:
    """Add one part's figures by source file; the names of its survivors."""
    survivors = []
    for meta in sorted((copy / "mutants").rglob("*.meta")):
        module = str(meta.relative_to(copy / "mutants")).removesuffix(".meta")
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if code is None:
                counts.setdefault(module, Counter())["left"] += 1
                continue
            # What no test reaches has survived.
            fate = "killed" if code in KILLED else "survived"
            counts.setdefault(module, Counter())[fate] += 1
            if fate == "survived":
                survivors.append(name)
    return survivors


def _tell(counts: dict[str, Counter[str]]) -> int:
    print(f"\n{'module':<42}{'mutants':>9}{'tried':>8}{'killed':>9}{'survived':>10}{'score':>9}")
    folders: dict[str, Counter[str]] = {}
    for module, found in counts.items():
        print(_line(module, found))
        whole = str(Path(module).parent) if module.count("/") > 1 else module
        folders.setdefault(whole, Counter()).update(found)
    print()
    for folder, found in folders.items():
        print(_line(folder, found))
    print(_line("in all", sum(folders.values(), Counter())))
    return 0 if folders and all(_score(found) >= LOWEST for found in folders.values()) else 1


def _line(name: str, found: Counter[str]) -> str:
    killed, survived = found["killed"], found["survived"]
    tried = killed + survived
    return f"{name:<42}{tried + found['left']:>9}{tried:>8}{killed:>9}{survived:>10}{_score(found):>8.1f}%"


def _score(found: Counter[str]) -> float:
    return 100 * found["killed"] / max(1, found["killed"] + found["survived"])


if __name__ == "__main__":
    raise SystemExit(main())
