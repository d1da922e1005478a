"""Orders read again by id, whole, with all their lines, see :mod:`.refetch` and :mod:`.reconcile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Order

from . import types, wire, wire_orders
from .orders import apply_orders
from .poll import all_lines
from .tokens import Store


def known(order_ids: Sequence[int]) -> Mapping[int, int]:
    """The place of what we hold of these orders among readings of the same second, by their id."""
    rows = Order.objects.filter(shopify_order_id__in=order_ids)
    return dict(rows.values_list("shopify_order_id", "source_sequence"))


def readings(store: Store, node: dict[str, Any], held: int | None) -> list[OrderChange]:
    """The order as read now, which is newer than what was held before. Raises ValueError for what is none."""
    order = msgspec.convert(node, types.Order)
    sequence = wire.read_at()
    return [wire_orders.order(order, all_lines(store, order), sequence=max(sequence, (held or 0) + 1))]


def apply(orders: list[OrderChange]) -> object:
    """Apply what was read, in the shop's transaction."""
    return apply_orders(orders)


def gone(order_id: int, held: int | None) -> list[OrderChange]:
    """The store does not find the order. Nothing to apply: orders cannot be removed yet."""
    return []
