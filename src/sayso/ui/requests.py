"""Reading what an address asks for."""

from __future__ import annotations

from django.http import QueryDict

MOST_DIGITS = 18  # below 2^63, the largest id


def number(query: QueryDict, name: str) -> int | None:
    """A parameter that is an id; None where it is missing or none."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
