"""A small ledger to tamper with: several contacts, chains of several entries, with and without evidence."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def make_shop() -> Shop:
    name = f"ledger-{secrets.token_hex(4)}"
    return Shop.objects.create(domain=f"{name}.myshopify.com", name=name, address_secret=secrets.token_hex(32))


def people(shop: Shop, number: int = 3, first: int = 1) -> list[int]:
    """Contacts with four entries each: three opt-ins, one with evidence, and an opt-out."""
    with shop_context(shop.pk):
        ids = [
            one.contact_id
            for one in apply(
                ContactChange(
                    source=Source.SHOPIFY,
                    at=T0,
                    shopify_customer_id=index,
                    profile=Profile(
                        first_name="Zoë", phone=f"+4479111{index:05d}", email=f"z{index}@example.com", country="GB"
                    ),
                )
                for index in range(first, first + number)
            )
        ]
        record(
            ConsentEvent(
                id,
                channel,
                "OPT_IN",
                T0,
                "hosted_form",
                wording_version=f"hosted_form/{channel}/en/1",
                language="en",
                evidence={"ip": "192.0.2.1", "text": 'Ja, gerne \\ "bitte" \u0001 é'} if channel == "whatsapp" else {},
            )
            for id in ids
            for channel in Channel
        )
        record(ConsentEvent(id, Channel.EMAIL, "OPT_OUT", T0 + timedelta(minutes=1), "unsubscribe_link") for id in ids)
        return ids


@contextmanager
def tampering(owner: psycopg.Connection, *tables: str) -> Iterator[psycopg.Connection]:
    """The owner with the guards off, as somebody who took over the database server."""
    tables = tables or ("consent_ledger", "consent_checkpoint")
    for table in tables:
        owner.execute(f"alter table {table} disable trigger user")
    try:
        yield owner
    finally:
        for table in tables:
            owner.execute(f"alter table {table} enable trigger user")
