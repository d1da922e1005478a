"""Reading what an address asks for."""

from __future__ import annotations

from django.http import QueryDict

MOST_DIGITS = 18  # below 2^63, the largest id


def words(query: QueryDict, name: str, longest: int) -> str:
    """A parameter that is text, without what no column can hold; "" where it is missing."""
    return query.get(name, "").replace("\x00", "").strip()[:longest]


def number(query: QueryDict, name: str) -> int | None:
    """A parameter that is an id; None where it is missing or none."""
    return number_of(query.get(name, ""))


def number_of(text: str) -> int | None:
    """The id that is written there; None where there is none: ``²`` is a digit too, and no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
