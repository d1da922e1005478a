from __future__ import annotations

import json

import pytest

from sayso.shopify.webhooks import describe, fold_key


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("customers/create", {"id": 6940095564, "email": "a@example.com"}, "customer:6940095564"),
        ("customers_marketing_consent/update", {"id": 1, "phone": "+1"}, "customer:1"),
        ("customers_email_marketing_consent/update", {"customer_id": 1}, "customer:1"),
        ("customers/purchasing_summary", {"customerId": "gid://shopify/Customer/1"}, "customer:1"),
        ("customer.tags_added", {"customerId": "gid://shopify/Customer/1", "tags": ["a"]}, "customer:1"),
        ("customer.joined_segment", {"shop_id": "gid://shopify/Shop/9", "customer_id": "gid://shopify/Customer/1"},
         "customer:1"),
        ("customers/merge", {"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1"}, "customer:1"),
        ("customers/redact", {"shop_id": 9, "customer": {"id": 1, "email": "a@example.com"}}, "customer:1"),
        ("orders/create", {"id": 820982911946154508, "customer": {"id": 1}}, "customer:1"),
        ("orders/create", {"id": 820982911946154508, "customer": None}, "orders:820982911946154508"),
        ("checkouts/create", {"token": "abc"}, "checkouts:abc"),
        ("products/update", {"id": 5, "variants": [{"id": 6}]}, "products:5"),
        ("variants/in_stock", {"id": 6, "product_id": 5}, "products:5"),
        ("inventory_levels/update", {"inventory_item_id": 7}, "inventory_levels:7"),
        ("shop/redact", {"shop_id": 9}, ""),
        ("customers/create", [], ""),
        ("customers/create", {"id": {"odd": 1}}, ""),
    ],
)  # fmt: skip
def test_deliveries_about_one_thing_share_a_key(topic: str, payload: object, expected: str):
    assert fold_key(topic, json.dumps(payload).encode()) == expected


def test_odd_headers_and_bodies_never_raise():
    envelope = describe(
        {
            b"x-shopify-topic": b"t" * 100,
            b"x-shopify-webhook-id": b"\xff" * 300,
            b"x-shopify-triggered-at": b"yesterday",
        },
        b"\xff not JSON",
    )
    assert (len(envelope.topic), len(envelope.key), envelope.shop_domain) == (64, 64, "")
    assert (envelope.triggered_at, envelope.fold_key) == (None, "")
