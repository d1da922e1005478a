"""Shopify's checkouts → what the commerce room takes: ``checkouts/*`` payloads, and GraphQL's ``AbandonedCheckout``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from sayso.commerce.checkouts import CheckoutChange, Deletion, FoundCheckout

from .types import AbandonedCheckout
from .values import amount, mapping, mappings, moment, numeric_id, text, utc
from .wire_lines import line, payload_line

_ZERO = Decimal(0)
T = TypeVar("T")


def checkout_payload(payload: Mapping[str, Any], *, sequence: int) -> CheckoutChange:
    """``checkouts/create|update``. Raises ValueError without token or times. Before 2026-04 there was an id as well."""
    billing, shipping = mapping(payload.get("billing_address")), mapping(payload.get("shipping_address"))
    buyer, place = billing or shipping, shipping or billing
    own = text(payload.get("phone"))
    started_at = _required(moment(payload.get("created_at")), "created_at")
    accepts_email, accepts_sms = payload.get("buyer_accepts_marketing"), payload.get("buyer_accepts_sms_marketing")
    return CheckoutChange(
        token=_required(_short(payload.get("token"), 255), "token"),
        at=moment(payload.get("updated_at")) or started_at,
        sequence=sequence,
        started_at=started_at,
        cart_token=_short(payload.get("cart_token"), 255),
        shopify_customer_id=numeric_id(mapping(payload.get("customer")).get("id")),
        email=_short(payload.get("email"), 320),
        phone=_short(own or text(billing.get("phone")) or text(shipping.get("phone")), 64),
        own_phone=own is not None,
        sms_phone=_short(payload.get("sms_marketing_phone"), 64),
        first_name=_short(buyer.get("first_name"), 255),
        last_name=_short(buyer.get("last_name"), 255),
        country=_short(place.get("country_code"), 2),
        locale=_short(payload.get("customer_locale"), 35),
        accepts_email=accepts_email if isinstance(accepts_email, bool) else None,
        accepts_sms=accepts_sms if isinstance(accepts_sms, bool) else None,
        total=amount(payload.get("total_price")) or _ZERO,
        currency=_short(payload.get("currency"), 3) or "",
        completed_at=moment(payload.get("completed_at")),
        url=_short(payload.get("abandoned_checkout_url"), 2048),
        lines=[payload_line(told) for told in mappings(payload.get("line_items"))],
    )


def deleted_payload(payload: Mapping[str, Any], *, at: datetime) -> Deletion:
    """``checkouts/delete``, which names the cart and the id, and no token. Raises ValueError where it names neither."""
    found = Deletion(at, _short(payload.get("cart_token"), 255), numeric_id(payload.get("id")))
    if found.cart_token is None and found.shopify_checkout_id is None:
        raise ValueError("a checkout without cart_token and id")
    return found


def abandoned(node: AbandonedCheckout | Mapping[str, Any]) -> FoundCheckout:
    """A checkout as GraphQL tells it; it has neither token nor e-mail.

    Raises ValueError without id, times or address, and msgspec.ValidationError for a mapping that is none.
    """
    if not isinstance(node, AbandonedCheckout):
        node = msgspec.convert(node, AbandonedCheckout)
    money = node.total_price_set.shop_money if node.total_price_set else None
    places = [place for place in (node.billing_address, node.shipping_address) if place is not None]
    return FoundCheckout(
        shopify_checkout_id=_required(numeric_id(node.id), "id"),
        at=_required(utc(node.updated_at or node.created_at), "updatedAt"),
        started_at=_required(utc(node.created_at), "createdAt"),
        url=_required(_short(node.abandoned_checkout_url, 2048), "abandonedCheckoutUrl"),
        name=(node.name or "")[:64],
        shopify_customer_id=numeric_id(node.customer.id) if node.customer else None,
        total=(money.amount if money else None) or _ZERO,
        currency=(money.currency_code if money else None) or "",
        completed_at=utc(node.completed_at),
        phones=[(place.phone, place.country_code_v2) for place in places if place.phone],
        lines=[line(item) for item in (node.line_items.nodes if node.line_items else [])],
    )


def _short(value: object, length: int) -> str | None:
    """A text that fits its column; a longer one is none rather than another one."""
    found = text(value)
    return found if found and len(found) <= length else None


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise ValueError(f"a checkout without {name}")
    return value
