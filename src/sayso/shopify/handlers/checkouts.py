"""Checkouts: addresses, what was ticked, what lies in them. That one was abandoned the poll alone says (:mod:`..abandoned`)."""

from __future__ import annotations

from sayso.commerce import checkouts as commerce
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import guests, wire_checkouts
from .reading import payload, sequence


@handler("shopify", "checkouts/create", "checkouts/update", "checkouts/delete")
def checkouts(shop_id: int, deliveries: list[Delivery]) -> None:
    """What a guest ticked counts once the order of the checkout is there; it may be there already."""
    changes, deletions = [], []
    for delivery in deliveries:
        body = payload(delivery)
        if delivery.topic == "checkouts/delete":
            at = delivery.triggered_at or delivery.received_at
            deletions.append(wire_checkouts.deleted_payload(body, at=at))
        else:
            changes.append(wire_checkouts.checkout_payload(body, sequence=sequence(delivery)))
    commerce.apply(changes)
    commerce.delete(deletions)
    guests.take([change.token for change in changes])
