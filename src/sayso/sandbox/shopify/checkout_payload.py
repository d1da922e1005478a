"""The bodies of the `checkouts/*` webhooks: 44 keys at the top, without an id since 2026-04."""

from typing import Any

from ..clock import local
from ..records import Checkout, Customer, Line, Shop
from . import payloads
from .goods import goods
from .money import amount
from .order_payload import place

_NOTHING = (
    "gateway",
    "landing_site",
    "note",
    "referring_site",
    "closed_at",
    "user_id",
    "location_id",
    "source_identifier",
    "source_url",
    "device_id",
    "source",
    "total_duties",
    "reservation_token",
)
_EMPTY = ("note_attributes", "shipping_lines", "discount_codes", "tax_lines")


def url(one: Checkout, shop: Shop) -> str:
    """Where the buyer goes on: the same here and in GraphQL."""
    return f"https://{shop.domain}/{shop.id}/checkouts/{one.token}/recover?key=sandbox-{one.id}"


def name(one: Checkout) -> str:
    """What Shopify calls a checkout."""
    return f"#{one.id}"


def checkout(one: Checkout, buyer: Customer | None, shop: Shop) -> dict[str, Any]:
    """`checkouts/create` and `checkouts/update`."""
    person = payloads.customer(buyer, shop) if buyer else None
    if person:
        del person["addresses"]
    return {
        **dict.fromkeys(_NOTHING),
        **{key: [] for key in _EMPTY},
        **_money(one, shop),
        "token": one.token,
        "cart_token": one.cart,
        "email": one.email,
        "buyer_accepts_marketing": one.accepts_marketing,
        "created_at": local(one.created, shop.zone),
        "updated_at": local(one.updated, shop.zone),
        "taxes_included": False,
        "total_weight": 250 * sum(line.quantity for line in one.lines),
        "currency": shop.currency,
        "completed_at": local(one.completed, shop.zone),
        "phone": one.phone,
        "customer_locale": one.locale,
        "line_items": [_line(line) for line in one.lines],
        "name": name(one),
        "abandoned_checkout_url": url(one, shop),
        "source_name": "web",
        "billing_address": place(one.billing),
        "shipping_address": place(one.shipping),
        "customer": person,
    }


def deleted(one: Checkout, shop: Shop) -> dict[str, Any]:
    """`checkouts/delete`: here the id is told, and the token is not."""
    return {"id": one.id, "cart_token": one.cart, "total_duties": None, "reservation_token": None, **_money(one, shop)}


def _money(one: Checkout, shop: Shop) -> dict[str, Any]:
    return {
        "presentment_currency": shop.currency,
        "buyer_accepts_sms_marketing": one.accepts_sms,
        "sms_marketing_phone": one.sms_phone,
        "total_discounts": "0.00",
        "total_line_items_price": amount(one.total),
        "total_price": amount(one.total),
        "total_tax": "0.00",
        "subtotal_price": amount(one.total),
    }


def _line(one: Line) -> dict[str, Any]:
    variant = goods(one)
    return {
        "applied_discounts": [],
        "discount_allocations": [],
        "key": f"{one.id:032x}",
        "destination_location_id": None,
        "fulfillment_service": "manual",
        "gift_card": variant.product.kind == "Gift card",
        "grams": 250,
        "origin_location_id": None,
        "presentment_title": variant.product.title,
        "presentment_variant_title": variant.title,
        "product_id": variant.product.id,
        "properties": None,
        "quantity": one.quantity,
        "requires_shipping": True,
        "sku": variant.sku,
        "tax_lines": [],
        "taxable": True,
        "title": variant.product.title,
        "variant_id": one.variant,
        "variant_title": variant.title,
        "variant_price": amount(one.price),
        "vendor": variant.product.vendor,
        "user_id": None,
        "unit_price_measurement": dict.fromkeys(
            ("measured_type", "quantity_value", "quantity_unit", "reference_value", "reference_unit")
        ),
        "rank": None,
        "compare_at_price": None,
        "line_price": amount(one.price * one.quantity),
        "price": amount(one.price),
    }
