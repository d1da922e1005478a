"""What happens to orders and to the shop itself."""

from collections.abc import Iterable
from typing import Any

from .. import clock
from ..generate.catalogue import VARIANTS
from ..generate.countries import BY_CODE
from ..identifiers import number
from ..outbox import Outbox
from ..records import Address, Customer, Fulfilment, Order, Shop
from ..world import World
from . import order_payload, payloads, store
from .customer_actions import CustomerActions, Refused
from .goods import sold
from .notify import Action


class OrderActions:
    """Acts on orders of `shop`. Each public method is one action of the control API."""

    def __init__(self, world: World, outbox: Outbox, customers: CustomerActions) -> None:
        self.world, self.outbox, self.customers = world, outbox, customers

    def place(
        self,
        shop: Shop,
        *,
        customer: int | None = None,
        email: str | None = None,
        phone: str | None = None,
        first: str | None = None,
        last: str | None = None,
        country: str = "US",
        shipping_phone: str | None = None,
        billing_phone: str | None = None,
        accepts_marketing: bool | None = None,
        locale: str | None = None,
        variants: Iterable[int] = (),
        subscribe: Iterable[str] = (),
        test: bool = False,
        token: str | None = None,
    ) -> Order:
        """An order of a customer, or a guest's where `customer` is None. `token`: of the checkout it comes from.

        `subscribe` names channels whose box the buyer ticks at the checkout. Raises Refused, NotFound.
        """
        db = self.world.db
        one = store.get_customer(db, shop, customer) if customer else None
        chosen = list(variants) or [self.world.random.choice(VARIANTS).id]
        with db.transaction():
            if one:
                for channel in subscribe:
                    one = self.customers.consent(shop, one.id, channel, "SUBSCRIBED")
            present = clock.now()
            first_line = db.take("LineItem", len(chosen))
            lines = [sold(db, shop, variant, number("LineItem", first_line + n)) for n, variant in enumerate(chosen)]
            sequence = int(db.get(f"order number {shop.id}", 1000)) + 1
            db.put(f"order number {shop.id}", sequence)
            index = db.take("Order")
            order = Order(
                number("Order", index),
                sequence,
                present,
                present,
                customer=one.id if one else None,
                email=email or (one.email if one else None),
                phone=phone or (one.phone if one else None),
                locale=locale or (one.locale if one else "en"),
                accepts_marketing=one.mail.state == "SUBSCRIBED"
                if one and accepts_marketing is None
                else bool(accepts_marketing),
                total=sum(line.price for line in lines),
                token=token or f"{index:08x}sb",
                lines=lines,
                test=test,
            )
            order.shipping = self.place_of(one, first, last, country, shipping_phone)
            order.billing = self.place_of(one, first, last, country, billing_phone) if billing_phone else order.shipping
            store.save_order(db, shop, order)
            told = Action(self.world, self.outbox, shop)
            if one:
                one.orders, one.spent, one.last_order = one.orders + 1, one.spent + order.total, order.id
                self.customers.touch(shop, one)
            told.tell("orders/create", order_payload.order(order, one, shop))
            told.tell("orders/paid", order_payload.order(order, one, shop))
            if one:
                told.tell("customers/update", payloads.customer(one, shop))
                told.tell("customers/purchasing_summary", payloads.purchasing_summary(one, shop))
        return order

    def cancel(self, shop: Shop, key: int, reason: str = "CUSTOMER") -> Order:
        """Cancel an order; the buyer's figures go down. Raises NotFound, Refused."""
        order = store.get_order(self.world.db, shop, key)
        if order.cancelled:
            raise Refused("id", "Order has already been cancelled")
        order.cancelled, order.cancel_reason, order.financial = clock.now(), reason.upper(), "REFUNDED"
        one = store.find_customer(self.world.db, shop, order.customer) if order.customer else None
        with self.world.db.transaction():
            if one:
                one.spent = max(0, one.spent - order.total)
                self.customers.touch(shop, one)
            self._changed(shop, order, "orders/cancelled")
        return order

    def fulfil(self, shop: Shop, key: int, company: str = "DHL", lines: int | None = None) -> Order:
        """Ship what is left of an order, or the next `lines` lines of it. Raises NotFound, Refused."""
        order = store.get_order(self.world.db, shop, key)
        gone = order_payload.shipped(order)
        left = [line.id for line in order.lines if line.id not in gone]
        if order.cancelled or not left:
            raise Refused("id", "Order cannot be fulfilled")
        packed = left[:lines] if lines else left
        parcel = self.world.db.take("Fulfillment")
        order.fulfilment = "FULFILLED" if packed == left else "PARTIALLY_FULFILLED"
        order.fulfilments = [
            *order.fulfilments,
            Fulfilment(
                number("Fulfillment", 2_000_000_000 + parcel),
                clock.now(),
                company,
                f"SB{order.number:010d}{len(order.fulfilments) or ''}",
                packed,
            ),
        ]
        topic = "orders/fulfilled" if order.fulfilment == "FULFILLED" else "orders/partially_fulfilled"
        with self.world.db.transaction():
            self._changed(shop, order, topic)
        return order

    def edit_lines(
        self, shop: Shop, key: int, add: Iterable[int] = (), remove: Iterable[int] = (), notify: bool = False
    ) -> Order:
        """Add variants to an order and take lines out: `orders/edited` says only which order. Raises NotFound, Refused."""
        db = self.world.db
        order = store.get_order(db, shop, key)
        without = set(remove)
        taken = [line for line in order.lines if line.id in without]
        chosen = list(add)
        if order.cancelled or order.fulfilments or not (taken or chosen):
            raise Refused("id", "The order cannot be edited")
        first_line = db.take("LineItem", len(chosen)) if chosen else 0
        added = [sold(db, shop, variant, number("LineItem", first_line + n)) for n, variant in enumerate(chosen)]
        kept = [line for line in order.lines if line.id not in without]
        if not kept and not added:
            raise Refused("id", "The order would be empty")
        difference = sum(line.price for line in added) - sum(line.price * line.quantity for line in taken)
        order.lines, order.total = kept + added, order.total + difference
        one = store.find_customer(db, shop, order.customer) if order.customer else None
        with db.transaction():
            if one:
                one.spent = max(0, one.spent + difference)
                self.customers.touch(shop, one)
            edit = number("OrderEdit", db.take("OrderEdit"))
            self._changed(shop, order, "orders/edited", order_payload.edited(edit, order, added, taken, notify, shop))
        return order

    def delete(self, shop: Shop, key: int) -> Order:
        """Delete an order; the buyer's figures go down. Raises NotFound."""
        db = self.world.db
        order = store.get_order(db, shop, key)
        one = store.find_customer(db, shop, order.customer) if order.customer else None
        with db.transaction():
            store.delete_order(db, order)
            told = Action(self.world, self.outbox, shop)
            told.tell("orders/delete", order_payload.deleted(order))
            if one:
                one.orders = max(0, one.orders - 1)
                one.spent = max(0, one.spent - (0 if order.cancelled else order.total))
                left = store.orders_of(db, one.id)
                one.last_order = left[-1].id if left else None
                self.customers.touch(shop, one)
                told.tell("customers/update", payloads.customer(one, shop))
                told.tell("customers/purchasing_summary", payloads.purchasing_summary(one, shop))
        return order

    def edit(
        self,
        shop: Shop,
        key: int,
        *,
        tags: Iterable[str] | None = None,
        email: str | None = None,
        phone: str | None = None,
    ) -> Order:
        """Change tags or contact of an order. Raises NotFound."""
        order = store.get_order(self.world.db, shop, key)
        order.tags = order.tags if tags is None else sorted(set(tags))
        order.email, order.phone = email or order.email, phone or order.phone
        with self.world.db.transaction():
            self._changed(shop, order)
        return order

    def update_shop(
        self,
        shop: Shop,
        *,
        name: str | None = None,
        currency: str | None = None,
        zone: str | None = None,
        country: str | None = None,
    ) -> Shop:
        """Change the shop's own data: `shop/update`."""
        shop.name, shop.currency, shop.zone = name or shop.name, currency or shop.currency, zone or shop.zone
        shop.country = country or shop.country
        self.world.save_shop(shop)
        Action(self.world, self.outbox, shop).tell("shop/update", payloads.shop(shop))
        return shop

    def uninstall(self, shop: Shop) -> Shop:
        """The merchant removes the app: `app/uninstalled`, then tokens and subscriptions are gone."""
        with self.world.db.transaction():
            Action(self.world, self.outbox, shop).tell("app/uninstalled", payloads.shop(shop))
            shop.uninstalled = clock.now()
            self.world.save_shop(shop)
            self.world.db.run("DELETE FROM token WHERE shop = ?", shop.id)
            self.world.db.run("DELETE FROM subscription WHERE shop = ?", shop.id)
        return shop

    def redact_shop(self, shop: Shop) -> Shop:
        """`shop/redact`, in life 48 hours after the app was removed."""
        Action(self.world, self.outbox, shop).tell("shop/redact", payloads.shop_redact(shop))
        return shop

    def _changed(
        self, shop: Shop, order: Order, topic: str | None = None, special: dict[str, Any] | None = None
    ) -> None:
        order.updated = max(clock.now(), order.updated)
        store.save_order(self.world.db, shop, order)
        buyer = store.find_customer(self.world.db, shop, order.customer) if order.customer else None
        told = Action(self.world, self.outbox, shop)
        body = order_payload.order(order, buyer, shop)
        if topic:
            told.tell(topic, special or body)
        told.tell("orders/updated", body)

    def place_of(
        self, one: Customer | None, first: str | None, last: str | None, country: str, phone: str | None
    ) -> Address | None:
        """Where something goes: the customer's own address, or one in the middle of `country`."""
        if one and one.address and not phone:
            return one.address
        land = BY_CODE.get(country) or BY_CODE["US"]
        city, code, province, province_code = land.cities[0]
        return Address(
            number("MailingAddress", self.world.db.take("MailingAddress")),
            first or (one.first if one else None),
            last or (one.last if one else None),
            land.code,
            land.name,
            city,
            code,
            f"{land.streets[0]} 1",
            province=province,
            province_code=province_code,
            phone=phone,
        )
