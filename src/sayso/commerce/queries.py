"""Reading orders. Runs inside one shop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from sayso.contacts.models import Contact

from .models import AbandonedCheckout, Checkout, Fulfillment, Order, OrderLine


@dataclass(frozen=True)
class OrderWithLines:
    order: Order
    lines: list[OrderLine]
    parcels: list[Fulfillment]


@dataclass(frozen=True)
class ShownCheckout:
    """A checkout as the profile shows it, whether a webhook or the poll told it."""

    state: str
    started_at: datetime
    touched_at: datetime
    total: Decimal
    currency: str
    lines: list[dict[str, Any]]


def of_contact(contact_id: int, *, limit: int = 10) -> list[OrderWithLines]:
    """The newest orders of a contact with their lines and parcels, in three queries."""
    orders = list(Order.objects.filter(contact_id=contact_id).order_by("-placed_at", "-id")[:limit])
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=[order.pk for order in orders]).order_by("order_id", "position"):
        lines[line.order_id].append(line)
    parcels: dict[int, list[Fulfillment]] = defaultdict(list)
    for parcel in Fulfillment.objects.filter(order_id__in=[order.pk for order in orders]).order_by("shipped_at", "pk"):
        parcels[parcel.order_id].append(parcel)
    return [OrderWithLines(order, lines[order.pk], parcels[order.pk]) for order in orders]


def checkouts_of(contact: Contact, *, limit: int = 5) -> list[ShownCheckout]:
    """The newest checkouts of a contact that were not bought at once, in three queries: those the poll found, and open
    ones that only webhooks told of."""
    found = list(AbandonedCheckout.objects.filter(contact_id=contact.pk).order_by("-started_at", "-id")[:limit])
    mine = Q()
    for field, value in (
        ("shopify_customer_id", contact.shopify_customer_id),
        ("email_key", contact.email_key),
        ("phone_key", contact.phone_key),
    ):
        if value is not None:
            mine |= Q(**{field: value})
    told = Checkout.objects.filter(mine, completed_at=None, deleted_at=None).order_by("-started_at", "-id")
    rows = list(told[: 2 * limit]) if mine else []
    passed = {one.url for one in found} | {None}
    bought = set(
        Order.objects.filter(contact_id=contact.pk, checkout_token__in=[row.token for row in rows]).values_list(
            "checkout_token", flat=True
        )
    )
    shown = [_shown(one, one.state) for one in found]
    shown += [_shown(row, "OPEN") for row in rows if row.url not in passed and row.token not in bought]
    return sorted(shown, key=lambda one: one.started_at, reverse=True)[:limit]


def _shown(row: Checkout | AbandonedCheckout, state: str) -> ShownCheckout:
    return ShownCheckout(state, row.started_at, row.source_updated_at, row.total, row.currency, row.lines)


def still_abandoned(checkout_ids: Sequence[int]) -> set[int]:
    """Which of these abandoned checkouts (ids of ours) were neither completed nor ordered nor deleted meanwhile."""
    rows = AbandonedCheckout.objects.filter(pk__in=checkout_ids, state=AbandonedCheckout.State.ABANDONED)
    return set(rows.values_list("pk", flat=True))
