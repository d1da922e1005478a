"""The bodies of `products/*`, `variants/*`, `inventory_levels/*` and `collections/*`."""

from typing import Any

from ..clock import local
from ..identifiers import gid
from ..records import Collection, Product, Shop, Variant
from . import store
from .money import amount

FULL_VARIANTS = 100


def product(one: Product, shop: Shop) -> dict[str, Any]:
    """`products/create`, `products/update`: full variants only for the first 100, the ids of all, newest change first."""
    image = None
    if one.image:
        image = {
            "id": one.id + 2,
            "product_id": one.id,
            "position": 1,
            "src": one.image,
            "alt": None,
            "width": 500,
            "height": 500,
            "created_at": local(one.created, shop.zone),
            "updated_at": local(one.updated, shop.zone),
            "admin_graphql_api_id": gid("ProductImage", one.id + 2),
            "variant_ids": [],
        }
    newest = sorted(one.variants, key=lambda variant: variant.updated, reverse=True)
    return {
        "admin_graphql_api_id": gid("Product", one.id),
        "body_html": one.html,
        "created_at": local(one.created, shop.zone),
        "handle": one.handle,
        "id": one.id,
        "product_type": one.kind,
        "published_at": local(one.created, shop.zone) if one.status == "ACTIVE" else None,
        "template_suffix": None,
        "title": one.title,
        "updated_at": local(one.updated, shop.zone),
        "vendor": one.vendor,
        "status": one.status.lower(),
        "published_scope": "web",
        "tags": ", ".join(sorted(one.tags)),
        "variants": [_full_variant(variant, one, shop) for variant in one.variants[:FULL_VARIANTS]],
        "options": [
            {
                "name": one.option,
                "id": one.id + 1,
                "product_id": one.id,
                "position": 1,
                "values": [variant.title for variant in one.variants],
            }
        ],
        "images": [image] if image else [],
        "image": image,
        "media": [],
        "variant_gids": [
            {
                "admin_graphql_api_id": gid("ProductVariant", variant.id),
                "updated_at": variant.updated.replace("Z", ".000Z"),
            }
            for variant in newest
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def _full_variant(one: Variant, of: Product, shop: Shop) -> dict[str, Any]:
    return {**variant(one, of, shop), "inventory_item_id": one.item}


def variant(one: Variant, of: Product, shop: Shop) -> dict[str, Any]:
    """`variants/in_stock`, `variants/out_of_stock`."""
    return {
        "id": one.id,
        "product_id": of.id,
        "title": one.title,
        "price": amount(one.price),
        "position": store.position(of, one),
        "inventory_policy": one.policy.lower(),
        "compare_at_price": None if one.compare_at is None else amount(one.compare_at),
        "option1": one.title,
        "option2": None,
        "option3": None,
        "created_at": local(one.created, shop.zone),
        "updated_at": local(one.updated, shop.zone),
        "taxable": True,
        "barcode": None,
        "sku": one.sku,
        "inventory_quantity": one.stock,
        "old_inventory_quantity": one.stock,
        "admin_graphql_api_id": gid("ProductVariant", one.id),
        "image_id": None,
    }


def level(one: Variant, location: int, shop: Shop) -> dict[str, Any]:
    """`inventory_levels/update`, `inventory_levels/connect`."""
    return {
        "inventory_item_id": one.item,
        "location_id": location,
        "available": one.levels.get(location),
        "updated_at": local(one.updated, shop.zone),
        "admin_graphql_api_id": f"{gid('InventoryLevel', location)}?inventory_item_id={one.item}",
    }


def disconnected(one: Variant, location: int) -> dict[str, Any]:
    """`inventory_levels/disconnect`."""
    return {"inventory_item_id": one.item, "location_id": location}


def collection(one: Collection, shop: Shop) -> dict[str, Any]:
    """`collections/create`, `collections/update`: nothing of its products."""
    return {
        "id": one.id,
        "handle": one.handle,
        "title": one.title,
        "updated_at": local(one.updated, shop.zone),
        "body_html": "",
        "published_at": local(one.created, shop.zone),
        "sort_order": "best-selling",
        "template_suffix": None,
        "published_scope": "web",
        "admin_graphql_api_id": gid("Collection", one.id),
    }
