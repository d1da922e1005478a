"""A gentle stream of things that happen in a shop."""

import asyncio
import logging
from collections.abc import Callable

from .generate.countries import BY_CODE, e164, mobile
from .meta.inbound import Inbound
from .records import Customer, Shop
from .shopify import store
from .shopify.acts import Acts
from .shopify.customer_actions import Refused
from .world import World

logger = logging.getLogger(__name__)

_REPLIES = (
    "Hi, is this still available?",
    "¿Tienen talla M?",
    "Danke!",
    "Obrigada 😊",
    "When will it ship?",
    "ありがとうございます",
)
_TAGS = ("vip", "loyalty", "winter-sale", "instagram", "wholesale")


class Live:
    """While `settings.live` is on, one act every `live_pause` seconds or so, in the first shop."""

    def __init__(self, world: World, acts: Acts, inbound: Inbound) -> None:
        self.world, self.acts, self.inbound = world, acts, inbound
        self.wake = asyncio.Event()
        self.done = 0
        self.table: tuple[tuple[int, Callable[[Shop], None]], ...] = (
            (20, self._newcomer),
            (20, self._order),
            (8, self._guest),
            (8, self._checkout),
            (5, self._buy),
            (6, self._ship),
            (14, self._tag),
            (12, self._edit),
            (14, self._consent),
            (9, self._reply),
            (3, self._stop),
            (6, self._stock),
        )

    async def work(self) -> None:
        """Live for ever."""
        while True:
            if not self.world.settings.live or not self.world.shops:
                self.wake.clear()
                await self.wake.wait()
                continue
            await asyncio.sleep(self.world.settings.live_pause * (0.6 + 0.8 * self.world.random.random()))
            if self.world.settings.live:
                self.step()

    def step(self) -> None:
        """One act."""
        shop = self.world.shop()
        (act,) = self.world.random.choices([act for _, act in self.table], [weight for weight, _ in self.table])
        try:
            act(shop)
            self.done += 1
        except Refused as error:
            # chance proposed something a shop would not do; the next act follows soon
            logger.info("live: %s", error)

    def _anyone(self, shop: Shop) -> Customer | None:
        low, high = self.world.db.one("SELECT min(id), max(id) FROM customer WHERE shop = ?", shop.id)
        if low is None:
            return None
        row = self.world.db.one(
            "SELECT doc FROM customer WHERE shop = ? AND id >= ? ORDER BY id LIMIT 1",
            shop.id,
            self.world.random.randint(low, high),
        )
        return store.CUSTOMERS.decode(row[0])

    def _newcomer(self, shop: Shop) -> None:
        roll = self.world.random
        country = BY_CODE[roll.choice(list(BY_CODE))]
        counts = self.world.db.get(f"phones {shop.id}", {})
        counts[country.code] = counts.get(country.code, 0) + 1
        self.world.db.put(f"phones {shop.id}", counts)
        phone = e164(country, mobile(country, counts[country.code]))
        consents = {channel: "SUBSCRIBED" for channel in ("sms", "whatsapp", "email") if roll.random() < 0.4}
        self.acts.customers.create(
            shop,
            first=roll.choice(country.first),
            last=roll.choice(country.last),
            phone=phone,
            locale=country.locale,
            email=f"new.{self.world.db.take('newcomer'):06d}@example.com",
            country=country.code,
            consents=consents,
        )

    def _order(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one:
            self.acts.orders.place(shop, customer=one.id)

    def _guest(self, shop: Shop) -> None:
        number = self.world.db.take("live guest")
        self.acts.orders.place(
            shop,
            email=f"live.guest.{number:05d}@example.com",
            first="Alex",
            last="Guest",
            shipping_phone=f"(212) 555-{number % 10_000:04d}",
        )

    def _checkout(self, shop: Shop) -> None:
        """Somebody begins a checkout; a guest now and then with the box for SMS."""
        roll = self.world.random.random()
        one = self._anyone(shop) if roll < 0.6 else None
        if one:
            begun = self.acts.checkouts.start(shop, customer=one.id)
        else:
            number = self.world.db.take("live guest")
            phone = f"+1212555{number % 10_000:04d}"
            begun = self.acts.checkouts.start(
                shop, email=f"live.guest.{number:05d}@example.com", first="Alex", last="Guest",
                accepts_sms=roll > 0.8, sms_phone=phone if roll > 0.8 else None,
            )  # fmt: skip
        self.world.db.put(f"live checkout {shop.id}", begun.token)

    def _buy(self, shop: Shop) -> None:
        """The last checkout is completed, if nobody did."""
        token = self.world.db.get(f"live checkout {shop.id}")
        if token:
            self.world.db.put(f"live checkout {shop.id}", None)
            self.acts.checkouts.complete(shop, token)

    def _ship(self, shop: Shop) -> None:
        """The oldest of the last orders that waits leaves, sometimes a part of it."""
        rows = self.world.db.all("SELECT doc FROM purchase WHERE shop = ? ORDER BY id DESC LIMIT 20", shop.id)
        waiting = [one for one in map(store.ORDERS.decode, (row[0] for row in rows)) if one.fulfilment != "FULFILLED"]
        waiting = [one for one in waiting if not one.cancelled]
        if waiting:
            self.acts.orders.fulfil(shop, waiting[-1].id, lines=self.world.random.choice((None, None, 1)))

    def _tag(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one:
            tag = self.world.random.choice(_TAGS)
            self.acts.customers.tag(shop, one.id, () if tag in one.tags else (tag,), (tag,))  # toggles

    def _edit(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one:
            self.acts.customers.edit(shop, one.id, note=f"Called about order, note {self.world.db.take('note')}")

    def _consent(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one:
            channel = self.world.random.choice(("sms", "whatsapp") if one.phone else ("email",))
            state = self.world.random.choice(("SUBSCRIBED", "SUBSCRIBED", "UNSUBSCRIBED"))
            self.acts.customers.consent(shop, one.id, channel, state)

    def _reply(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one and one.phone:
            self.inbound.text(one.phone, self.world.random.choice(_REPLIES))

    def _stock(self, shop: Shop) -> None:
        (key,) = self.world.random.choice(self.world.db.all("SELECT id FROM variant WHERE shop = ?", shop.id))
        self.acts.products.set_stock(shop, key, self.world.random.choice((0, 0, 4, 25)))

    def _stop(self, shop: Shop) -> None:
        one = self._anyone(shop)
        if one and one.phone:
            kind = self.world.random.randrange(3)
            if kind == 0:
                self.inbound.text(one.phone, "STOP")
            elif kind == 1:
                self.inbound.button(one.phone, "Stop promotions")
            else:
                self.inbound.preference(one.phone, "stop")
