"""Segments of customers: made, edited and deleted by the merchant; joined and left as the customers' facts change.

Who is told: a customer whose own facts, or hand-picked place, changed. A segment that is new or gets another query tells
nobody apart; its members have to be asked for.
"""

from collections.abc import Iterable

from .. import clock
from ..identifiers import number
from ..outbox import Outbox
from ..records import Customer, Segment, Shop
from ..world import World
from . import payloads, segment_rules, store
from .notify import Action


class SegmentActions:
    """Acts on segments of `shop`. Each public method but `holding` and `follow` is one action of the control API."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox

    def create(self, shop: Shop, *, name: str, query: str = "", picked: Iterable[int] = ()) -> Segment:
        """A new segment; `picked` are members whatever the query says. Raises BadQuery."""
        segment_rules.where(query)
        db = self.world.db
        with db.transaction():
            present = clock.now()
            one = Segment(
                number("Segment", db.take("Segment")),
                name,
                query,
                present,
                present,
                sorted({int(key) for key in picked}),
            )
            store.save_segment(db, shop, one)
            self._action(shop).tell("segments/create", payloads.segment(one))
        return one

    def edit(self, shop: Shop, key: int, *, name: str | None = None, query: str | None = None) -> Segment:
        """Rename it or give it another query. Raises NotFound, BadQuery."""
        one = store.get_segment(self.world.db, shop, key)
        if query is not None:
            segment_rules.where(query)
        with self.world.db.transaction():
            one.name = one.name if name is None else name
            one.query = one.query if query is None else query
            one.edited = max(clock.now(), one.edited)
            store.save_segment(self.world.db, shop, one)
            self._action(shop).tell("segments/update", payloads.segment(one))
        return one

    def delete(self, shop: Shop, key: int) -> Segment:
        """Delete it; its members are told nothing. Raises NotFound."""
        one = store.get_segment(self.world.db, shop, key)
        with self.world.db.transaction():
            self.world.db.run("DELETE FROM segment WHERE id = ?", one.id)
            self._action(shop).tell("segments/delete", payloads.segment_deleted(one))
        return one

    def pick(self, shop: Shop, key: int, *, add: Iterable[int] = (), remove: Iterable[int] = ()) -> Segment:
        """Put customers into a segment by hand, or take them out again. Raises NotFound."""
        one = store.get_segment(self.world.db, shop, key)
        changed = [store.get_customer(self.world.db, shop, int(customer)) for customer in (*add, *remove)]
        with self.world.db.transaction():
            before = {customer.id: self.holding(shop, customer) for customer in changed}
            one.picked = sorted({*one.picked, *(int(customer) for customer in add)} - {int(gone) for gone in remove})
            store.save_segment(self.world.db, shop, one)
            for customer in changed:
                self.follow(shop, customer, before[customer.id])
        return one

    def holding(self, shop: Shop, one: Customer) -> set[int]:
        """The segments that hold the customer, as stored now."""
        found = set()
        for segment in store.segments(self.world.db, shop):
            where, values = store.segment_where(segment)
            if self.world.db.one(f"SELECT 1 FROM customer WHERE id = ? AND {where}", one.id, *values):  # noqa: S608 - our own SQL
                found.add(segment.id)
        return found

    def follow(self, shop: Shop, one: Customer, before: set[int]) -> None:
        """Tell what the customer joined and left since `before`."""
        after = self.holding(shop, one)
        told = self._action(shop)
        for topic, segments in (
            ("customer.joined_segment", after - before),
            ("customer.left_segment", before - after),
        ):
            for segment in sorted(segments):
                told.tell(topic, payloads.membership(shop, one, segment))

    def _action(self, shop: Shop) -> Action:
        return Action(self.world, self.outbox, shop)
