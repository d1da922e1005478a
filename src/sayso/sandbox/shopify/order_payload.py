"""The body of the `orders/*` webhooks: 93 keys at the top, as in Shopify's reference."""

from typing import Any

from ..clock import local
from ..identifiers import gid
from ..records import Address, Customer, Fulfilment, Line, Order, Shop
from . import payloads
from .goods import goods
from .money import amount, rest_set

_FULFILMENT = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}


def place(one: Address | None) -> dict[str, Any] | None:
    """`billing_address` and `shipping_address`."""
    if one is None:
        return None
    return {
        "first_name": one.first,
        "address1": one.address1,
        "phone": one.phone,
        "city": one.city,
        "zip": one.zip,
        "province": one.province,
        "country": one.country,
        "last_name": one.last,
        "address2": one.address2,
        "company": one.company,
        "latitude": None,
        "longitude": None,
        "name": " ".join(filter(None, (one.first, one.last))),
        "country_code": one.country_code,
        "province_code": one.province_code,
    }


def shipped(order: Order) -> set[int]:
    """The lines that are in some parcel."""
    if any(not parcel.lines for parcel in order.fulfilments):
        return {line.id for line in order.lines}
    return {line for parcel in order.fulfilments for line in parcel.lines}


def edited(key: int, order: Order, added: list[Line], removed: list[Line], notify: bool, shop: Shop) -> dict[str, Any]:
    """`orders/edited`: which order, and how many of which lines; not what the order is now."""
    at = local(order.updated, shop.zone)
    nothing: dict[str, Any] = {"additions": [], "removals": []}
    return {
        "order_edit": {
            "id": key,
            "app_id": None,
            "created_at": at,
            "committed_at": at,
            "notify_customer": notify,
            "order_id": order.id,
            "staff_note": "",
            "user_id": None,
            "line_items": {
                "additions": [{"id": line.id, "delta": line.quantity} for line in added],
                "removals": [{"id": line.id, "delta": line.quantity} for line in removed],
            },
            "discounts": {"line_item": nothing},
            "shipping_lines": nothing,
        }
    }


def deleted(order: Order) -> dict[str, Any]:
    """`orders/delete`."""
    return {"id": order.id}


def _line(one: Line, order: Order, shop: Shop) -> dict[str, Any]:
    variant = goods(one)
    sent = one.id in shipped(order)
    open_quantity = 0 if sent or order.cancelled else one.quantity
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("LineItem", one.id),
        "attributed_staffs": [],
        "current_quantity": 0 if order.cancelled else one.quantity,
        "fulfillable_quantity": open_quantity,
        "fulfillment_service": "manual",
        "fulfillment_status": "fulfilled" if sent else None,
        "gift_card": variant.product.kind == "Gift card",
        "grams": 250,
        "name": f"{variant.product.title} - {variant.title}",
        "price": amount(one.price),
        "price_set": rest_set(one.price, shop.currency),
        "product_exists": True,
        "product_id": variant.product.id,
        "properties": [],
        "quantity": one.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": variant.sku,
        "taxable": True,
        "title": variant.product.title,
        "total_discount": "0.00",
        "total_discount_set": rest_set(0, shop.currency),
        "variant_id": one.variant,
        "variant_inventory_management": "shopify",
        "variant_title": variant.title,
        "vendor": variant.product.vendor,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    }


def _shipping_line(order: Order, shop: Shop) -> dict[str, Any]:
    free = rest_set(0, shop.currency)
    return {
        "id": order.id + 1,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": free,
        "discounted_price": "0.00",
        "discounted_price_set": free,
        "is_removed": False,
        "phone": None,
        "price": "0.00",
        "price_set": free,
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": [],
        "discount_allocations": [],
    }


def _fulfilment(one: Fulfilment, order: Order, shop: Shop) -> dict[str, Any]:
    made = local(one.created, shop.zone)
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("Fulfillment", one.id),
        "created_at": made,
        "location_id": 655_441_491,
        "name": f"#{order.number}.{order.fulfilments.index(one) + 1}",
        "order_id": order.id,
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": None,
        "status": "success",
        "tracking_company": one.company,
        "tracking_number": one.number,
        "tracking_numbers": [one.number],
        "tracking_url": None,
        "tracking_urls": [],
        "updated_at": made,
        "line_items": [_line(line, order, shop) for line in order.lines if not one.lines or line.id in one.lines],
    }


def _prices(order: Order, shop: Shop) -> dict[str, Any]:
    """All amounts; nothing is taxed or discounted in the sandbox, and shipping is free."""
    due = 0 if order.cancelled else order.total
    total, current, none = (rest_set(cents, shop.currency) for cents in (order.total, due, 0))
    return {
        "current_shipping_price_set": none,
        "current_subtotal_price": amount(due),
        "current_subtotal_price_set": current,
        "current_total_additional_fees_set": None,
        "current_total_discounts": "0.00",
        "current_total_discounts_set": none,
        "current_total_duties_set": None,
        "current_total_price": amount(due),
        "current_total_price_set": current,
        "current_total_tax": "0.00",
        "current_total_tax_set": none,
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "subtotal_price": amount(order.total),
        "subtotal_price_set": total,
        "total_cash_rounding_payment_adjustment_set": none,
        "total_cash_rounding_refund_adjustment_set": none,
        "total_discounts": "0.00",
        "total_discounts_set": none,
        "total_line_items_price": amount(order.total),
        "total_line_items_price_set": total,
        "total_outstanding": "0.00",
        "total_price": amount(order.total),
        "total_price_set": total,
        "total_shipping_price_set": none,
        "total_tax": "0.00",
        "total_tax_set": none,
        "total_tip_received": "0.00",
        "total_weight": 250 * sum(line.quantity for line in order.lines),
    }


def order(one: Order, buyer: Customer | None, shop: Shop) -> dict[str, Any]:
    """`orders/create`, `/updated`, `/cancelled`, `/fulfilled`; `customer` is null for a guest."""
    made = local(one.created, shop.zone)
    nothing = dict.fromkeys(
        (
            "app_id",
            "browser_ip",
            "client_details",
            "closed_at",
            "device_id",
            "landing_site",
            "landing_site_ref",
            "location_id",
            "merchant_of_record_app_id",
            "note",
            "po_number",
            "reference",
            "referring_site",
            "source_identifier",
            "source_url",
            "user_id",
            "payment_terms",
        )
    )
    empty: dict[str, Any] = {
        key: []
        for key in (
            "discount_codes",
            "note_attributes",
            "tax_lines",
            "discount_applications",
            "refunds",
            "returns",
            "line_item_groups",
        )
    }
    no = dict.fromkeys(("duties_included", "estimated_taxes", "tax_exempt", "taxes_included"), False)
    person = payloads.customer(buyer, shop) if buyer else None
    if person:
        del person["addresses"]
    return (
        nothing
        | empty
        | no
        | _prices(one, shop)
        | {
            "id": one.id,
            "admin_graphql_api_id": gid("Order", one.id),
            "buyer_accepts_marketing": one.accepts_marketing,
            "cancel_reason": one.cancel_reason.lower() if one.cancel_reason else None,
            "cancelled_at": local(one.cancelled, shop.zone),
            "cart_token": f"cart-{one.token}",
            "checkout_token": one.token,
            "confirmation_number": one.token.upper(),
            "confirmed": True,
            "contact_email": one.email,
            "created_at": made,
            "currency": shop.currency,
            "customer_locale": one.locale,
            "email": one.email,
            "financial_status": one.financial.lower(),
            "fulfillment_status": _FULFILMENT.get(one.fulfilment),
            "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
            "name": f"#{one.number}",
            "number": one.number - 1000,
            "order_number": one.number,
            "order_status_url": f"https://{shop.domain}/{shop.id}/orders/{one.token}/authenticate",
            "payment_gateway_names": ["bogus"],
            "phone": one.phone,
            "presentment_currency": shop.currency,
            "processed_at": made,
            "source_name": one.source,
            "tags": ", ".join(one.tags),
            "test": one.test,
            "token": one.token,
            "updated_at": local(one.updated, shop.zone),
            "billing_address": place(one.billing),
            "customer": person,
            "shipping_address": place(one.shipping),
            "fulfillments": [_fulfilment(parcel, one, shop) for parcel in one.fulfilments],
            "line_items": [_line(line, one, shop) for line in one.lines],
            "shipping_lines": [_shipping_line(one, shop)],
        }
    )
