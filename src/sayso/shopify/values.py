"""Single values of Shopify's payloads, read without ever raising. Ids exceed 2^53 and never pass through a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sayso.channels.json import mapping, mappings, text

__all__ = ["amount", "mapping", "mappings", "microseconds", "moment", "number", "numeric_id", "text", "upper", "utc"]

_BIGGEST = 2**63  # the columns are bigint
_FRACTION = re.compile(r"(\.\d{6})\d+")


def numeric_id(value: Any) -> int | None:
    """The number of ``gid://shopify/Customer/123``, ``"123"`` or 123."""
    if isinstance(value, str):
        digits = value.rpartition("/")[2].partition("?")[0]
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _BIGGEST else None


def number(value: Any) -> int | None:
    """A count, which GraphQL writes as text."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _BIGGEST else None


def amount(value: Any) -> Decimal | None:
    """An amount of money, which both APIs write as text."""
    try:
        found = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def upper(value: Any) -> str | None:
    """One of Shopify's words; webhooks write them in lower case, GraphQL in upper."""
    found = text(value)
    return found.upper() if found else None


def utc(at: datetime | None) -> datetime | None:
    """The same moment in UTC. GraphQL gives UTC already, which costs nothing here."""
    if at is None or at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return None


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601, as UTC; digits below the microsecond are dropped."""
    if not isinstance(value, str):
        return None
    try:
        return utc(datetime.fromisoformat(_FRACTION.sub(r"\1", value)))
    except ValueError:
        return None


def microseconds(value: Any) -> int:
    """Microseconds since the epoch of ``X-Shopify-Triggered-At`` (text or datetime); 0 if there is none."""
    at = utc(value) if isinstance(value, datetime) else moment(value)
    return (
        0 if at is None else int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000 + at.microsecond
    )
