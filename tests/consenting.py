"""Contacts, consent events and states, in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sayso.consent import settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PHONE = "+447911123456"


def make_contact(number: int = 1, phone: str | None = PHONE, email: str | None = "ada@example.com") -> int:
    change = ContactChange(
        source=Source.SHOPIFY,
        at=T0,
        shopify_customer_id=number,
        profile=Profile(phone=phone, email=email, country="GB"),
    )
    return apply([change])[0].contact_id


def event(
    contact_id: int, name: str, minutes: float | None = 0, channel: Channel = Channel.WHATSAPP, **more
) -> ConsentEvent:
    at = None if minutes is None else T0 + timedelta(minutes=minutes)
    return ConsentEvent(contact_id=contact_id, channel=channel, event=name, occurred_at=at, source="test", **more)


def state(contact_id: int, channel: Channel = Channel.WHATSAPP) -> str:
    return getattr(ConsentState.objects.get(contact_id=contact_id), f"{channel}_state")


def decide(**values) -> None:
    """The current shop decides on settings of consent."""
    settings.change(Shop.objects.get(pk=current_shop_id()), actor_kind="staff", **values)
