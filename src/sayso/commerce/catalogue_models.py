"""Products, variants, collections and stock. Written by :func:`sayso.commerce.catalogue.apply` alone.

Keyed by Shopify's ids, which are never given twice. Facts that come from different places have times of their own, each a
pair of the store's ``updated_at`` and a sequence that breaks ties; the newest wins, so that deliveries may come in any
order. A deletion is a fact among the others: a late delivery of something older does not bring a product back.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


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
