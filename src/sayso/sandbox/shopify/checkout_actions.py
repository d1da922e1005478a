"""Checkouts: begun, gone on with, completed, deleted."""

from collections.abc import Iterable
from datetime import UTC, datetime

from .. import clock
from ..generate.catalogue import VARIANTS
from ..identifiers import number
from ..outbox import Outbox
from ..records import Checkout, Shop
from ..world import World
from . import checkout_payload, store
from .customer_actions import Refused
from .goods import sold
from .notify import Action
from .order_actions import OrderActions

EDITABLE = ("email", "phone", "locale", "accepts_marketing", "accepts_sms", "sms_phone")


class CheckoutActions:
    """Acts on checkouts of `shop`. Each public method is one action of the control API."""

    def __init__(self, world: World, outbox: Outbox, orders: OrderActions) -> None:
        self.world, self.outbox, self.orders = world, outbox, orders

    def start(
        self,
        shop: Shop,
        *,
        customer: int | None = None,
        email: str | None = None,
        phone: str | None = None,
        first: str | None = None,
        last: str | None = None,
        country: str = "US",
        billing_phone: str | None = None,
        shipping_phone: str | None = None,
        locale: str | None = None,
        accepts_marketing: bool = False,
        accepts_sms: bool = False,
        sms_phone: str | None = None,
        variants: Iterable[int] = (),
        minutes_ago: float = 0,
    ) -> Checkout:
        """Begin a checkout; `minutes_ago` puts it into the past, as if nobody had touched it since. Raises NotFound."""
        db = self.world.db
        one = store.get_customer(db, shop, customer) if customer else None
        chosen = list(variants) or [self.world.random.choice(VARIANTS).id]
        with db.transaction():
            at = clock.before(datetime.now(UTC), 60 * minutes_ago)
            index = db.take("Checkout")
            first_line = db.take("LineItem", len(chosen))
            lines = [sold(db, shop, variant, number("LineItem", first_line + n)) for n, variant in enumerate(chosen)]
            made = Checkout(
                number("AbandonedCheckout", index),
                f"{self.world.random.getrandbits(96):024x}{index:08x}",
                f"{self.world.random.getrandbits(96):024x}{index:08x}",
                at,
                at,
                customer=one.id if one else None,
                email=email or (one.email if one else None),
                phone=phone or (one.phone if one else None),
                locale=locale or (one.locale if one else "en"),
                accepts_marketing=accepts_marketing,
                accepts_sms=accepts_sms,
                sms_phone=sms_phone,
                total=sum(line.price for line in lines),
                lines=lines,
            )
            made.shipping = self.orders.place_of(one, first, last, country, shipping_phone)
            if billing_phone:
                made.billing = self.orders.place_of(one, first, last, country, billing_phone)
            self._tell(shop, made, "checkouts/create")
        return made

    def update(
        self,
        shop: Shop,
        token: str,
        *,
        variants: Iterable[int] = (),
        minutes_ago: float = 0,
        **changes: str | bool | None,
    ) -> Checkout:
        """Go on with a checkout: addresses, boxes, more variants. Raises NotFound, Refused."""
        made = self._open(shop, token)
        for name, value in changes.items():
            if name not in EDITABLE:
                raise TypeError(f"a checkout has no {name}")
            setattr(made, name, value)
        db, chosen = self.world.db, list(variants)
        with db.transaction():
            if chosen:
                first_line = db.take("LineItem", len(chosen))
                made.lines += [
                    sold(db, shop, variant, number("LineItem", first_line + n)) for n, variant in enumerate(chosen)
                ]
                made.total = sum(line.price * line.quantity for line in made.lines)
            made.updated = max(clock.before(datetime.now(UTC), 60 * minutes_ago), made.updated)
            self._tell(shop, made, "checkouts/update")
        return made

    def complete(self, shop: Shop, token: str) -> dict[str, object]:
        """Buy: the order is made with the token of the checkout. Raises NotFound, Refused."""
        made = self._open(shop, token)
        with self.world.db.transaction():
            order = self.orders.place(
                shop,
                customer=made.customer,
                email=made.email,
                phone=None if made.customer else made.phone,
                first=made.shipping.first if made.shipping else None,
                last=made.shipping.last if made.shipping else None,
                country=made.shipping.country_code if made.shipping else "US",
                shipping_phone=made.shipping.phone if made.shipping else None,
                billing_phone=made.billing.phone if made.billing else None,
                accepts_marketing=made.accepts_marketing,
                locale=made.locale,
                variants=[line.variant for line in made.lines],
                token=made.token,
            )
            made.completed = made.updated = max(clock.now(), made.updated)
            self._tell(shop, made, "checkouts/update")
        return {"id": order.id, "token": token, "checkout": made.id}

    def delete(self, shop: Shop, token: str) -> Checkout:
        """The platform clears the checkout away. Raises NotFound."""
        made = store.get_checkout(self.world.db, shop, token)
        with self.world.db.transaction():
            store.delete_checkout(self.world.db, made)
            Action(self.world, self.outbox, shop).tell("checkouts/delete", checkout_payload.deleted(made, shop))
        return made

    def _open(self, shop: Shop, token: str) -> Checkout:
        made = store.get_checkout(self.world.db, shop, token)
        if made.completed:
            raise Refused("token", "The checkout is completed")
        return made

    def _tell(self, shop: Shop, made: Checkout, topic: str) -> None:
        store.save_checkout(self.world.db, shop, made)
        buyer = store.find_customer(self.world.db, shop, made.customer) if made.customer else None
        Action(self.world, self.outbox, shop).tell(topic, checkout_payload.checkout(made, buyer, shop))
