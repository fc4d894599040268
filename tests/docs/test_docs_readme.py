"""What README and pages say can be done can be done: commands, links, the picture, defaults, parts."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, blocks, column, commands, prose, tables

from connector.cli import main
from connector.policy import OVERRIDABLE, Policy, PolicySchema
from connector.settings import ClicksSchema

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
LINKED = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "kits").rglob("README.md"))]
#: What a listed dependency brings along by that name.
BROUGHT = {"werkzeug": "flask"}
#: The name on the package index where it is not the one that is imported.
INDEXED = {
    "yaml": "pyyaml",
    "simple_salesforce": "simple-salesforce",
    "prometheus_client": "prometheus-client",
    "jwt": "pyjwt",
}
#: Imported by nobody: data, and the driver that SQLAlchemy loads by name.
UNSEEN = {"tzdata"}


def _why_not(command: str) -> str | None:
    """Why a command line that a page names would be refused as wrong usage, or None."""
    words = _words(command)
    group: click.Command = main
    while words and isinstance(group, click.Group):
        while words and words[0].startswith("--"):
            option = words.pop(0)
            if option not in _options(group):
                return f"`connector` has no option {option}"
            words = words if _options(group)[option] else words[1:]
        if not words:
            break
        if words[0] not in group.commands:
            return f"there is no command {words[0]!r}"
        group = group.commands[words.pop(0)]
    given = []
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            if word not in _options(group):
                return f"{group.name} has no option {word}"
            if not _options(group)[word] and words:
                words.pop(0)
        else:
            given.append(word)
    taken = [parameter for parameter in group.params if isinstance(parameter, click.Argument)]
    # A page may speak of a command without what it is given.
    return (
        None if len(given) in (0, len(taken)) else f"{group.name} takes {len(taken)} values, not {len(given)}"
    )


def _words(command: str) -> list[str]:
    """The words behind `connector`, without what follows in a shell: a note, a pipe, the next command."""
    return shlex.split(re.split(r"\s[#|;&]", command)[0])[1:]


def _options(command: click.Command) -> dict[str, bool]:
    """Every option, and whether it stands alone."""
    found = {"--help": True}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            alone = parameter.is_flag or bool(parameter.count)
            found |= dict.fromkeys((*parameter.opts, *parameter.secondary_opts), alone)
    return found


COMMANDS = sorted(set(commands()))


@pytest.mark.parametrize(("where", "command"), COMMANDS, ids=[f"{at}: {line}" for at, line in COMMANDS])
def test_every_command_that_is_named_is_one_the_connector_takes(where: str, command: str) -> None:
    assert _why_not(command) is None


def test_the_pages_name_every_command_there_is() -> None:
    named = {tuple(_words(command)[:2]) for _, command in COMMANDS}
    for name, command in main.commands.items():
        assert any(words[:1] == (name,) for words in named), name
        for inner in command.commands if isinstance(command, click.Group) else ():
            assert (name, inner) in named, inner


@pytest.mark.parametrize(
    "wrong", ["connector dial", "connector check --alive", "connector calls show", "connector plan shop"]
)
def test_a_wrong_command_would_be_found(wrong: str) -> None:
    assert (_why_not(wrong) is None) == (wrong == "connector calls show")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {
        name for page in PAGES for name in re.findall(r"(?:^\$ |`)make (\w+)", page.read_text("utf-8"), re.M)
    }
    assert {"demo", "test"} <= named <= targets


def test_the_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+\.png)\)", TEXT)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert not anchor or anchor in _anchors(there), target


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_figure_is_still_to_be_filled_in(page: Path) -> None:
    assert "FIGURE" not in page.read_text(encoding="utf-8")


def test_the_guards_against_repeats_are_told_with_their_defaults() -> None:
    (rows,) = [rows for rows in tables(README).values() if rows and rows[0][0] == "delivery"]
    told = {name: f"{same} {then}" for name, same, then in rows}
    policy = Policy()
    assert f"`repeat_window` ({policy.repeat_window} s)" in told["press"]
    assert f"`recall_gap` ({policy.recall_gap} s)" in told["recall gap"]
    assert "`called_recently`" in told["recall gap"] and "called_recently" in OVERRIDABLE


def test_expiry_and_the_wait_of_an_answer_are_told_as_they_are() -> None:
    (expiry,) = PolicySchema().fields["expire_after"].validators  # type: ignore[misc]
    assert f"`expire_after` ({Policy().expire_after} s, at most {expiry.max})" in TEXT  # type: ignore[attr-defined]
    assert f"`wait`, {ClicksSchema().fields['wait'].load_default:g} seconds by default" in TEXT


def _listed() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    required = config["options"]["install_requires"].split()
    return {re.split(r"[\[<>=~!]", each)[0].lower() for each in required}


def test_the_table_of_dependencies_is_the_list_that_is_installed() -> None:
    (rows,) = [rows for rows in tables(README).values() if any(row[0].startswith("flask") for row in rows)]
    assert sorted(name for cell in column(rows) for name in cell.split(", ")) == sorted(_listed())


def test_whatever_is_imported_is_listed_and_the_other_way_round() -> None:
    imported = set()
    for path in (ROOT / "connector").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    # The driver of PostgreSQL is an extra.
    foreign = imported - set(sys.stdlib_module_names) - {"connector", "psycopg"}
    assert {INDEXED.get(name, name) for name in foreign - set(BROUGHT)} == _listed() - UNSEEN
    assert {BROUGHT[name] for name in foreign & set(BROUGHT)} <= _listed()


def test_the_house_has_the_rooms_that_the_readme_shows() -> None:
    (house,) = [block.text for block in blocks(README) if "flow.py" in block.text] or [
        TEXT[TEXT.index("    connector/\n") : TEXT.index("Imports run downwards only")]
    ]
    parts = re.findall(r"(?:^|  )([a-z_]+(?:\.py|/))(?= |$)", house, re.M)
    assert len(parts) > 12
    for part in parts:
        assert (ROOT / "connector" / part).exists() or part == "connector/", part
