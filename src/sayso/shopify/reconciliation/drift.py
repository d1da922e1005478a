"""In what the shop differs from its store: customers with their consents, and orders (features §8.8).

What was just read is laid beside what is held, whatever the times of either: a delivery that was lost leaves a
difference, and so would a fault of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Order
from sayso.consent.events import Channel, State
from sayso.consent.models import ConsentState
from sayso.contacts.compare import Compared, Difference, compare

from .. import options, wire_orders
from ..consent_values import ConsentReading
from ..wire import Reading
from ..writeback import echoes

_CHANNELS = (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL)
_TAKES_AWAY = frozenset({State.UNSUBSCRIBED, State.REDACTED})
_VALUES = tuple(f"{channel.value}_{part}" for channel in _CHANNELS for part in ("shop_value", "shop_at", "state"))


def compare_customers(readings: Sequence[Reading]) -> list[Compared]:
    """What is held of each customer, and how it differs. ``readings`` are whole pictures, a customer at most once. Of a
    shop that takes no contacts from its store only the consents of those it has are compared."""
    compared = compare([change for change, _ in readings])
    syncing = options.syncing()
    if not syncing:  # what the store says of people is then no business of ours, but of their consent it is
        compared = [replace(found, gone=found.gone or not found.held, differences=()) for found in compared]
    ids = [found.contact_id for found in compared if found.contact_id is not None and not found.gone]
    rows = ConsentState.objects.filter(contact_id__in=ids).values("contact_id", *_VALUES)
    states = {row["contact_id"]: row for row in rows}
    said: list[list[ConsentReading]] = []
    for found, (_, consents) in zip(compared, readings, strict=True):
        compares = found.held and not found.gone
        said.append(
            [
                one
                for one in consents
                if (syncing or one.state in _TAKES_AWAY) and _differs(one, states.get(found.contact_id or 0, {}))
            ]
            if compares
            else []
        )
    # What we wrote to the store comes back from it, and was never to be taken in.
    news = echoes.news(
        [
            (found.contact_id or 0, change, consent)
            for found, (change, _), differing in zip(compared, readings, said, strict=True)
            for consent in differing
        ],
        comparing=True,
    )
    wrong: dict[int, list[Difference]] = {}
    for contact_id, _, consent in news:
        wrong.setdefault(contact_id, []).append(_difference(consent, states.get(contact_id, {})))
    return [
        replace(found, differences=(*found.differences, *wrong.get(found.contact_id or 0, ()))) for found in compared
    ]


def _differs(consent: ConsentReading, state: dict[str, Any]) -> bool:
    name = consent.channel.value
    held, held_at = state.get(f"{name}_shop_value"), state.get(f"{name}_shop_at")
    if consent.state is State.UNSUBSCRIBED and consent.at is None and held_at is not None:
        # Never too old to count (features §6.4), and yet no value that takes the place of one with a time.
        return state.get(f"{name}_state") not in _TAKES_AWAY
    return _newer(consent, held, held_at)


def _difference(consent: ConsentReading, state: dict[str, Any]) -> Difference:
    """What Shopify says of a channel beside what we last took in of it; our own state may well be another one."""
    name = consent.channel.value
    held, held_at = state.get(f"{name}_shop_value"), state.get(f"{name}_shop_at")
    told = f"{consent.state.value} {consent.at:%Y-%m-%d %H:%M:%S} UTC" if consent.at else consent.state.value
    before = f"{held} {held_at:%Y-%m-%d %H:%M:%S} UTC" if held and held_at else held
    return Difference(f"{name}_consent", before, told)


def _newer(consent: ConsentReading, held: str | None, held_at: datetime | None) -> bool:
    """Whether the store's word is one we should have taken in: newer than ours, or of the same moment and another one.
    Of two words of one moment an opt-out counts; and a word without a time (a new number) is older than any."""
    if held is None or (held_at is None and consent.at is not None):
        return True
    if consent.at is None or held_at is None or consent.at == held_at:
        another = held not in (consent.state.value, State.UNSUBSCRIBED)
        return another and consent.at == held_at
    return consent.at > held_at


_ORDER = (
    "name", "status", "financial_status", "fulfillment_status", "total", "currency", "cancelled_at", "cancel_reason",
)  # fmt: skip


def compare_orders(changes: Sequence[OrderChange]) -> list[Compared]:
    """What is held of each order, and how it differs. Whose order it is, is not compared: a customer who was deleted
    leaves orders behind, which become nobody's anew."""
    ids = [change.shopify_order_id for change in changes]
    rows = Order.objects.filter(shopify_order_id__in=ids).values(
        "shopify_order_id", "contact_id", "redacted_at", "synced_at", "tags", *_ORDER
    )
    held = {row["shopify_order_id"]: row for row in rows}
    return [_order(change, held.get(change.shopify_order_id)) for change in changes]


def _order(change: OrderChange, row: dict[str, Any] | None) -> Compared:
    if row is None:
        return Compared(held=False, contact_id=None)
    untold = _untold(change, row)
    differences = [
        Difference(name, _text(row[name]), _text(getattr(change, name)), untold=name in untold)
        for name in _ORDER
        if (row[name] or None) != (getattr(change, name) or None)
    ]
    if row["redacted_at"] is None and sorted(row["tags"]) != sorted(change.tags):
        differences.append(Difference("tags", ", ".join(sorted(row["tags"])), ", ".join(sorted(change.tags))))
    return Compared(True, row["contact_id"], touched=row["synced_at"], differences=tuple(differences))


def _untold(change: OrderChange, row: dict[str, Any]) -> frozenset[str]:
    """Fields whose difference is no lost delivery: those of the way to the buyer, where deliveries have fewer words."""
    coarse = row["fulfillment_status"]
    if coarse not in wire_orders.COARSE or change.fulfillment_status not in wire_orders.FINER:
        return frozenset()
    same = row["status"] == wire_orders.status(change.cancelled_at, coarse)
    return frozenset({"fulfillment_status", "status"} if same else {"fulfillment_status"})


def _text(value: object) -> str | None:
    return None if value is None else str(value)
