"""What is reconciled, and how each kind of thing is read and laid beside what is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from sayso.commerce.apply import delete
from sayso.commerce.catalogue_changes import Catalogue
from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Collection, Order, Product
from sayso.contacts.compare import Compared, Difference
from sayso.contacts.models import Contact

from .. import options, wire, wire_orders
from ..reading import refetch
from ..values import moment, numeric_id
from ..wire import Reading
from .drift import compare_customers, compare_orders
from .drift_catalogue import (
    collections_worth,
    compare_collections,
    compare_products,
    held_collections,
    held_products,
    products_worth,
)
from .drift_fields import customer_topic, order_topic

Node = Mapping[str, Any]

VISIBLE_ORDERS = timedelta(days=59)
"""Without ``read_all_orders`` an app sees the orders of 60 days; one day less, lest one leaves while it is looked for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind of thing. ``name`` is that of its import (:data:`..importing.kinds.KINDS`), ``thing`` that of its reading by id
    (:data:`..reading.kinds.KINDS`).

    ``whole`` makes one picture of what a reading by id gave; ``compare`` lays pictures beside what is held; ``id_of`` and
    ``at_of`` name a picture's id and time. ``from_file`` makes a picture of a thing in a file, ``listed_id`` tells its id.
    ``worth`` chooses from a page of changes whom to read. ``held`` tells what is held of ids. ``vanished`` lists ids held
    that a full comparison did not find: listing, after which id, how many, whether the app sees all.
    ``held_before`` counts what is held of before a moment, as a search by ``count_query`` does at the store; ``deleted_here``
    how many of a listing we deleted ourselves; ``fold_keys`` are those of deliveries about an id and its picture.
    """

    name: str
    thing: str
    scope: str
    full_scope: str | None  # without it the store shows a part only
    page: str
    count: str
    count_query: str
    field: str
    compare: Callable[[Sequence[Any]], list[Compared]]
    from_file: Callable[[Any], Any]
    listed_id: Callable[[Any], int | None]
    whole: Callable[[Sequence[Any]], Any]
    id_of: Callable[[Any], int]
    at_of: Callable[[Any], datetime | None]
    worth: Callable[[Sequence[Node]], list[int]]
    held: Callable[[Sequence[int]], dict[int, Compared]]
    vanished: Callable[[int, int, int, bool], list[int]]
    held_before: Callable[[datetime], int]
    deleted_here: Callable[[int], int]
    fold_keys: Callable[[int, Any], list[str]]
    topic: Callable[[Difference], str]
    made: str
    removed: str
    counted: Callable[[], bool] = lambda: True
    remove: Callable[[int, Sequence[int]], object] | None = None


def _whole_customer(readings: Sequence[Reading]) -> Reading:
    """One picture; tags and figures may have come apart, see :func:`..reading.reread_customers.readings`."""
    (change, consents), *rest = readings
    for facts, _ in rest:
        change = replace(change, tags=facts.tags, figures=facts.figures)
    return change, consents


def _held_customers(ids: Sequence[int]) -> dict[int, Compared]:
    rows = Contact.objects.filter(shopify_customer_id__in=ids)
    return {
        customer_id: Compared(True, pk, deleted is not None or redacted is not None, touched)
        for customer_id, pk, deleted, redacted, touched in rows.values_list(
            "shopify_customer_id", "pk", "deleted_at", "redacted_at", "updated_at"
        )
        if customer_id is not None
    }


def _held_orders(ids: Sequence[int]) -> dict[int, Compared]:
    rows = Order.objects.filter(shopify_order_id__in=ids)
    return {
        order_id: Compared(True, contact_id, touched=touched)
        for order_id, contact_id, touched in rows.values_list("shopify_order_id", "contact_id", "synced_at")
    }


def _ids(nodes: Sequence[Node]) -> list[int]:
    return [found for node in nodes if (found := numeric_id(node.get("id"))) is not None]


def _orders_worth(nodes: Sequence[Node]) -> list[int]:
    """Those that are not held as the page tells them: what a page tells of an order costs nothing."""
    rows = Order.objects.filter(shopify_order_id__in=_ids(nodes))
    held = {
        order_id: (at, financial, status, fulfillment, sorted(tags) if redacted is None else None)
        for order_id, at, financial, status, fulfillment, tags, redacted in rows.values_list(
            "shopify_order_id", "source_updated_at", "financial_status", "status", "fulfillment_status", "tags",
            "redacted_at",
        )
    }  # fmt: skip
    found = []
    for node in nodes:
        order_id = numeric_id(node.get("id"))
        if order_id is None:
            continue
        fulfillment = node.get("displayFulfillmentStatus")
        tags = held[order_id][4] if order_id in held else None
        told = (
            moment(node.get("updatedAt")),
            node.get("displayFinancialStatus"),
            wire_orders.status(node.get("cancelledAt"), fulfillment),
            fulfillment,
            sorted(node.get("tags") or []) if tags is not None else None,
        )
        if held.get(order_id) != told:
            found.append(order_id)
    return found


def _rows(sql: str, values: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [found for (found,) in cursor.fetchall()]


def _vanished_customers(listing: int, after: int, limit: int, sees_all: bool) -> list[int]:
    return _rows("select reconcile_vanished_customers(%s, %s, %s)", [listing, after, limit])


def _vanished_orders(listing: int, after: int, limit: int, sees_all: bool) -> list[int]:
    since = None if sees_all else timezone.now() - VISIBLE_ORDERS
    return _rows("select reconcile_vanished_orders(%s, %s, %s, %s)", [listing, after, limit, since])


def _vanished_of(table: str, listing: int, after: int, limit: int) -> list[int]:
    return _rows(
        f"""select h.shopify_{table}_id from {table} h where h.shopify_{table}_id > %s and h.deleted_at is null
        and not exists (select from staging.reconcile_listed l where l.run = %s and l.shopify_id = h.shopify_{table}_id)
        order by 1 limit %s""",  # noqa: S608 (a name of ours)
        [after, listing, limit],
    )


def _product_keys(product_id: int, batch: Catalogue | None) -> list[str]:
    """Under which its deliveries wait, and those of its stock."""
    items = [one.inventory_item_id for one in batch.variants if one.inventory_item_id] if batch else []
    return [f"products:{product_id}", *(f"inventory_levels:{item}" for item in items)]


def _customers_before(moment: datetime) -> int:
    live = Contact.objects.filter(shopify_customer_id__isnull=False, deleted_at__isnull=True)
    return live.filter(Q(shopify_created_at__lt=moment) | Q(shopify_created_at__isnull=True)).count()


def _customers_deleted_here(listing: int) -> int:
    """Customers of the store whom we deleted, by themselves no fault."""
    (found,) = _rows(
        """select count(*) from contact c where c.deleted_at is not null and c.shopify_customer_id is not null
        and exists (select from staging.reconcile_listed l where l.run = %s and l.shopify_id = c.shopify_customer_id)""",
        [listing],
    )
    return found


def _order_keys(order_id: int, change: OrderChange | None) -> list[str]:
    """Under which its deliveries wait, see :func:`..webhooks.fold_key`."""
    buyer = change.shopify_customer_id if change else None
    return [f"orders:{order_id}", *([f"customer:{buyer}"] if buyer else [])]


def _remove_orders(shop_id: int, ids: Sequence[int]) -> None:
    """As ``orders/delete`` does it: whose figures that changes is read again."""
    refetch.request(shop_id, delete(dict.fromkeys(ids, timezone.now())))


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            name="customers",
            thing="customer",
            scope="read_customers",
            full_scope=None,
            page="customers_changed",
            count="customers_count",
            count_query="created_at",
            field="customers",
            compare=compare_customers,
            from_file=wire.customer,
            listed_id=lambda customer: numeric_id(customer.id),
            whole=_whole_customer,
            id_of=lambda reading: reading[0].shopify_customer_id or 0,
            at_of=lambda reading: reading[0].at,
            worth=_ids,
            held=_held_customers,
            vanished=_vanished_customers,
            held_before=_customers_before,
            deleted_here=_customers_deleted_here,
            fold_keys=lambda number, reading: [f"customer:{number}"],
            topic=customer_topic,
            made="customers/create",
            removed="customers/delete",
            counted=options.syncing,
        ),
        Subject(
            name="collections",
            thing="collection",
            scope="read_products",
            full_scope=None,
            page="collections_changed",
            count="collections_count",
            count_query="updated_at",
            field="collections",
            compare=compare_collections,
            from_file=lambda batch: batch,
            listed_id=lambda batch: batch.collections[0].shopify_collection_id,
            whole=lambda readings: readings[0],
            id_of=lambda batch: batch.collections[0].shopify_collection_id,
            at_of=lambda batch: batch.collections[0].at,
            worth=collections_worth,
            held=held_collections,
            vanished=lambda listing, after, limit, sees_all: _vanished_of("collection", listing, after, limit),
            deleted_here=lambda listing: 0,
            held_before=lambda moment: Collection.objects.filter(source_updated_at__lt=moment, deleted_at=None).count(),
            fold_keys=lambda number, batch: [f"collections:{number}"],
            topic=lambda difference: "collections/update",
            made="collections/create",
            removed="collections/delete",
        ),
        Subject(
            name="products",
            thing="whole_product",
            scope="read_products",
            full_scope=None,
            page="products_changed",
            count="products_count",
            count_query="updated_at",
            field="products",
            compare=compare_products,
            from_file=lambda batch: batch,
            listed_id=lambda batch: batch.products[0].shopify_product_id,
            whole=lambda readings: readings[0],
            id_of=lambda batch: batch.products[0].shopify_product_id,
            at_of=lambda batch: batch.products[0].at,
            worth=products_worth,
            held=held_products,
            vanished=lambda listing, after, limit, sees_all: _vanished_of("product", listing, after, limit),
            deleted_here=lambda listing: 0,
            held_before=lambda moment: Product.objects.filter(source_updated_at__lt=moment, deleted_at=None).count(),
            fold_keys=_product_keys,
            topic=lambda difference: "products/update",
            made="products/create",
            removed="products/delete",
        ),
        Subject(
            name="orders",
            thing="order",
            scope="read_orders",
            full_scope="read_all_orders",
            page="orders_changed",
            count="orders_count",
            count_query="updated_at",
            field="orders",
            compare=compare_orders,
            from_file=lambda change: change,
            listed_id=lambda change: change.shopify_order_id,
            whole=lambda readings: readings[0],
            id_of=lambda change: change.shopify_order_id,
            at_of=lambda change: change.at,
            worth=_orders_worth,
            held=_held_orders,
            vanished=_vanished_orders,
            deleted_here=lambda listing: 0,
            held_before=lambda moment: Order.objects.filter(source_updated_at__lt=moment).count(),
            fold_keys=_order_keys,
            topic=order_topic,
            made="orders/create",
            removed="orders/delete",
            remove=_remove_orders,
        ),
    )
}
"""In the order in which they are read: nothing refers to what comes after it."""
