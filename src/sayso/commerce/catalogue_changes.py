"""The catalogue as a source tells it, in the one form that :func:`sayso.commerce.catalogue.apply` takes.

``at`` is the ``updated_at`` of the thing, by the store's clock and in whole seconds, and ``sequence`` (µs) breaks ties:
the moment a delivery was triggered, or that of a reading. What a source does not say is None, and what is held stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(slots=True)
class ProductFacts:
    title: str = ""
    handle: str = ""
    status: str = ""
    vendor: str | None = None
    product_type: str | None = None
    tags: Sequence[str] = ()
    description_html: str | None = None
    image_url: str | None = None


@dataclass(slots=True)
class ProductDetails:
    """What only a reading tells."""

    online_store_url: str | None
    is_gift_card: bool


@dataclass(slots=True)
class ProductChange:
    """``variant_ids`` are all variants of the product as of ``at``; ``collection_ids`` all its collections as of
    ``read_at``, the moment (µs) before the store was asked."""

    shopify_product_id: int
    at: datetime
    sequence: int = 0
    deleted: bool = False
    facts: ProductFacts | None = None
    details: ProductDetails | None = None
    variant_ids: Sequence[int] | None = None
    collection_ids: Sequence[int] | None = None
    read_at: int = 0


@dataclass(slots=True)
class VariantChange:
    """``tracked`` None: the source does not say whether its stock is counted. ``in_stock``: the store says in so many
    words that it came in stock again. ``deleted`` says that and nothing else."""

    shopify_variant_id: int
    shopify_product_id: int
    at: datetime
    sequence: int = 0
    title: str = ""
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    sku: str | None = None
    position: int | None = None
    inventory_policy: str = ""
    inventory_quantity: int | None = None
    inventory_item_id: int | None = None
    selected_options: list[tuple[str, str]] | None = None
    tracked: bool | None = None
    in_stock: bool = False
    deleted: bool = False


@dataclass(slots=True)
class LevelChange:
    """What one location has of an inventory item; not ``connected``: the item is no longer stocked there."""

    inventory_item_id: int
    location_id: int
    at: datetime
    sequence: int = 0
    available: int | None = None
    connected: bool = True


@dataclass(slots=True)
class CollectionChange:
    """``member_ids`` are all its products as of ``read_at`` (see :class:`ProductChange`). Without ``title`` nothing is
    said but what else is set."""

    shopify_collection_id: int
    at: datetime
    sequence: int = 0
    deleted: bool = False
    title: str | None = None
    handle: str = ""
    member_ids: Sequence[int] | None = None
    read_at: int = 0


@dataclass(slots=True)
class Catalogue:
    """A batch. Variants belong to its products or to others; any of the lists may be empty."""

    products: list[ProductChange] = field(default_factory=list)
    variants: list[VariantChange] = field(default_factory=list)
    levels: list[LevelChange] = field(default_factory=list)
    collections: list[CollectionChange] = field(default_factory=list)

    def __add__(self, other: Catalogue) -> Catalogue:
        return Catalogue(
            self.products + other.products,
            self.variants + other.variants,
            self.levels + other.levels,
            self.collections + other.collections,
        )
