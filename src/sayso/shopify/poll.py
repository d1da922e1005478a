"""Without a public https address nothing can be delivered to us: the store is asked every five minutes what changed.

Deletions are not among the changes; those of customers are found when they are read again, and by reconciliation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import msgspec
from django.utils import timezone

from sayso.shops.tenancy import shop_context

from . import documents, types, wire, wire_orders
from .conflicts import in_shop
from .customers import apply_readings
from .models import Connection
from .order_pages import all_lines
from .orders import apply_orders
from .tokens import Store, open_store
from .values import mapping, mappings, text

OVERLAP = timedelta(minutes=2)
"""What is asked for again: the store's clock and ours differ, and its index of changes lags a little."""


def poll(shop_id: int) -> tuple[int, int]:
    """Take in what changed since the last poll; returns how many customers and orders were read.

    The first poll of a connection begins where it was made; what was there before is the import's. Speaks to the store:
    call it outside of any transaction. Raises what :func:`.tokens.open_store` and its calls raise; what was read until
    then is kept, and read again next time.
    """
    began = timezone.now()
    with shop_context(shop_id):
        row = Connection.objects.order_by("id").get()
        since = (row.polled_to or row.created_at) - OVERLAP
    query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    with open_store(shop_id) as store:
        customers, orders = _customers(store, query), _orders(store, query)
    with shop_context(shop_id):
        Connection.objects.filter(pk=row.pk).update(polled_to=began)
    return customers, orders


def _customers(store: Store, query: str) -> int:
    count = 0
    for nodes in _pages(store, "customers_updated", "customers", {"first": documents.CUSTOMERS_A_CALL, "query": query}):
        readings = [wire.customer(node, sequence=wire.read_at()) for node in nodes]
        in_shop(store.shop_id, partial(apply_readings, readings))
        count += len(readings)
    return count


def _orders(store: Store, query: str) -> int:
    count = 0
    variables = {"first": documents.ORDERS_A_CALL, "query": query, "lines": documents.LINES_AN_ORDER}
    for nodes in _pages(store, "orders_updated", "orders", variables):
        changes = [
            wire_orders.order(order, all_lines(store, order), sequence=wire.read_at())
            for order in (msgspec.convert(node, types.Order) for node in nodes)
        ]
        in_shop(store.shop_id, partial(apply_orders, changes))
        count += len(changes)
    return count


def _pages(store: Store, document: str, field: str, variables: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    after = None
    while True:
        page = mapping(store.graphql.run(document, variables | {"after": after}).get(field))
        nodes = mappings(page.get("nodes"))
        if nodes:
            yield nodes
        info = mapping(page.get("pageInfo"))
        after = text(info.get("endCursor"))
        if not info.get("hasNextPage") or after is None:
            return
