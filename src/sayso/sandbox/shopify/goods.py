"""What was sold: lines of orders outlive the products they are of."""

from dataclasses import dataclass
from typing import Any

from ..generate.catalogue import VARIANT
from ..records import Line, Shop
from . import store


@dataclass(frozen=True)
class Thing:
    """A product as a line remembers it."""

    id: int
    title: str
    vendor: str
    kind: str = ""


@dataclass(frozen=True)
class Sold:
    """A variant as a line remembers it."""

    product: Thing
    title: str
    sku: str | None


def goods(line: Line) -> Any:
    """What a line is of: `product` (id, title, vendor, kind), `title`, `sku`."""
    if line.product is None:
        return VARIANT[line.variant]
    return Sold(Thing(line.product, line.title or "", line.vendor or ""), line.variant_title or "", line.sku)


def sold(db: store.Reader, shop: Shop, variant: int, key: int) -> Line:
    """One piece of `variant` as a line with the id `key`. Raises NotFound."""
    found = store.find_variant(db, shop, variant)
    if found is None:
        raise store.NotFound(f"no variant {variant} in {shop.domain}")
    product = store.get_product(db, shop, found.product)
    return Line(key, variant, 1, found.price, product.id, product.title, found.title, product.vendor, found.sku)
