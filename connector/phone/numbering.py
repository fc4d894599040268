"""Digits -> the one number in use they can mean, by libphonenumber's metadata (python `phonenumbers`)."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, shortnumberinfo, timezone

from connector.errors import Refused
from connector.phone import refusals
from connector.redact import mask

#: libphonenumber's kinds in our words.
KINDS: dict[int, str] = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.UNKNOWN: "unknown",
}

#: Codes of the countries whose numbers are known (ISO 3166).
COUNTRIES: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)
#: libphonenumber still says Calcutta.
_NEWER_ZONE_NAMES = {"Asia/Calcutta": "Asia/Kolkata"}


@dataclass(frozen=True, slots=True, repr=False)
class Number:
    """One number: E.164 (`+919876500001`), its kind (a word of `KINDS`), its country (ISO 3166: `IN`)."""

    e164: str
    kind: str
    country: str

    def __repr__(self) -> str:
        return f"Number({mask(self.e164)}, {self.kind}, {self.country})"


#: Numbers read lately, by E.164: each is read again in that form by the guards of its call.
_known: dict[str, Number] = {}
_KNOWN_AT_MOST = 4096


def number_of(digits: str, *, international: bool, region: str) -> Number:
    """The number these ASCII digits mean; Refused when none is in use, or more than one reading is.

    `international` digits begin with the country code; others are as typed in `region`.
    """
    if international:
        known = _known.get("+" + digits)
        readings = {known or _parse("+" + digits, None)}
    else:
        if _is_short_code(digits, region):
            raise refusals.short_code(digits)
        readings = {_parse(digits, region), _with_bare_country_code(digits, region)}
    found = [number for number in readings if number is not None]
    if len(found) > 1:
        raise refusals.two_readings(digits)
    if not found:
        raise _reason(digits, international, region)
    return found[0]


def zone_of(e164: str) -> str | None:
    """The one time zone this number's range belongs to (`Asia/Kolkata`), or None when it is not just one."""
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return None
    if len(zones) != 1 or zones[0] == timezone.UNKNOWN_TIMEZONE:
        return None
    return _NEWER_ZONE_NAMES.get(zones[0], zones[0])


def _with_bare_country_code(digits: str, region: str) -> Number | None:
    """`919876500001` and `0919876500001`: the country code typed without its plus."""
    bare = digits.lstrip("0")
    code = str(phonenumbers.country_code_for_region(region))
    return _parse("+" + bare, None) if bare.startswith(code) else None


def _parse(digits: str, region: str | None) -> Number | None:
    try:
        found = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    # Some countries' rules rewrite what was typed (Argentina's 15 becomes 9): such a reading is a guess.
    kept = digits.endswith(phonenumbers.national_significant_number(found))
    if not kept or not phonenumbers.is_valid_number(found):
        return None
    number = Number(
        phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164),
        KINDS.get(phonenumbers.number_type(found), "unknown"),
        phonenumbers.region_code_for_number(found) or "unknown",
    )
    if len(_known) >= _KNOWN_AT_MOST:
        _known.clear()
    _known[number.e164] = number
    return number


def _is_short_code(digits: str, region: str) -> bool:
    """Whole short codes only: 11 2345 6789 (Delhi) merely begins like 112."""
    bare = digits.lstrip("0")
    if len(bare) < 6:
        return True
    return len(bare) == 6 and shortnumberinfo.is_valid_short_number_for_region(
        PhoneNumber(phonenumbers.country_code_for_region(region), int(bare)), region
    )


def _reason(digits: str, international: bool, region: str) -> Refused:
    """The sentence that helps most with digits that mean no number."""
    code = str(phonenumbers.country_code_for_region(region))
    if international and not digits.startswith(code):
        return refusals.invalid(digits)
    national = (digits.removeprefix(code) if international else digits).lstrip("0")
    if _is_short_code(national, region):
        return refusals.short_code(digits)
    if region == "IN" and 6 <= len(national) <= 8:
        return refusals.needs_std_code(digits)
    return refusals.invalid(digits)
