"""The `query:` argument of connections: `updated_at:>='2026-10-01' AND (no parentheses) tag:vip OR id:5`.

A small part of Shopify's search syntax. As on the platform an unknown field is ignored, with a
warning in `extensions.search`.
"""

import re
from collections.abc import Callable
from typing import Any

from .. import clock
from ..identifiers import parse_gid

_TERM = re.compile(
    r"""(?P<not>-|NOT\s+)?(?:(?P<field>[a-z_]+):)?(?P<op>>=|<=|>|<|=)?(?P<value>"[^"]*"|'[^']*'|[^\s()]+)"""
)
Condition = tuple[str, Any]
Terms = dict[str, Callable[[str, str], Condition]]


def _time(column: str) -> Callable[[str, str], Condition]:
    return lambda op, value: (f"{column} {op} ?", clock.iso(clock.parse(value)))


def _number(column: str) -> Callable[[str, str], Condition]:
    def condition(op: str, value: str) -> Condition:
        parsed = parse_gid(value)
        return f"{column} {op} ?", parsed[1] if parsed else int(value)

    return condition


def _text(column: str) -> Callable[[str, str], Condition]:
    def condition(_: str, value: str) -> Condition:
        if value.endswith("*"):
            return f"{column} LIKE ?", value[:-1] + "%"
        return f"{column} = ? COLLATE NOCASE", value

    return condition


def _inside(_: str, value: str) -> Condition:
    return "name LIKE ?", f"%{value}%"


def _json(path: str) -> Callable[[str, str], Condition]:
    return lambda _, value: (f"json_extract(CAST(doc AS TEXT), '{path}') = ? COLLATE NOCASE", value)


def _tag(_: str, value: str) -> Condition:
    return "EXISTS (SELECT 1 FROM json_each(CAST(doc AS TEXT), '$.tags') AS t WHERE t.value = ? COLLATE NOCASE)", value


CUSTOMER: Terms = {
    "id": _number("id"),
    "updated_at": _time("updated"),
    "customer_date": _time("created"),
    "created_at": _time("created"),
    "email": _text("email"),
    "phone": _text("phone"),
    "tag": _tag,
    "first_name": _inside,
    "last_name": _inside,
    "country": _json("$.address.country"),
    "": _inside,
}
ORDER: Terms = {
    "id": _number("id"),
    "updated_at": _time("updated"),
    "created_at": _time("created"),
    "processed_at": _time("created"),
    "email": _text("email"),
    "name": _text("name"),
    "customer_id": _number("customer"),
    "tag": _tag,
    "": _text("name"),
}
PRODUCT: dict[str, Callable[[str, str], Condition]] = {
    "id": _number("id"),
    "updated_at": _time("updated"),
    "created_at": _time("created"),
    "title": _text("name"),
    "tag": _tag,
    "vendor": _json("$.vendor"),
    "product_type": _json("$.kind"),
    "status": _json("$.status"),
    "": _inside,
}
COLLECTION: dict[str, Callable[[str, str], Condition]] = {
    "id": _number("id"),
    "updated_at": _time("updated"),
    "title": _text("name"),
    "": _inside,
}
CHECKOUT: dict[str, Callable[[str, str], Condition]] = {
    "id": _number("id"),
    "updated_at": _time("updated"),
    "created_at": _time("created"),
}


def where(query: str | None, table: Terms, warnings: list[dict[str, Any]], path: str) -> tuple[str, list[Any]]:
    """(SQL condition, its values) for `query`; terms it does not know are ignored and added to `warnings`."""
    groups: list[str] = []
    values: list[Any] = []
    for part in re.split(r"\s+OR\s+", query or ""):
        terms = []
        for match in _TERM.finditer(re.sub(r"\bAND\b", " ", part)):
            field, op, value = match["field"] or "", match["op"] or "=", match["value"].strip("\"'")
            try:
                sql, bound = table[field](op, value)
            except (KeyError, ValueError):
                warnings.append(
                    {
                        "path": [path],
                        "query": query,
                        "parsed": {},
                        "warnings": [
                            {
                                "field": field or value,
                                "message": "Invalid search field for this query.",
                                "code": "invalid_field",
                            }
                        ],
                    }
                )
                continue
            terms.append(f"NOT ({sql})" if match["not"] else sql)
            values.append(bound)
        groups.append(" AND ".join(terms) or "1")
    return "(" + " OR ".join(f"({group})" for group in groups) + ")", values
