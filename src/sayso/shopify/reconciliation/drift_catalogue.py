"""In what the catalogue differs from the store's: products with their variants and collections, and collections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from sayso.commerce.catalogue_changes import Catalogue, ProductChange, VariantChange
from sayso.commerce.models import Collection, CollectionMember, Product, Variant
from sayso.contacts.compare import Compared, Difference

from ..values import moment, numeric_id

Node = Mapping[str, Any]

_FACTS = ("title", "handle", "status", "vendor", "product_type", "description_html", "image_url")
_DETAILS = ("online_store_url", "is_gift_card")


def compare_products(batches: Sequence[Catalogue]) -> list[Compared]:
    """What is held of each product, and how it differs; every batch is one whole product."""
    ids = [batch.products[0].shopify_product_id for batch in batches]
    rows = {row.shopify_product_id: row for row in Product.objects.filter(shopify_product_id__in=ids)}
    variants: dict[int, list[Variant]] = defaultdict(list)
    for variant in Variant.objects.filter(shopify_product_id__in=ids, deleted_at=None):
        variants[variant.shopify_product_id].append(variant)
    collections: dict[int, set[int]] = defaultdict(set)
    members = CollectionMember.objects.filter(shopify_product_id__in=ids)
    for product_id, collection_id in members.values_list("shopify_product_id", "shopify_collection_id"):
        collections[product_id].add(collection_id)
    held = held_products(ids)
    return [
        _product(batch, rows.get(number), held.get(number), variants[number], collections[number])
        for number, batch in zip(ids, batches, strict=True)
    ]


def _product(
    batch: Catalogue, row: Product | None, held: Compared | None, variants: list[Variant], collections: set[int]
) -> Compared:
    if row is None or held is None:
        return Compared(held=False, contact_id=None)
    change = batch.products[0]
    found = list(_fields(row, change))
    if change.variant_ids is not None:
        mine, theirs = {_held_variant(one) for one in variants}, {_told_variant(one) for one in batch.variants}
        if mine != theirs:
            found.append(Difference("variants", _lines(mine - theirs), _lines(theirs - mine)))
    if change.collection_ids is not None and collections != set(change.collection_ids):
        found.append(Difference("collections", _lines(map(str, collections)), _lines(map(str, change.collection_ids))))
    return Compared(True, None, held.gone, held.touched, tuple(found))


def _fields(row: Product, change: ProductChange) -> Iterable[Difference]:
    for source, names in ((change.facts, _FACTS), (change.details, _DETAILS)):
        for name in names if source is not None else ():
            mine, theirs = getattr(row, name), getattr(source, name)
            if (mine or None) != (theirs or None):
                yield Difference(name, _text(mine), _text(theirs))
    if change.facts is not None and sorted(row.tags) != sorted(change.facts.tags):
        yield Difference("tags", ", ".join(sorted(row.tags)), ", ".join(sorted(change.facts.tags)))


def _held_variant(one: Variant) -> str:
    options = [tuple(option) for option in one.selected_options or ()]
    return _variant(one.shopify_variant_id, one, options)


def _told_variant(one: VariantChange) -> str:
    return _variant(one.shopify_variant_id, one, [tuple(option) for option in one.selected_options or ()])


def _variant(number: int, one: Variant | VariantChange, options: list[tuple[str, ...]]) -> str:
    amounts = ["-" if amount is None else f"{amount:.3f}" for amount in (one.price, one.compare_at_price)]
    facts = (
        number, one.title, one.sku, *amounts, one.inventory_policy, one.inventory_quantity, one.tracked,
        one.inventory_item_id, options,
    )  # fmt: skip
    return " ".join(map(str, facts))


def held_products(ids: Sequence[int]) -> dict[int, Compared]:
    """What is held of products: whether they are deleted, and when they or a variant of theirs were written last."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select p.shopify_product_id, p.deleted_at is not null, greatest(p.synced_at,
                (select max(v.synced_at) from variant v where v.shopify_product_id = p.shopify_product_id))
            from product p where p.shopify_product_id = any(%s)""",
            [list(ids)],
        )
        return {number: Compared(True, None, gone, touched) for number, gone, touched in cursor.fetchall()}


def products_worth(nodes: Sequence[Node]) -> list[int]:
    """Of a page of changed products those that are not held as of their change, or of which something is still unread."""
    ids = _ids(nodes)
    held = dict(
        Product.objects.filter(shopify_product_id__in=ids).values_list("shopify_product_id", "source_updated_at")
    )
    unread = Variant.objects.filter(shopify_product_id__in=ids, deleted_at=None, details_at=None)
    return _not_as_of(nodes, held, set(unread.values_list("shopify_product_id", flat=True)))


def compare_collections(batches: Sequence[Catalogue]) -> list[Compared]:
    """What is held of each collection, and how it differs; every batch is one collection."""
    changes = [batch.collections[0] for batch in batches]
    ids = [change.shopify_collection_id for change in changes]
    rows = {row.shopify_collection_id: row for row in Collection.objects.filter(shopify_collection_id__in=ids)}
    told = [change.shopify_collection_id for change in changes if change.member_ids is not None]
    members: dict[int, set[int]] = defaultdict(set)
    for collection_id, product_id in CollectionMember.objects.filter(shopify_collection_id__in=told).values_list(
        "shopify_collection_id", "shopify_product_id"
    ):
        members[collection_id].add(product_id)
    found = []
    for change in changes:
        row = rows.get(change.shopify_collection_id)
        if row is None:
            found.append(Compared(held=False, contact_id=None))
            continue
        differences = [
            Difference(name, getattr(row, name), getattr(change, name))
            for name in ("title", "handle")
            if (getattr(row, name) or "") != (getattr(change, name) or "")
        ]
        mine = members[change.shopify_collection_id]
        if change.member_ids is not None and mine != set(change.member_ids):
            gone, come = mine - set(change.member_ids), set(change.member_ids) - mine
            differences.append(Difference("members", _lines(map(str, gone)), _lines(map(str, come))))
        found.append(Compared(True, None, row.deleted_at is not None, row.synced_at, tuple(differences)))
    return found


def held_collections(ids: Sequence[int]) -> dict[int, Compared]:
    """What is held of collections."""
    rows = Collection.objects.filter(shopify_collection_id__in=ids)
    return {
        number: Compared(True, None, deleted_at is not None, touched)
        for number, deleted_at, touched in rows.values_list("shopify_collection_id", "deleted_at", "synced_at")
    }


def collections_worth(nodes: Sequence[Node]) -> list[int]:
    """Of a page of changed collections those that are not held as of their change."""
    rows = Collection.objects.filter(shopify_collection_id__in=_ids(nodes))
    return _not_as_of(nodes, dict(rows.values_list("shopify_collection_id", "source_updated_at")), set())


def _not_as_of(nodes: Sequence[Node], held: Mapping[int, datetime | None], also: set[int]) -> list[int]:
    return [
        number
        for node in nodes
        if (number := numeric_id(node.get("id"))) is not None
        if number in also or held.get(number) is None or held[number] != moment(node.get("updatedAt"))
    ]


def _ids(nodes: Sequence[Node]) -> list[int]:
    return [found for node in nodes if (found := numeric_id(node.get("id"))) is not None]


def _lines(values: Iterable[str]) -> str | None:
    return "; ".join(sorted(values)) or None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
