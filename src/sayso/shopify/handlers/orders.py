"""Orders, and through them guests."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Order
from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import wire_orders
from ..orders import apply_orders, delete_orders
from ..reading import refetch
from .reading import Payload, payload, sequence

WHOLE = (
    "orders/create",
    "orders/updated",
    "orders/cancelled",
    "orders/fulfilled",
    "orders/partially_fulfilled",
    "orders/paid",
)


@handler("shopify", *WHOLE, "orders/edited", "orders/delete")
def orders(shop_id: int, deliveries: list[Delivery]) -> None:
    """One whose customer is not known yet waits linked to nobody; the customer is read, which links it. One that was
    edited is only named, and read again; so is one of which a delivery says less than we held. Deleted ones go first:
    nothing brings them back."""
    bodies: dict[str, list[tuple[Delivery, Payload]]] = {"orders/edited": [], "orders/delete": [], "": []}
    for delivery in deliveries:
        bodies[delivery.topic if delivery.topic in bodies else ""].append((delivery, payload(delivery)))
    gone = {
        wire_orders.deleted_payload(body): delivery.triggered_at or delivery.received_at
        for delivery, body in bodies["orders/delete"]
    }
    customer_ids = delete_orders(gone) if gone else set()
    changes = [wire_orders.order_payload(body, sequence=sequence(delivery)) for delivery, body in bodies[""]]
    known_finer = _held_finer(changes)
    apply_orders(changes)
    buyers = {change.shopify_customer_id for change in changes if change.shopify_customer_id}
    known = set(Contact.objects.filter(shopify_customer_id__in=buyers).values_list("shopify_customer_id", flat=True))
    refetch.request(shop_id, customer_ids | (buyers - known))
    edited = {wire_orders.edited_payload(body) for _, body in bodies["orders/edited"]}
    refetch.request(shop_id, (edited | known_finer) - gone.keys(), kind="order")


def _held_finer(changes: Sequence[OrderChange]) -> set[int]:
    """Orders of which we hold more of their way to the buyer than a delivery can say: whether that still holds, the store
    has to be asked."""
    coarse = {change.shopify_order_id for change in changes if change.fulfillment_status in wire_orders.COARSE}
    held = Order.objects.filter(shopify_order_id__in=coarse, fulfillment_status__in=wire_orders.FINER)
    return set(held.values_list("shopify_order_id", flat=True))
