from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from tests.messaging.conftest import sender, template  # noqa: F401 (fixtures)

from sayso.contacts.models import Contact
from sayso.privacy import requests, work
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.people import Named
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def ask(shop: Shop) -> Callable[..., PrivacyRequest]:
    """Open a request and carry it out; answers it as it then stands."""

    def ask(
        kind: requests.Kind = requests.Kind.REDACT, contact_ids: tuple[int, ...] = (), **named: object
    ) -> PrivacyRequest:
        [request] = requests.open_all(
            shop.pk,
            [requests.Asking(kind, Named(**named), contact_ids)],
            origin=requests.Origin.STAFF,
            actor_kind="staff",
            actor_id="1",
        )
        return carried_out(request)

    return ask


def carried_out(request: PrivacyRequest) -> PrivacyRequest:
    assert work.carry_out(request.shop_id, request.pk)
    enter_shop(request.shop_id)
    request.refresh_from_db()
    return request


@pytest.fixture
def signing_key(monkeypatch: pytest.MonkeyPatch) -> Ed25519PrivateKey:
    """The installation's key, for this test alone."""
    from sayso.privacy import signing

    key = Ed25519PrivateKey.generate()
    monkeypatch.setattr(
        signing, "signer", lambda: signing.Signer("test-key", key.public_key().public_bytes_raw(), key.sign)
    )
    return key


def ago(**distance: float) -> object:
    return timezone.now() - timedelta(**distance)


def contact(pk: int) -> Contact:
    return Contact.objects.get(pk=pk)
