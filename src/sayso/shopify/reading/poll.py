"""Without a public https address nothing can be delivered to us: the store is asked every five minutes what changed.

Deletions are not among the changes; those of customers are found when they are read again, and by reconciliation.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import partial
from typing import NamedTuple

import msgspec
from django.utils import timezone

from sayso.commerce.catalogue_changes import Catalogue
from sayso.shops.tenancy import shop_context

from .. import documents, types, wire, wire_orders
from ..catalogue import apply_catalogue
from ..conflicts import in_shop
from ..connection.tokens import Store, open_store
from ..customers import apply_readings
from ..models import Connection
from ..orders import apply_orders
from . import read_catalogue
from .order_pages import all_lines
from .pages import pages

OVERLAP = timedelta(minutes=2)
"""What is asked for again: the store's clock and ours differ, and its index of changes lags a little."""


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
    read until then is kept, and read again next time.
    """
    began = timezone.now()
    with shop_context(shop_id):
        row = Connection.objects.order_by("id").get()
        since = (row.polled_to or row.created_at) - OVERLAP
    query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    with open_store(shop_id) as store:
        customers = _customers(store, query)
        catalogue = not row.scopes or "read_products" in row.scopes
        collections, products = (_collections(store, query), _products(store, query)) if catalogue else (0, 0)
        orders = _orders(store, query)
    with shop_context(shop_id):
        Connection.objects.filter(pk=row.pk).update(polled_to=began)
    return Polled(customers, orders, products, collections)


def _customers(store: Store, query: str) -> int:
    count = 0
    for nodes in pages(store, "customers_updated", "customers", {"first": documents.CUSTOMERS_A_CALL, "query": query}):
        readings = [wire.customer(node, sequence=wire.read_at()) for node in nodes]
        in_shop(store.shop_id, partial(apply_readings, readings))
        count += len(readings)
    return count


def _collections(store: Store, query: str) -> int:
    count = 0
    variables = {"first": documents.COLLECTIONS_A_CALL, "query": query}
    moment = wire.read_at()
    for nodes in pages(store, "collections_updated", "collections", variables):
        changes = [read_catalogue.collection(store, node, read_at=moment, sequence=moment) for node in nodes]
        in_shop(store.shop_id, partial(apply_catalogue, [Catalogue(collections=changes)]))
        count += len(changes)
        moment = wire.read_at()
    return count


def _products(store: Store, query: str) -> int:
    count = 0
    variables = {
        "first": documents.WHOLE_PRODUCTS_A_CALL,
        "query": query,
        "variants": documents.VARIANTS_A_PRODUCT,
        "collections": documents.COLLECTIONS_A_WHOLE_PRODUCT,
    }
    moment = wire.read_at()
    for nodes in pages(store, "products_updated", "products", variables):
        batches = [read_catalogue.whole_product(store, node, read_at=moment, sequence=moment) for node in nodes]
        in_shop(store.shop_id, partial(apply_catalogue, batches))
        count += len(batches)
        moment = wire.read_at()
    return count


def _orders(store: Store, query: str) -> int:
    count = 0
    variables = {"first": documents.ORDERS_A_CALL, "query": query, "lines": documents.LINES_AN_ORDER}
    for nodes in pages(store, "orders_updated", "orders", variables):
        changes = [
            wire_orders.order(order, all_lines(store, order), sequence=wire.read_at())
            for order in (msgspec.convert(node, types.Order) for node in nodes)
        ]
        in_shop(store.shop_id, partial(apply_orders, changes))
        count += len(changes)
    return count
