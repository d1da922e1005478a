"""Products, variants, stock and collections."""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from sayso.commerce.catalogue_changes import Catalogue
from sayso.commerce.models import Product, Variant
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .. import wire_catalogue
from ..catalogue import apply_catalogue
from ..reading import refetch
from ..values import microseconds
from .reading import payload, sequence

LEVELS = ("inventory_levels/update", "inventory_levels/connect", "inventory_levels/disconnect")


def _triggered(delivery: Delivery) -> datetime:
    return delivery.triggered_at or delivery.received_at


@handler("shopify", "products/create", "products/update", "products/delete")
def products(shop_id: int, deliveries: list[Delivery]) -> None:
    """What a payload says holds at once. Read again are the product, for what it lacks, and of its variants those that
    changed since they were read, and those beyond the first hundred of which it tells that they changed."""
    batches = []
    beyond: list[_Told] = []
    for delivery in deliveries:
        body, order = payload(delivery), sequence(delivery)
        if delivery.topic == "products/delete":
            gone = wire_catalogue.deleted_product(body, triggered=_triggered(delivery), sequence=order)
            batches.append(Catalogue(products=[gone]))
        else:
            batch, rest = wire_catalogue.product_payload(body, sequence=order)
            batches.append(batch)
            beyond += [_Told(variant_id, changed, order) for variant_id, changed in rest.items()]
    apply_catalogue(batches)
    told = {change.shopify_product_id for batch in batches for change in batch.products}
    alive = set(
        Product.objects.filter(shopify_product_id__in=told, deleted_at=None).values_list(
            "shopify_product_id", flat=True
        )
    )
    refetch.request(shop_id, alive, kind="product")
    refetch.request(shop_id, _unread(alive) | _changed(beyond), kind="variant")


@handler("shopify", "variants/in_stock", "variants/out_of_stock")
def variants(shop_id: int, deliveries: list[Delivery]) -> None:
    """The quantity of one variant; its product is read if we do not know it."""
    changes = [
        wire_catalogue.variant_payload(
            payload(delivery), in_stock=delivery.topic.endswith("in_stock"), sequence=sequence(delivery)
        )
        for delivery in deliveries
    ]
    apply_catalogue([Catalogue(variants=changes)])
    product_ids = {change.shopify_product_id for change in changes}
    known = set(Product.objects.filter(shopify_product_id__in=product_ids).values_list("shopify_product_id", flat=True))
    refetch.request(shop_id, product_ids - known, kind="product")
    refetch.request(shop_id, _unread(product_ids), kind="variant")


@handler("shopify", *LEVELS)
def levels(shop_id: int, deliveries: list[Delivery]) -> None:
    """What a location has. What counts is the sum over all locations, which only the variant tells."""
    changes = [
        wire_catalogue.level_payload(
            delivery.topic, payload(delivery), triggered=_triggered(delivery), sequence=sequence(delivery)
        )
        for delivery in deliveries
    ]
    apply_catalogue([Catalogue(levels=changes)])
    items = {change.inventory_item_id for change in changes}
    found = Variant.objects.filter(inventory_item_id__in=items, deleted_at=None)
    refetch.request(shop_id, found.values_list("shopify_variant_id", flat=True), kind="variant")


@handler("shopify", "collections/create", "collections/update", "collections/delete")
def collections(shop_id: int, deliveries: list[Delivery]) -> None:
    """What a collection is called. Its members are read."""
    changes = []
    for delivery in deliveries:
        body, order = payload(delivery), sequence(delivery)
        if delivery.topic == "collections/delete":
            changes.append(wire_catalogue.deleted_collection(body, triggered=_triggered(delivery), sequence=order))
        else:
            changes.append(wire_catalogue.collection_payload(body, sequence=order))
    apply_catalogue([Catalogue(collections=changes)])
    gone = {change.shopify_collection_id for change in changes if change.deleted}
    refetch.request(shop_id, {change.shopify_collection_id for change in changes} - gone, kind="collection")


def _unread(product_ids: Ids[int]) -> set[int]:
    """Variants of these products that changed since a reading told of them: later, or within the same second."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select shopify_variant_id from variant
            where shopify_product_id = any(%s) and deleted_at is null and (
                details_at is null or details_at < source_updated_at
                or details_at = source_updated_at and details_sequence between 1 and source_sequence - 1
                    and details_sequence < (extract(epoch from source_updated_at) + 1) * 1000000)""",
            [list(product_ids)],
        )
        return {variant_id for (variant_id,) in cursor.fetchall()}


class _Told(NamedTuple):
    """A variant of which a delivery tells no more than when it changed."""

    shopify_variant_id: int
    changed: datetime | None
    sequence: int


def _changed(told: Sequence[_Told]) -> set[int]:
    """Those of which we hold nothing as new: what we hold is of an earlier second, or was read before the delivery and
    before the second in which the variant changed was over."""
    held = {
        variant_id: (at, order)
        for variant_id, at, order in Variant.objects.filter(
            shopify_variant_id__in={one.shopify_variant_id for one in told}
        ).values_list("shopify_variant_id", "source_updated_at", "source_sequence")
    }
    return {
        one.shopify_variant_id
        for one in told
        if one.shopify_variant_id in held and _newer(one, *held[one.shopify_variant_id])
    }


def _newer(told: _Told, at: datetime | None, order: int) -> bool:
    if at is None or told.changed is None:
        return True
    second = told.changed.replace(microsecond=0)
    return second > at or (second == at and order < min(told.sequence, microseconds(second + timedelta(seconds=1))))
