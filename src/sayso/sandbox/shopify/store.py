"""Customers, orders and goods of a shop in and out of the database."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from ..database import Database, encode
from ..generate.catalogue import goods_of_a_shop
from ..generate.fill import CUSTOMER_ROW, ORDER_ROW
from ..records import Bulk, Checkout, Collection, Customer, Order, Product, Segment, Shop, Subscription, Variant
from . import segment_rules

CUSTOMERS = msgspec.json.Decoder(Customer)
ORDERS = msgspec.json.Decoder(Order)
CHECKOUTS = msgspec.json.Decoder(Checkout)
SUBSCRIPTIONS = msgspec.json.Decoder(Subscription)
PRODUCTS = msgspec.json.Decoder(Product)
COLLECTIONS = msgspec.json.Decoder(Collection)
SEGMENTS = msgspec.json.Decoder(Segment)
BULKS = msgspec.json.Decoder(Bulk)


class Reader(Protocol):
    """Either a Database or a Scope: what can answer a query."""

    def one(self, sql: str, *values: Any) -> Any:
        """The first row or None."""

    def all(self, sql: str, *values: Any) -> list[Any]:
        """All rows."""


class NotFound(LookupError):
    """Nothing with this id in this shop."""


def find_customer(db: Reader, shop: Shop, key: int) -> Customer | None:
    """The customer with the number `key`, or None."""
    row = db.one("SELECT doc FROM customer WHERE id = ? AND shop = ?", key, shop.id)
    return CUSTOMERS.decode(row[0]) if row else None


def get_customer(db: Reader, shop: Shop, key: int) -> Customer:
    """The customer with the number `key`. Raises NotFound."""
    found = find_customer(db, shop, key)
    if found is None:
        raise NotFound(f"no customer {key} in {shop.domain}")
    return found


def find_order(db: Reader, shop: Shop, key: int) -> Order | None:
    """The order with the number `key`, or None."""
    row = db.one("SELECT doc FROM purchase WHERE id = ? AND shop = ?", key, shop.id)
    return ORDERS.decode(row[0]) if row else None


def get_order(db: Reader, shop: Shop, key: int) -> Order:
    """The order with the number `key`. Raises NotFound."""
    found = find_order(db, shop, key)
    if found is None:
        raise NotFound(f"no order {key} in {shop.domain}")
    return found


def customer_with(db: Reader, shop: Shop, column: str, value: str) -> Customer | None:
    """The customer whose `column` (`email` or `phone`) is `value`."""
    row = db.one(f"SELECT doc FROM customer WHERE shop = ? AND {column} = ?", shop.id, value)  # noqa: S608 - our own column name
    return CUSTOMERS.decode(row[0]) if row else None


def save_customer(db: Database, shop: Shop, one: Customer) -> None:
    """Insert or replace."""
    db.run("DELETE FROM customer WHERE id = ?", one.id)
    db.run(CUSTOMER_ROW, one.id, shop.id, one.updated, one.created, one.email, one.phone, one.name, encode(one))


def save_order(db: Database, shop: Shop, one: Order) -> None:
    """Insert or replace."""
    db.run("DELETE FROM purchase WHERE id = ?", one.id)
    db.run(ORDER_ROW, one.id, shop.id, one.customer, one.updated, one.created, one.email, f"#{one.number}", encode(one))


def delete_order(db: Database, one: Order) -> None:
    """Remove the order."""
    db.run("DELETE FROM purchase WHERE id = ?", one.id)


def find_checkout(db: Reader, shop: Shop, key: int) -> Checkout | None:
    """The checkout with the number `key`, or None."""
    row = db.one("SELECT doc FROM checkout WHERE id = ? AND shop = ?", key, shop.id)
    return CHECKOUTS.decode(row[0]) if row else None


def get_checkout(db: Reader, shop: Shop, token: str) -> Checkout:
    """The checkout with this token. Raises NotFound."""
    row = db.one("SELECT doc FROM checkout WHERE token = ? AND shop = ?", token, shop.id)
    if row is None:
        raise NotFound(f"no checkout {token} in {shop.domain}")
    return CHECKOUTS.decode(row[0])


def save_checkout(db: Database, shop: Shop, one: Checkout) -> None:
    """Insert or replace."""
    db.run("DELETE FROM checkout WHERE id = ?", one.id)
    db.run(
        "INSERT INTO checkout VALUES (?, ?, ?, ?, ?, ?)",
        one.id,
        shop.id,
        one.token,
        one.updated,
        one.created,
        encode(one),
    )


def delete_checkout(db: Database, one: Checkout) -> None:
    """Remove the checkout."""
    db.run("DELETE FROM checkout WHERE id = ?", one.id)


def delete_customer(db: Database, one: Customer) -> None:
    """Remove the customer; the orders stay, without customer."""
    db.run("DELETE FROM customer WHERE id = ?", one.id)
    for (doc,) in db.all("SELECT doc FROM purchase WHERE customer = ?", one.id):
        order = ORDERS.decode(doc)
        order.customer = None
        db.run("UPDATE purchase SET customer = NULL, doc = ? WHERE id = ?", encode(order), order.id)


def orders_of(db: Reader, key: int) -> list[Order]:
    """All orders of a customer, oldest first."""
    return [ORDERS.decode(row[0]) for row in db.all("SELECT doc FROM purchase WHERE customer = ? ORDER BY id", key)]


def find_product(db: Reader, shop: Shop, key: int) -> Product | None:
    """The product with the number `key`, or None."""
    row = db.one("SELECT doc FROM product WHERE id = ? AND shop = ?", key, shop.id)
    return PRODUCTS.decode(row[0]) if row else None


def get_product(db: Reader, shop: Shop, key: int) -> Product:
    """The product with the number `key`. Raises NotFound."""
    found = find_product(db, shop, key)
    if found is None:
        raise NotFound(f"no product {key} in {shop.domain}")
    return found


def find_variant(db: Reader, shop: Shop, key: int) -> Variant | None:
    """The variant with the number `key`, or None."""
    row = db.one("SELECT product FROM variant WHERE id = ? AND shop = ?", key, shop.id)
    return next((one for one in get_product(db, shop, row[0]).variants if one.id == key), None) if row else None


def position(product: Product, variant: Variant) -> int:
    """The place of a variant among those of its product, from 1."""
    return next((place for place, one in enumerate(product.variants, 1) if one.id == variant.id), 0)


def save_product(db: Database, shop: Shop, one: Product) -> None:
    """Insert or replace."""
    row = (one.id, shop.id, one.updated, one.created, one.title, encode(one))
    db.run("INSERT OR REPLACE INTO product VALUES (?, ?, ?, ?, ?, ?)", *row)
    db.run("DELETE FROM variant WHERE shop = ? AND product = ?", shop.id, one.id)
    db.many("INSERT INTO variant VALUES (?, ?, ?)", ((variant.id, shop.id, one.id) for variant in one.variants))


def delete_product(db: Database, shop: Shop, one: Product) -> None:
    """Remove the product, its variants, and it from its collections."""
    db.run("DELETE FROM product WHERE shop = ? AND id = ?", shop.id, one.id)
    db.run("DELETE FROM variant WHERE shop = ? AND product = ?", shop.id, one.id)
    for collection in collections_of(db, shop, one.id):
        collection.products.remove(one.id)
        save_collection(db, shop, collection)


def get_collection(db: Reader, shop: Shop, key: int) -> Collection:
    """The collection with the number `key`. Raises NotFound."""
    found = find_collection(db, shop, key)
    if found is None:
        raise NotFound(f"no collection {key} in {shop.domain}")
    return found


def find_collection(db: Reader, shop: Shop, key: int) -> Collection | None:
    """The collection with the number `key`, or None."""
    row = db.one("SELECT doc FROM collection WHERE id = ? AND shop = ?", key, shop.id)
    return COLLECTIONS.decode(row[0]) if row else None


def collections_of(db: Reader, shop: Shop, product: int) -> list[Collection]:
    """The collections a product is in."""
    rows = db.all(
        "SELECT doc FROM collection WHERE shop = ? AND EXISTS (SELECT 1 FROM json_each(CAST(doc AS TEXT), '$.products') "
        "AS m WHERE m.value = ?) ORDER BY id",
        shop.id,
        product,
    )
    return [COLLECTIONS.decode(row[0]) for row in rows]


def save_collection(db: Database, shop: Shop, one: Collection) -> None:
    """Insert or replace."""
    row = (one.id, shop.id, one.updated, one.created, one.title, encode(one))
    db.run("INSERT OR REPLACE INTO collection VALUES (?, ?, ?, ?, ?, ?)", *row)


def delete_collection(db: Database, shop: Shop, one: Collection) -> None:
    """Remove the collection."""
    db.run("DELETE FROM collection WHERE shop = ? AND id = ?", shop.id, one.id)


def stock_shelves(db: Database, shop: Shop) -> None:
    """Give a shop the goods it begins with, unless it has some."""
    if db.one("SELECT 1 FROM product WHERE shop = ?", shop.id) is None:
        products, collections = goods_of_a_shop(shop.id)
        for product in products:
            save_product(db, shop, product)
        for collection in collections:
            save_collection(db, shop, collection)


def segments(db: Reader, shop: Shop) -> list[Segment]:
    """The segments of a shop, oldest first."""
    return [SEGMENTS.decode(row[0]) for row in db.all("SELECT doc FROM segment WHERE shop = ? ORDER BY id", shop.id)]


def find_segment(db: Reader, shop: Shop, key: int) -> Segment | None:
    """The segment with the number `key`, or None."""
    row = db.one("SELECT doc FROM segment WHERE id = ? AND shop = ?", key, shop.id)
    return SEGMENTS.decode(row[0]) if row else None


def get_segment(db: Reader, shop: Shop, key: int) -> Segment:
    """The segment with the number `key`. Raises NotFound."""
    found = find_segment(db, shop, int(key))
    if found is None:
        raise NotFound(f"no segment {key} in {shop.domain}")
    return found


def save_segment(db: Database, shop: Shop, one: Segment) -> None:
    """Insert or replace."""
    db.run("INSERT OR REPLACE INTO segment VALUES (?, ?, ?)", one.id, shop.id, encode(one))


def segment_where(one: Segment) -> tuple[str, list[Any]]:
    """(SQL condition on `customer`, its values) for the members of a segment."""
    rules, values = segment_rules.where(one.query) if one.query else ("0", [])
    return f"({rules} OR id IN (SELECT value FROM json_each(?)))", [*values, encode(one.picked).decode()]  # noqa: S608 - our own SQL


def subscriptions(db: Reader, shop: Shop, topic: str | None = None) -> list[Subscription]:
    """The webhook subscriptions of a shop, of one wire `topic` or of all."""
    rows = db.all(
        "SELECT doc FROM subscription WHERE shop = ? AND (? IS NULL OR topic = ?) ORDER BY id", shop.id, topic, topic
    )
    return [SUBSCRIPTIONS.decode(row[0]) for row in rows]


def save_subscription(db: Database, shop: Shop, one: Subscription) -> None:
    """Insert or replace."""
    db.run("INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?)", one.id, shop.id, one.topic, encode(one))


def bulks(db: Reader, shop: Shop, statuses: Sequence[str] = ()) -> list[Bulk]:
    """The bulk operations of a shop, newest first, with one of `statuses` or all."""
    rows = db.all("SELECT doc FROM bulk WHERE shop = ? ORDER BY id DESC", shop.id)
    return [one for one in (BULKS.decode(row[0]) for row in rows) if not statuses or one.status in statuses]


def save_bulk(db: Database, shop: Shop, one: Bulk) -> None:
    """Insert or replace."""
    db.run("INSERT OR REPLACE INTO bulk VALUES (?, ?, ?, ?)", one.id, shop.id, one.status, encode(one))


def chunks(
    connection: Any, table: str, shop: Shop, where: str, values: Sequence[Any], *, size: int = 2_000
) -> Iterator[list[bytes]]:
    """The documents of `table` by ascending id, `size` at a time, so that memory stays flat."""
    last = 0
    while True:
        rows = connection.execute(
            f"SELECT id, doc FROM {table} WHERE shop = ? AND id > ? AND {where} ORDER BY id LIMIT ?",  # noqa: S608
            (shop.id, last, *values, size),
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield [row[1] for row in rows]
