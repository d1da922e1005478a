"""Without a public https address nothing can be delivered to us: the store is asked every five minutes what changed.

Deletions are not among the changes; those of customers are found when they are read again, and by reconciliation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
from django.utils import timezone

from sayso.commerce.catalogue_changes import Catalogue
from sayso.commerce.changes import OrderChange
from sayso.intake.failure import describe
from sayso.shops.tenancy import shop_context

from .. import documents, types, wire, wire_orders
from ..catalogue import apply_catalogue
from ..conflicts import in_shop_apart
from ..connection.client import ShopifyError
from ..connection.scopes import may
from ..connection.tokens import Store, open_store
from ..customers import apply_readings
from ..models import Connection
from ..orders import apply_orders
from . import read_catalogue
from .order_pages import all_lines
from .pages import changed

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=2)
"""What is asked for again: the store's clock and ours differ, and its index of changes lags a little."""


T = TypeVar("T")


class Polled(NamedTuple):
    """How many of each were read."""

    customers: int
    orders: int
    products: int
    collections: int


def poll(shop_id: int) -> Polled:
    """Take in what changed since the last poll; returns how many customers, orders, products and collections were read.
    What the app may not read is not asked for.

    The first poll of a connection begins where it was made; what was there before is the import's. Speaks to the store:
    call it outside of any transaction. Raises what :func:`..connection.tokens.open_store` and its calls raise; what was
    read until then is kept, and read again next time. What cannot be read or stored is left out, and told to the log.
    """
    began = timezone.now()
    with shop_context(shop_id):
        row = Connection.objects.order_by("id").get()
        since = (row.polled_to or row.created_at) - OVERLAP
    with open_store(shop_id) as store:

        def read(kind: Callable[[Store, datetime], int], scope: str) -> int:
            return _if_allowed(partial(kind, store, since), scope, row)

        customers = read(_customers, "read_customers")
        collections, products = read(_collections, "read_products"), read(_products, "read_products")
        orders = read(_orders, "read_orders")
    with shop_context(shop_id):
        Connection.objects.filter(pk=row.pk).update(polled_to=began)
    return Polled(customers, orders, products, collections)


def _if_allowed(read: Callable[[], int], scope: str, row: Connection) -> int:
    """What the app may not read does not keep the rest from being read, nor the next poll from going on: once it may,
    everything is compared."""
    if not may(row.scopes, scope):
        return 0
    try:
        return read()
    except ShopifyError as error:
        if error.code != "ACCESS_DENIED":
            raise
        log.warning("shop %d: the store refuses what needs %s: %s", row.shop_id, scope, error)
        return 0


def _read(store: Store, nodes: Sequence[dict[str, Any]], read: Callable[[dict[str, Any]], T]) -> list[T]:
    found = []
    for node in nodes:
        try:
            found.append(read(node))
        except (msgspec.ValidationError, ValueError) as error:
            log.warning("%s of shop %d cannot be read: %s", node.get("id"), store.shop_id, describe(error))
    return found


def _apply(store: Store, items: Sequence[T], apply: Callable[[Sequence[T]], object]) -> int:
    def refused(item: T, error: Exception) -> None:
        log.warning("something polled of shop %d cannot be stored: %s", store.shop_id, describe(error))

    if items:
        in_shop_apart(store.shop_id, items, apply, refused)
    return len(items)


def _customers(store: Store, since: datetime) -> int:
    count = 0
    for nodes in changed(store, "customers_updated", "customers", {"first": documents.CUSTOMERS_A_CALL}, since):
        readings = _read(store, nodes, lambda node: wire.customer(node, sequence=wire.read_at()))
        count += _apply(store, readings, apply_readings)
    return count


def _collections(store: Store, since: datetime) -> int:
    count = 0
    variables = {"first": documents.COLLECTIONS_A_CALL}
    moment = wire.read_at()
    for nodes in changed(store, "collections_updated", "collections", variables, since):
        changes = _read(store, nodes, partial(_collection, store, moment))
        count += _apply(store, changes, apply_catalogue)
        moment = wire.read_at()
    return count


def _products(store: Store, since: datetime) -> int:
    count = 0
    variables = {
        "first": documents.WHOLE_PRODUCTS_A_CALL,
        "variants": documents.VARIANTS_A_PRODUCT,
        "collections": documents.COLLECTIONS_A_WHOLE_PRODUCT,
    }
    moment = wire.read_at()
    for nodes in changed(store, "products_updated", "products", variables, since):
        batches = _read(store, nodes, partial(_product, store, moment))
        count += _apply(store, batches, apply_catalogue)
        moment = wire.read_at()
    return count


def _orders(store: Store, since: datetime) -> int:
    count = 0
    variables = {"first": documents.ORDERS_A_CALL, "lines": documents.LINES_AN_ORDER}
    for nodes in changed(store, "orders_updated", "orders", variables, since):
        changes = _read(store, nodes, partial(_order, store))
        count += _apply(store, changes, apply_orders)
    return count


def _collection(store: Store, moment: int, node: dict[str, Any]) -> Catalogue:
    return Catalogue(collections=[read_catalogue.collection(store, node, read_at=moment, sequence=moment)])


def _product(store: Store, moment: int, node: dict[str, Any]) -> Catalogue:
    return read_catalogue.whole_product(store, node, read_at=moment, sequence=moment)


def _order(store: Store, node: dict[str, Any]) -> OrderChange:
    order = msgspec.convert(node, types.Order)
    return wire_orders.order(order, all_lines(store, order), sequence=wire.read_at())
