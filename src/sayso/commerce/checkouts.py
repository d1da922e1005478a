"""The one writer of checkouts: as webhooks tell them (by token), and as the poll finds them (by Shopify's id).

Webhooks only add what the poll does not have: addresses and the boxes that were ticked. That a checkout was abandoned, the
poll alone decides (features §8.8), in ``sql/32_abandoned.sql``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from sayso.contacts import addresses
from sayso.contacts.phones import normalise
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from .changes import LineChange


@dataclass(slots=True)
class CheckoutChange:
    """A checkout as a payload tells it. ``at`` and ``sequence`` as in :class:`.changes.OrderChange`. ``phone`` is the
    buyer's own where there is one (``own_phone``), else that of the billing or shipping address."""

    token: str
    at: datetime
    started_at: datetime
    total: Decimal
    currency: str
    sequence: int = 0
    cart_token: str | None = None
    shopify_customer_id: int | None = None
    email: str | None = None
    phone: str | None = None
    own_phone: bool = False
    sms_phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    country: str | None = None
    locale: str | None = None
    accepts_email: bool | None = None
    accepts_sms: bool | None = None
    completed_at: datetime | None = None
    url: str | None = None
    lines: list[LineChange] = field(default_factory=list)


@dataclass(slots=True)
class FoundCheckout:
    """A checkout as the poll finds it. ``phones`` are those of the billing and the shipping address, in that order."""

    shopify_checkout_id: int
    at: datetime
    started_at: datetime
    url: str
    total: Decimal
    currency: str
    name: str = ""
    shopify_customer_id: int | None = None
    completed_at: datetime | None = None
    phones: list[tuple[str, str | None]] = field(default_factory=list)  # as written, and the address's country
    lines: list[LineChange] = field(default_factory=list)


@dataclass(slots=True)
class Deletion:
    """That a checkout was deleted, as the payload names it."""

    at: datetime
    cart_token: str | None = None
    shopify_checkout_id: int | None = None


def apply(changes: Sequence[CheckoutChange]) -> None:
    """Apply checkouts of the current shop; of each the newest picture holds. Needs a transaction with a shop."""
    if changes:
        keys = _Keys.current()
        _call("commerce_apply_checkouts", [_row(change, keys) for change in changes])


def apply_found(found: Sequence[FoundCheckout]) -> int:
    """Apply what a poll found and answer how many of them are abandoned now and were not before.

    Each is told once, as an event ``checkout.abandoned``. Needs a transaction with a shop.
    """
    if not found:
        return 0
    keys = _Keys.current()
    return int(_call("commerce_apply_abandoned", [_found_row(one, keys) for one in found]))


def delete(deletions: Sequence[Deletion]) -> None:
    """Mark checkouts as deleted by the store, whether they are known yet or not. Needs a transaction with a shop."""
    if not deletions:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select commerce_delete_checkouts(%s::text[], %s::bigint[], %s::timestamptz[])",
            [
                [one.cart_token for one in deletions],
                [one.shopify_checkout_id for one in deletions],
                [one.at for one in deletions],
            ],
        )


def end_by(order_ids: Iterable[int]) -> None:
    """Note on checkouts that these orders (ids of ours) ended them. Needs a transaction with a shop."""
    ids = list(order_ids)
    if ids:
        with connection.cursor() as cursor:
            cursor.execute("select commerce_end_checkouts(%s)", [ids])


class _Keys:
    """Keyed hashes of addresses, in hexadecimal."""

    def __init__(self, shop: Shop) -> None:
        self._country, self._secret = shop.country, addresses.shop_secret(shop.pk)

    @classmethod
    def current(cls) -> _Keys:
        return cls(Shop.objects.get(pk=current_shop_id()))

    def email(self, email: str | None) -> str | None:
        return addresses.email_key(self._secret, email).hex() if email else None

    def phone(self, phone: str | None, country: str | None) -> str | None:
        e164 = normalise(phone, country or self._country).e164 if phone else None
        return addresses.phone_key(self._secret, e164).hex() if e164 else None


def _row(change: CheckoutChange, keys: _Keys) -> dict[str, Any]:
    return {
        "token": change.token,
        "cart_token": change.cart_token,
        "shopify_customer_id": change.shopify_customer_id,
        "email": change.email,
        "email_key": keys.email(change.email),
        "phone": change.phone,
        "phone_key": keys.phone(change.phone, change.country),
        "own_phone": change.own_phone,
        "sms_phone": change.sms_phone,
        "sms_phone_key": keys.phone(change.sms_phone, change.country),
        "first_name": change.first_name,
        "last_name": change.last_name,
        "country": change.country,
        "locale": change.locale,
        "accepts_email": change.accepts_email,
        "accepts_sms": change.accepts_sms,
        "completed_at": _time(change.completed_at),
        **_common(change),
        "sequence": change.sequence,
    }


def _found_row(found: FoundCheckout, keys: _Keys) -> dict[str, Any]:
    phones = (keys.phone(phone, country) for phone, country in found.phones)
    return {
        "shopify_checkout_id": found.shopify_checkout_id,
        "shopify_customer_id": found.shopify_customer_id,
        "name": found.name,
        "completed_at": _time(found.completed_at),
        "phone_keys": [key for key in phones if key],
        **_common(found),
    }


def _common(one: CheckoutChange | FoundCheckout) -> dict[str, Any]:
    return {
        "at": _time(one.at),
        "started_at": _time(one.started_at),
        "total": str(one.total),
        "currency": one.currency,
        "url": one.url,
        "lines": [
            {
                "title": line.title,
                "variant": line.variant_title,
                "quantity": line.quantity,
                "price": str(line.price),
                "product_id": str(line.product_id) if line.product_id else None,
                "variant_id": str(line.variant_id) if line.variant_id else None,
                "sku": line.sku,
            }
            for line in one.lines
        ],
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _call(function: str, rows: list[dict[str, Any]]) -> Any:
    text = json.dumps(rows).replace("\\u0000", "")  # PostgreSQL's jsonb cannot hold NUL
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(%s::jsonb)", [text])
        return cursor.fetchone()[0]
