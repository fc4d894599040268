"""A number as people type it -> E.164, and back to the ten digits CallerDesk takes.

Every text is either read as exactly one number or refused with a sentence; no digit is ever cut off, added or
guessed, because a wrong number rings a stranger.
"""

from __future__ import annotations

import re

from connector.errors import Refused
from connector.phone import refusals
from connector.phone.numbering import COUNTRIES, KINDS, Number, number_of, zone_of
from connector.phone.plain import MAX_LENGTH, digits_of, text_of

__all__ = ["COUNTRIES", "KINDS", "MAX_LENGTH", "Number", "read", "same", "ten_digits", "zone_of"]

_DIGIT = re.compile(r"[0-9]")
_ODD = re.compile(r"[^0-9+()\[\]./ -]")
_EXTENSION = re.compile(r"[0-9)][ .,;:/-]{0,5}(?:ext(?:ensio)?n?|x|#)[ .:=-]{0,5}[0-9]{1,7}$", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;|&\n]|(?<![a-z])(?:or|and)(?![a-z])|(?<=[0-9])(?=[^0-9+]*\+)", re.IGNORECASE)
#: A spreadsheet's decimal (`987654321.0`): its last nought is no digit of the number.
_DECIMAL = re.compile(r"\+?[0-9]{6,}\.[0-9]{1,2}")
_INDIAN = re.compile(r"\+91([0-9]{10})")


def read(value: object, region: str = "IN") -> Number:
    """Read the one number in a CRM field; Refused when there is none, more than one, or a doubtful one.

    `region` is the country of numbers typed without a `+` or `00`. Text in any script's digits and whole
    numbers (as JSON may hold them) are read. Codes: `number_missing`, `number_not_text`, `number_too_long`,
    `number_has_letters`, `number_has_extension`, `number_ambiguous`, `number_short_code`,
    `number_needs_std_code`, `number_invalid`.
    """
    text = text_of(value)
    if not _DIGIT.search(text):
        raise refusals.missing()
    if _EXTENSION.search(text):
        raise refusals.has_extension(text)
    parts = [part for part in _BETWEEN.split(text) if part.strip(" .()[]-/'")]
    for part in parts:
        if any(char.isalpha() for char in part):
            raise refusals.has_letters(text)
        if _ODD.search(part):
            raise refusals.has_odd_signs(text)
    if len(parts) == 1:
        return _read_slashed(parts[0], region)
    return _only({_try(part, region) for part in parts}, text)


def ten_digits(e164: str) -> str:
    """The ten digits CallerDesk dials for an Indian number; Refused (`number_not_dialable`) for any other.

    CallerDesk looks members up by ten digits and refuses `91…` and `+91…` (CallerDesk API, Reverse C2C page).
    """
    found = _INDIAN.fullmatch(e164)
    if not found:
        raise refusals.not_dialable(e164)
    return found.group(1)


def same(one: str | int | None, other: str | int | None) -> bool:
    """Whether two spellings mean one number: by their last ten digits, as CallerDesk prefixes `0` or `0091`.

    Fewer than ten digits are the same only when all of them are equal; nothing is never the same.
    """
    left, right = digits_of(str(one or "")), digits_of(str(other or ""))
    if min(len(left), len(right)) < 10:
        return bool(left) and left == right
    return left[-10:] == right[-10:]


def _try(part: str, region: str) -> Number | None:
    try:
        return _read_slashed(part, region)
    except Refused:
        return None


def _only(readings: set[Number | None], text: str) -> Number:
    """The one reading all parts agree on; a part that is no number by itself (None) disagrees."""
    found = readings.pop() if len(readings) == 1 else None
    if found is None:
        raise refusals.several(text)
    return found


def _read_slashed(part: str, region: str) -> Number:
    """Read one part; a slash in it stands between two numbers only when a side is a number by itself."""
    sides = [side for side in part.split("/") if _DIGIT.search(side)]
    by_itself: set[Number | None] = {_try(side, region) for side in sides} if len(sides) > 1 else {None}
    if by_itself == {None}:
        return _read_one(part, region)
    try:
        # 91/98765 00001: the country code before the slash belongs to the number after it.
        joined = _read_one(part, region)
    except Refused:
        return _only(by_itself, part)
    return _only((by_itself - {None}) | {joined}, part)


def _read_one(part: str, region: str) -> Number:
    digits = digits_of(part)
    if _DECIMAL.fullmatch(part.strip()) or part.count("+") > 1:
        raise refusals.invalid(digits)
    if "+" in part:
        return number_of(digits, international=True, region=region)
    if digits.startswith("00"):
        return number_of(digits[2:], international=True, region=region)
    return number_of(digits, international=False, region=region)
