"""The query of a segment: a small part of ShopifyQL's segment language, as SQL over the stored customers.

`number_of_orders >= 3 AND amount_spent > 100 AND customer_tags CONTAINS 'vip' AND customer_countries CONTAINS 'DE'`, with
`AND`, `OR` and parentheses left out; `NOT CONTAINS` is there. Amounts are in the shop's currency.
"""

import re
from decimal import Decimal
from typing import Any

_TERM = re.compile(
    r"""\s*(?P<field>[a-z_]+)\s+(?:(?P<op>>=|<=|!=|=|>|<)\s*(?P<number>\d+(?:\.\d+)?)
    |(?P<not>NOT\s+)?CONTAINS\s+'(?P<text>[^']*)')\s*""",
    re.VERBOSE,
)
_NUMBERS = {
    "number_of_orders": ("coalesce(json_extract(CAST(doc AS TEXT), '$.orders'), 0)", 1),
    "amount_spent": ("coalesce(json_extract(CAST(doc AS TEXT), '$.spent'), 0)", 100),
}
_TEXTS = {
    "customer_tags": "EXISTS (SELECT 1 FROM json_each(CAST(doc AS TEXT), '$.tags') AS t WHERE t.value = ? COLLATE NOCASE)",
    "customer_countries": "json_extract(CAST(doc AS TEXT), '$.address.country_code') IS ?",
}


class BadQuery(ValueError):
    """The sandbox does not know this query."""


def where(query: str) -> tuple[str, list[Any]]:
    """(SQL condition on the table `customer`, its values); an empty query means everybody. Raises BadQuery."""
    if not query.strip():
        return "1", []
    groups, values = [], []
    for part in re.split(r"\s+OR\s+", query):
        terms = []
        for text in re.split(r"\s+AND\s+", part):
            sql, value = _term(text)
            terms.append(sql)
            values.append(value)
        groups.append("(" + " AND ".join(terms) + ")")
    return "(" + " OR ".join(groups) + ")", values


def _term(text: str) -> tuple[str, Any]:
    match = _TERM.fullmatch(text)
    if match and match["number"] is not None and match["field"] in _NUMBERS:
        column, factor = _NUMBERS[match["field"]]
        return f"{column} {match['op']} ?", int(Decimal(match["number"]) * factor)
    if match and match["text"] is not None and match["field"] in _TEXTS:
        sql = _TEXTS[match["field"]]
        return (f"NOT ({sql})" if match["not"] else sql), match["text"]
    raise BadQuery(f"the sandbox does not understand “{text.strip()}”")
