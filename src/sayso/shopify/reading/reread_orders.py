"""Orders read again by id, see :mod:`.refetch`: an edited order is named, not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Order

from .. import types, wire, wire_orders
from ..connection.tokens import Store
from ..orders import apply_orders
from .order_pages import all_lines

__all__ = ["apply_orders", "gone", "known", "readings"]


def known(order_ids: Sequence[int]) -> dict[int, int]:
    """How new what we hold of these orders is, by their id; the store's answer is newer than that."""
    held = Order.objects.filter(shopify_order_id__in=order_ids).values_list("shopify_order_id", "source_sequence")
    return dict(held)


def readings(store: Store, node: dict[str, Any], held: int | None) -> list[OrderChange]:
    """The order as read now, with all its lines. Raises msgspec.ValidationError and ValueError for what is none."""
    order = msgspec.convert(node, types.Order)
    sequence = wire.read_at()
    sequence = sequence if held is None else max(sequence, held + 1)
    return [wire_orders.order(order, all_lines(store, order), sequence=sequence)]


def gone(order_id: int, held: int | None) -> list[OrderChange]:
    """Nothing: without ``read_all_orders`` the store does not show orders of more than 60 days ago. Deletions it tells
    (``orders/delete``), and a full comparison finds."""
    return []
