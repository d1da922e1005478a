import random

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sayso.contacts.phones import Phone, PhoneStatus, fold, normalise

VALID, POSSIBLE = PhoneStatus.VALID, PhoneStatus.POSSIBLE
MISSING, IMPOSSIBLE = PhoneStatus.MISSING_CALLING_CODE, PhoneStatus.IMPOSSIBLE


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("+16502530000", None, Phone("+16502530000", 1, VALID, "US")),
        ("+1 (650) 253-0000", None, Phone("+16502530000", 1, VALID, "US")),
        ("(650) 253-0000", "us", Phone("+16502530000", 1, VALID, "US")),
        ("613-688-5335", "CA", Phone("+16136885335", 1, VALID, "CA")),
        ("0176 12345678", "DE", Phone("+4917612345678", 49, VALID, "DE")),
        ("0049 176 12345678", None, Phone("+4917612345678", 49, VALID, "DE")),
        ("+44 (0)20 7183 8750", None, Phone("+442071838750", 44, VALID, "GB")),
        ("+390236618300", None, Phone("+390236618300", 39, VALID, "IT")),
        ("+54 11 15 2345 6789", None, Phone("+5491123456789", 54, VALID, "AR")),
        ("011 15 2345-6789", "AR", Phone("+5491123456789", 54, VALID, "AR")),
        ("+541123456789", None, Phone("+541123456789", 54, VALID, "AR")),
        ("+5521987654321", None, Phone("+5521987654321", 55, VALID, "BR")),
        ("+552187654321", None, Phone("+552187654321", 55, POSSIBLE)),  # the old form, without its 9
        ("+80012345678", None, Phone("+80012345678", 800, VALID)),  # a freephone number of no country
        ("176 12345678", None, Phone(None, None, MISSING)),
        ("0176 12345678", "ZZ", Phone(None, None, MISSING)),
        ("+999123456789", None, Phone(None, None, IMPOSSIBLE)),
        ("+0123456789", None, Phone(None, None, IMPOSSIBLE)),
        ("12", "DE", Phone(None, None, IMPOSSIBLE)),
        ("call me", "DE", Phone(None, None, IMPOSSIBLE)),
        ("", "DE", Phone(None, None, IMPOSSIBLE)),
        ("+", None, Phone(None, None, IMPOSSIBLE)),
        ("1" * 400, "DE", Phone(None, None, IMPOSSIBLE)),
    ],
)
def test_normalise(raw, country, expected):
    assert normalise(raw, country) == expected


def by_the_library(text: str) -> Phone:
    """What libphonenumber says of a number in international form, asked in the plainest way."""
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return Phone(None, None, IMPOSSIBLE)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if (
        len(e164) > 16
        or phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE
    ):
        return Phone(None, None, IMPOSSIBLE)
    if phonenumbers.is_valid_number(number):
        region = phonenumbers.region_code_for_number(number)
        return Phone(e164, number.country_code, VALID, None if region == "001" else region)
    if phonenumbers.parse(e164) != number:  # our one rule beyond the library's: what reads differently again is none
        return Phone(None, None, IMPOSSIBLE)
    return Phone(e164, number.country_code, POSSIBLE)


def every_kind_of_number() -> list[str]:
    """Example numbers of every kind in every region, and mutations of them that are often invalid."""
    chance = random.Random(7)
    numbers = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            numbers.append(text)
            for _ in range(2):
                at = chance.randrange(1, len(text))
                numbers.append(text[:at] + str(chance.randrange(10)) + text[at + 1 :])
            at = chance.randrange(1, len(text))
            numbers += [text[:at] + text[at + 1 :], text[:at] + "0" + text[at:]]
    return numbers


def test_the_short_way_gives_what_the_library_gives():
    numbers = every_kind_of_number()
    assert len(numbers) > 5_000
    assert [text for text in numbers if normalise(text) != by_the_library(text)] == []


@given(st.from_regex(r"\+[0-9]{4,16}", fullmatch=True))
def test_any_digits_give_what_the_library_gives(text):
    assert normalise(text) == by_the_library(text)


@given(st.text(max_size=40), st.none() | st.sampled_from(["DE", "us", "BR", "", "XX"]))
def test_no_text_breaks_it(raw, country):
    phone = normalise(raw, country)
    assert (phone.e164 is None) == (phone.status in {MISSING, IMPOSSIBLE})


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
@example("+200000000000")
def test_a_number_once_normalised_stays(text):
    phone = normalise(text)
    if phone.e164:
        assert normalise(phone.e164).e164 == phone.e164


@pytest.mark.parametrize(
    "forms",
    [
        ["+552187654321", "+5521987654321"],  # Brazil, before and after the ninth digit
        ["+5215512345678", "+525512345678"],  # Mexico, before and after 2019
        ["+5491123456789", "+541123456789"],  # Argentina, as dialled from abroad and at home
    ],
)
def test_variants_fold_to_one_form(forms):
    assert len({fold(form) for form in forms}) == 1


@pytest.mark.parametrize(
    "number",
    ["+552132345678", "+16502530000", "+525512345678", "+541123456789", "+5521932345678", "", "+", "+55", "hello"],
)
def test_other_numbers_stay_as_they_are(number):
    assert fold(number) == number


@given(st.from_regex(r"\+5[245][0-9]{0,13}", fullmatch=True) | st.text(max_size=20))
def test_folding_twice_changes_nothing(number):
    assert fold(fold(number)) == fold(number)


@given(st.from_regex(r"\+(55[1-9]{2}[2-689][0-9]{7,8}|52[0-9]{10,11})", fullmatch=True))
def test_folding_leaves_numbers_of_today_alone(number):
    """So no two numbers that both exist today can meet (Argentina apart, where the mark is no part of the number)."""
    if normalise(number).status is VALID:
        assert fold(number) == number


def test_a_number_that_can_only_be_dialled_locally_is_none():
    assert normalise("+13101234").status is IMPOSSIBLE
