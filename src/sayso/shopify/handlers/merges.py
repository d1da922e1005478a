"""Customers whom the store made one. Here they become one when both were read again: what either of them did until then is
known, and the kept customer is as the store left it."""

from __future__ import annotations

from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import merges, wire
from ..reading import refetch
from .reading import payload


@handler("shopify", "customers/merge")
def customers_merge(shop_id: int, deliveries: list[Delivery]) -> None:
    """Only one that was completed: it is told while it runs, too, and when it failed. Raises ValueError where a completed
    one does not name both."""
    told = []
    for delivery in deliveries:
        merge = wire.merge_payload(payload(delivery))
        if not merge.done:
            continue
        if merge.kept_id is None or merge.deleted_id is None:
            raise ValueError("a merge without its two customers")
        told.append(merges.Told(merge.kept_id, merge.deleted_id, delivery.triggered_at or delivery.received_at))
    merges.expect(shop_id, told)
    refetch.request(shop_id, {one for merge in told for one in (merge.kept_id, merge.deleted_id)})
