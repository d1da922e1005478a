"""Checkouts as webhooks tell them, and as the poll finds them. Written by :mod:`sayso.commerce.checkouts` alone."""

from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Checkout(TenantModel):
    """A checkout as ``checkouts/*`` tells it, by its token (since 2026-04 they carry no id). It belongs to nobody by a
    number of ours: whose it is, its customer and the keys of its addresses say, whoever of the two comes first."""

    token = models.CharField(max_length=255)
    cart_token = models.CharField(max_length=255, null=True)
    shopify_customer_id = models.BigIntegerField(null=True)
    email = models.CharField(max_length=320, null=True)
    email_key = models.BinaryField(null=True)
    phone = models.CharField(max_length=64, null=True)  # as the buyer wrote it: of the checkout, else of an address
    phone_key = models.BinaryField(null=True)
    own_phone = models.BooleanField(default=False, db_default=False)  # given as the buyer's, not with an address
    sms_phone = models.CharField(max_length=64, null=True)  # for which the box was ticked
    sms_phone_key = models.BinaryField(null=True)
    first_name = models.CharField(max_length=255, null=True)
    last_name = models.CharField(max_length=255, null=True)
    country = models.CharField(max_length=2, null=True)
    locale = models.CharField(max_length=35, null=True)
    accepts_email = models.BooleanField(null=True)
    accepts_sms = models.BooleanField(null=True)
    total = models.DecimalField(max_digits=20, decimal_places=3)
    currency = models.CharField(max_length=3)
    # [{"title", "variant", "quantity", "price", "product_id", "variant_id", "sku"}], ids and prices as text.
    lines = models.JSONField(default=list)
    url = models.CharField(max_length=2048, null=True)  # abandoned_checkout_url
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # What the guest ticked for SMS was brought to the consent room, once the order was there.
    consent_taken = models.BooleanField(default=False, db_default=False)
    source_updated_at = models.DateTimeField()
    source_sequence = models.BigIntegerField(default=0, db_default=0)
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "checkout"
        indexes = [
            models.Index(
                fields=["shop_id", "shopify_customer_id"],
                name="checkout_customer",
                condition=models.Q(shopify_customer_id__isnull=False),
            ),
            models.Index(
                fields=["shop_id", "email_key"], name="checkout_email", condition=models.Q(email_key__isnull=False)
            ),
            models.Index(
                fields=["shop_id", "phone_key"], name="checkout_phone", condition=models.Q(phone_key__isnull=False)
            ),
            models.Index(
                fields=["shop_id", "cart_token"], name="checkout_cart", condition=models.Q(cart_token__isnull=False)
            ),
            models.Index(fields=["shop_id", "url"], name="checkout_url", condition=models.Q(url__isnull=False)),
            models.Index(
                fields=["shop_id", "source_updated_at"],
                name="checkout_waiting",
                condition=models.Q(consent_taken=False, accepts_sms__isnull=False),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["shop_id", "token"], name="checkout_token")]


class CheckoutDeletion(TenantModel):
    """That the store deleted a checkout. The delivery names only the cart, and its own id, and may come first."""

    cart_token = models.CharField(max_length=255, null=True)
    shopify_checkout_id = models.BigIntegerField(null=True)
    deleted_at = models.DateTimeField()

    class Meta:
        db_table = "checkout_deletion"
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "cart_token", "shopify_checkout_id", "deleted_at"],
                name="checkout_deletion_once",
                nulls_distinct=False,
            )
        ]


class AbandonedCheckout(TenantModel):
    """A checkout as the poll finds it, by Shopify's id (features §8.8)."""

    class State(models.TextChoices):
        OPEN = "OPEN"  # not qualified, or not yet
        ABANDONED = "ABANDONED"
        ORDERED = "ORDERED"
        COMPLETED = "COMPLETED"
        DELETED = "DELETED"

    shopify_checkout_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True)
    shopify_customer_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=64, blank=True)
    url = models.CharField(max_length=2048)
    total = models.DecimalField(max_digits=20, decimal_places=3)
    currency = models.CharField(max_length=3)
    lines = models.JSONField(default=list)  # as in Checkout
    started_at = models.DateTimeField()
    source_updated_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    shopify_order_id = models.BigIntegerField(null=True)  # by which it was ordered
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN, db_default="OPEN")
    # While OPEN: the first condition that does not hold.
    waits_for = models.CharField(max_length=24, blank=True, default="", db_default="")
    abandoned_at = models.DateTimeField(null=True)  # when checkout.abandoned was told; never told twice
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "abandoned_checkout"
        indexes = [
            models.Index(
                fields=["shop_id", "contact_id"],
                name="abandoned_checkout_contact",
                condition=models.Q(contact_id__isnull=False),
            ),
            models.Index(fields=["shop_id", "source_updated_at"], name="abandoned_checkout_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "shopify_checkout_id"], name="abandoned_checkout_shopify_id")
        ]
