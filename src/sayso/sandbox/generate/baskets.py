"""Orders of customers and of guests, out of a seeded random generator."""

from datetime import timedelta
from random import Random

from ..clock import iso, parse
from ..identifiers import number
from ..records import Customer, Fulfilment, Line, Order
from .catalogue import VARIANTS
from .countries import e164, local_form
from .people import People

_CARRIERS = ("DHL", "UPS", "Correos", "Yamato")
_REASONS = ("CUSTOMER", "INVENTORY", "FRAUD", "OTHER")


class Baskets:
    """Makes orders. Line and order numbers go on where the last call ended."""

    def __init__(self, seed: int, people: People, first_line: int = 1) -> None:
        self.random = Random(f"baskets {seed} {people.lane}")
        self.people = people
        self.line = first_line

    def fill(self) -> tuple[list[Line], int]:
        """One to three lines and their total in cents."""
        roll = self.random.random
        lines = []
        total = 0
        for _ in range(1 + int(roll() * roll() * 3)):
            variant = VARIANTS[int(roll() * len(VARIANTS))]
            quantity = 1 + int(roll() * 1.3)
            lines.append(Line(number("LineItem", self.line), variant.id, quantity, variant.price))
            total += variant.price * quantity
            self.line += 1
        return lines, total

    def order(self, index: int, sequence: int, customer: Customer | None) -> Order:
        """The `index`-th order (from 1) of all shops, `sequence`-th of its shop; a guest's where `customer` is None."""
        roll = self.random.random
        epoch = self.people.epoch
        lines, total = self.fill()
        if customer:
            opened = parse(customer.created)
            created = opened + (epoch - opened) * roll()
        else:
            created = epoch - timedelta(seconds=roll() * 94_000_000)
        made = iso(created)
        order = Order(
            number("Order", index),
            1000 + sequence,
            made,
            made,
            lines=lines,
            total=total,
            token=f"{index:08x}sb",
            test=roll() < 0.01,
            source="web" if roll() < 0.9 else "pos",
        )
        if customer:
            order.customer, order.email, order.phone = customer.id, customer.email, customer.phone
            order.locale = customer.locale
            order.accepts_marketing = customer.mail.state == "SUBSCRIBED"
            order.billing = order.shipping = customer.address
        else:
            self._guest(order, index)
        self._progress(order)
        return order

    def _guest(self, order: Order, index: int) -> None:
        """Someone without an account: own e-mail, and a phone in one of three places, or none."""
        roll = self.random.random
        country = self.people.country()
        national = self.people.next_mobile(country)
        first = country.first[int(roll() * len(country.first))]
        last = country.last[int(roll() * len(country.last))]
        where = roll()
        written = e164(country, national) if roll() < 0.5 else local_form(country, national)
        order.email = f"guest.{self.people.lane}{index:06d}@example.com" if where < 0.9 else None
        order.phone = written if where < 0.4 or where >= 0.9 else None
        order.locale = country.locale
        order.accepts_marketing = roll() < 0.3
        phone = written if 0.4 <= where < 0.7 else None
        order.shipping = self.people.address(country, first, last, 5_000_000 + index, phone)
        if roll() < 0.7:
            order.billing = order.shipping

    def _progress(self, order: Order) -> None:
        """Cancelled, shipped or still waiting."""
        roll = self.random.random
        fate = roll()
        later = min(parse(order.created) + timedelta(days=roll() * 6), self.people.epoch)
        if fate < 0.05:
            order.cancelled, order.cancel_reason = iso(later), _REASONS[int(roll() * 4)]
            order.financial, order.updated = "REFUNDED", order.cancelled
        elif fate < 0.85:
            order.fulfilment, order.updated = "FULFILLED", iso(later)
            order.fulfilments = [
                Fulfilment(
                    number("Fulfillment", order.lines[0].id % 1_000_000_007),
                    order.updated,
                    _CARRIERS[int(roll() * 4)],
                    f"SB{order.number:010d}",
                )
            ]
        if roll() < 0.1:
            order.tags = ["gift-wrap"]
