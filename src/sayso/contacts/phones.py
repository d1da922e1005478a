"""Phone numbers: what a source wrote → E.164, and the one form under which variants of a number meet.

The rules and the numbering plans are libphonenumber's (``phonenumberslite``). Numbers that already stand in E.164, as
Shopify and the messaging providers write them, take a short way of our own over the same metadata.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

# libphonenumber compiles its patterns through the cache of ``re``, which forgets everything above 512. With the world's
# regions mixed it thrashes: 6,000 numbers/s become 59,000 when the cache is large enough. The name is private to
# CPython, hence the guard: where it is gone we are slow, not broken.
_PATTERNS_KEPT = 100_000
if isinstance(getattr(re, "_MAXCACHE", None), int) and re._MAXCACHE < _PATTERNS_KEPT:  # type: ignore[attr-defined]
    re._MAXCACHE = _PATTERNS_KEPT  # type: ignore[attr-defined]

MAX_DIGITS = 15  # ITU-T E.164, 6.1
_MAX_RAW = 250  # libphonenumber refuses longer texts; so do we, before looking at them
_PUNCTUATION = str.maketrans("", "", " -().\u00a0\u202f\u2011")


class PhoneStatus(StrEnum):
    """What came of reading a number (features §2.4)."""

    VALID = "VALID"  # in a range that the country's plan gives out
    POSSIBLE = "POSSIBLE"  # of a right length, but in no known range: stored, with a warning
    MISSING_CALLING_CODE = "MISSING_CALLING_CODE"  # neither the text nor the country tells the calling code
    IMPOSSIBLE = "IMPOSSIBLE"  # no phone number of any country


class Phone(NamedTuple):
    """A number as read. ``e164`` and ``calling_code`` are there for VALID and POSSIBLE only."""

    e164: str | None
    calling_code: int | None
    status: PhoneStatus
    region: str | None = None  # ISO 3166-1 alpha-2, for VALID numbers of a country


_IMPOSSIBLE = Phone(None, None, PhoneStatus.IMPOSSIBLE)
_MISSING = Phone(None, None, PhoneStatus.MISSING_CALLING_CODE)


def normalise(raw: str, country: str | None = None) -> Phone:
    """Read a phone number.

    ``raw`` is the text of the source, ``country`` the ISO 3166-1 alpha-2 code of the country a number without calling
    code is dialled in (the contact's, else the shop's). Never raises: what cannot be read is IMPOSSIBLE.
    """
    # E.164 with or without punctuation: 200,000/s against 35,000/s through the library (50,000 numbers, all regions).
    text = raw if raw.isalnum() else raw.translate(_PUNCTUATION)
    if text[:1] == "+" and text.isascii() and text[1:].isdigit():
        phone = _read_e164(text)
        if phone is not None:
            return phone
    return _read_text(raw, country)


def fold(e164: str) -> str:
    """The one form of a number that is written in several ways, for hashing and matching, never for dialling.

    WhatsApp ids and old address books keep forms that the numbering plans gave up:

    - Brazil: mobiles got a leading 9 (2012–2016). ``+55 AA XXXX-XXXX`` beginning with 6–9 → with the 9. (Trunked
      radio kept 7 without it and still passes for valid; that network is gone, and WhatsApp drops the 9 there too.)
    - Mexico: the 1 after the country code ended in 2019. ``+52 1 …`` → ``+52 …``.
    - Argentina: the 9 marks a call to a mobile, it is no part of the number. ``+54 9 …`` → ``+54 …``.

    Takes E.164 (a WhatsApp id with ``+`` in front). Anything else comes back unchanged. ``fold(fold(x)) == fold(x)``.
    """
    prefix = e164[:3]
    if prefix == "+55":
        if len(e164) == 13 and e164[5] in "6789":
            return f"{e164[:5]}9{e164[5:]}"
    elif prefix == "+52":
        if len(e164) == 14 and e164[3] == "1":
            return f"+52{e164[4:]}"
    elif prefix == "+54" and len(e164) == 14 and e164[3] == "9":
        return f"+54{e164[4:]}"
    return e164


class _Plan:
    """The numbering plan behind one calling code: which national numbers are valid, and in which region."""

    def __init__(self, calling_code: int) -> None:
        self.calling_code = calling_code
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]
        self._regions = [(region, _metadata(calling_code, region)) for region in regions]
        main = self._regions[0][1]
        self._prefix = re.compile(main.national_prefix_for_parsing) if main.national_prefix_for_parsing else None
        self._by_length: dict[int, list[tuple[str, re.Pattern[str] | None, re.Pattern[str] | None]]] = {}

    def region(self, national: str) -> str | None:
        """The region in which ``national`` is valid as it stands; None if there is none or a prefix must go first."""
        if self._prefix is not None:
            prefix = self._prefix.match(national)
            if prefix is not None and prefix.end():
                return None
        patterns = self._by_length.get(len(national))
        if patterns is None:
            patterns = self._by_length[len(national)] = self._compile(len(national))
        for region, leading, valid in patterns:
            if leading is not None:
                if leading.match(national):  # the region is settled by its leading digits, valid or not
                    return region if valid is not None and valid.fullmatch(national) else None
            elif valid is not None and valid.fullmatch(national):
                return region
        return None

    def _compile(self, length: int) -> list[tuple[str, re.Pattern[str] | None, re.Pattern[str] | None]]:
        result: list[tuple[str, re.Pattern[str] | None, re.Pattern[str] | None]] = []
        # Of a length that can only be dialled locally: valid to the library, but nobody can write to it from outside.
        if _pattern(self._regions[0][1].general_desc, length) is None:
            return result
        for region, metadata in self._regions:
            kinds = [pattern for kind in _KINDS if (pattern := _pattern(getattr(metadata, kind), length))]
            general = _pattern(metadata.general_desc, length)
            valid = re.compile(f"(?={general}$)(?:{'|'.join(kinds)})") if kinds and general else None
            leading = re.compile(metadata.leading_digits) if metadata.leading_digits is not None else None
            result.append((region, leading, valid))
        return result


_KINDS = (
    "mobile",
    "fixed_line",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


def _metadata(calling_code: int, region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)
    if metadata is None:
        raise LookupError(f"phonenumberslite has no numbering plan for {region} (+{calling_code})")
    return metadata


def _pattern(description: object, length: int) -> str | None:
    """The pattern of one kind of number, if numbers of that kind can have this many digits."""
    pattern: str | None = getattr(description, "national_number_pattern", None)
    lengths = getattr(description, "possible_length", ())
    return f"(?:{pattern})" if pattern and (not lengths or length in lengths) else None


@lru_cache(maxsize=1024)
def _plan(calling_code: int) -> _Plan | None:
    return _Plan(calling_code) if calling_code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE else None


def _read_e164(text: str) -> Phone | None:
    """A number that is valid as it stands, else None."""
    if not 8 <= len(text) <= MAX_DIGITS + 1:
        return None
    for digits in (1, 2, 3):  # no calling code begins another one
        plan = _plan(int(text[1 : 1 + digits]))
        if plan is not None and text[1] != "0":
            region = plan.region(text[1 + digits :])
            if region is None:
                return None
            return Phone(text, plan.calling_code, PhoneStatus.VALID, _country(region))
    return None


def _read_text(raw: str, country: str | None) -> Phone:
    if len(raw) > _MAX_RAW:
        return _IMPOSSIBLE
    region = country.upper() if country else None
    if region not in phonenumbers.SUPPORTED_REGIONS:
        region = None
        stripped = raw.lstrip()
        if stripped.startswith("00"):  # the international prefix of most countries; no national number begins so
            raw = f"+{stripped[2:]}"
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException as error:
        lacks_region = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        return _MISSING if lacks_region and region is None and "+" not in raw else _IMPOSSIBLE
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if (
        len(e164) > MAX_DIGITS + 1
        or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE
    ):
        return _IMPOSSIBLE
    valid_in = phonenumbers.region_code_for_number(number)
    if valid_in is not None and phonenumbers.is_valid_number_for_region(number, valid_in):
        return Phone(e164, number.country_code, PhoneStatus.VALID, _country(valid_in))
    # A number that reads differently the second time (Egypt's +20 0000… loses a zero at each reading) is none.
    if phonenumbers.format_number(phonenumbers.parse(e164), PhoneNumberFormat.E164) != e164:
        return _IMPOSSIBLE
    return Phone(e164, number.country_code, PhoneStatus.POSSIBLE)


def _country(region: str) -> str | None:
    """None for numbers of no country (satellite, international freephone), which the library files under 001."""
    return None if region == "001" else region
