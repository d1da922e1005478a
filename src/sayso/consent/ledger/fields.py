"""The fields of a ledger entry, and how they are written: the one list that ``verify`` and the exports read.

An entry is the RFC 8785 JSON of these fields, kept as text and hashed; ``consent_entry`` in ``sql/20_fold.sql`` writes
it. Here the same text is made again from the columns, by PostgreSQL's own functions only: whoever could change
``consent_entry`` could otherwise make a forged entry look right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Field:
    """One field: its name in the entry, the column that repeats it, and the kind of value."""

    name: str
    column: str
    kind: Literal["text", "number", "time", "bytes"]

    def json_text(self, table: str = "l") -> str:
        """SQL for the field's JSON text, as RFC 8785 wants it (UTC, microseconds, hexadecimal)."""
        column = f"{table}.{self.column}"
        written = {
            "text": f"to_json({column})::text",
            "number": f"{column}::text",
            "time": f"""to_char({column} at time zone 'UTC', '"\\""YYYY-MM-DD"T"HH24:MI:SS.US"Z\\""')""",
            "bytes": f"""'"' || encode({column}, 'hex') || '"'""",
        }[self.kind]
        return f"coalesce({written}, 'null')"


FIELDS = (
    Field("actor", "actor_kind", "text"),
    Field("address_key", "address_key", "bytes"),
    Field("basis", "basis", "text"),
    Field("caused_by", "caused_by", "number"),
    Field("channel", "channel", "text"),
    Field("code", "refusal_code", "text"),
    Field("contact", "contact_id", "number"),
    Field("event", "event", "text"),
    Field("evidence", "evidence_digest", "bytes"),
    Field("from", "from_state", "text"),
    Field("id", "id", "number"),
    Field("language", "language", "text"),
    Field("occurred_at", "occurred_at", "time"),
    Field("outcome", "outcome", "text"),
    Field("prev", "prev_hash", "bytes"),
    Field("recorded_at", "recorded_at", "time"),
    Field("shop", "shop_id", "number"),
    Field("source", "source", "text"),
    Field("to", "to_state", "text"),
    Field("topic", "topic", "text"),
    Field("wording", "wording_version", "text"),
)
"""In the order of RFC 8785: sorted by name."""

NAMES = tuple(field.name for field in FIELDS)
POSITION = {name: position for position, name in enumerate(NAMES)}
LATER = "topic"
"""A field that entries written before there were topics lack. Such an entry is whole if its column is empty."""

TEMPLATE = "{" + ",".join(f'"{name}":%s' for name in NAMES) + "}"
TEMPLATE_BEFORE = "{" + ",".join(f'"{name}":%s' for name in NAMES if name != LATER) + "}"


def columns_as_json(table: str = "l") -> str:
    """The select list that gives every field's JSON text, in the order of :data:`FIELDS`."""
    return ", ".join(field.json_text(table) for field in FIELDS)


def agrees(entry: str, values: tuple[str, ...]) -> bool:
    """Whether the entry is what its columns say; ``values`` as :func:`columns_as_json` gives them."""
    if TEMPLATE % values == entry:
        return True
    at = POSITION[LATER]
    return values[at] == "null" and TEMPLATE_BEFORE % (values[:at] + values[at + 1 :]) == entry


def differences(entry: str, values: tuple[str, ...]) -> str:
    """In words, which fields of an entry and its columns differ."""
    try:
        said = json.loads(entry)
        assert isinstance(said, dict)
    except (ValueError, AssertionError):
        return "the entry is not a JSON object"
    columns: dict[str, Any] = {name: json.loads(value) for name, value in zip(NAMES, values, strict=True)}
    wrong = [
        f"{field.name} is {said.get(field.name, None)!r} in the entry and {columns[field.name]!r} in column {field.column}"
        for field in FIELDS
        if said.get(field.name) != columns[field.name] or (field.name not in said and field.name != LATER)
    ]
    unknown = sorted(set(said) - set(NAMES))
    wrong += [f"the entry has a field {name!r} that no entry has" for name in unknown]
    return "; ".join(wrong) or "the entry is not written as RFC 8785 wants it"
