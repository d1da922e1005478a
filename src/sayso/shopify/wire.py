"""Shopify's customers → what the contacts and consent rooms take.

Customers come in two shapes: the nodes of GraphQL (pages, refetches, bulk files), which say everything, and the
payloads of webhooks, which say a part. Both give a change of the contact and the readings of its consents; equal facts
give equal changes, whichever way they came. Unusable values end as None, they never raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from sayso.consent.events import Channel
from sayso.contacts.changes import ContactChange, Figures, Profile, Source, TagChange

from .consent_values import ConsentReading, reading
from .types import Consent, Customer, PhoneNumber
from .values import amount, mapping, moment, number, numeric_id, text, upper, utc

Reading = tuple[ContactChange, list[ConsentReading]]

# Of a profile, what a customers/* payload says; since 2025-01 it has no locale.
_ADDRESS_FIELDS = ("country", "region", "city", "address", "postcode")
_ZERO = Decimal(0)
_SHOPIFY = Source.SHOPIFY
_WHATSAPP, _SMS, _EMAIL = Channel.WHATSAPP, Channel.SMS, Channel.EMAIL


def customer(node: Customer | Mapping[str, Any], *, sequence: int = 0) -> Reading:
    """A customer as GraphQL tells it: all facts, and the consents Shopify holds.

    ``sequence`` is 0 for bulk files, and the moment of reading in microseconds for pages and refetches. Without a
    default phone number there is no consent for SMS or WhatsApp; the phone of the default address is only ever a phone
    number.
    Raises msgspec.ValidationError for a mapping that is no customer.
    """
    if not isinstance(node, Customer):
        node = msgspec.convert(node, Customer)
    readings: list[ConsentReading] = []
    phone = node.default_phone_number
    number_ = None
    if phone is not None and phone.phone_number:
        number_ = phone.phone_number
        for channel, consent in ((_SMS, sms_consent(phone)), (_WHATSAPP, phone.whats_app_marketing_consent)):
            if consent is not None:
                found = reading(
                    channel,
                    consent.state,
                    utc(consent.updated_at),
                    consent.opt_in_level,
                    consent.collected_from,
                    address=number_,
                )
                if found is not None:
                    readings.append(found)
    email = node.default_email_address
    email_ = None
    if email is not None and email.email_address:
        email_ = email.email_address
        found = reading(
            _EMAIL,
            email.marketing_state,
            utc(email.marketing_updated_at),
            email.marketing_opt_in_level,
            None,
            address=email_,
        )
        if found is not None:
            readings.append(found)
    address = node.default_address
    if address is None:
        profile = Profile(node.first_name, node.last_name, email_, number_, node.note, node.locale)
    else:
        profile = Profile(
            node.first_name,
            node.last_name,
            email_,
            number_ or address.phone,
            node.note,
            node.locale,
            address.country_code_v2,
            address.province_code,
            address.city,
            address.address1,
            address.zip,
        )
    spent, last = node.amount_spent, node.last_order
    figures = Figures(
        number(node.number_of_orders) or 0,
        (spent.amount if spent is not None else None) or _ZERO,
        utc(last.processed_at) if last is not None else None,
    )
    change = ContactChange(
        source=_SHOPIFY,
        at=utc(node.updated_at),
        sequence=sequence,
        shopify_customer_id=numeric_id(node.id),
        profile=profile,
        tags=node.tags,
        figures=figures,
        shopify_state=node.state,
        shopify_created_at=utc(node.created_at),
    )
    return change, readings


def sms_consent(phone: PhoneNumber) -> Consent:
    """The consent for SMS, wherever the version of the API writes it."""
    return phone.sms_marketing_consent or Consent(
        phone.marketing_state, phone.marketing_opt_in_level, phone.marketing_updated_at, phone.marketing_collected_from
    )


def customer_payload(payload: Mapping[str, Any], *, sequence: int) -> ContactChange:
    """``customers/create|update|enable|disable``: what the payload says, and nothing of what it lacks.

    ``sequence`` is :func:`.values.microseconds` of ``X-Shopify-Triggered-At``.
    """
    profile, fields = Profile(), set[str]()
    for key, field in (("first_name", "first_name"), ("last_name", "last_name"), ("email", "email"), ("note", "note")):
        if key in payload:
            setattr(profile, field, text(payload[key]))
            fields.add(field)
    address = mapping(payload.get("default_address"))
    if "phone" in payload:
        profile.phone = text(payload["phone"]) or text(address.get("phone"))
        fields.add("phone")
    if "default_address" in payload:
        profile.country = text(address.get("country_code"))
        profile.region = text(address.get("province_code"))
        profile.city = text(address.get("city"))
        profile.address = text(address.get("address1"))
        profile.postcode = text(address.get("zip"))
        fields.update(_ADDRESS_FIELDS)
    return ContactChange(
        source=Source.SHOPIFY,
        at=moment(payload.get("updated_at")),
        sequence=sequence,
        shopify_customer_id=numeric_id(payload.get("id")),
        profile=profile,
        fields=frozenset(fields),
        shopify_state=upper(payload.get("state")),
        shopify_created_at=moment(payload.get("created_at")),
    )


def deleted_payload(payload: Mapping[str, Any], *, at: datetime, sequence: int) -> ContactChange:
    """``customers/delete``: the payload has no time of its own, ``at`` is when it was triggered."""
    customer_id = numeric_id(payload.get("id"))
    return ContactChange(source=Source.SHOPIFY, at=at, sequence=sequence, shopify_customer_id=customer_id, deleted=True)


def tags_payload(payload: Mapping[str, Any], *, added: bool, sequence: int) -> ContactChange:
    """``customer.tags_added`` and ``customer.tags_removed``. Raises ValueError without a time."""
    at = moment(payload.get("occurredAt"))
    if at is None:
        raise ValueError("a change of tags without its time")
    tags = payload.get("tags")
    named = [tag for tag in tags if isinstance(tag, str) and tag] if isinstance(tags, list) else []
    return ContactChange(
        source=Source.SHOPIFY,
        at=at,
        sequence=sequence,
        shopify_customer_id=numeric_id(payload.get("customerId")),
        tag_changes=[TagChange(named, added, at)],
    )


def summary_payload(payload: Mapping[str, Any], *, sequence: int) -> ContactChange:
    """``customers/purchasing_summary``. It names the last order but not its time, so ``last_order_at`` is None."""
    return ContactChange(
        source=Source.SHOPIFY,
        at=moment(payload.get("occurredAt")),
        sequence=sequence,
        shopify_customer_id=numeric_id(payload.get("customerId")),
        figures=Figures(
            orders_count=number(payload.get("numberOfOrders")) or 0,
            total_spent=amount(mapping(payload.get("amountSpent")).get("amount")) or _ZERO,
        ),
    )


# Topic → channel and the keys of: customer, address, consent, its time, its collector.
_CONSENT_KEYS = {
    "customers_marketing_consent/update": (
        Channel.SMS,
        ("id", "phone", "sms_marketing_consent", "consent_updated_at", "consent_collected_from"),
    ),
    "customers_email_marketing_consent/update": (
        Channel.EMAIL,
        ("customer_id", "email_address", "email_marketing_consent", "consent_updated_at", "consent_collected_from"),
    ),
    "customers_whats_app_marketing_consent/update": (
        Channel.WHATSAPP,
        ("customer_id", "phone_number", "whats_app_marketing_consent", "updated_at", "collected_from"),
    ),
}
CONSENT_TOPICS = tuple(_CONSENT_KEYS)


def consent_payload(topic: str, payload: Mapping[str, Any], *, sequence: int) -> Reading:
    """One of :data:`CONSENT_TOPICS`: a change that only names the contact, and at most one reading."""
    channel, (id_key, address_key, consent_key, time_key, collector_key) = _CONSENT_KEYS[topic]
    consent = mapping(payload.get(consent_key))
    at = moment(consent.get(time_key))
    found = reading(
        channel,
        text(consent.get("state")),
        at,
        upper(consent.get("opt_in_level")),
        upper(consent.get(collector_key)),
        address=text(payload.get(address_key)),
    )
    change = ContactChange(
        source=Source.SHOPIFY, at=at, sequence=sequence, shopify_customer_id=numeric_id(payload.get(id_key))
    )
    return change, [] if found is None else [found]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two customers became one, or should have. ``done`` is False while it runs and when it failed."""

    kept_id: int | None
    deleted_id: int | None
    done: bool


def merge_payload(payload: Mapping[str, Any]) -> Merge:
    """``customers/merge``."""
    return Merge(
        kept_id=numeric_id(payload.get("admin_graphql_api_customer_kept_id")),
        deleted_id=numeric_id(payload.get("admin_graphql_api_customer_deleted_id")),
        done=upper(payload.get("status")) == "COMPLETED",
    )


def read_at(clock: datetime | None = None) -> int:
    """The ``sequence`` of facts read now: microseconds since the epoch."""
    at = clock or datetime.now(UTC)
    return int(at.timestamp()) * 1_000_000 + at.microsecond
