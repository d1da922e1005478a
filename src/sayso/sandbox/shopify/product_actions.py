"""What happens to products, their stock and collections."""

from collections.abc import Iterable
from typing import Any

from .. import clock
from ..generate.catalogue import LOCATION, handle_of
from ..identifiers import number
from ..outbox import Outbox
from ..records import Collection, Product, Shop, Variant
from ..world import World
from . import product_payload, store
from .customer_actions import Refused
from .notify import Action


class ProductActions:
    """Acts on the goods of `shop`. Each public method is one action of the control API."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox

    def create(
        self,
        shop: Shop,
        title: str,
        *,
        variants: Iterable[str] = ("Default Title",),
        stock: int = 0,
        price: int = 1000,
        **fields: Any,
    ) -> Product:
        """A product with a variant for each of `variants`: `products/create`. `fields`: vendor, kind, tags, status …"""
        present = clock.now()
        made = Product(
            number("Product", self.world.db.take("Product")), title, handle_of(title), present, present,
            option="Size" if tuple(variants) != ("Default Title",) else "Title",
        )  # fmt: skip
        _set(made, fields)
        with self.world.db.transaction():
            made.variants = [self._variant(made, name, price, stock) for name in variants]
            store.save_product(self.world.db, shop, made)
            self._told(shop).tell("products/create", product_payload.product(made, shop))
        return made

    def edit(
        self,
        shop: Shop,
        key: int,
        *,
        add: Iterable[str] = (),
        remove: Iterable[int] = (),
        price: int = 1000,
        **fields: Any,
    ) -> Product:
        """Change fields of a product, add variants by name, remove them by id: `products/update`. Raises NotFound."""
        one = store.get_product(self.world.db, shop, key)
        _set(one, fields)
        gone = set(remove)
        with self.world.db.transaction():
            one.variants = [variant for variant in one.variants if variant.id not in gone]
            one.variants += [self._variant(one, name, price, 0) for name in add]
            self._changed(shop, one)
        return one

    def edit_variant(self, shop: Shop, key: int, **fields: Any) -> Variant:
        """Change price (cents), compare_at, sku, policy, tracked or title of a variant. Raises NotFound."""
        product, one = self._find(shop, key)
        _set(one, fields)
        one.updated = max(clock.now(), one.updated)
        with self.world.db.transaction():
            self._changed(shop, product)
        return one

    def delete(self, shop: Shop, key: int) -> Product:
        """`products/delete`; it leaves its collections. Raises NotFound."""
        one = store.get_product(self.world.db, shop, key)
        with self.world.db.transaction():
            store.delete_product(self.world.db, shop, one)
            self._told(shop).tell("products/delete", {"id": one.id})
        return one

    def set_stock(self, shop: Shop, key: int, available: int, *, location: int = LOCATION) -> Variant:
        """What a location has of a variant: `inventory_levels/update`, `products/update`, and where the sum of all
        locations crosses nothing, `variants/in_stock` or `variants/out_of_stock`. Raises NotFound, Refused."""
        product, one = self._find(shop, key)
        if location not in one.levels:
            raise Refused("location", "The item is not stocked at the location")
        before = one.stock
        one.levels[location] = available
        one.updated = max(clock.now(), one.updated)
        with self.world.db.transaction():
            told = self._told(shop)
            self._changed(shop, product, told)
            told.tell("inventory_levels/update", product_payload.level(one, location, shop))
            if before <= 0 < one.stock:
                told.tell("variants/in_stock", product_payload.variant(one, product, shop))
            elif before > 0 >= one.stock:
                told.tell("variants/out_of_stock", product_payload.variant(one, product, shop))
        return one

    def connect_location(self, shop: Shop, key: int, location: int) -> Variant:
        """A location may stock the variant from now on: `inventory_levels/connect`. Raises NotFound."""
        product, one = self._find(shop, key)
        one.levels.setdefault(location, 0)
        one.updated = max(clock.now(), one.updated)
        with self.world.db.transaction():
            store.save_product(self.world.db, shop, product)
            self._told(shop).tell("inventory_levels/connect", product_payload.level(one, location, shop))
        return one

    def disconnect_location(self, shop: Shop, key: int, location: int) -> Variant:
        """A location that has nothing of it stocks the variant no longer: `inventory_levels/disconnect`. Raises NotFound,
        Refused."""
        product, one = self._find(shop, key)
        if one.levels.get(location):
            raise Refused("location", "The location still has some of it")
        one.levels.pop(location, None)
        with self.world.db.transaction():
            store.save_product(self.world.db, shop, product)
            self._told(shop).tell("inventory_levels/disconnect", product_payload.disconnected(one, location))
        return one

    def create_collection(self, shop: Shop, title: str, products: Iterable[int] = ()) -> Collection:
        """`collections/create`."""
        present = clock.now()
        key = number("Collection", self.world.db.take("Collection"))
        made = Collection(key, title, handle_of(title), present, present, list(products))
        with self.world.db.transaction():
            store.save_collection(self.world.db, shop, made)
            self._told(shop).tell("collections/create", product_payload.collection(made, shop))
        return made

    def edit_collection(
        self,
        shop: Shop,
        key: int,
        *,
        title: str | None = None,
        add: Iterable[int] = (),
        remove: Iterable[int] = (),
    ) -> Collection:
        """Rename a collection, put products in and take them out: `collections/update`. Raises NotFound."""
        one = store.get_collection(self.world.db, shop, key)
        gone = set(remove)
        one.title = title or one.title
        one.products = list(dict.fromkeys([*(member for member in one.products if member not in gone), *add]))
        one.updated = max(clock.now(), one.updated)
        with self.world.db.transaction():
            store.save_collection(self.world.db, shop, one)
            self._told(shop).tell("collections/update", product_payload.collection(one, shop))
        return one

    def delete_collection(self, shop: Shop, key: int) -> Collection:
        """`collections/delete`. Raises NotFound."""
        one = store.get_collection(self.world.db, shop, key)
        with self.world.db.transaction():
            store.delete_collection(self.world.db, shop, one)
            self._told(shop).tell("collections/delete", {"id": one.id})
        return one

    def _find(self, shop: Shop, key: int) -> tuple[Product, Variant]:
        found = store.find_variant(self.world.db, shop, key)
        if found is None:
            raise store.NotFound(f"no variant {key} in {shop.domain}")
        product = store.get_product(self.world.db, shop, found.product)
        return product, next(one for one in product.variants if one.id == key)

    def _variant(self, of: Product, title: str, price: int, stock: int) -> Variant:
        key = number("ProductVariant", self.world.db.take("ProductVariant"))
        present = clock.now()
        return Variant(key, of.id, title, price, present, present, levels={LOCATION: stock})

    def _changed(self, shop: Shop, one: Product, told: Action | None = None) -> None:
        one.updated = max(clock.now(), one.updated)
        store.save_product(self.world.db, shop, one)
        (told or self._told(shop)).tell("products/update", product_payload.product(one, shop))

    def _told(self, shop: Shop) -> Action:
        return Action(self.world, self.outbox, shop)


def _set(one: Product | Variant, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if name not in one.__struct_fields__:
            raise TypeError(f"no field {name}")
        setattr(one, name, value)
