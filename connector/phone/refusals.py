"""Why a field's text is not dialled: one code and one sentence each, never the full number."""

from __future__ import annotations

from connector.errors import Refused
from connector.redact import mask


def missing() -> Refused:
    return Refused("number_missing", "There is no phone number: enter one in the CRM.")


def not_text(kind: str) -> Refused:
    return Refused(
        "number_not_text",
        f"The phone field holds no number but a value of type {kind}: map another field to it.",
    )


def too_long(length: int) -> Refused:
    return Refused(
        "number_too_long",
        f"The phone field holds {length} characters: keep one number in it, and notes elsewhere.",
    )


def has_extension(text: str) -> Refused:
    return Refused(
        "number_has_extension",
        f"The number ({mask(text)}) ends in an extension, which CallerDesk cannot dial: "
        "enter a direct number in the CRM.",
    )


def has_letters(text: str) -> Refused:
    return Refused(
        "number_has_letters",
        f"The phone field ({mask(text)}) holds letters: enter digits only, and keep notes elsewhere.",
    )


def has_odd_signs(text: str) -> Refused:
    return Refused(
        "number_invalid",
        f"The phone field ({mask(text)}) holds a sign that is not part of a number: enter digits only.",
    )


def several(text: str) -> Refused:
    return Refused(
        "number_ambiguous",
        f"The phone field ({mask(text)}) does not hold just one number: keep only the one to be rung.",
    )


def two_readings(digits: str) -> Refused:
    return Refused(
        "number_ambiguous",
        f"The number ending {mask(digits)} can be read in two ways: "
        "enter it with + and its country code in the CRM.",
    )


def short_code(digits: str) -> Refused:
    return Refused(
        "number_short_code",
        f"{mask(digits)} is an emergency number or short code, which is never dialled: "
        "enter a full phone number in the CRM.",
    )


def needs_std_code(digits: str) -> Refused:
    return Refused(
        "number_needs_std_code",
        f"The number ending {mask(digits)} has no STD code: "
        "enter it in the CRM with its area code, like 022 2345 6789.",
    )


def invalid(digits: str) -> Refused:
    return Refused(
        "number_invalid",
        f"The {len(digits)} digits ending {mask(digits)} are no phone number in use: "
        "check for a missing, extra or wrong digit, and enter it with + and its country code.",
    )


def not_dialable(number: str) -> Refused:
    return Refused(
        "number_not_dialable",
        f"CallerDesk dials Indian numbers of ten digits only, and {mask(number) or 'this'} is none: "
        "enter another number in the CRM.",
    )
