"""Orders with their lines and parcels, written by :func:`sayso.commerce.apply.apply` alone; products, variants,
collections and stock, by :func:`sayso.commerce.catalogue.apply`.

The catalogue is keyed by Shopify's ids, which are never given twice. Facts that come from different places have times of
their own, each a pair of the store's ``updated_at`` and a sequence that breaks ties; the newest wins, so that deliveries
may come in any order. A deletion is a fact among the others: something older that comes late does not bring a product
back.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel

from .checkout_models import AbandonedCheckout, Checkout, CheckoutDeletion

__all__ = [
    "AbandonedCheckout", "Checkout", "CheckoutDeletion", "Collection", "CollectionMember", "DeletedOrder", "Fulfillment",
    "InventoryLevel", "Order", "OrderLine", "Product", "Variant",
]  # fmt: skip


class Order(TenantModel):
    class Status(models.TextChoices):
        INITIALIZED = "INITIALIZED"
        IN_PROGRESS = "IN_PROGRESS"
        DELIVERED = "DELIVERED"
        CANCELLED = "CANCELLED"

    contact_id = models.BigIntegerField(null=True)
    shopify_order_id = models.BigIntegerField()
    shopify_customer_id = models.BigIntegerField(null=True)  # null: a guest
    name = models.CharField(max_length=64)
    number = models.BigIntegerField(null=True)
    email = models.CharField(max_length=320, null=True)
    phone = models.CharField(max_length=64, null=True)
    status = models.CharField(max_length=16, choices=Status.choices)
    financial_status = models.CharField(max_length=32, null=True)
    fulfillment_status = models.CharField(max_length=32, null=True)
    total = models.DecimalField(max_digits=20, decimal_places=3)
    currency = models.CharField(max_length=3)
    test = models.BooleanField(default=False, db_default=False)
    source_name = models.CharField(max_length=255, null=True)
    tags = ArrayField(models.CharField(max_length=255), default=list)
    checkout_token = models.CharField(max_length=255, null=True)
    status_url = models.CharField(max_length=2048, null=True)
    placed_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=32, null=True)
    source_updated_at = models.DateTimeField()
    source_sequence = models.BigIntegerField(default=0, db_default=0)  # breaks ties of the time above
    synced_at = models.DateTimeField(db_default=Now())
    # Of whom it was is erased: an update of the order must not bring it back.
    redacted_at = models.DateTimeField(null=True)
    # Whether the log says so already. An order that came before its customer is told once there is a contact to tell of.
    placed_told = models.BooleanField(default=True, db_default=True)
    cancelled_told = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "orders"
        indexes = [
            models.Index(fields=["shop_id", "contact_id", "placed_at"], name="orders_contact"),
            # Orders that came before their customer.
            models.Index(
                fields=["shop_id", "shopify_customer_id"],
                name="orders_waiting",
                condition=models.Q(contact_id__isnull=True, shopify_customer_id__isnull=False),
            ),
            # What a guest agreed to stands in the checkout.
            models.Index(
                fields=["shop_id", "checkout_token"],
                name="orders_guest_checkout",
                condition=models.Q(shopify_customer_id__isnull=True, checkout_token__isnull=False),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["shop_id", "shopify_order_id"], name="orders_shopify_id")]


class OrderLine(TenantModel):
    order_id = models.BigIntegerField()
    position = models.SmallIntegerField()
    product_id = models.BigIntegerField(null=True)
    variant_id = models.BigIntegerField(null=True)
    title = models.CharField(max_length=512)
    variant_title = models.CharField(max_length=512, null=True)
    vendor = models.CharField(max_length=255, null=True)
    sku = models.CharField(max_length=255, null=True)
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=20, decimal_places=3)
    # What the product was when it was ordered, as far as we held it; null: not known yet.
    product_tags = ArrayField(models.CharField(max_length=255), null=True)
    collection_ids = ArrayField(models.BigIntegerField(), null=True)  # of Shopify

    class Meta:
        db_table = "order_line"
        indexes = [
            # Lines that came before their product.
            models.Index(
                fields=["shop_id", "product_id"],
                name="order_line_waiting",
                condition=models.Q(product_id__isnull=False)
                & (models.Q(product_tags__isnull=True) | models.Q(collection_ids__isnull=True)),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["shop_id", "order_id", "position"], name="order_line_position")]


class Fulfillment(TenantModel):
    """A parcel of an order: that it left is told once for each id (features §8.4)."""

    order_id = models.BigIntegerField()
    shopify_fulfillment_id = models.BigIntegerField()
    status = models.CharField(max_length=16)  # SUCCESS, CANCELLED …
    shipment_status = models.CharField(max_length=32, null=True)  # the carrier's word: IN_TRANSIT, DELIVERED …
    tracking_company = models.CharField(max_length=255, null=True)
    tracking_numbers = ArrayField(models.CharField(max_length=255), default=list)
    tracking_urls = ArrayField(models.CharField(max_length=2048), default=list)
    shipped_at = models.DateTimeField()
    told = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "fulfillment"
        indexes = [models.Index(fields=["shop_id", "order_id"], name="fulfillment_order")]
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "shopify_fulfillment_id"], name="fulfillment_shopify_id")
        ]


class DeletedOrder(TenantModel):
    """What is left of an order that the store deleted: its number, so that a late delivery does not bring it back."""

    app_may = "SELECT, INSERT"

    shopify_order_id = models.BigIntegerField()
    deleted_at = models.DateTimeField()

    class Meta:
        db_table = "deleted_order"
        constraints = [models.UniqueConstraint(fields=["shop_id", "shopify_order_id"], name="deleted_order_once")]


def _deleted_at(at: str, sequence: str) -> models.GeneratedField:
    """When it was deleted, unless something newer shows that it is there."""
    newer = Q(deletion_at__gt=F(at)) | (Q(deletion_at=F(at)) & Q(deletion_sequence__gte=F(sequence)))
    return models.GeneratedField(
        expression=Case(
            When(Q(deletion_at__isnull=False) & (Q((f"{at}__isnull", True)) | newer), then=F("deletion_at"))
        ),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )


class Product(TenantModel):
    shopify_product_id = models.BigIntegerField()
    title = models.CharField(max_length=512, default="", db_default="")
    handle = models.CharField(max_length=512, default="", db_default="")
    status = models.CharField(max_length=16, default="", db_default="")  # ACTIVE, ARCHIVED, DRAFT, UNLISTED
    vendor = models.CharField(max_length=255, null=True)
    product_type = models.CharField(max_length=255, null=True)
    tags = ArrayField(models.CharField(max_length=255), default=list, db_default=[])
    description_html = models.TextField(null=True)
    image_url = models.CharField(max_length=2048, null=True)
    source_updated_at = models.DateTimeField(null=True)  # null: nothing is known but that it exists, or did
    source_sequence = models.BigIntegerField(default=0, db_default=0)
    # What payloads lack; as of the last reading.
    online_store_url = models.CharField(max_length=2048, null=True)
    is_gift_card = models.BooleanField(null=True)
    details_at = models.DateTimeField(null=True)
    details_sequence = models.BigIntegerField(default=0, db_default=0)
    # As of when the list of variants is known, and the moment (µs) of the reading that told all its collections.
    variants_at = models.DateTimeField(null=True)
    variants_sequence = models.BigIntegerField(default=0, db_default=0)
    collections_sequence = models.BigIntegerField(default=0, db_default=0)
    deletion_at = models.DateTimeField(null=True)
    deletion_sequence = models.BigIntegerField(default=0, db_default=0)
    deleted_at = _deleted_at("source_updated_at", "source_sequence")
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "product"
        constraints = [models.UniqueConstraint(fields=["shop_id", "shopify_product_id"], name="product_shopify_id")]


class Variant(TenantModel):
    shopify_variant_id = models.BigIntegerField()
    shopify_product_id = models.BigIntegerField()
    title = models.CharField(max_length=512, default="", db_default="")
    sku = models.CharField(max_length=255, null=True)
    position = models.IntegerField(null=True)
    # ISO 4217 knows currencies with three decimals.
    price = models.DecimalField(max_digits=20, decimal_places=3, null=True)
    compare_at_price = models.DecimalField(max_digits=20, decimal_places=3, null=True)
    currency = models.CharField(max_length=3, default="", db_default="")  # the shop's when the price was told
    selected_options = models.JSONField(null=True)  # [["Size", "M"], …]
    inventory_item_id = models.BigIntegerField(null=True)
    inventory_policy = models.CharField(max_length=16, default="", db_default="")  # DENY, CONTINUE
    inventory_quantity = models.IntegerField(null=True)  # over all locations
    source_updated_at = models.DateTimeField(null=True)  # null: only its id is known
    source_sequence = models.BigIntegerField(default=0, db_default=0)
    # What payloads lack: whether Shopify counts its stock at all.
    tracked = models.BooleanField(null=True)
    details_at = models.DateTimeField(null=True)
    details_sequence = models.BigIntegerField(default=0, db_default=0)
    # The newest sign of life: its own facts, or a list of its product's variants.
    seen_at = models.DateTimeField(null=True)
    seen_sequence = models.BigIntegerField(default=0, db_default=0)
    deletion_at = models.DateTimeField(null=True)
    deletion_sequence = models.BigIntegerField(default=0, db_default=0)
    deleted_at = _deleted_at("seen_at", "seen_sequence")
    restocked_at = models.DateTimeField(null=True)  # the last crossing from nothing to something, by the store's clock
    # Can be bought now: its stock is not counted, may be oversold, or is there.
    available_for_sale = models.GeneratedField(
        expression=Case(
            When(Q(tracked=False) | Q(inventory_policy="CONTINUE") | Q(inventory_quantity__gt=0), then=True),
            default=False,
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "variant"
        indexes = [
            models.Index(fields=["shop_id", "shopify_product_id"], name="variant_product"),
            models.Index(fields=["shop_id", "inventory_item_id"], name="variant_inventory_item"),
        ]
        constraints = [models.UniqueConstraint(fields=["shop_id", "shopify_variant_id"], name="variant_shopify_id")]


class InventoryLevel(TenantModel):
    """What one location has of one inventory item. The sum that counts is the variant's ``inventory_quantity``."""

    inventory_item_id = models.BigIntegerField()
    location_id = models.BigIntegerField()
    connected = models.BooleanField()
    available = models.IntegerField(null=True)
    source_updated_at = models.DateTimeField()
    source_sequence = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "inventory_level"
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "inventory_item_id", "location_id"], name="inventory_level_place"
            )
        ]


class Collection(TenantModel):
    shopify_collection_id = models.BigIntegerField()
    title = models.CharField(max_length=512, default="", db_default="")
    handle = models.CharField(max_length=512, default="", db_default="")
    source_updated_at = models.DateTimeField(null=True)
    source_sequence = models.BigIntegerField(default=0, db_default=0)
    members_sequence = models.BigIntegerField(default=0, db_default=0)  # moment (µs) of the reading of all its members
    deletion_at = models.DateTimeField(null=True)
    deletion_sequence = models.BigIntegerField(default=0, db_default=0)
    deleted_at = _deleted_at("source_updated_at", "source_sequence")
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "collection"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "shopify_collection_id"], name="collection_shopify_id")
        ]


class CollectionMember(TenantModel):
    """A product in a collection. Told from both sides; for each pair the later reading counts."""

    shopify_collection_id = models.BigIntegerField()
    shopify_product_id = models.BigIntegerField()

    class Meta:
        db_table = "collection_member"
        indexes = [models.Index(fields=["shop_id", "shopify_product_id"], name="collection_member_product")]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "shopify_collection_id", "shopify_product_id"], name="collection_member_once"
            )
        ]
