"""The shop's goods: a few products with variants, the same in every sandbox."""

from dataclasses import dataclass


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
