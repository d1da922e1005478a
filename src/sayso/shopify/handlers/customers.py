"""Customers: what they are called, what they agreed to, how they are tagged, what they bought."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sayso.consent.events import Channel, State
from sayso.contacts.changes import Profile
from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import wire
from ..customers import apply_readings
from ..reading import refetch
from .reading import Payload, payload, sequence

_WITHOUT_ADDRESS = frozenset({State.UNSUBSCRIBED, State.REDACTED})

Read = Callable[[str, Payload, Delivery], wire.Reading]


def _profile(topic: str, body: Payload, delivery: Delivery) -> wire.Reading:
    return wire.customer_payload(body, sequence=sequence(delivery)), []


def _deleted(topic: str, body: Payload, delivery: Delivery) -> wire.Reading:
    at = delivery.triggered_at or delivery.received_at
    return wire.deleted_payload(body, at=at, sequence=sequence(delivery)), []


def _consent(topic: str, body: Payload, delivery: Delivery) -> wire.Reading:
    """Names the contact by its id. One that is not known yet is made with the address the consent is for, so that the
    consent counts at once; a known one keeps the address it has. Without an address there is no consent to speak of, at
    Shopify neither; but an opt-out is never dropped."""
    change, found = wire.consent_payload(topic, body, sequence=sequence(delivery))
    consents = [consent for consent in found if consent.address or consent.state in _WITHOUT_ADDRESS]
    for consent in consents:
        of_phone = consent.channel is not Channel.EMAIL
        change.profile = Profile(phone=consent.address) if of_phone else Profile(email=consent.address)
        change.fields = frozenset()
    return change, consents


def _tags(topic: str, body: Payload, delivery: Delivery) -> wire.Reading:
    return wire.tags_payload(body, added=topic.endswith("added"), sequence=sequence(delivery)), []


def _figures(topic: str, body: Payload, delivery: Delivery) -> wire.Reading:
    return wire.summary_payload(body, sequence=sequence(delivery)), []


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
        change, consents = read(delivery.topic, payload(delivery), delivery)
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
