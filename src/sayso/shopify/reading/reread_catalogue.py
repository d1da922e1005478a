"""Products, variants and collections read again by id, see :mod:`.refetch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db.models import Count, Max

from sayso.commerce.catalogue_changes import Catalogue, CollectionChange, ProductChange, VariantChange
from sayso.commerce.models import Collection, Product, Variant

from .. import types, wire_catalogue
from ..connection.tokens import Store
from ..values import mapping
from ..wire import read_at
from . import read_catalogue


@dataclass(frozen=True, slots=True)
class Known:
    """What was held of a thing before the store was asked, at ``asked`` (µs); the answer is newer than all of it.

    The store writes its times in whole seconds and its deliveries break ties by their own, so that an answer could look
    older than what it already contains.
    """

    asked: int
    at: datetime | None = None
    sequence: int = 0
    variants: int = 0
    product_id: int = 0

    @property
    def now(self) -> int:
        """The sequence of the answer."""
        return max(self.asked, self.sequence + 1)

    def newer(self, at: datetime) -> datetime:
        """The time of the answer."""
        return max(at, self.at) if self.at else at

    def end(self) -> datetime:
        """The time of an answer that there is nothing (any more)."""
        return self.newer(datetime.now(UTC).replace(microsecond=0))


Held = dict[int, Known]


def _newest(*pairs: tuple[datetime | None, int]) -> tuple[datetime | None, int]:
    return max(
        ((at, sequence) for at, sequence in pairs if at is not None), default=(None, 0), key=lambda pair: pair[0]
    )[0], max(sequence for _, sequence in pairs)


def known_products(ids: Sequence[int]) -> Held:
    asked = read_at()
    grouped = (
        Variant.objects.filter(shopify_product_id__in=ids, deleted_at=None)
        .values("shopify_product_id")
        .annotate(number=Count("pk"), told=Max("source_sequence"), read=Max("details_sequence"))
    )
    lived = {row["shopify_product_id"]: row for row in grouped}
    held = dict.fromkeys(ids, Known(asked))
    for row in Product.objects.filter(shopify_product_id__in=ids):
        at, sequence = _newest(
            (row.source_updated_at, row.source_sequence),
            (row.details_at, row.details_sequence),
            (row.variants_at, row.variants_sequence),
        )
        own = lived.get(row.shopify_product_id, {"number": 0, "told": 0, "read": 0})
        held[row.shopify_product_id] = Known(asked, at, max(sequence, own["told"], own["read"]), own["number"])
    return held


def product(store: Store, node: dict[str, Any], held: Known) -> list[Catalogue]:
    """What payloads lack; the variants too where we do not hold as many as there are."""
    if mapping(node.get("variantsCount")).get("count") != held.variants:
        return whole_product(store, node, held)
    return _product(store, node, held, None)


def whole_product(store: Store, node: dict[str, Any], held: Known) -> list[Catalogue]:
    """The product with all its variants."""
    return _product(store, node, held, read_catalogue.variants(store, str(node.get("id"))))


def _product(store: Store, node: dict[str, Any], held: Known, variants: list[types.Variant] | None) -> list[Catalogue]:
    found = msgspec.convert(node, types.Product)
    batch = wire_catalogue.product(
        found, variants, read_catalogue.collection_ids(store, found), sequence=held.now, read_at=held.asked
    )
    for change in batch.products:
        change.at = held.newer(change.at)
    return [batch]


def gone_product(product_id: int, held: Known) -> list[Catalogue]:
    """The product was deleted."""
    return [Catalogue(products=[ProductChange(product_id, held.end(), held.now, deleted=True)])]


def known_variants(ids: Sequence[int]) -> Held:
    asked = read_at()
    held = dict.fromkeys(ids, Known(asked))
    for row in Variant.objects.filter(shopify_variant_id__in=ids):
        at, sequence = _newest((row.source_updated_at, row.source_sequence), (row.details_at, row.details_sequence))
        held[row.shopify_variant_id] = Known(asked, at, sequence, product_id=row.shopify_product_id)
    return held


def variant(store: Store, node: dict[str, Any], held: Known) -> list[Catalogue]:
    """The variant as it is now."""
    change = wire_catalogue.variant(node, sequence=held.now)
    change.at = held.newer(change.at)
    return [Catalogue(variants=[change])]


def gone_variant(variant_id: int, held: Known) -> list[Catalogue]:
    """The variant was deleted; of one we do not hold there is nothing to say."""
    if not held.product_id:
        return []
    return [Catalogue(variants=[VariantChange(variant_id, held.product_id, held.end(), held.now, deleted=True)])]


def known_collections(ids: Sequence[int]) -> Held:
    asked = read_at()
    held = dict.fromkeys(ids, Known(asked))
    for row in Collection.objects.filter(shopify_collection_id__in=ids):
        held[row.shopify_collection_id] = Known(asked, row.source_updated_at, row.source_sequence)
    return held


def collection(store: Store, node: dict[str, Any], held: Known) -> list[Catalogue]:
    """The collection with its members."""
    change = read_catalogue.collection(store, node, read_at=held.asked, sequence=held.now)
    change.at = held.newer(change.at)
    return [Catalogue(collections=[change])]


def gone_collection(collection_id: int, held: Known) -> list[Catalogue]:
    """The collection was deleted."""
    return [Catalogue(collections=[CollectionChange(collection_id, held.end(), held.now, deleted=True)])]
