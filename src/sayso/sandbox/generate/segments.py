"""The segments that a shop with people begins with."""

from datetime import datetime

from .. import clock
from ..database import Database, encode
from ..identifiers import number
from ..records import Segment, Shop

STANDARD = (
    ("Customers tagged vip", "customer_tags CONTAINS 'vip'"),
    ("Customers in Germany", "customer_countries CONTAINS 'DE'"),
    ("Customers who spent more than 500", "amount_spent > 500"),
    ("Customers who never ordered", "number_of_orders = 0"),
)


def seed_segments(db: Database, shop: Shop, epoch: datetime) -> None:
    """Write them, made a while before the history ends."""
    first = db.take("Segment", len(STANDARD))
    for place, (name, query) in enumerate(STANDARD):
        made = clock.before(epoch, 10_000_000 - place * 86_400)
        one = Segment(number("Segment", first + place), name, query, made, made)
        db.run("INSERT INTO segment VALUES (?, ?, ?)", one.id, shop.id, encode(one))
