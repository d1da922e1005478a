"""Orders, and through them guests."""

from __future__ import annotations

from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import refetch, wire_orders
from ..orders import apply_orders
from .reading import payload, sequence


@handler(
    "shopify",
    "orders/create",
    "orders/updated",
    "orders/cancelled",
    "orders/fulfilled",
    "orders/partially_fulfilled",
    "orders/paid",
)
def orders(shop_id: int, deliveries: list[Delivery]) -> None:
    """One whose customer is not known yet waits linked to nobody; the customer is read, which links it."""
    changes = [wire_orders.order_payload(payload(delivery), sequence=sequence(delivery)) for delivery in deliveries]
    apply_orders(changes)
    customer_ids = {change.shopify_customer_id for change in changes if change.shopify_customer_id}
    known = set(
        Contact.objects.filter(shopify_customer_id__in=customer_ids).values_list("shopify_customer_id", flat=True)
    )
    refetch.request(shop_id, customer_ids - known)
