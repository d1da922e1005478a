"""What can be read again by id, and how an answer becomes what is applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import documents, merges
from ..catalogue import apply_catalogue
from ..connection.tokens import Store
from . import reread_catalogue, reread_customers, reread_orders


@dataclass(frozen=True, slots=True)
class Kind:
    """``document`` asks ``nodes(ids: $ids)`` for at most ``a_call`` objects of GraphQL's ``type``.

    ``known`` tells, inside the shop, what is held of some ids before the store is asked: its answer is newer than all of
    that. ``readings`` turns a node and what was held into what ``apply`` takes in the shop's transaction; it may ask the
    store for further pages, and raises ValueError for what cannot be read. ``gone`` does the same for an id the store
    does not find any more; it is asked for twice unless ``surely_gone`` names it. ``then`` gets the ids that were read, in
    the transaction that applied them.
    """

    name: str
    type: str
    document: str
    a_call: int
    known: Callable[[Sequence[int]], Mapping[int, Any]]
    readings: Callable[[Store, dict[str, Any], Any], list[Any]]
    gone: Callable[[int, Any], list[Any]]
    apply: Callable[[list[Any]], object]
    variables: Mapping[str, Any] = field(default_factory=dict)
    surely_gone: Callable[[Sequence[int]], set[int]] = lambda ids: set()
    then: Callable[[Sequence[int]], object] = lambda ids: None


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="customer",
            type="Customer",
            document="customer_nodes",
            a_call=documents.CUSTOMERS_A_CALL,
            known=reread_customers.known,
            readings=reread_customers.readings,
            gone=reread_customers.gone,
            apply=reread_customers.apply_readings,
            surely_gone=merges.merged_away,
            then=merges.carry_out,
        ),
        Kind(
            name="product",
            type="Product",
            document="product_nodes",
            a_call=documents.PRODUCTS_A_CALL,
            variables={"collections": documents.COLLECTIONS_A_PRODUCT},
            known=reread_catalogue.known_products,
            readings=reread_catalogue.product,
            gone=reread_catalogue.gone_product,
            apply=apply_catalogue,
        ),
        Kind(
            name="whole_product",
            type="Product",
            document="product_nodes",
            a_call=documents.PRODUCTS_A_CALL,
            variables={"collections": documents.COLLECTIONS_A_PRODUCT},
            known=reread_catalogue.known_products,
            readings=reread_catalogue.whole_product,
            gone=reread_catalogue.gone_product,
            apply=apply_catalogue,
        ),
        Kind(
            name="variant",
            type="ProductVariant",
            document="variant_nodes",
            a_call=documents.VARIANTS_A_CALL,
            known=reread_catalogue.known_variants,
            readings=reread_catalogue.variant,
            gone=reread_catalogue.gone_variant,
            apply=apply_catalogue,
        ),
        Kind(
            name="collection",
            type="Collection",
            document="collection_nodes",
            a_call=documents.COLLECTIONS_A_CALL // 25,  # each is read page by page behind this call
            known=reread_catalogue.known_collections,
            readings=reread_catalogue.collection,
            gone=reread_catalogue.gone_collection,
            apply=apply_catalogue,
        ),
        Kind(
            name="order",
            type="Order",
            document="order_nodes",
            a_call=documents.ORDERS_A_CALL,
            known=reread_orders.known,
            readings=reread_orders.readings,
            gone=reread_orders.gone,
            apply=reread_orders.apply_orders,
            variables={"lines": documents.LINES_AN_ORDER},
        ),
    )
}
"""In the order in which they are read: customers before what belongs to them."""
