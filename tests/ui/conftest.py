"""People and contacts for the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.models import Membership, Shop, User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def sign_in(shop: Shop, role: str) -> Client:
    """A client signed in as a member of ``shop`` with ``role``."""
    user = User.objects.create_user(f"{role}-{shop.pk}@example.com", "a long password", name=role.title())
    Membership.objects.create(user=user, shop=shop, role=role)
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


@pytest.fixture
def viewer_client(shop: Shop) -> Client:
    return sign_in(shop, "viewer")


@pytest.fixture
def make_contact(shop: Shop) -> Callable[..., int]:
    """Make a contact of ``shop`` through the door; answers its id."""
    numbers = iter(range(1, 10_000))

    def make(
        first_name: str = "Ada", last_name: str = "Byron", *, tags: list[str] | None = None, **more: object
    ) -> int:
        number = next(numbers)
        email = more.pop("email", f"{first_name.lower()}.{number}@example.com")
        phone = more.pop("phone", f"+4915112{number:06}")
        change = ContactChange(
            source=Source.SHOPIFY,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            shopify_customer_id=1000 + number,
            profile=Profile(first_name=first_name, last_name=last_name, email=email, phone=phone),
            tags=tags or [],
            **more,
        )
        return apply([change])[0].contact_id

    return make


def say(contact_id: int, event: str, channel: Channel = Channel.WHATSAPP) -> None:
    """Record a consent event of a customer, now."""
    record([ConsentEvent(contact_id, channel, event, datetime.now(UTC), source="form")])
