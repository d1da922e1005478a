"""How each plain field of products, variants, stock and collections is read."""

from dataclasses import dataclass

from ..identifiers import gid
from ..records import Collection, Product, Variant
from . import store
from .money import amount
from .reading import attributes, fixed, identity
from .scope import Resolver


@dataclass(frozen=True)
class Picture:
    """The first picture of a product."""

    id: int
    url: str


def _picture(product: Product) -> Picture | None:
    return Picture(product.id + 3, product.image) if product.image else None


_MEDIA: dict[str, Resolver] = {
    "id": lambda one, _: gid("MediaImage", one.id),
    "alt": lambda _, __: None,
    "preview": lambda one, _: one,
}
FIELDS: dict[str, dict[str, Resolver]] = {
    "Product": identity("Product")
    | attributes(
        "title",
        "handle",
        "vendor",
        "status",
        productType="kind",
        descriptionHtml="html",
        createdAt="created",
        updatedAt="updated",
        isGiftCard="gift_card",
    )
    | fixed(tracksInventory=True)
    | {
        "tags": lambda p, _: sorted(p.tags),
        "description": lambda p, _: p.html.replace("<p>", "").replace("</p>", ""),
        "onlineStoreUrl": lambda p, s: f"https://{s.shop.domain}/products/{p.handle}" if p.status == "ACTIVE" else None,
        "hasOutOfStockVariants": lambda p, _: any(variant.stock <= 0 for variant in p.variants),
        "totalInventory": lambda p, _: sum(variant.stock for variant in p.variants),
        "variantsCount": lambda p, _: {"count": len(p.variants), "precision": "EXACT"},
        "featuredMedia": lambda p, _: _picture(p),
    },
    "Media": _MEDIA,
    "MediaImage": _MEDIA,
    "MediaPreviewImage": {"image": lambda one, _: one},
    "Image": {"id": lambda one, _: gid("ImageSource", one.id), "url": lambda one, _: one.url},
    "ProductVariant": identity("ProductVariant")
    | attributes(
        "title",
        "sku",
        inventoryPolicy="policy",
        inventoryQuantity="stock",
        sellableOnlineQuantity="stock",
        createdAt="created",
        updatedAt="updated",
    )
    | {
        "displayName": lambda v, s: f"{store.get_product(s, s.shop, v.product).title} - {v.title}",
        "position": lambda v, s: store.position(store.get_product(s, s.shop, v.product), v),
        "price": lambda v, _: amount(v.price),
        "compareAtPrice": lambda v, _: None if v.compare_at is None else amount(v.compare_at),
        "availableForSale": lambda v, _: not v.tracked or v.policy == "CONTINUE" or v.stock > 0,
        "inventoryItem": lambda v, _: {
            "id": gid("InventoryItem", v.item),
            "legacyResourceId": str(v.item),
            "sku": v.sku,
            "tracked": v.tracked,
        },
        "selectedOptions": lambda v, s: [{"name": store.get_product(s, s.shop, v.product).option, "value": v.title}],
        "product": lambda v, s: store.get_product(s, s.shop, v.product),
    },
    "Collection": identity("Collection")
    | attributes("title", "handle", updatedAt="updated")
    | {"productsCount": lambda c, _: {"count": len(c.products), "precision": "EXACT"}},
}

TYPE_OF: dict[type, str] = {
    Product: "Product",
    Variant: "ProductVariant",
    Collection: "Collection",
    Picture: "MediaImage",
}
