"""From a field's value to plain characters: ASCII digits and signs, nothing invisible."""

from __future__ import annotations

import re
import unicodedata

from connector.phone import refusals

#: Longer than two numbers in any spelling; nothing longer is looked at.
MAX_LENGTH = 100
#: E.164 allows 15 digits; a whole number with more is no phone number.
_LARGEST = 10**15

_LINE_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_MINUS = "\u2212"
_AS_IT_IS = re.compile(r"[ -~]*")
_NOT_A_DIGIT = re.compile(r"[^0-9]")


def text_of(value: object) -> str:
    """The text of a CRM field as plain characters, without `tel:`; Refused when it is no text."""
    if value is None:
        raise refusals.missing()
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return str(value)
    if not isinstance(value, str):
        raise refusals.not_text(type(value).__name__)
    if len(value) > MAX_LENGTH:
        raise refusals.too_long(len(value))
    plain = _plainly(value).strip()
    if plain[:4].lower() == "tel:":
        plain = plain[4:].lstrip()
    # A spreadsheet's mark for "this is text".
    return plain.removeprefix("'")


def digits_of(text: str) -> str:
    """All digits of a text, in any script, as ASCII."""
    return _NOT_A_DIGIT.sub("", _plainly(text))


def _plainly(text: str) -> str:
    # Most numbers are typed in plain ASCII, which stands for itself.
    return text if _AS_IT_IS.fullmatch(text) else "".join(map(_plain, text))


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    # Bidi and zero-width marks, as contact syncs leave them around numbers.
    if category == "Cf":
        return ""
    if char in _LINE_BREAKS:
        return "\n"
    if category == "Zs" or char == "\t":
        return " "
    if category == "Pd" or char == _MINUS:
        return "-"
    # Not for ², ① and their like: a footnote mark is no digit of the number.
    folded = unicodedata.normalize("NFKC", char)
    return folded if len(folded) == 1 and folded.isascii() and not folded.isdigit() else char
