import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.shopify import types, wire_orders

BIG = 7064055069303700841  # above 2^53, with all digits set
AT = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
WIRE_AT = "2026-11-01T12:30:15Z"
OFFSET_AT = "2026-11-01T07:30:15-05:00"  # the same moment, as webhooks write it


def order_node(**changes) -> dict:
    line = {
        "id": "gid://shopify/LineItem/5",
        "title": "Tea",
        "variantTitle": "100 g",
        "vendor": "Ada",
        "quantity": 2,
        "sku": "TEA-1",
        "originalUnitPriceSet": {"shopMoney": {"amount": "9.90"}},
        "product": {"id": f"gid://shopify/Product/{BIG}"},
        "variant": None,
    }
    return {
        "id": f"gid://shopify/Order/{BIG}",
        "name": "#1001",
        "number": 1001,
        "email": "ada@example.com",
        "phone": None,
        "customerLocale": "en",
        "customerAcceptsMarketing": True,
        "createdAt": WIRE_AT,
        "processedAt": WIRE_AT,
        "updatedAt": WIRE_AT,
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "sourceName": "web",
        "tags": ["gift", "x"],
        "checkoutToken": "t0ken",
        "statusPageUrl": "https://ada.example/1001",
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "customer": {"id": "gid://shopify/Customer/7"},
        "billingAddress": {"firstName": "Ada", "lastName": "Lovelace", "phone": "+447400123456", "countryCodeV2": "GB"},
        "shippingAddress": {"firstName": "Bob", "lastName": "B", "phone": "+4930123456", "countryCodeV2": "DE"},
        "totalPriceSet": {"shopMoney": {"amount": "19.80", "currencyCode": "EUR"}},
        "lineItems": {"nodes": [line], "pageInfo": {"hasNextPage": False, "endCursor": "c"}},
    } | changes


def order_payload(**changes) -> dict:
    line = {
        "id": 5,
        "title": "Tea",
        "variant_title": "100 g",
        "vendor": "Ada",
        "quantity": 2,
        "sku": "TEA-1",
        "price": "9.90",
        "product_id": BIG,
        "variant_id": None,
    }
    return {
        "id": BIG,
        "name": "#1001",
        "number": 1,
        "order_number": 1001,
        "email": "ada@example.com",
        "phone": None,
        "customer_locale": "en",
        "buyer_accepts_marketing": True,
        "created_at": OFFSET_AT,
        "processed_at": OFFSET_AT,
        "updated_at": OFFSET_AT,
        "cancelled_at": None,
        "cancel_reason": None,
        "test": False,
        "source_name": "web",
        "tags": "gift, x",
        "checkout_token": "t0ken",
        "order_status_url": "https://ada.example/1001",
        "financial_status": "paid",
        "fulfillment_status": None,
        "customer": {"id": 7},
        "billing_address": {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "phone": "+447400123456",
            "country_code": "GB",
        },
        "shipping_address": {"first_name": "Bob", "last_name": "B", "phone": "+4930123456", "country_code": "DE"},
        "currency": "EUR",
        "total_price": "19.80",
        "line_items": [line],
    } | changes


def test_an_order_comes_out_alike_both_ways():
    read, live = wire_orders.order(order_node(), sequence=4), wire_orders.order_payload(order_payload(), sequence=4)
    assert read == live
    assert (read.shopify_order_id, read.shopify_customer_id, read.number, read.at) == (BIG, 7, 1001, AT)
    assert (read.total, read.currency, read.status) == (Decimal("19.80"), "EUR", "INITIALIZED")
    assert (read.first_name, read.phone, read.country) == ("Ada", "+447400123456", "DE")
    assert (read.tags, read.buyer_accepts_email) == (["gift", "x"], True)
    (line,) = read.lines
    assert (line.title, line.quantity, line.price, line.product_id, line.variant_id) == (
        "Tea",
        2,
        Decimal("9.90"),
        BIG,
        None,
    )


@pytest.mark.parametrize(
    ("in_graphql", "in_payload", "cancelled", "expected"),
    [
        ("UNFULFILLED", None, None, "INITIALIZED"),
        ("PARTIALLY_FULFILLED", "partial", None, "IN_PROGRESS"),
        ("FULFILLED", "fulfilled", None, "DELIVERED"),
        ("RESTOCKED", "restocked", None, "CANCELLED"),
        ("FULFILLED", "fulfilled", WIRE_AT, "CANCELLED"),
    ],
)
def test_the_status_of_an_order(in_graphql, in_payload, cancelled, expected):
    read = wire_orders.order(
        order_node(displayFulfillmentStatus=in_graphql, cancelledAt=cancelled, cancelReason="CUSTOMER")
    )
    live = wire_orders.order_payload(
        order_payload(fulfillment_status=in_payload, cancelled_at=cancelled, cancel_reason="customer"), sequence=0
    )
    assert read.status == live.status == expected
    assert read == live


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("IN_PROGRESS", "IN_PROGRESS"),
        ("PENDING_FULFILLMENT", "IN_PROGRESS"),
        ("REQUEST_DECLINED", "CANCELLED"),
        ("FULFILLMENT_NOT_REQUIRED", "INITIALIZED"),
        ("ON_HOLD", "INITIALIZED"),
        ("OPEN", "INITIALIZED"),
        ("SCHEDULED", "INITIALIZED"),
        ("SOMETHING_NEW", "INITIALIZED"),
        (None, "INITIALIZED"),
    ],
)
def test_states_only_graphql_knows(value, expected):
    assert wire_orders.status(None, value) == expected


def test_a_guest_order_with_little():
    guest = order_node(customer=None, billingAddress=None, phone="+447400000000", lineItems=None, totalPriceSet=None)
    change = wire_orders.order(guest)
    assert (change.shopify_customer_id, change.first_name, change.phone, change.lines) == (
        None,
        "Bob",
        "+447400000000",
        [],
    )
    change = wire_orders.order_payload(
        {"id": BIG, "updated_at": WIRE_AT, "processed_at": WIRE_AT, "contact_email": "ada@example.com"}, sequence=0
    )
    assert (change.email, change.shopify_customer_id, change.total, change.buyer_accepts_email) == (
        "ada@example.com",
        None,
        0,
        None,
    )


def test_the_lines_of_a_bulk_file_follow_the_order():
    line = types.decode_line_item(b'{"id":"gid://shopify/LineItem/1","title":"Tea","quantity":1,"__parentId":"x"}')
    order = types.decode_order(json.dumps(order_node(lineItems=None)).encode())
    change = wire_orders.order(order, [line, "a line that could not be read"])
    assert [line.title for line in change.lines] == ["Tea"]


def test_an_order_may_have_more_lines_than_a_page():
    page = msgspec.convert({"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}, types.LineItems)
    assert wire_orders.next_lines(page) == "c"
    assert wire_orders.next_lines(types.LineItems()) is None
    assert wire_orders.next_lines(None) is None


@pytest.mark.parametrize("missing", ["id", "updated_at", "processed_at"])
def test_an_order_without_what_makes_it_one(missing):
    broken = {"id": BIG, "updated_at": WIRE_AT, "processed_at": WIRE_AT} | {missing: None}
    with pytest.raises(ValueError, match=missing):
        wire_orders.order_payload(broken, sequence=0)


def parcel_payload(**changes) -> dict:
    return {
        "id": BIG,
        "admin_graphql_api_id": f"gid://shopify/Fulfillment/{BIG}",
        "created_at": OFFSET_AT,
        "updated_at": OFFSET_AT,
        "status": "success",
        "shipment_status": "in_transit",
        "tracking_company": "DHL",
        "tracking_number": "JD1",
        "tracking_numbers": ["JD1", "JD2"],
        "tracking_url": "https://dhl.example/JD1",
        "tracking_urls": ["https://dhl.example/JD1", "https://dhl.example/JD2"],
        "line_items": [],
    } | changes


def parcel_node(**changes) -> dict:
    return {
        "id": f"gid://shopify/Fulfillment/{BIG}",
        "status": "SUCCESS",
        "displayStatus": "IN_TRANSIT",
        "createdAt": WIRE_AT,
        "trackingInfo": [
            {"company": "DHL", "number": "JD1", "url": "https://dhl.example/JD1"},
            {"company": "DHL", "number": "JD2", "url": "https://dhl.example/JD2"},
        ],
    } | changes


def test_a_parcel_is_the_same_from_both():
    [told] = wire_orders.order_payload(order_payload(fulfillments=[parcel_payload()]), sequence=0).fulfillments
    [read] = wire_orders.order(order_node(fulfillments=[parcel_node()])).fulfillments
    assert told == read
    assert told.tracking_numbers == ["JD1", "JD2"]


def test_a_parcel_with_only_the_single_number():
    single = parcel_payload(tracking_numbers=None, tracking_urls=[], shipment_status=None, status=None)
    [told] = wire_orders.order_payload(order_payload(fulfillments=[single]), sequence=0).fulfillments
    assert (told.tracking_numbers, told.tracking_urls) == (["JD1"], ["https://dhl.example/JD1"])
    assert (told.status, told.shipment_status) == ("SUCCESS", None)
    # What is no parcel is none; a status of the store's own is no carrier's word.
    broken = [{"id": None}, 3, parcel_payload(created_at="soon")]
    assert wire_orders.order_payload(order_payload(fulfillments=broken), sequence=0).fulfillments == []
    [read] = wire_orders.order(order_node(fulfillments=[parcel_node(displayStatus="FULFILLED")])).fulfillments
    assert read.shipment_status is None


def test_a_deleted_and_an_edited_order_are_only_named():
    assert wire_orders.deleted_payload({"id": BIG}) == BIG
    assert (
        wire_orders.edited_payload({"order_edit": {"id": 3, "order_id": BIG, "line_items": {"additions": []}}}) == BIG
    )
    for read in (wire_orders.deleted_payload, wire_orders.edited_payload):
        with pytest.raises(ValueError, match="an order without"):
            read({"order_edit": None})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_payload_breaks_the_reader(data):
    whole = order_payload()
    changed = {key: data.draw(json_values) for key in data.draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))}
    try:
        wire_orders.order_payload(whole | changed, sequence=0)
    except ValueError as error:
        assert "an order without" in str(error)
