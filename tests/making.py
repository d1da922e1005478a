"""People, templates and other things that tests begin with."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.messaging.models import Template

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def make_contact(*events: str, phone: str | None = "", country: str = "GB", **change: object) -> int:
    number = next(_numbers)
    profile = Profile(
        first_name=f"Ada{number}",
        phone=f"+4479111{number:05d}" if phone == "" else phone,
        email=f"a{number}@example.com",
        country=country,
    )
    [applied] = apply(
        [ContactChange(source=Source.SHOPIFY, at=T0, shopify_customer_id=number, profile=profile, **change)]
    )
    record(ConsentEvent(applied.contact_id, Channel.WHATSAPP, event, T0, "test") for event in events)
    return applied.contact_id


def make_template(shop, category: str = "MARKETING", body: str = "Hello {{1}}", **fields: object) -> Template:
    values = {
        "channel": "whatsapp",
        "name": f"hello_{next(_numbers)}",
        "language": "en",
        "category": category,
        "status": "APPROVED",
        "components": [{"type": "BODY", "text": body}],
    }
    return Template.objects.create(shop_id=shop.pk, **(values | fields))
