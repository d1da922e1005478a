"""Shopify's products, variants, collections and stock → what the commerce room takes, from GraphQL and payloads alike.

A payload lacks whether a product is a gift card and where it is sold, whether the stock of a variant is counted, and
beyond the first hundred the variants themselves, of which it tells the ids alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from sayso.commerce.catalogue_changes import (
    Catalogue,
    CollectionChange,
    LevelChange,
    ProductChange,
    ProductDetails,
    ProductFacts,
    VariantChange,
)

from .types import Collection, Product, Variant
from .values import amount, mapping, mappings, moment, number, numeric_id, text, upper, utc

T = TypeVar("T")


def product(
    node: Product | Mapping[str, Any],
    variants: Sequence[Variant] | None,
    collection_ids: Sequence[int] | None,
    *,
    sequence: int = 0,
    read_at: int = 0,
) -> Catalogue:
    """A product as GraphQL tells it, with all its variants and collections where they were read; None: they were not.

    ``sequence`` is 0 for bulk files; ``read_at`` the moment (µs) before the store was asked. Raises ValueError for a
    product without id or time, and msgspec.ValidationError for a mapping that is none.
    """
    if not isinstance(node, Product):
        node = msgspec.convert(node, Product)
    preview = node.featured_media.preview if node.featured_media else None
    changes = [] if variants is None else [variant(one, sequence=sequence) for one in variants]
    change = ProductChange(
        shopify_product_id=_required(numeric_id(node.id), "a product", "id"),
        at=_required(utc(node.updated_at), "a product", "updatedAt"),
        sequence=sequence,
        facts=ProductFacts(
            title=node.title,
            handle=node.handle,
            status=upper(node.status) or "",
            vendor=node.vendor or None,
            product_type=node.product_type or None,
            tags=node.tags,
            description_html=node.description_html or None,
            image_url=preview.image.url if preview and preview.image else None,
        ),
        details=ProductDetails(node.online_store_url, node.is_gift_card),
        variant_ids=None if variants is None else [one.shopify_variant_id for one in changes],
        collection_ids=collection_ids,
        read_at=read_at,
    )
    return Catalogue(products=[change], variants=changes)


def variant(node: Variant | Mapping[str, Any], *, sequence: int = 0) -> VariantChange:
    """A variant as GraphQL tells it. Raises as :func:`product` does."""
    if not isinstance(node, Variant):
        node = msgspec.convert(node, Variant)
    item = node.inventory_item
    return VariantChange(
        shopify_variant_id=_required(numeric_id(node.id), "a variant", "id"),
        shopify_product_id=_required(numeric_id(node.product.id) if node.product else None, "a variant", "product"),
        at=_required(utc(node.updated_at), "a variant", "updatedAt"),
        sequence=sequence,
        title=node.title or "",
        price=node.price,
        compare_at_price=node.compare_at_price,
        sku=node.sku or None,
        position=node.position,
        inventory_policy=upper(node.inventory_policy) or "",
        inventory_quantity=node.inventory_quantity,
        inventory_item_id=numeric_id(item.id) if item else None,
        selected_options=[(option.name, option.value) for option in node.selected_options],
        tracked=item.tracked if item else None,
    )


def collection(
    node: Collection | Mapping[str, Any], member_ids: Sequence[int] | None, *, sequence: int = 0, read_at: int = 0
) -> CollectionChange:
    """A collection as GraphQL tells it, with all its products where they were read. Raises as :func:`product` does."""
    if not isinstance(node, Collection):
        node = msgspec.convert(node, Collection)
    return CollectionChange(
        shopify_collection_id=_required(numeric_id(node.id), "a collection", "id"),
        at=_required(utc(node.updated_at), "a collection", "updatedAt"),
        sequence=sequence,
        title=node.title,
        handle=node.handle,
        member_ids=member_ids,
        read_at=read_at,
    )


def product_payload(payload: Mapping[str, Any], *, sequence: int) -> tuple[Catalogue, dict[int, datetime | None]]:
    """``products/create|update``, and the variants of which it tells no more than the id and when they changed.

    Raises ValueError without id or ``updated_at``.
    """
    product_id = _required(numeric_id(payload.get("id")), "a product", "id")
    at = _required(moment(payload.get("updated_at")), "a product", "updated_at")
    names = [text(option.get("name")) for option in mappings(payload.get("options"))]
    variants = [
        _variant_payload(one, product_id, names, sequence=sequence) for one in mappings(payload.get("variants"))
    ]
    listed = {
        variant_id: moment(one.get("updated_at"))
        for one in mappings(payload.get("variant_gids"))
        if (variant_id := numeric_id(one.get("admin_graphql_api_id"))) is not None
    }
    told = [one.shopify_variant_id for one in variants]
    change = ProductChange(
        shopify_product_id=product_id,
        at=at,
        sequence=sequence,
        facts=ProductFacts(
            title=text(payload.get("title")) or "",
            handle=text(payload.get("handle")) or "",
            status=upper(payload.get("status")) or "",
            vendor=text(payload.get("vendor")),
            product_type=text(payload.get("product_type")),
            tags=[tag.strip() for tag in (text(payload.get("tags")) or "").split(",") if tag.strip()],
            description_html=text(payload.get("body_html")),
            image_url=text(mapping(payload.get("image")).get("src")),
        ),
        # A product has at least one variant: a payload that names none says nothing of them.
        variant_ids=list(dict.fromkeys([*told, *listed])) or None,
    )
    rest = {variant_id: changed for variant_id, changed in listed.items() if variant_id not in set(told)}
    return Catalogue(products=[change], variants=variants), rest


def variant_payload(payload: Mapping[str, Any], *, in_stock: bool, sequence: int) -> VariantChange:
    """``variants/in_stock|out_of_stock``. Raises ValueError without id, product or ``updated_at``."""
    product_id = _required(numeric_id(payload.get("product_id")), "a variant", "product_id")
    change = _variant_payload(payload, product_id, [], sequence=sequence)
    change.in_stock = in_stock
    return change


def level_payload(topic: str, payload: Mapping[str, Any], *, triggered: datetime, sequence: int) -> LevelChange:
    """``inventory_levels/update|connect|disconnect``; the last has no time but that of its delivery. Raises ValueError."""
    connected = not topic.endswith("disconnect")
    at = moment(payload.get("updated_at")) or _second(triggered)
    return LevelChange(
        inventory_item_id=_required(numeric_id(payload.get("inventory_item_id")), "a stock level", "inventory_item_id"),
        location_id=_required(numeric_id(payload.get("location_id")), "a stock level", "location_id"),
        at=at,
        sequence=sequence,
        available=number(payload.get("available")) if connected else None,
        connected=connected,
    )


def collection_payload(payload: Mapping[str, Any], *, sequence: int) -> CollectionChange:
    """``collections/create|update``, which say nothing of members. Raises ValueError without id or ``updated_at``."""
    return CollectionChange(
        shopify_collection_id=_required(numeric_id(payload.get("id")), "a collection", "id"),
        at=_required(moment(payload.get("updated_at")), "a collection", "updated_at"),
        sequence=sequence,
        title=text(payload.get("title")) or "",
        handle=text(payload.get("handle")) or "",
    )


def deleted_product(payload: Mapping[str, Any], *, triggered: datetime, sequence: int) -> ProductChange:
    """``products/delete``: the time is that of the delivery. Raises ValueError without id."""
    product_id = _required(numeric_id(payload.get("id")), "a product", "id")
    return ProductChange(product_id, _second(triggered), sequence, deleted=True)


def deleted_collection(payload: Mapping[str, Any], *, triggered: datetime, sequence: int) -> CollectionChange:
    """``collections/delete``. Raises ValueError without id."""
    collection_id = _required(numeric_id(payload.get("id")), "a collection", "id")
    return CollectionChange(collection_id, _second(triggered), sequence, deleted=True)


def ids_of(nodes: Iterable[Any]) -> list[int]:
    """The numeric ids of decoded nodes; those without one are left out."""
    return [found for node in nodes if (found := numeric_id(node.id)) is not None]


def _variant_payload(
    payload: Mapping[str, Any], product_id: int, names: Sequence[str | None], *, sequence: int
) -> VariantChange:
    values = [text(payload.get(f"option{place}")) for place in (1, 2, 3)]
    options = [(name, value) for name, value in zip(names, values, strict=False) if name and value]
    return VariantChange(
        shopify_variant_id=_required(numeric_id(payload.get("id")), "a variant", "id"),
        shopify_product_id=product_id,
        at=_required(moment(payload.get("updated_at")), "a variant", "updated_at"),
        sequence=sequence,
        title=text(payload.get("title")) or "",
        price=amount(payload.get("price")),
        compare_at_price=amount(payload.get("compare_at_price")),
        sku=text(payload.get("sku")),
        position=number(payload.get("position")),
        inventory_policy=upper(payload.get("inventory_policy")) or "",
        inventory_quantity=number(payload.get("inventory_quantity")),
        inventory_item_id=numeric_id(payload.get("inventory_item_id")),
        selected_options=options or None,
    )


def _second(at: datetime) -> datetime:
    """Whole seconds, as the store's own times are, so that they compare; the sequence tells the rest."""
    return at.replace(microsecond=0)


def _required(value: T | None, thing: str, name: str) -> T:
    if value is None:
        raise ValueError(f"{thing} without {name}")
    return value
