"""JSON from outside, read so that nothing in it can raise or be refused by the database."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_LATEST = 253_402_300_799  # seconds; the last that a datetime can hold


class Unreadable(ValueError):
    """A body that is no JSON at all."""


def decode(body: bytes) -> Any:
    """The document in ``body``. Raises :class:`Unreadable`.

    PostgreSQL refuses U+0000 and lone surrogates in text, and JSON infinities: they are taken out here, so that one odd
    character cannot stop a batch.
    """
    try:
        document = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return _clean(json.loads(body.decode("utf-8", "replace")))
        except (ValueError, RecursionError) as error:
            raise Unreadable(str(error)) from error
    return _clean(document) if b"\\u0000" in body else document


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def mapping(value: Any) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects in ``value`` if it is a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """A text or a whole number as text; None for anything else and for the empty text."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def digits(value: Any) -> str | None:
    """An id of digits, as WhatsApp writes numbers; a plus sign in front is dropped."""
    found = (text(value) or "").lstrip("+")
    return found if found.isascii() and found.isdigit() else None


def moment(value: Any) -> datetime | None:
    """Seconds since 1970, as number or text, as a time in UTC; None if it is none."""
    seconds = digits(value)
    if seconds is None or len(seconds) > 12 or int(seconds) > _LATEST:
        return None
    return datetime.fromtimestamp(int(seconds), UTC)
