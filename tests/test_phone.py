"""A typed number is read as exactly one number, or refused with a sentence."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from connector import phone
from connector.errors import Refused
from connector.phone import numbering

INDIAN = "+919876500001"


@pytest.mark.parametrize(
    "typed",
    [
        "+91 98765-00001",
        "098765 00001",
        "9876500001",
        "98765.00001",
        "98765/00001",
        "(+91) 98765 00001",
        "+ 91 98765 00001",
        "+91 (0)98765 00001",
        "00919876500001",
        "0091 98765 00001",
        "919876500001",
        "91/98765 00001",
        "0919876500001",
        "tel:+919876500001",
        "tel:9876500001",
        "tel: '9876500001",
        "TEL: 98765 00001",
        "'9876500001",
        "9876500001,",
        "98765 00001, -",
        "98765 00001; ( )",
        "９８７６５００００１",
        "＋９１９８７６５００００１",
        "९८७६५००००१",
        "٩٨٧٦٥٠٠٠٠١",
        "\u202a+91\u00a098765\u00a000001\u202c",
        "\ufeff98765\u200b00001\u200e",
        "98765–00001",  # an en dash, as word processors make it
        "98765\u221200001",
        "\t98765\t00001\n",
        "98765\u168000001",  # a space that no folding makes plain
        "9876500001" + " " * 90,  # 100 characters, the most that are looked at
        "98765 00001 / +91 98765 00001",
        "98765 00001, 098765 00001",
        "98765 00001 +91 98765 00001",
        9876500001,
        919876500001,
    ],
)
def test_it_reads_every_spelling_of_one_indian_mobile_number(typed):
    number = phone.read(typed)
    assert (number.e164, number.kind, number.country) == (INDIAN, "mobile", "IN")


@pytest.mark.parametrize(
    ("typed", "e164", "kind", "country"),
    [
        ("022/2345 6789", "+912223456789", "fixed_line", "IN"),
        ("022.2345.6789", "+912223456789", "fixed_line", "IN"),
        ("+91-022-23456789", "+912223456789", "fixed_line", "IN"),
        ("0120 456 7890", "+911204567890", "fixed_line", "IN"),
        ("112 3456789", "+911123456789", "fixed_line", "IN"),  # Delhi, though it begins like 112
        ("91 11 2345 6789", "+911123456789", "fixed_line", "IN"),
        ("9198765001", "+919198765001", "mobile", "IN"),  # ten digits that begin like the country code
        ("09198765001", "+919198765001", "mobile", "IN"),
        ("919198765001", "+919198765001", "mobile", "IN"),
        ("1800 123 4567", "+9118001234567", "toll_free", "IN"),
        ("1860 500 1234", "+9118605001234", "shared_cost", "IN"),
        ("140 1234567", "+911401234567", "uan", "IN"),
        ("+1 202-555-0123", "+12025550123", "fixed_line_or_mobile", "US"),
        ("0012025550123", "+12025550123", "fixed_line_or_mobile", "US"),
        ("+44 (0)20 7946 0123", "+442079460123", "fixed_line", "GB"),
        ("+39 02 1234 5678", "+390212345678", "fixed_line", "IT"),  # Italy keeps its leading nought
        ("+44 909 879 0000", "+449098790000", "premium_rate", "GB"),
        ("+44 76 4000 0000", "+447640000000", "pager", "GB"),
        ("+800 1234 5678", "+80012345678", "toll_free", "001"),
    ],
)
def test_it_reports_kind_and_country_for_policy_to_judge(typed, e164, kind, country):
    number = phone.read(typed)
    assert (number.e164, number.kind, number.country) == (e164, kind, country)


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        (None, "number_missing", "enter one"),
        ("", "number_missing", "enter one"),
        (" \u200b\n", "number_missing", "enter one"),
        ("+", "number_missing", "enter one"),
        ("n/a", "number_missing", "enter one"),
        ("CALL ME", "number_missing", "enter one"),
        (9876500001.0, "number_not_text", "type float"),
        (True, "number_not_text", "type bool"),
        (["9876500001"], "number_not_text", "type list"),
        ({"number": "9876500001"}, "number_not_text", "type dict"),
        (b"9876500001", "number_not_text", "type bytes"),
        (-9876500001, "number_not_text", "type int"),
        (10**15, "number_not_text", "type int"),
        (10**15 - 1, "number_invalid", "The 15 digits"),
        pytest.param(10**5000, "number_not_text", "type int", id="a whole number of 5001 digits"),
        ("9876500001" + " " * 100, "number_too_long", "110 characters"),
        ("1800-FLOWERS", "number_has_letters", "digits only"),
        ("98765 00001 (home)", "number_has_letters", "digits only"),
        ("98765 0000l", "number_has_letters", "digits only"),
        ("9.8765E+09", "number_has_letters", "digits only"),
        ("98765 00001, Asha", "number_has_letters", "digits only"),
        ("98765 00001, X", "number_has_letters", "digits only"),
        ("9876500001 ext 12", "number_has_extension", "extension"),
        ("9876500001 Extn. 12", "number_has_extension", "extension"),
        ("(022) 23456789 x12", "number_has_extension", "extension"),
        ("9876500001 #12", "number_has_extension", "extension"),
        ("tel:+919876500001;ext=12", "number_has_extension", "extension"),
        ("98765 00001 / 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001, 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001; 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001 | 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001 & 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001 or 98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001\n98765 00002", "number_ambiguous", "just one number"),
        ("98765 00001\u202898765 00002", "number_ambiguous", "just one number"),
        ("98765 00001 +91 98765 00002", "number_ambiguous", "just one number"),
        ("022-23456789/90", "number_ambiguous", "just one number"),
        ("98765 00001 / 98765 00002 / 98765 00001", "number_ambiguous", "just one number"),
        ("9876500001,,12", "number_ambiguous", "just one number"),
        ("112", "number_short_code", "never dialled"),
        ("100", "number_short_code", "never dialled"),
        ("108", "number_short_code", "never dialled"),
        ("1091", "number_short_code", "never dialled"),
        ("0112", "number_short_code", "never dialled"),
        ("+91 112", "number_short_code", "never dialled"),
        ("0091112", "number_short_code", "never dialled"),
        ("155300", "number_short_code", "never dialled"),
        ("0155300", "number_short_code", "never dialled"),
        ("+91 155300", "number_short_code", "never dialled"),
        (112, "number_short_code", "never dialled"),
        (0, "number_short_code", "never dialled"),
        ("2345 6789", "number_needs_std_code", "area code"),
        ("234 5678", "number_needs_std_code", "area code"),
        ("234567", "number_needs_std_code", "area code"),
        ("+91 2345 6789", "number_needs_std_code", "area code"),
        ("+91 (0)2345 6789", "number_needs_std_code", "area code"),
        ("987650000", "number_invalid", "The 9 digits"),
        ("919876500", "number_invalid", "The 9 digits"),
        ("98765000012", "number_invalid", "The 11 digits"),
        ("987650000123", "number_invalid", "The 12 digits"),
        ("1098765432", "number_invalid", "The 10 digits"),
        ("12025550123", "number_invalid", "its country code"),
        ("98765 00001 98765 00002", "number_invalid", "The 20 digits"),
        ("9876500001-9876500002", "number_invalid", "The 20 digits"),
        ("+9876500001", "number_invalid", "The 10 digits"),  # a plus beats the region: Iran, and wrong
        ("+0919876500001", "number_invalid", "country code"),
        ("+91 91 98765 00001", "number_invalid", "extra"),
        ("++919876500001", "number_invalid", "extra"),
        ("987650000.0", "number_invalid", "extra"),  # a spreadsheet's decimal, not ten digits
        ("+54 343 15 555 1212", "number_invalid", "extra"),  # the rules would turn 15 into 9
        ("9876500001²", "number_invalid", "not part of a number"),
        ("*99*9876500001", "number_invalid", "not part of a number"),
        ("\x009876500001", "number_invalid", "not part of a number"),
        ("98765\u0301 00001", "number_invalid", "not part of a number"),
    ],
)
def test_it_refuses_with_a_sentence_that_never_shows_the_number(typed, code, says):
    with pytest.raises(Refused) as refused:
        phone.read(typed)
    assert refused.value.code == code
    assert says in refused.value.message
    assert not re.search(r"\d{6}", refused.value.message.replace(" ", "").replace("02223456789", ""))


@pytest.mark.parametrize(
    ("typed", "last_four"),
    [
        ("9876500001 ext 1234", "…1234"),
        ("98765 00001 (home)", "…0001"),
        ("*99*9876500001", "…0001"),
        ("98765 00001, 98765 00002", "…0002"),
        ("98765 00001 / 98765 00002", "…0002"),
        ("9198765000/01", "…0001"),  # a number before the slash, another without it
        ("155300", "…5300"),
        ("+91 155300", "…5300"),
        ("2345 6789", "…6789"),
        ("987650000", "…0000"),
    ],
)
def test_it_names_what_it_refuses_by_the_last_four_digits(typed, last_four):
    with pytest.raises(Refused) as refused:
        phone.read(typed)
    assert last_four in refused.value.message


def test_it_reads_a_typed_plus_or_00_before_any_region():
    assert phone.read("+919876500001", "US").country == "IN"
    assert phone.read("00919876500001", "US").country == "IN"
    assert phone.read("(202) 555-0123", "US").e164 == "+12025550123"
    assert phone.read("1 202 555 0123", "US").e164 == "+12025550123"


def test_it_rings_no_short_code_that_could_also_be_a_number():
    # Jersey's directory enquiries, as phone numbers without an area code go there.
    with pytest.raises(Refused) as refused:
        phone.read("118000", "JE")
    assert refused.value.code == "number_short_code"


def test_it_asks_for_the_country_code_when_two_readings_are_in_use():
    # In Germany 49 is an area code's beginning, too.
    with pytest.raises(Refused) as refused:
        phone.read("49 4263 76473", "DE")
    assert refused.value.code == "number_ambiguous"
    assert "…6473 can be read in two ways" in refused.value.message


def test_it_reads_a_number_it_has_just_read_from_memory(monkeypatch):
    monkeypatch.setattr(numbering, "_known", {})
    assert phone.read(INDIAN) is phone.read(INDIAN)


def test_it_remembers_only_so_many_numbers(monkeypatch):
    monkeypatch.setattr(numbering, "_known", known := {})
    monkeypatch.setattr(numbering, "_KNOWN_AT_MOST", 2)
    for last in range(5):
        phone.read(f"987650000{last}")
        assert 1 <= len(known) <= 2


def test_it_calls_a_kind_it_has_no_word_for_unknown(monkeypatch):
    monkeypatch.setattr(numbering, "_known", {})
    monkeypatch.delitem(phone.KINDS, PhoneNumberType.MOBILE)
    assert phone.read(INDIAN).kind == "unknown"


@given(st.text(max_size=110) | st.text(st.sampled_from("0123456789+/ ,-()९９or.x#"), max_size=40))
@example("0919876500001")
@example("9198765000/01")
def test_it_reads_digits_that_are_there_in_order_or_refuses(text):
    try:
        number = phone.read(text)
    except Refused as refused:
        assert refused.code.startswith("number_")
        return
    folded = unicodedata.normalize("NFKC", text)
    typed = "".join(str(unicodedata.decimal(char)) for char in folded if unicodedata.category(char) == "Nd")
    national = number.e164.removeprefix("+91") if number.country == "IN" else number.e164[4:]
    left = iter(typed)
    assert all(digit in left for digit in national)
    assert re.fullmatch(r"\+[0-9]{5,15}", number.e164)


@given(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.binary(), st.lists(st.text())))
def test_it_reads_or_refuses_whatever_json_may_hold(value):
    try:
        assert phone.read(value).e164.endswith(str(value)[-4:])
    except Refused as refused:
        assert refused.message.endswith(".")


def test_it_gives_callerdesk_ten_digits_of_an_indian_number():
    assert phone.ten_digits(INDIAN) == "9876500001"


@pytest.mark.parametrize(
    "e164",
    [
        "+12025550123",
        "+9118001234567",
        "+91987650000",
        "919876500001",
        "9876500001",
        "",
        "+91987650000१",
        INDIAN + "\n",
    ],
)
def test_it_refuses_to_cut_any_other_number_to_ten_digits(e164):
    with pytest.raises(Refused) as refused:
        phone.ten_digits(e164)
    assert refused.value.code == "number_not_dialable"
    assert not e164 or e164 not in refused.value.message
    assert f"and {'…' + e164.strip()[-4:] if e164 else 'this'} is none" in refused.value.message


@pytest.mark.parametrize(
    "theirs", ["09876500001", "00919876500001", "9876500001", 9876500001, "+91 98765-00001"]
)
def test_it_knows_a_number_again_however_callerdesk_prefixes_it(theirs):
    assert phone.same(INDIAN, theirs)
    assert phone.same(theirs, INDIAN)


@pytest.mark.parametrize("theirs", ["9876500002", "", None, "500001", "9876500", 0])
def test_it_takes_no_other_number_for_the_same(theirs):
    assert not phone.same(INDIAN, theirs)
    assert not phone.same(theirs, INDIAN)


def test_it_compares_short_numbers_whole():
    assert phone.same("2345678", "234 5678")
    assert not phone.same("12345678", "2345678")
    assert not phone.same("", "")
    assert not phone.same(None, None)


def test_it_knows_the_zone_of_a_number_only_when_there_is_one():
    assert phone.zone_of(INDIAN) == "Asia/Kolkata"
    assert phone.zone_of("+12025550123") == "America/New_York"
    assert phone.zone_of("+80012345678") is None
    assert phone.zone_of("9876500001") is None


def test_its_repr_shows_the_last_four_digits_only():
    assert repr(phone.read(INDIAN)) == "Number(…0001, mobile, IN)"
