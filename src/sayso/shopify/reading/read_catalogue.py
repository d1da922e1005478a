"""Products and collections read from the store whole: the pages of what they hold besides the first."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sayso.commerce.catalogue_changes import Catalogue, CollectionChange

from .. import documents, wire_catalogue
from ..connection.tokens import Store
from ..types import Collection, PageInfo, Product, References, Variant, Variants
from ..values import mapping

MEMBERS_AT_ONCE = 2_500
"""Members of a larger collection are not read for each change of it: ten pages would keep customers waiting. They follow
from the side of their products, and with the next import."""

Page = TypeVar("Page", Variants, References)


def whole_product(store: Store, node: dict[str, Any], *, read_at: int, sequence: int) -> Catalogue:
    """The product of a page (``products_updated``) with all its variants and collections. Raises ValueError,
    msgspec.ValidationError and what the store raises."""
    product = msgspec.convert(node, Product)
    return wire_catalogue.product(
        product,
        variants(store, product.id, product.variants),
        collection_ids(store, product),
        sequence=sequence,
        read_at=read_at,
    )


def variants(store: Store, product_gid: str, page: Variants | None = None) -> list[Variant]:
    """All variants of a product, going on behind ``page``."""
    found = list(page.nodes) if page else []
    more = _after(page) if page else None
    while page is None or more is not None:
        asked = {"id": product_gid, "first": documents.VARIANTS_A_CALL, "after": more}
        answer = mapping(store.graphql.run("product_variants", asked).get("product"))
        page = msgspec.convert(mapping(answer.get("variants")), Variants)
        found += page.nodes
        more = _after(page)
    return found


def collection_ids(store: Store, product: Product) -> list[int]:
    """The ids of all collections a product is in, going on behind those that came with it."""
    page = product.collections or References()
    found = wire_catalogue.ids_of(page.nodes)
    while (more := _after(page)) is not None:
        asked = {"id": product.id, "first": documents.COLLECTIONS_A_CALL, "after": more}
        answer = mapping(store.graphql.run("product_collections", asked).get("product"))
        page = msgspec.convert(mapping(answer.get("collections")), References)
        found += wire_catalogue.ids_of(page.nodes)
    return found


def collection(store: Store, node: dict[str, Any], *, read_at: int, sequence: int) -> CollectionChange:
    """A collection with its members, unless they are more than :data:`MEMBERS_AT_ONCE`. Raises as
    :func:`whole_product`."""
    found = msgspec.convert(node, Collection)
    count = found.products_count.count if found.products_count else 0
    members = None if count > MEMBERS_AT_ONCE else _members(store, found.id) if count else []
    return wire_catalogue.collection(found, members, sequence=sequence, read_at=read_at)


def _members(store: Store, collection_gid: str) -> list[int]:
    found: list[int] = []
    more = None
    while True:
        asked = {"id": collection_gid, "first": documents.MEMBERS_A_CALL, "after": more}
        answer = mapping(store.graphql.run("collection_members", asked).get("collection"))
        page = msgspec.convert(mapping(answer.get("products")), References)
        found += wire_catalogue.ids_of(page.nodes)
        more = _after(page)
        if more is None:
            return found


def _after(page: Page) -> str | None:
    info: PageInfo | None = page.page_info
    return info.end_cursor if info and info.has_next_page else None
