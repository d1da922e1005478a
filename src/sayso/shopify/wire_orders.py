"""Shopify's orders → what the commerce room takes, from GraphQL and from ``orders/*`` payloads alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from sayso.commerce.changes import FulfillmentChange, OrderChange

from .types import Address, Fulfillment, LineItem, LineItems, Order
from .values import amount, mapping, mappings, moment, number, numeric_id, text, upper, utc
from .wire_lines import line, payload_line

# features §8.3; cancelled_at comes before these. Everything else is INITIALIZED.
STATUSES = {
    "RESTOCKED": "CANCELLED",
    "REQUEST_DECLINED": "CANCELLED",
    "FULFILLED": "DELIVERED",
    "PARTIALLY_FULFILLED": "IN_PROGRESS",
    "PENDING_FULFILLMENT": "IN_PROGRESS",
    "IN_PROGRESS": "IN_PROGRESS",
}
FINER = frozenset(
    {
        "ON_HOLD",
        "OPEN",
        "SCHEDULED",
        "PENDING_FULFILLMENT",
        "IN_PROGRESS",
        "REQUEST_DECLINED",
        "FULFILLMENT_NOT_REQUIRED",
    }
)
COARSE = frozenset({"UNFULFILLED", "PARTIALLY_FULFILLED"})
"""Deliveries know the second alone, where the store itself, asked for the order, may say one of the first."""
# Payloads have their own words for the state of the delivery; null means that nothing was sent yet.
_PAYLOAD_FULFILLMENT = {None: "UNFULFILLED", "PARTIAL": "PARTIALLY_FULFILLED"}
_ZERO = Decimal(0)
T = TypeVar("T")


def status(cancelled_at: object, fulfillment_status: str | None) -> str:
    """Our status of an order."""
    return "CANCELLED" if cancelled_at else STATUSES.get(fulfillment_status or "", "INITIALIZED")


def order(
    node: Order | Mapping[str, Any], lines: Iterable[LineItem | Any] | None = None, *, sequence: int = 0
) -> OrderChange:
    """An order as GraphQL tells it. ``lines`` are the children of a bulk file's order, or all lines of one whose page
    held only the first; without them the lines of the node count (see :func:`next_lines`).

    Raises ValueError for an order without id or times, and msgspec.ValidationError for a mapping that is none.
    """
    if not isinstance(node, Order):
        node = msgspec.convert(node, Order)
    money = node.total_price_set.shop_money if node.total_price_set else None
    items = lines if lines is not None else node.line_items.nodes if node.line_items else []
    buyer = _first(node.billing_address, node.shipping_address)
    place = _first(node.shipping_address, node.billing_address)
    phones = (node.phone, *(address.phone for address in (node.billing_address, node.shipping_address) if address))
    return OrderChange(
        shopify_order_id=_required(numeric_id(node.id), "id"),
        at=_required(utc(node.updated_at or node.created_at), "updatedAt"),
        sequence=sequence,
        name=node.name,
        number=node.number,
        placed_at=_required(utc(node.processed_at or node.created_at), "processedAt"),
        status=status(node.cancelled_at, node.display_fulfillment_status),
        total=(money.amount if money else None) or _ZERO,
        currency=(money.currency_code if money else None) or "",
        shopify_customer_id=numeric_id(node.customer.id) if node.customer else None,
        email=node.email,
        phone=next((phone for phone in phones if phone), None),
        first_name=buyer.first_name,
        last_name=buyer.last_name,
        country=place.country_code_v2,
        locale=node.customer_locale,
        financial_status=node.display_financial_status,
        fulfillment_status=node.display_fulfillment_status,
        test=node.test,
        source_name=node.source_name,
        tags=node.tags,
        checkout_token=node.checkout_token,
        status_url=node.status_page_url,
        cancelled_at=utc(node.cancelled_at),
        cancel_reason=node.cancel_reason,
        lines=[line(item) for item in items if isinstance(item, LineItem)],
        fulfillments=[parcel for parcel in map(_parcel, node.fulfillments) if parcel],
        buyer_accepts_email=node.customer_accepts_marketing,
    )


def next_lines(items: LineItems | None) -> str | None:
    """Where to go on reading (``order_lines``) if a page did not hold all lines of an order."""
    page = items.page_info if items else None
    return page.end_cursor if page and page.has_next_page else None


def order_payload(payload: Mapping[str, Any], *, sequence: int) -> OrderChange:
    """``orders/create|updated|cancelled|fulfilled|partially_fulfilled|paid``. Raises ValueError without id or times."""
    billing, shipping = mapping(payload.get("billing_address")), mapping(payload.get("shipping_address"))
    buyer, place = billing or shipping, shipping or billing
    money = mapping(mapping(payload.get("total_price_set")).get("shop_money"))
    fulfillment = upper(payload.get("fulfillment_status"))
    fulfillment = _PAYLOAD_FULFILLMENT.get(fulfillment, fulfillment)
    cancelled_at = moment(payload.get("cancelled_at"))
    created_at = moment(payload.get("created_at"))
    accepts = payload.get("buyer_accepts_marketing")
    return OrderChange(
        shopify_order_id=_required(numeric_id(payload.get("id")), "id"),
        at=_required(moment(payload.get("updated_at")) or created_at, "updated_at"),
        sequence=sequence,
        name=text(payload.get("name")) or "",
        number=number(payload.get("order_number")),
        placed_at=_required(moment(payload.get("processed_at")) or created_at, "processed_at"),
        status=status(cancelled_at, fulfillment),
        total=amount(payload.get("total_price")) or amount(money.get("amount")) or _ZERO,
        currency=text(payload.get("currency")) or text(money.get("currency_code")) or "",
        shopify_customer_id=numeric_id(mapping(payload.get("customer")).get("id")),
        email=text(payload.get("email")) or text(payload.get("contact_email")),
        phone=text(payload.get("phone")) or text(billing.get("phone")) or text(shipping.get("phone")),
        first_name=text(buyer.get("first_name")),
        last_name=text(buyer.get("last_name")),
        country=text(place.get("country_code")),
        locale=text(payload.get("customer_locale")),
        financial_status=upper(payload.get("financial_status")),
        fulfillment_status=fulfillment,
        test=payload.get("test") is True,
        source_name=text(payload.get("source_name")),
        tags=[tag.strip() for tag in (text(payload.get("tags")) or "").split(",") if tag.strip()],
        checkout_token=text(payload.get("checkout_token")),
        status_url=text(payload.get("order_status_url")),
        cancelled_at=cancelled_at,
        cancel_reason=upper(payload.get("cancel_reason")),
        lines=[payload_line(told) for told in mappings(payload.get("line_items"))],
        fulfillments=[parcel for parcel in map(_payload_parcel, mappings(payload.get("fulfillments"))) if parcel],
        buyer_accepts_email=accepts if isinstance(accepts, bool) else None,
    )


def deleted_payload(payload: Mapping[str, Any]) -> int:
    """``orders/delete``: the order's id. Raises ValueError without."""
    return _required(numeric_id(payload.get("id")), "id")


def edited_payload(payload: Mapping[str, Any]) -> int:
    """``orders/edited``: the id of the order, all it says of it. Raises ValueError without."""
    return _required(numeric_id(mapping(payload.get("order_edit")).get("order_id")), "order_edit.order_id")


def _parcel(node: Fulfillment) -> FulfillmentChange | None:
    number_, at = numeric_id(node.id), utc(node.created_at)
    if number_ is None or at is None:
        return None
    tracking = node.tracking_info
    return FulfillmentChange(
        shopify_fulfillment_id=number_,
        status=node.status or "SUCCESS",
        shipped_at=at,
        # GraphQL mixes states of ours and of the carrier; the carrier's alone are the payload's shipment_status.
        shipment_status=node.display_status if node.display_status in _CARRIERS_WORDS else None,
        tracking_company=next((one.company for one in tracking if one.company), None),
        tracking_numbers=[one.number for one in tracking if one.number],
        tracking_urls=[one.url for one in tracking if one.url],
    )


def _payload_parcel(parcel: Mapping[str, Any]) -> FulfillmentChange | None:
    number_, at = numeric_id(parcel.get("id")), moment(parcel.get("created_at"))
    if number_ is None or at is None:
        return None
    return FulfillmentChange(
        shopify_fulfillment_id=number_,
        status=upper(parcel.get("status")) or "SUCCESS",
        shipped_at=at,
        shipment_status=upper(parcel.get("shipment_status")),
        tracking_company=text(parcel.get("tracking_company")),
        tracking_numbers=_texts(parcel, "tracking_numbers", "tracking_number"),
        tracking_urls=_texts(parcel, "tracking_urls", "tracking_url"),
    )


def _texts(parcel: Mapping[str, Any], many: str, one: str) -> list[str]:
    """What stands in the list, else the one beside it."""
    values = parcel.get(many)
    found = [value for value in map(text, values if isinstance(values, list) else []) if value]
    only = text(parcel.get(one))
    return found or ([only] if only else [])


_CARRIERS_WORDS = frozenset(
    {
        "LABEL_PRINTED", "LABEL_PURCHASED", "ATTEMPTED_DELIVERY", "READY_FOR_PICKUP", "CONFIRMED", "IN_TRANSIT",
        "OUT_FOR_DELIVERY", "DELIVERED", "FAILURE", "DELAYED", "CARRIER_PICKED_UP", "PICKED_UP",
    }
)  # fmt: skip
_NOWHERE = Address()


def _first(*addresses: Address | None) -> Address:
    return next((address for address in addresses if address is not None), _NOWHERE)


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise ValueError(f"an order without {name}")
    return value
