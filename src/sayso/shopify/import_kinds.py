"""What can be imported, and how a line of its file becomes a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sayso.consent.catch_up import catch_up
from sayso.shops.tenancy import current_shop_id

from . import merges, refetch, wire, wire_orders, writeback_queue
from .bulk import Root
from .customers import Counts, apply_readings
from .orders import apply_orders
from .types import decode_customer, decode_order


@dataclass(frozen=True, slots=True)
class Kind:
    """``chunk`` objects go into one transaction: enough to fill a batch, and far below the 25,000 rows a writer may
    hold back the readers of the event log by."""

    name: str
    document: str
    grouped: bool  # the query holds a connection: children must follow their parent
    decode: Callable[[bytes], Any]
    read: Callable[[Root[Any]], Any]
    apply: Callable[[list[Any]], Counts]
    chunk: int
    abreast: int  # connections that apply it
    conclude: Callable[[], object] = lambda: None  # once all is applied, in a transaction


def _customer(root: Root[Any]) -> wire.Reading:
    change, consents = wire.customer(root.node)
    if change.shopify_customer_id is None:
        raise ValueError("a customer without id")
    return change, consents


def _customers_read() -> None:
    catch_up()
    writeback_queue.push_all_standing()
    refetch.request(current_shop_id(), merges.open_ones())


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="customers",
            document="customers_bulk",
            grouped=False,
            decode=decode_customer,
            read=_customer,
            apply=lambda readings: apply_readings(readings, bulk=True)[1],
            chunk=5_000,
            conclude=_customers_read,
            abreast=2,  # 5,500 to 7,000 contacts/s on two cores; with one connection 2,600 to 4,800
        ),
        Kind(
            name="orders",
            document="orders_bulk",
            grouped=True,
            decode=decode_order,
            read=lambda root: wire_orders.order(root.node, root.children),
            apply=lambda orders: apply_orders(orders, bulk=True)[1],
            chunk=2_000,
            abreast=1,  # nothing but their order keeps the guest of two orders from being made twice
        ),
    )
}
