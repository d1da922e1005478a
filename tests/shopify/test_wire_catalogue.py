"""Payloads of the catalogue as Shopify's published examples shape them, and nodes of GraphQL, give the same changes."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.shopify import types, wire_catalogue

PRODUCT, SMALL, LARGE, ITEM = 788032119674292922, 642667041472713922, 757650484644203962, 271878346596884015
AT = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
WIRE_AT = "2026-11-01T12:30:15Z"
OFFSET_AT = "2026-11-01T07:30:15-05:00"  # the same moment, as webhooks write it


def variant_body(number=SMALL, **changes) -> dict:
    return {
        "admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}",
        "barcode": None,
        "compare_at_price": "24.99",
        "created_at": OFFSET_AT,
        "id": number,
        "inventory_policy": "deny",
        "position": 1,
        "price": "19.99",
        "product_id": PRODUCT,
        "sku": None,
        "taxable": True,
        "title": "Small",
        "updated_at": OFFSET_AT,
        "option1": "Small",
        "option2": None,
        "option3": None,
        "image_id": None,
        "inventory_item_id": ITEM,
        "inventory_quantity": 75,
        "old_inventory_quantity": 75,
    } | changes


def product_body(**changes) -> dict:
    gids = [
        {"admin_graphql_api_id": f"gid://shopify/ProductVariant/{n}", "updated_at": WIRE_AT} for n in (LARGE, SMALL)
    ]
    return {
        "admin_graphql_api_id": f"gid://shopify/Product/{PRODUCT}",
        "body_html": "An example T-Shirt",
        "created_at": None,
        "handle": "example-t-shirt",
        "id": PRODUCT,
        "product_type": "Shirts",
        "published_at": OFFSET_AT,
        "template_suffix": None,
        "title": "Example T-Shirt",
        "updated_at": OFFSET_AT,
        "vendor": "Acme",
        "status": "active",
        "published_scope": "web",
        "tags": "example, mens, t-shirt",
        "variants": [variant_body()],
        "options": [],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": gids,
        "has_variants_that_requires_components": False,
        "category": None,
    } | changes


def variant_node(**changes) -> dict:
    return {
        "id": f"gid://shopify/ProductVariant/{SMALL}",
        "title": "Small",
        "sku": None,
        "position": 1,
        "price": "19.99",
        "compareAtPrice": "24.99",
        "inventoryPolicy": "DENY",
        "inventoryQuantity": 75,
        "updatedAt": WIRE_AT,
        "selectedOptions": [{"name": "Size", "value": "Small"}],
        "inventoryItem": {"id": f"gid://shopify/InventoryItem/{ITEM}", "tracked": True},
        "product": {"id": f"gid://shopify/Product/{PRODUCT}"},
    } | changes


def product_node(**changes) -> dict:
    return {
        "id": f"gid://shopify/Product/{PRODUCT}",
        "title": "Example T-Shirt",
        "handle": "example-t-shirt",
        "status": "ACTIVE",
        "vendor": "Acme",
        "productType": "Shirts",
        "tags": ["example", "mens", "t-shirt"],
        "descriptionHtml": "An example T-Shirt",
        "onlineStoreUrl": None,
        "isGiftCard": False,
        "updatedAt": WIRE_AT,
        "featuredMedia": None,
    } | changes


def test_a_payload_and_a_node_say_the_same():
    told, rest = wire_catalogue.product_payload(product_body(options=[{"name": "Size", "position": 1}]), sequence=7)
    small = types.decode_product_child(json.dumps(variant_node()).encode())
    read = wire_catalogue.product(product_node(), [small], [1], sequence=7, read_at=9)
    [mine], [theirs] = told.products, read.products
    assert (mine.facts, mine.at, mine.sequence) == (theirs.facts, theirs.at, 7)
    assert mine.at == AT
    [small_told], [small_read] = told.variants, read.variants
    assert small_told.tracked is None
    small_read.tracked = None
    assert small_told == small_read
    assert (small_told.price, small_told.inventory_item_id) == (Decimal("19.99"), ITEM)
    assert rest == {LARGE: AT}
    assert (mine.variant_ids, mine.collection_ids, mine.details) == ([SMALL, LARGE], None, None)
    assert (theirs.variant_ids, theirs.collection_ids, theirs.read_at) == ([SMALL], [1], 9)


def test_without_names_of_options_nothing_is_said_of_them():
    told, _ = wire_catalogue.product_payload(product_body(), sequence=0)
    assert told.variants[0].selected_options is None


@pytest.mark.parametrize("in_stock", [True, False])
def test_a_variant_that_came_or_went(in_stock):
    body = variant_body(inventory_quantity=75 if in_stock else 0)
    del body["inventory_item_id"]
    change = wire_catalogue.variant_payload(body, in_stock=in_stock, sequence=3)
    assert (change.shopify_variant_id, change.shopify_product_id) == (SMALL, PRODUCT)
    assert (change.inventory_quantity, change.in_stock, change.inventory_item_id) == (75 * in_stock, in_stock, None)


@pytest.mark.parametrize("topic", ["inventory_levels/update", "inventory_levels/connect"])
def test_a_level(topic):
    body = {
        "inventory_item_id": ITEM,
        "location_id": 24826418,
        "available": 10,
        "updated_at": OFFSET_AT,
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/24826418?inventory_item_id={ITEM}",
    }
    change = wire_catalogue.level_payload(topic, body, triggered=AT, sequence=3)
    assert (change.inventory_item_id, change.location_id, change.available) == (ITEM, 24826418, 10)
    assert (change.at, change.connected) == (AT, True)


def test_what_has_no_time_of_its_own_has_that_of_its_delivery():
    triggered = AT.replace(microsecond=123456)
    level = wire_catalogue.level_payload(
        "inventory_levels/disconnect",
        {"inventory_item_id": ITEM, "location_id": 24826418},
        triggered=triggered,
        sequence=3,
    )
    assert (level.at, level.connected, level.available) == (AT, False, None)
    gone = wire_catalogue.deleted_product({"id": PRODUCT}, triggered=triggered, sequence=3)
    assert (gone.shopify_product_id, gone.at, gone.sequence, gone.deleted) == (PRODUCT, AT, 3, True)
    assert wire_catalogue.deleted_collection({"id": 5}, triggered=triggered, sequence=3).at == AT


def test_a_collection():
    body = {"id": 5, "handle": "spring", "title": "Spring", "updated_at": OFFSET_AT, "sort_order": "manual"}
    node = {"id": "gid://shopify/Collection/5", "handle": "spring", "title": "Spring", "updatedAt": WIRE_AT}
    assert wire_catalogue.collection_payload(body, sequence=1) == wire_catalogue.collection(node, None, sequence=1)


def test_the_first_picture():
    pictured = product_body(image={"src": "https://cdn.example.com/1.jpg", "id": 4})
    told, _ = wire_catalogue.product_payload(pictured, sequence=0)
    media = {"preview": {"image": {"url": "https://cdn.example.com/1.jpg"}}}
    read = wire_catalogue.product(product_node(featuredMedia=media), None, None)
    assert told.products[0].facts == read.products[0].facts
    assert read.products[0].variant_ids is None


@pytest.mark.parametrize("missing", ["id", "updated_at"])
def test_what_cannot_be_placed_is_refused(missing):
    for read, body in (
        (lambda body: wire_catalogue.product_payload(body, sequence=0), product_body()),
        (lambda body: wire_catalogue.variant_payload(body, in_stock=True, sequence=0), variant_body()),
        (lambda body: wire_catalogue.collection_payload(body, sequence=0), {"id": 5, "updated_at": OFFSET_AT}),
    ):
        with pytest.raises(ValueError, match=missing):
            read(body | {missing: None})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)
)


@given(field=st.sampled_from(sorted(product_body())), value=JSON)
def test_odd_values_never_raise_anything_else(field, value):
    try:
        wire_catalogue.product_payload(product_body(**{field: value}), sequence=0)
    except ValueError as error:
        assert field in {"id", "updated_at"}, error


@pytest.mark.parametrize("given", [{"variants": None, "variant_gids": None}, {"variants": [], "variant_gids": []}])
def test_a_payload_without_variants_says_nothing_of_them(given):
    """Read as all there are, they would all be deleted: a product has at least one."""
    told, _ = wire_catalogue.product_payload(product_body(**given), sequence=0)
    assert told.products[0].variant_ids is None
