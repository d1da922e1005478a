"""An order as a source tells it, in the one form that :func:`sayso.commerce.apply.apply` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(slots=True)
class LineChange:
    title: str
    quantity: int
    price: Decimal
    product_id: int | None = None
    variant_id: int | None = None
    variant_title: str | None = None
    vendor: str | None = None
    sku: str | None = None


@dataclass(slots=True)
class FulfillmentChange:
    """A parcel, as far as the order's picture tells it. ``status`` in Shopify's words: SUCCESS, CANCELLED …"""

    shopify_fulfillment_id: int
    status: str
    shipped_at: datetime
    shipment_status: str | None = None
    tracking_company: str | None = None
    tracking_numbers: list[str] = field(default_factory=list)
    tracking_urls: list[str] = field(default_factory=list)


@dataclass(slots=True)
class OrderChange:
    """``at`` is the order's ``updated_at``, ``sequence`` breaks ties as in ContactChange. ``shopify_customer_id`` None
    means a guest: the addresses and names then find or make the contact."""

    shopify_order_id: int
    at: datetime
    name: str
    placed_at: datetime
    status: str
    total: Decimal
    currency: str
    sequence: int = 0
    shopify_customer_id: int | None = None
    number: int | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    country: str | None = None
    locale: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    test: bool = False
    source_name: str | None = None
    tags: list[str] = field(default_factory=list)
    checkout_token: str | None = None
    status_url: str | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    lines: list[LineChange] = field(default_factory=list)
    fulfillments: list[FulfillmentChange] = field(default_factory=list)
    buyer_accepts_email: bool | None = None
