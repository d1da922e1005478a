"""The lines of an order that did not fit on its page."""

from __future__ import annotations

import msgspec

from .. import documents, types, wire_orders
from ..connection.tokens import Store
from ..values import mapping


def all_lines(store: Store, order: types.Order) -> list[types.LineItem]:
    """The lines of an order, those beyond the first page too. Raises what a call to the store raises."""
    page = order.line_items
    lines = list(page.nodes) if page else []
    while after := wire_orders.next_lines(page):
        answer = store.graphql.run("order_lines", {"id": order.id, "first": documents.LINES_A_CALL, "after": after})
        page = msgspec.convert(mapping(answer.get("order")).get("lineItems"), types.LineItems)
        lines += page.nodes
    return lines
