"""What can be imported, and how a line of its file becomes a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sayso.audience import upkeep
from sayso.channels.json import decode
from sayso.commerce.catalogue_changes import Catalogue
from sayso.consent.catch_up import catch_up
from sayso.shops.tenancy import current_shop_id

from .. import merges, segments, wire_catalogue, wire_orders
from ..catalogue import import_collections, import_products
from ..connection.tokens import Store
from ..customers import import_customers
from ..orders import apply_orders
from ..reading import refetch
from ..types import (
    Customer,
    Variant,
    decode_collection,
    decode_customer,
    decode_line_item,
    decode_order,
    decode_product,
    decode_product_child,
)
from ..values import numeric_id
from ..writeback import queue as writeback_queue
from .bulk import Root
from .counts import Counts


@dataclass(frozen=True, slots=True)
class Kind:
    """``chunk`` objects go into one transaction: enough to fill a batch, and far below the 25,000 rows a writer may
    hold back the readers of the event log by."""

    name: str
    document: str
    grouped: bool  # the query holds a connection: children must follow their parent
    decode: Callable[[bytes], Any]
    decode_child: Callable[[bytes], Any]
    read: Callable[[Root[Any]], Any]
    apply: Callable[[list[Any]], Counts]
    chunk: int
    abreast: int  # connections that apply it
    scope: str  # what the app must be allowed
    conclude: Callable[[], object] = lambda: None  # once all is applied, in a transaction
    lists: str = ""
    """What the ids in its :class:`Counts` are: ``contacts`` (ours), ``orders`` (Shopify's); "" where it lists none."""


@dataclass(frozen=True, slots=True)
class PagedKind:
    """What has no bulk operation and is read by pages. ``carry`` goes on where it stopped, unless it is to begin anew."""

    name: str
    carry: Carry
    scope: str
    conclude: Callable[[], object] = lambda: None


class Carry(Protocol):
    def __call__(self, store: Store, *, anew: bool, watch: segments.Watch) -> None:
        """Raises :class:`..segments.Stopped` where it was asked to stop."""


def _upkeep() -> None:
    upkeep.request(current_shop_id())


def _customer(root: Root[Customer]) -> Customer:
    if numeric_id(root.node.id) is None:
        raise ValueError("a customer without id")
    return root.node


def _product(root: Root[Any]) -> Catalogue:
    """A product with its variants and the ids of its collections, which all follow it in the file."""
    children = [child for child in root.children if isinstance(child, Variant)]
    variants = [child for child in children if "/ProductVariant/" in child.id]
    collections = [child for child in children if "/Collection/" in child.id]
    return wire_catalogue.product(root.node, variants, wire_catalogue.ids_of(collections))


def _customers_read() -> None:
    catch_up()
    writeback_queue.push_all_standing()
    refetch.request(current_shop_id(), merges.open_ones())
    _upkeep()


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="customers",
            document="customers_bulk",
            grouped=False,
            decode=decode_customer,
            decode_child=decode,
            read=_customer,
            apply=import_customers,
            chunk=4_000,
            conclude=_customers_read,
            lists="contacts",
            abreast=2,  # 5,500 to 7,000 contacts/s on two cores; with one connection 2,600 to 4,800
            scope="read_customers",
        ),
        Kind(
            name="collections",
            document="collections_bulk",
            grouped=False,
            decode=decode_collection,
            decode_child=decode,
            read=lambda root: Catalogue(collections=[wire_catalogue.collection(root.node, None)]),
            apply=import_collections,
            chunk=1_000,
            abreast=1,
            scope="read_products",
        ),
        Kind(
            name="products",
            document="products_bulk",
            grouped=True,
            decode=decode_product,
            decode_child=decode_product_child,
            read=_product,
            apply=import_products,
            chunk=500,
            abreast=1,
            scope="read_products",
        ),
        Kind(
            name="orders",
            document="orders_bulk",
            grouped=True,
            decode=decode_order,
            decode_child=decode_line_item,
            read=lambda root: wire_orders.order(root.node, root.children),
            apply=lambda orders: apply_orders(orders, bulk=True)[1],
            chunk=2_000,
            conclude=_upkeep,
            lists="orders",
            abreast=1,  # nothing but their order keeps the guest of two orders from being made twice
            scope="read_orders",
        ),
    )
}
"""In the order in which they are imported (decision 42): nothing refers to what comes after it."""

PAGED_KINDS = {
    kind.name: kind
    for kind in (PagedKind(name="segments", carry=segments.compare_all, scope="read_customers", conclude=_upkeep),)
}
"""Imported after all of the above."""
