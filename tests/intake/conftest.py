from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from django.db import connection
from tests.serving import committed_shop, server  # noqa: F401 (fixtures)

from sayso.intake import registry
from sayso.intake.models import Delivery
from sayso.shops.models import Shop

_numbers = itertools.count(1)


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty registry for this test alone."""
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(registry, "_splitters", dict(registry._splitters))


@pytest.fixture
def deliver() -> Callable[..., Delivery]:
    def deliver(shop: Shop | None, topic: str = "things/update", **fields: object) -> Delivery:
        body = fields.pop("body", {})
        return Delivery.objects.create(
            provider=fields.pop("provider", "shopify"),
            key=fields.pop("key", f"delivery-{next(_numbers)}"),
            shop_id=shop and shop.pk,
            topic=topic,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            **fields,
        )

    return deliver


@pytest.fixture
def due() -> Callable[[], None]:
    """Let every waiting delivery be due now."""

    def make_due() -> None:
        with connection.cursor() as cursor:
            cursor.execute("update delivery set not_before = now() where state = 'NEW'")

    return make_due
