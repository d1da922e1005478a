"""The one object that all parts share: memory, settings, shops and the outbox."""

import random
import time
from pathlib import Path

import msgspec

from . import clock
from .database import Database, encode
from .generate.fill import fill
from .generate.segments import seed_segments
from .known import CLIENT_ID, CLIENT_SECRET
from .meta.templates import seed_number
from .records import Shop
from .settings import Settings
from .shopify.store import stock_shelves

SCOPES = [
    "read_customers",
    "write_customers",
    "read_orders",
    "read_all_orders",
    "read_fulfillments",
    "read_products",
    "read_inventory",
    "read_customer_merge",
    "read_script_tags",
    "write_script_tags",
]
_SHOP = msgspec.json.Decoder(Shop)


class Bucket:
    """A leaky bucket: `size` points, `rate` points a second come back."""

    def __init__(self, size: float, rate: float) -> None:
        self.size, self.rate = size, rate
        self.level = size
        self.at = time.monotonic()

    def available(self) -> float:
        """Points that can be spent now."""
        present = time.monotonic()
        self.level = min(self.size, self.level + (present - self.at) * self.rate)
        self.at = present
        return self.level

    def spend(self, points: float) -> None:
        """Take points out; the level may not fall below zero."""
        self.level = max(0.0, self.available() - points)


class World:
    """State of one running sandbox. Used from the event loop's thread only."""

    def __init__(self, folder: Path, seed: int, epoch: str, base: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.bulk_folder = folder / "bulk"
        self.bulk_folder.mkdir(exist_ok=True)
        self.db = Database(folder / "sandbox.sqlite3")
        # a second start keeps the seed and epoch its data came from
        origin = self.db.get("origin") or {"seed": seed, "epoch": epoch}
        self.seed = int(origin["seed"])
        self.epoch = clock.parse(str(origin["epoch"]))
        self.db.put("origin", origin)
        self.base = base
        self.random = random.Random(f"world {self.seed}")
        self.settings = msgspec.convert(self.db.get("settings", {}), Settings)
        self.shops = {
            shop.domain: shop for shop in (_SHOP.decode(row[0]) for row in self.db.all("SELECT doc FROM shop"))
        }
        self.buckets: dict[int, Bucket] = {}
        with self.db.transaction():
            for shop in self.shops.values():  # of a release whose shops had no goods of their own
                stock_shelves(self.db, shop)

    def save_settings(self) -> None:
        """Keep the settings for the next start."""
        self.db.put("settings", msgspec.to_builtins(self.settings))

    def shop(self, domain: str | None = None) -> Shop:
        """The shop called `domain`, or the first one. Raises KeyError."""
        return self.shops[domain] if domain else next(iter(self.shops.values()))

    def save_shop(self, shop: Shop) -> None:
        """Write a shop that changed."""
        self.db.run("INSERT OR REPLACE INTO shop VALUES (?, ?, ?)", shop.id, shop.domain, encode(shop))
        self.shops[shop.domain] = shop
        self.buckets.pop(shop.id, None)

    def bucket(self, shop: Shop) -> Bucket:
        """The points of the app in this shop."""
        if shop.id not in self.buckets:
            self.buckets[shop.id] = Bucket(shop.bucket, shop.restore)
        return self.buckets[shop.id]

    def open_shop(
        self, domain: str, customers: int, orders: int, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET
    ) -> Shop:
        """Make a shop with its people and orders; an existing one is returned as it is."""
        if domain in self.shops:
            return self.shops[domain]
        lane = len(self.shops)
        shop = Shop(
            548_380_009 + lane * 97,
            domain,
            domain.partition(".")[0].replace("-", " ").title(),
            client_id,
            client_secret,
            clock.before(self.epoch, 100_000_000),
            scopes=list(SCOPES),
        )
        with self.db.transaction():
            fill(self.db, shop, self.seed, self.epoch, customers=customers, orders=orders, lane=lane)
            stock_shelves(self.db, shop)
            self.save_shop(shop)
            if customers:
                seed_segments(self.db, shop, self.epoch)
            if not lane:
                seed_number(self.db)
        return shop
