"""The README and the pages under docs/ as data: tables by heading, code blocks, commands, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, those of one language if named."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, match[2], match[3], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def tables(page: Path) -> dict[str, list[list[str]]]:
    """Rows (header and rule left out) of the first table under each heading that has one."""
    found: dict[str, list[list[str]]] = {}
    heading, width = "", 0
    for line in prose(page).splitlines():
        if line.startswith("#"):
            heading, width = line.lstrip("# "), 0
        elif line.startswith("|"):
            row = [cell.strip() for cell in _CELL.split(line)[1:-1]]
            if heading not in found:
                found[heading], width = [], len(row)
                found[heading].append(row)
            elif width:
                assert len(row) == width, f"{page.name}: a row with another number of cells: {line}"
                found[heading].append(row)
        else:
            width = 0
    return {heading: rows[2:] for heading, rows in found.items()}


def column(rows: list[list[str]], number: int = 0) -> list[str]:
    """The cells of one column, without their backticks."""
    return [row[number].strip("`") for row in rows]


def commands() -> Iterator[tuple[str, str]]:
    """Every `connector …` of the pages, with where it stands: in backticks, or at a block's line start."""
    for page in PAGES:
        for span in re.findall(r"`((?:sudo )?connector [^`]+)`", prose(page)):
            yield page.name, span
        for block in blocks(page):
            for line in block.text.splitlines():
                found = re.match(r"\s*(?:\$ )?(?:\S*/)?(connector [a-z].*)$", line)
                if found and block.language in ("", "console", "sh", "bash"):
                    yield str(block), found[1]
