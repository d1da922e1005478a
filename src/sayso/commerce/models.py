"""Orders and their lines. Written by :func:`sayso.commerce.apply.apply` alone."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel

from .catalogue_models import Collection, CollectionMember, InventoryLevel, Product, Variant

__all__ = ["Collection", "CollectionMember", "InventoryLevel", "Order", "OrderLine", "Product", "Variant"]


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
    total = models.DecimalField(max_digits=20, decimal_places=2)
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
    price = models.DecimalField(max_digits=20, decimal_places=2)
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
