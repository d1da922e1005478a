"""Orders of the store, and what follows from one: a guest's consent, evidence, the end of a checkout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sayso.commerce import checkouts
from sayso.commerce.apply import AppliedOrder, apply, delete
from sayso.commerce.changes import OrderChange
from sayso.consent import checkout
from sayso.consent.record import record
from sayso.contacts import merge

from . import guests, options
from .importing.counts import Counts


def apply_orders(changes: Sequence[OrderChange], *, bulk: bool = False) -> tuple[list[AppliedOrder], Counts]:
    """Apply orders in the caller's transaction. Orders that hold nothing newer are not among those answered."""
    applied = _of_survivors(apply(changes, bulk=bulk, guests=options.syncing()))
    events = guests.of_orders(changes, applied)
    if events:
        record(events, bulk=bulk, report=False)
    guests.take([change.checkout_token or "" for change in changes if _by_a_guest(change)], bulk=bulk)
    if not bulk:  # of an import's orders the next poll finds those that ended a checkout
        checkouts.end_by(order.order_id for order in applied)
    checkout.bind((order.contact_id for order in applied if order.contact_id), bulk=bulk)
    created = [order.shopify_order_id for order in applied if order.created]
    updated = [order.shopify_order_id for order in applied if not order.created]
    counts = Counts(
        seen=len(changes), created=len(created), updated=len(updated), created_ids=created, updated_ids=updated
    )
    return applied, counts


def _of_survivors(applied: list[AppliedOrder]) -> list[AppliedOrder]:
    """Orders of customers who were merged away belong to the one who is left."""
    part_of = merge.bring_along({order.contact_id for order in applied if order.contact_id})
    return [
        replace(order, contact_id=part_of[order.contact_id].contact_id) if order.contact_id in part_of else order
        for order in applied
    ]


def _by_a_guest(change: OrderChange) -> bool:
    return bool(change.checkout_token) and change.shopify_customer_id is None


def delete_orders(orders: Mapping[int, datetime]) -> set[int]:
    """Remove orders that the store deleted (its ids, and when), before others are applied in the same transaction.
    Answers the customers whose figures are not what they were: they are to be read again."""
    return delete(orders)
