"""Reading orders. Runs inside one shop."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from .models import Order, OrderLine


@dataclass(frozen=True)
class OrderWithLines:
    order: Order
    lines: list[OrderLine]


def of_contact(contact_id: int, *, limit: int = 10) -> list[OrderWithLines]:
    """The newest orders of a contact with their lines, in two queries."""
    orders = list(Order.objects.filter(contact_id=contact_id).order_by("-placed_at", "-id")[:limit])
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=[order.pk for order in orders]).order_by("order_id", "position"):
        lines[line.order_id].append(line)
    return [OrderWithLines(order, lines[order.pk]) for order in orders]
