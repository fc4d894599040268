"""One person's number, found in whatever was kept and however it is written, and a word in its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_NOT_A_DIGIT = re.compile(r"[^0-9]")
#: What people put between the digits of one number.
_BETWEEN = r"[\s().\[\]/\-\u2010-\u2015]{0,4}"
_SHORTEST = 7


class OneNumber:
    """One number (E.164), recognised by its last ten digits as CallerDesk's prefixes ask for."""

    def __init__(self, e164: str) -> None:
        self.e164 = e164
        self.core = _NOT_A_DIGIT.sub("", e164)[-10:]
        if len(self.core) < _SHORTEST:
            raise ValueError("too short to be told from other digits")
        # Together they are the number wherever they stand; spaced out, only with nothing but a prefix before.
        spaced = _BETWEEN.join(self.core)
        self._written = re.compile(
            rf"(?:\+\s?)?(?:00)?(?:91|0)?{self.core}"
            rf"|(?<![0-9])(?:\+?(?:00)?91{_BETWEEN}|0{_BETWEEN})?{spaced}(?![0-9])"
        )

    def may_be_in(self, text: str) -> bool:
        """Whether its digits follow each other in this text at all: quick, and true a little too often."""
        return self.core in _NOT_A_DIGIT.sub("", _ascii(text))

    def in_text(self, text: str) -> bool:
        """Whether the number stands in this text, in digits of any script."""
        return self.may_be_in(text) and self._written.search(_ascii(text)) is not None

    def taken_out_of(self, text: str, word: str) -> str:
        """The text with `word` wherever the number stood."""
        if not self.may_be_in(text):
            return text
        parts, end = [], 0
        for found in self._written.finditer(_ascii(text)):
            parts += [text[end : found.start()], word]
            end = found.end()
        return "".join([*parts, text[end:]])

    def is_in(self, value: Any) -> bool:
        """The same of nested plain data, keys and whole numbers included."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, Mapping):
            return any(self.is_in(key) or self.is_in(item) for key, item in value.items())
        if isinstance(value, list | tuple):
            return any(self.is_in(item) for item in value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.core in _digits(value)
        return False

    def taken_out(self, value: Any, word: str) -> Any:
        """The same data with `word` wherever the number stood."""
        if isinstance(value, str):
            return self.taken_out_of(value, word)
        if isinstance(value, Mapping):
            return {self.taken_out_of(key, word): self.taken_out(item, word) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.taken_out(item, word) for item in value]
        return word if self.is_in(value) else value


def _digits(value: float) -> str:
    return _NOT_A_DIGIT.sub("", str(int(value)) if value == value and abs(value) < 1e18 else str(value))


def _ascii(text: str) -> str:
    """The text with digits of any script as 0 to 9, character for character."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
