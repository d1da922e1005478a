"""Orders of the store, and what a guest agreed to while placing one (features §8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.commerce.apply import AppliedOrder, apply
from sayso.commerce.changes import OrderChange
from sayso.consent import checkout
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.models import ConsentState
from sayso.consent.record import record
from sayso.contacts import merge

from . import options
from .customers import Counts


def apply_orders(changes: Sequence[OrderChange], *, bulk: bool = False) -> tuple[list[AppliedOrder], Counts]:
    """Apply orders in the caller's transaction. Orders that hold nothing newer are not among those answered."""
    applied = _of_survivors(apply(changes, bulk=bulk, guests=options.syncing()))
    events = _guests_consent(changes, applied)
    if events:
        record(events, bulk=bulk, report=False)
    checkout.bind((order.contact_id for order in applied if order.contact_id), bulk=bulk)
    created = sum(order.created for order in applied)
    return applied, Counts(seen=len(changes), created=created, updated=len(applied) - created)


def _of_survivors(applied: list[AppliedOrder]) -> list[AppliedOrder]:
    """Orders of customers who were merged away belong to the one who is left."""
    part_of = merge.bring_along({order.contact_id for order in applied if order.contact_id})
    return [
        replace(order, contact_id=part_of[order.contact_id].contact_id) if order.contact_id in part_of else order
        for order in applied
    ]


def _guests_consent(changes: Sequence[OrderChange], applied: Sequence[AppliedOrder]) -> list[ConsentEvent]:
    """The ticked or empty box for e-mail of those who are no customers. An empty box is no opt-out.

    Every update of an order tells it again; only what the state does not hold yet is an event.
    """
    contacts = {order.shopify_order_id: order.contact_id for order in applied if order.contact_id}
    states = {
        contact_id: (state, opted_in_at)
        for contact_id, state, opted_in_at in ConsentState.objects.filter(contact_id__in=contacts.values()).values_list(
            "contact_id", "email_state", "email_opt_in_at"
        )
    }
    events = []
    for change in changes:
        contact_id = contacts.get(change.shopify_order_id)
        if (
            change.shopify_customer_id is None
            and contact_id
            and change.email
            and change.buyer_accepts_email is not None
        ):
            del contacts[change.shopify_order_id]  # once an order
            state, opted_in_at = states.get(contact_id, (State.UNKNOWN, None))
            known = (
                opted_in_at is not None and opted_in_at >= change.placed_at.replace(microsecond=0)
                if change.buyer_accepts_email
                else state != State.UNKNOWN
            )
            if known:
                continue
            accepts = change.buyer_accepts_email
            events.append(
                ConsentEvent(
                    contact_id=contact_id,
                    channel=Channel.EMAIL,
                    event="SHOP_SUBSCRIBED" if accepts else "SHOP_NOT_SUBSCRIBED",
                    occurred_at=change.placed_at if accepts else None,
                    source="guest_checkout",
                    actor_kind="customer",
                    shop_value=None if accepts else State.NOT_SUBSCRIBED,
                    address=change.email,
                    evidence={"reference": str(change.shopify_order_id)} if accepts else {},
                )
            )
    return events
