"""Fills an empty shop in one go."""

from datetime import datetime

import msgspec

from ..database import Database
from ..records import Customer, Shop
from .baskets import Baskets
from .people import People

GUEST_SHARE = 0.12
CUSTOMER_ROW = "INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
ORDER_ROW = "INSERT INTO purchase VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def fill(db: Database, shop: Shop, seed: int, epoch: datetime, *, customers: int, orders: int, lane: int = 0) -> None:
    """Write `customers` customers and `orders` orders of `shop`, the same for the same arguments.

    `lane` is the position of the shop among the shops (0 for the first): it keeps ids and phones apart.
    """
    encode = msgspec.json.Encoder().encode
    people = People(seed, epoch, lane)
    with db.transaction():
        first_customer = db.take("Customer", customers) if customers else 0
        first_order = db.take("Order", orders) if orders else 0
        baskets = Baskets(seed, people, db.take("LineItem", orders * 4))
        made = [people.customer(first_customer + n) for n in range(customers)]
        rows = []
        roll = baskets.random.random
        for n in range(orders):
            # squaring favours the early customers: a few buy often, most once or never
            chosen: Customer | None = None
            if made and roll() >= GUEST_SHARE:
                chosen = made[int(roll() * roll() * len(made))]
            order = baskets.order(first_order + n, n + 1, chosen)
            if chosen:
                chosen.orders += 1
                chosen.spent += 0 if order.cancelled else order.total
                chosen.last_order = order.id
                chosen.updated = max(chosen.updated, order.updated)
            rows.append(
                (
                    order.id,
                    shop.id,
                    order.customer,
                    order.updated,
                    order.created,
                    order.email,
                    f"#{order.number}",
                    encode(order),
                )
            )
        db.many(ORDER_ROW, rows)
        db.many(
            CUSTOMER_ROW, ((c.id, shop.id, c.updated, c.created, c.email, c.phone, c.name, encode(c)) for c in made)
        )
        db.take("MailingAddress", customers)
        db.put(f"order number {shop.id}", 1000 + orders)
        # the generator's phones are used up to here; people who come later get the next ones
        db.put(f"phones {shop.id}", people.counts)
