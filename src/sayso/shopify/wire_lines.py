"""The lines of orders and checkouts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sayso.commerce.changes import LineChange

from .types import LineItem
from .values import amount, number, numeric_id, text

_ZERO = Decimal(0)


def line(item: LineItem) -> LineChange:
    """A line of a page, a bulk file or an answer."""
    money = item.original_unit_price_set.shop_money if item.original_unit_price_set else None
    return LineChange(
        title=item.title or "",
        quantity=item.quantity,
        price=(money.amount if money else None) or _ZERO,
        product_id=numeric_id(item.product.id) if item.product else None,
        variant_id=numeric_id(item.variant.id) if item.variant else None,
        variant_title=item.variant_title,
        vendor=item.vendor,
        sku=item.sku,
    )


def payload_line(told: Mapping[str, Any]) -> LineChange:
    """One of ``line_items`` of a delivery. That of a checkout may have no title but the one shown to the buyer."""
    return LineChange(
        title=text(told.get("title")) or text(told.get("presentment_title")) or "",
        quantity=number(told.get("quantity")) or 0,
        price=amount(told.get("price")) or _ZERO,
        product_id=numeric_id(told.get("product_id")),
        variant_id=numeric_id(told.get("variant_id")),
        variant_title=text(told.get("variant_title")),
        vendor=text(told.get("vendor")),
        sku=text(told.get("sku")),
    )
