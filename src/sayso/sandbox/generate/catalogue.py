"""The goods a shop begins with: a few products with variants, the same in every sandbox, and two collections of them."""

import re
from dataclasses import dataclass

from .. import records


@dataclass(frozen=True)
class Variant:
    """One thing to buy. `price` is in cents."""

    id: int
    product: "Product"
    title: str
    sku: str
    price: int
    stock: int


@dataclass(frozen=True)
class Product:
    """A product; its variants are listed in VARIANTS."""

    id: int
    title: str
    handle: str
    vendor: str
    kind: str
    tags: tuple[str, ...]


_GOODS = (
    ("Merino Crew Sweater", "Nordlys Wool", "Knitwear", ("winter", "wool"), 8900, ("S", "M", "L", "XL")),
    ("Linen Summer Shirt", "Costa Azul", "Shirts", ("summer", "linen"), 5400, ("S", "M", "L")),
    ("Everyday Tote", "Kanvas & Co", "Bags", ("gift",), 3200, ("Natural", "Black")),
    ("Ceramic Pour-Over Set", "Mañana Coffee", "Kitchen", ("coffee", "gift"), 4650, ("White", "Sage")),
    ("Single Origin Beans 1 kg", "Mañana Coffee", "Coffee", ("coffee", "subscription"), 2890, ("Whole", "Ground")),
    ("Trail Running Shoes", "Höhenweg", "Shoes", ("sport",), 12900, ("38", "40", "42", "44")),
    ("Rain Jacket", "Höhenweg", "Jackets", ("sport", "rain"), 15900, ("S", "M", "L")),
    ("Beeswax Candle", "Melissa Ateliê", "Home", ("gift",), 1450, ("Small", "Large")),
    ("Notebook A5", "Papier Königs", "Stationery", ("office",), 1290, ("Dotted", "Lined")),
    ("Desk Lamp", "Hikari 光", "Home", ("office",), 7950, ("Black", "Brass")),
    ("Olive Oil 500 ml", "Ελαιώνας", "Food", ("food", "gift"), 1890, ("Early harvest",)),
    ("Gift Card", "Sandbox Store", "Gift card", ("gift",), 5000, ("$50",)),
)

PRODUCTS: list[Product] = []
VARIANTS: list[Variant] = []
for _index, (_title, _vendor, _kind, _tags, _price, _options) in enumerate(_GOODS, 1):
    _product = Product(7_918_264_739_153 + _index * 17, _title, _title.lower().replace(" ", "-"), _vendor, _kind, _tags)
    PRODUCTS.append(_product)
    for _option in _options:
        _number = len(VARIANTS) + 1
        VARIANTS.append(
            Variant(
                43_918_264_751_937 + _number * 19,
                _product,
                _option,
                f"SB-{_index:02d}-{_number:03d}",
                _price,
                12 + _number * 3,
            )
        )

VARIANT = {variant.id: variant for variant in VARIANTS}
PRODUCT = {product.id: product for product in PRODUCTS}

LOCATION = 655_441_491
_MADE, _CHANGED = "2024-01-01T00:00:00Z", "2026-09-01T00:00:00Z"
_COLLECTIONS = (("Gifts", "gift"), ("Sport & Outdoor", "sport"))


def handle_of(title: str) -> str:
    """The last part of the address of a product or collection."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def goods_of_a_shop(shop: int) -> tuple[list[records.Product], list[records.Collection]]:
    """Products and collections with which the shop with the number `shop` begins."""
    products = [
        records.Product(
            product.id,
            product.title,
            product.handle,
            _MADE,
            _CHANGED,
            product.vendor,
            product.kind,
            list(product.tags),
            html=f"<p>{product.title} by {product.vendor}</p>",
            image=f"https://cdn.shopify.com/s/files/1/{shop}/products/{product.id}.jpg",
            gift_card=product.kind == "Gift card",
            variants=[
                records.Variant(
                    variant.id, product.id, variant.title, variant.price, _MADE, _CHANGED, variant.sku,
                    levels={LOCATION: variant.stock},
                )
                for variant in VARIANTS
                if variant.product is product
            ],
        )
        for product in PRODUCTS
    ]  # fmt: skip
    collections = [
        records.Collection(
            4_118_264_763_519 + place * 23,
            title,
            handle_of(title),
            _MADE,
            _CHANGED,
            [product.id for product in PRODUCTS if tag in product.tags],
        )
        for place, (title, tag) in enumerate(_COLLECTIONS)
    ]
    return products, collections
