"""The compliance topics: what Shopify asks on behalf of people and of shops that left (platforms.md §2.2).

Intake has acknowledged them at once; here they are written down as privacy requests, which a worker carries out. A
payload may lack any key: whatever it names is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from sayso.channels.json import Unreadable, decode
from sayso.intake.models import Delivery
from sayso.intake.registry import handler
from sayso.privacy import requests
from sayso.privacy.people import Named
from sayso.shops.models import Shop

from .values import mapping, numeric_id, text


def _payload(delivery: Delivery) -> Mapping[str, Any]:
    """The body. Raises ValueError if it is no JSON object: it is then tried again, and parked where a person looks."""
    try:
        return mapping(decode(bytes(delivery.body)))
    except Unreadable as error:
        raise ValueError("the body is no JSON") from error


def named(payload: Mapping[str, Any], orders_key: str) -> Named:
    """The person a compliance payload is about, as far as it says."""
    customer = mapping(payload.get("customer"))
    orders = payload.get(orders_key)
    ids = (numeric_id(one) for one in orders) if isinstance(orders, list) else ()
    return Named(
        customer_id=numeric_id(customer.get("id")),
        email=text(customer.get("email")) or "",
        phone=text(customer.get("phone")) or "",
        order_ids=tuple(one for one in ids if one is not None),
    )


@handler("shopify", "customers/redact")
def customers_redact(shop_id: int, deliveries: list[Delivery]) -> None:
    _open(shop_id, deliveries, requests.Kind.REDACT, "orders_to_redact")


@handler("shopify", "customers/data_request")
def customers_data_request(shop_id: int, deliveries: list[Delivery]) -> None:
    _open(shop_id, deliveries, requests.Kind.ACCESS, "orders_requested")


def _open(shop_id: int, deliveries: list[Delivery], kind: requests.PrivacyRequest.Kind, orders_key: str) -> None:
    asked = []
    for delivery in deliveries:
        payload = _payload(delivery)
        number = mapping(payload.get("data_request")).get("id")
        # The request's own id where there is one: Shopify may send it again under another delivery id.
        reference = f"data_request:{number}" if number else f"delivery:{delivery.key}"
        asked.append(
            requests.Asking(kind, named(payload, orders_key), reference=reference, received_at=_since(delivery))
        )
    requests.open_all(shop_id, asked, origin=requests.Origin.SHOPIFY, actor_kind="shop", actor_id="shopify")


@handler("shopify", "shop/redact")
def shop_redact(shop_id: int, deliveries: list[Delivery]) -> None:
    """Erase the shop now. One that is installed (again) is not erased by a message: its owner is asked."""
    shop = Shop.objects.get(pk=shop_id)
    requests.erase_shop_on(
        shop, timezone.now(), origin=requests.Origin.SHOPIFY, reference=f"delivery:{deliveries[-1].key}",
        actor_kind="shop", actor_id="shopify",
    )  # fmt: skip


def _since(delivery: Delivery) -> datetime:
    return min(delivery.triggered_at or delivery.received_at, delivery.received_at)
