"""pydantic's errors in the words of the API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sayso.shops.api import InvalidField

CODES = {
    "missing": "missing_parameter",
    "string_too_short": "invalid_length",
    "string_too_long": "invalid_length",
    "too_long": "invalid_length",
    "too_short": "must_not_be_empty",
    "value_error": "invalid_format",
    "string_pattern_mismatch": "invalid_format",
    "extra_forbidden": "must_be_empty",
}
"""pydantic's word → ours; ``*_type`` and ``*_parsing`` are a mismatch of types, the rest a violated constraint."""


def invalid_fields(errors: Iterable[Any], *, skip: int) -> Iterator[InvalidField]:
    """``skip`` leading parts of a location say where a field was sent, not which it is."""
    for error in errors:
        where = [str(part) for part in error["loc"]]
        where = where[skip:] or where
        kind = error["type"]
        code = CODES.get(kind) or ("type_mismatch" if kind.endswith(("_type", "_parsing")) else "constraint_violation")
        yield InvalidField(name=".".join(where), code=code, reason=error["msg"].removeprefix("Value error, "))
