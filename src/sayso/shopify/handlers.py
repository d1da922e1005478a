"""What the store delivers, brought to where it belongs: one batch of one shop at a time.

What a payload says is applied at once; what it lacks is read again (:mod:`.refetch`). Deliveries come in any order and
more than once. Handlers run in the order in which they stand here: customers before orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from sayso.channels.json import Unreadable, decode
from sayso.consent.events import Channel, State
from sayso.contacts.changes import Profile
from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.intake.registry import handler
from sayso.privacy import requests as privacy
from sayso.shops.models import Shop

from . import imports, refetch, wire, wire_orders
from .connect import shop_facts
from .customers import apply_readings
from .models import Connection
from .orders import apply_orders
from .values import microseconds, text

_WITHOUT_ADDRESS = frozenset({State.UNSUBSCRIBED, State.REDACTED})
TOKEN_LIFE = timedelta(hours=24)

Payload = dict[str, Any]
Read = Callable[[str, Payload, Delivery], wire.Reading]


def _payload(delivery: Delivery) -> Payload:
    """The body. Raises ValueError if it is no JSON object; the delivery is then tried again, and parked."""
    try:
        found = decode(bytes(delivery.body))
    except Unreadable as error:
        raise ValueError("the body is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


def _sequence(delivery: Delivery) -> int:
    return microseconds(delivery.triggered_at or delivery.received_at)


# Customers


def _profile(topic: str, payload: Payload, delivery: Delivery) -> wire.Reading:
    return wire.customer_payload(payload, sequence=_sequence(delivery)), []


def _deleted(topic: str, payload: Payload, delivery: Delivery) -> wire.Reading:
    at = delivery.triggered_at or delivery.received_at
    return wire.deleted_payload(payload, at=at, sequence=_sequence(delivery)), []


def _consent(topic: str, payload: Payload, delivery: Delivery) -> wire.Reading:
    """Names the contact by its id. One that is not known yet is made with the address the consent is for, so that the
    consent counts at once; a known one keeps the address it has. Without an address there is no consent to speak of, at
    Shopify neither; but an opt-out is never dropped."""
    change, found = wire.consent_payload(topic, payload, sequence=_sequence(delivery))
    consents = [consent for consent in found if consent.address or consent.state in _WITHOUT_ADDRESS]
    for consent in consents:
        of_phone = consent.channel is not Channel.EMAIL
        change.profile = Profile(phone=consent.address) if of_phone else Profile(email=consent.address)
        change.fields = frozenset()
    return change, consents


def _tags(topic: str, payload: Payload, delivery: Delivery) -> wire.Reading:
    return wire.tags_payload(payload, added=topic.endswith("added"), sequence=_sequence(delivery)), []


def _figures(topic: str, payload: Payload, delivery: Delivery) -> wire.Reading:
    return wire.summary_payload(payload, sequence=_sequence(delivery)), []


# Topic → how it is read, and whether the payload lacks facts of the customer.
CUSTOMER_TOPICS: dict[str, tuple[Read, bool]] = {
    **dict.fromkeys(
        ("customers/create", "customers/update", "customers/enable", "customers/disable"), (_profile, True)
    ),
    "customers/delete": (_deleted, False),
    **dict.fromkeys(wire.CONSENT_TOPICS, (_consent, False)),
    **dict.fromkeys(("customer.tags_added", "customer.tags_removed"), (_tags, False)),
    "customers/purchasing_summary": (_figures, True),
}


@handler("shopify", *CUSTOMER_TOPICS)
def customers(shop_id: int, deliveries: list[Delivery]) -> None:
    """All that concerns customers, in one batch."""
    readings: list[wire.Reading] = []
    lacking: set[int] = set()
    for delivery in deliveries:
        read, lacks = CUSTOMER_TOPICS[delivery.topic]
        change, consents = read(delivery.topic, _payload(delivery), delivery)
        if change.shopify_customer_id is None:
            raise ValueError("a customer without id")
        readings.append((change, consents))
        if lacks or (delivery.topic in wire.CONSENT_TOPICS and not consents):
            lacking.add(change.shopify_customer_id)
    applied, _ = apply_readings(readings)
    for (change, _), result in zip(readings, applied, strict=True):
        if result.created and not change.deleted:
            lacking.add(change.shopify_customer_id or 0)
    lacking |= _of_other_addresses(readings, [result.contact_id for result in applied])
    refetch.request(shop_id, lacking)


def _of_other_addresses(readings: Sequence[wire.Reading], contact_ids: Sequence[int]) -> set[int]:
    """Customers whose consent is for another address than we hold: one of the two is about to change."""
    consents = [
        (contact_id, change.shopify_customer_id or 0, consent)
        for contact_id, (change, found) in zip(contact_ids, readings, strict=True)
        for consent in found
    ]
    if not consents:
        return set()
    rows = Contact.objects.filter(pk__in=[contact_id for contact_id, _, _ in consents])
    held = {contact_id: (phone, email) for contact_id, phone, email in rows.values_list("pk", "phone", "email")}
    other = set()
    for contact_id, customer_id, consent in consents:
        phone, email = held.get(contact_id, (None, None))
        if consent.channel is Channel.EMAIL:
            same = (email or "").lower() == (consent.address or "").lower()
        else:
            same = phone == consent.address
        if not same:
            other.add(customer_id)
    return other


# Orders


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
    """Orders, and through them guests. One whose customer is not known yet waits linked to nobody; the customer is
    read, which links it."""
    changes = [wire_orders.order_payload(_payload(delivery), sequence=_sequence(delivery)) for delivery in deliveries]
    apply_orders(changes)
    customer_ids = {change.shopify_customer_id for change in changes if change.shopify_customer_id}
    known = set(
        Contact.objects.filter(shopify_customer_id__in=customer_ids).values_list("shopify_customer_id", flat=True)
    )
    refetch.request(shop_id, customer_ids - known)


# The store itself


@handler("shopify", "shop/update")
def shop_update(shop_id: int, deliveries: list[Delivery]) -> None:
    """Name, currency, zone and country, as the newest delivery has them."""
    payload = _payload(max(deliveries, key=_sequence))
    facts = shop_facts(
        name=text(payload.get("name")),
        currency=text(payload.get("currency")),
        time_zone=text(payload.get("iana_timezone")),
        country=text(payload.get("country_code")),
    )
    if facts:
        Shop.objects.filter(pk=shop_id).update(**facts)


@handler("shopify", "app/uninstalled")
def app_uninstalled(shop_id: int, deliveries: list[Delivery]) -> None:
    """The token is worthless from now on. The shop, its secret and its data stay until ``shop/redact``, or for 30 days.

    A late delivery does not undo a connection made after it: a token given later shows that the app is installed again.
    """
    newest = max(delivery.triggered_at or delivery.received_at for delivery in deliveries)
    if Connection.objects.filter(expires_at__gt=newest + TOKEN_LIFE).exists():
        return
    Shop.objects.filter(pk=shop_id).update(status=Shop.Status.UNINSTALLED)
    Connection.objects.update(
        access_token="", expires_at=None, status="DISCONNECTED", status_reason="The app was uninstalled from the store."
    )
    refetch.forget_all()
    # Kept until Shopify says shop/redact, or 30 days.
    erase_on = newest + privacy.AFTER_UNINSTALL
    privacy.erase_shop_on(Shop.objects.get(pk=shop_id), erase_on, origin=privacy.Origin.SYSTEM)


@handler("shopify", "bulk_operations/finish")
def bulk_operations_finish(shop_id: int, deliveries: list[Delivery]) -> None:
    """Wakes the import that waits for it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, '')", [imports.BELL])
