"""The one writer of products, variants, collections and stock. A batch is staged by COPY and applied by ``sql/2*.sql``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from sayso.shops import staging

from .catalogue_changes import Catalogue, CollectionChange, LevelChange, ProductChange, ProductFacts, VariantChange

PRODUCT_COLUMNS = (
    "run", "shopify_product_id", "at", "sequence", "deleted", "has_facts", "title", "handle", "status", "vendor",
    "product_type", "tags", "description_html", "image_url", "has_details", "online_store_url", "is_gift_card",
    "variant_ids", "collection_ids", "read_at",
)  # fmt: skip
VARIANT_COLUMNS = (
    "run", "shopify_variant_id", "shopify_product_id", "at", "sequence", "deleted", "title", "price",
    "compare_at_price", "sku", "position", "inventory_policy", "inventory_quantity", "inventory_item_id",
    "selected_options", "tracked", "in_stock",
)  # fmt: skip
COLLECTION_COLUMNS = (
    "run", "shopify_collection_id", "at", "sequence", "deleted", "title", "handle", "member_ids", "read_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a product or collection that was written; one of which nothing was new is not listed."""

    shopify_id: int
    created: bool


def apply(batch: Catalogue, *, bulk: bool = False) -> list[Applied]:
    """Apply a batch to the catalogue of the current shop. Needs a transaction with a shop.

    Repeating it, or applying something older later, changes nothing. A variant whose stock rises from nothing gives one
    ``variant.restocked`` event, except in an import (``bulk``).
    """
    run = staging.new_run()
    applied: list[Applied] = []
    if batch.collections:
        staging.copy_in("collection", COLLECTION_COLUMNS, (_collection(run, change) for change in batch.collections))
        applied += _call("collections_apply(%s)", [run])
        staging.drop_run(run, "collection")
    if batch.products or batch.variants:
        staging.copy_in("product", PRODUCT_COLUMNS, (_product(run, change) for change in batch.products))
        staging.copy_in("variant", VARIANT_COLUMNS, (_variant(run, change) for change in batch.variants))
        applied += _call("products_apply(%s, %s)", [run, bulk])
        staging.drop_run(run, "product", "variant")
    if batch.levels:
        _apply_levels(batch.levels)
    return applied


def _call(function: str, arguments: Sequence[int | bool]) -> list[Applied]:
    with connection.cursor() as cursor:
        cursor.execute(f"select * from {function}", arguments)  # noqa: S608 (a name of ours)
        return [Applied(*row) for row in cursor.fetchall()]


def _apply_levels(changes: Sequence[LevelChange]) -> None:
    newest = {
        (change.inventory_item_id, change.location_id): change
        for change in sorted(changes, key=lambda change: (change.at, change.sequence))
    }
    rows = [newest[key] for key in sorted(newest)]
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into inventory_level as l (shop_id, inventory_item_id, location_id, connected, available,
                source_updated_at, source_sequence)
            select current_shop(), * from unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::integer[],
                %s::timestamptz[], %s::bigint[])
            on conflict (shop_id, inventory_item_id, location_id) do update set connected = excluded.connected,
                available = excluded.available, source_updated_at = excluded.source_updated_at,
                source_sequence = excluded.source_sequence
            where (excluded.source_updated_at, excluded.source_sequence) > (l.source_updated_at, l.source_sequence)""",
            [
                [row.inventory_item_id for row in rows],
                [row.location_id for row in rows],
                [row.connected for row in rows],
                [row.available for row in rows],
                [row.at for row in rows],
                [row.sequence for row in rows],
            ],
        )


def _ids(values: Sequence[int] | None) -> str:
    return "\\N" if values is None else "{" + ",".join(map(str, values)) + "}"


def _product(run: int, change: ProductChange) -> str:
    text, flag = staging.text, staging.flag
    facts, details = change.facts or ProductFacts(), change.details
    return "\t".join(
        (
            str(run), str(change.shopify_product_id), staging.moment(change.at), str(change.sequence),
            flag(change.deleted), flag(change.facts is not None), text(facts.title), text(facts.handle),
            text(facts.status), text(facts.vendor), text(facts.product_type), staging.array(facts.tags),
            text(facts.description_html), text(facts.image_url), flag(details is not None),
            text(details.online_store_url if details else None), flag(details.is_gift_card if details else None),
            _ids(change.variant_ids), _ids(change.collection_ids), str(change.read_at),
        )
    )  # fmt: skip


def _variant(run: int, change: VariantChange) -> str:
    text, number, options = staging.text, staging.number, change.selected_options
    return "\t".join(
        (
            str(run), str(change.shopify_variant_id), str(change.shopify_product_id), staging.moment(change.at),
            str(change.sequence), staging.flag(change.deleted), text(change.title), number(change.price),
            number(change.compare_at_price), text(change.sku), number(change.position), text(change.inventory_policy),
            number(change.inventory_quantity), number(change.inventory_item_id),
            text(json.dumps(options, ensure_ascii=False) if options is not None else None),
            staging.flag(change.tracked), staging.flag(change.in_stock),
        )
    )  # fmt: skip


def _collection(run: int, change: CollectionChange) -> str:
    return "\t".join(
        (
            str(run), str(change.shopify_collection_id), staging.moment(change.at), str(change.sequence),
            staging.flag(change.deleted), staging.text(change.title), staging.text(change.handle),
            _ids(change.member_ids), str(change.read_at),
        )
    )  # fmt: skip
