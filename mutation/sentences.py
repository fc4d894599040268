"""Which plain texts are prose for people, and so not worth a mutant."""

from __future__ import annotations

import re

#: Three words in a row, or two with a sign of a sentence behind them.
_PROSE = re.compile(r"[\w'’]+[,;:]? [\w'’`%&-]+[,;:]? [\w'’`%&-]+|\w+ \w+[.:!?]")
_STATEMENT = re.compile(r"\W*[A-Z]{4,} ")


def is_sentence(literal: str) -> bool:
    """Whether a plain string, as it stands in the code, is prose; SQL is none."""
    return bool(_PROSE.search(literal)) and not _STATEMENT.match(literal)
