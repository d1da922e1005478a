"""Contacts and their identities. Written by :func:`sayso.contacts.apply.apply` alone."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Contact(TenantModel):
    """One person known to the shop. Consent stands in ``consent_state``, never here."""

    app_may = "SELECT"

    shopify_customer_id = models.BigIntegerField(null=True)
    external_customer_id = models.CharField(max_length=255, null=True)
    contact_key = models.CharField(max_length=255, null=True)
    first_name = models.CharField(max_length=255, null=True)
    last_name = models.CharField(max_length=255, null=True)
    email = models.CharField(max_length=320, null=True)
    email_key = models.BinaryField(null=True)  # keyed hash, see sayso.contacts.addresses
    phone = models.CharField(max_length=16, null=True)  # E.164
    phone_raw = models.CharField(max_length=255, null=True)  # what the source wrote
    phone_key = models.BinaryField(null=True)
    calling_code = models.SmallIntegerField(null=True)
    note = models.CharField(max_length=5000, null=True)
    tags = ArrayField(models.CharField(max_length=255), default=list)
    # Additions and removals newer than tags_at: {"vip": {"at": epoch µs, "on": true}}.
    tag_changes = models.JSONField(null=True)
    labels = ArrayField(models.CharField(max_length=64), default=list)
    locale = models.CharField(max_length=35, null=True)
    language = models.CharField(max_length=35, null=True)
    time_zone = models.CharField(max_length=64, null=True)
    country = models.CharField(max_length=2, null=True)
    region = models.CharField(max_length=64, null=True)
    city = models.CharField(max_length=255, null=True)
    address = models.CharField(max_length=512, null=True)
    postcode = models.CharField(max_length=32, null=True)
    excluded = models.BooleanField(default=False, db_default=False)
    orders_count = models.BigIntegerField(default=0, db_default=0)
    total_spent = models.DecimalField(max_digits=20, decimal_places=2, default=0, db_default=0)
    last_order_at = models.DateTimeField(null=True)
    last_message_received_at = models.DateTimeField(null=True)
    last_engaged_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=16)
    shopify_state = models.CharField(max_length=16, null=True)
    shopify_created_at = models.DateTimeField(null=True)
    shopify_updated_at = models.DateTimeField(null=True)
    # When each group of facts was true at its source; a newer one wins, an older one changes nothing.
    profile_at = models.DateTimeField(null=True)
    profile_sequence = models.BigIntegerField(default=0, db_default=0)  # breaks ties of profile_at, see ContactChange
    tags_at = models.DateTimeField(null=True)
    figures_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    # A deleted contact is the tombstone of its Shopify id: late deliveries find it and stay hidden.
    deleted_at = models.DateTimeField(null=True)
    redacted_at = models.DateTimeField(null=True)
    # Lower-cased names, e-mail and phone. A stored column, because row-level security keeps an expression from its index.
    search = models.TextField(default="", db_default="")

    class Meta:
        db_table = "contact"
        indexes = [
            models.Index(
                fields=["shop_id", "phone_key"], name="contact_phone", condition=models.Q(phone_key__isnull=False)
            ),
            models.Index(
                fields=["shop_id", "email_key"], name="contact_email", condition=models.Q(email_key__isnull=False)
            ),
            # The quick filters: few rows of many.
            models.Index(fields=["shop_id", "id"], name="contact_excluded", condition=models.Q(excluded=True)),
            models.Index(
                fields=["shop_id", "id"],
                name="contact_gone",
                condition=models.Q(deleted_at__isnull=False) | models.Q(redacted_at__isnull=False),
            ),
            GinIndex(fields=["tags"], name="contact_tags"),
            GinIndex(OpClass("search", name="gin_trgm_ops"), name="contact_search"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "shopify_customer_id"],
                name="contact_shopify_id",
                condition=models.Q(shopify_customer_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["shop_id", "external_customer_id"],
                name="contact_external_id",
                condition=models.Q(external_customer_id__isnull=False),
            ),
        ]

    @property
    def full_name(self) -> str:
        """First and last name, whichever there are."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)

    @property
    def display_name(self) -> str:
        """What a page calls the contact: the name, else an address, else the number of the contact."""
        return self.full_name or self.email or self.phone or f"Contact {self.pk}"


class Identity(TenantModel):
    """Names a contact goes by beside the columns: WhatsApp ids, business-scoped ids, former addresses."""

    app_may = "SELECT"

    contact_id = models.BigIntegerField()
    kind = models.CharField(max_length=24)  # wa_id, bsuid, contact_key, phone, email
    value = models.CharField(max_length=320)
    former = models.BooleanField(default=False, db_default=False)
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "identity"
        indexes = [models.Index(fields=["shop_id", "contact_id"], name="identity_contact")]
        constraints = [models.UniqueConstraint(fields=["shop_id", "kind", "value", "contact_id"], name="identity_once")]


class AddressStatus(TenantModel):
    """Why an address of a contact does not work on one channel. No row means it works."""

    class Status(models.TextChoices):
        INVALID = "INVALID"
        UNREACHABLE = "UNREACHABLE"

    contact_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    status = models.CharField(max_length=12, choices=Status.choices)
    reason = models.CharField(max_length=255, blank=True, default="", db_default="")
    address_key = models.BinaryField()
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "address_status"
        constraints = [models.UniqueConstraint(fields=["shop_id", "contact_id", "channel"], name="address_status_once")]


class ContactMerge(TenantModel):
    """Two contacts that became one, and what it takes to part them again. Written by :mod:`sayso.contacts.merge` alone.

    The merged contact stays as a hidden row with its own values, so what is told of it later finds it, and its survivor.
    """

    class Cause(models.TextChoices):
        STAFF = "staff"
        SHOPIFY = "shopify"

    app_may = "SELECT, UPDATE (moved)"

    survivor_id = models.BigIntegerField()
    merged_id = models.BigIntegerField()
    cause = models.CharField(max_length=8, choices=Cause.choices)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    merged_at = models.DateTimeField(db_default=Now())
    undo = models.JSONField(default=dict, db_default={})  # what the survivor took over; see sql/30_merge.sql
    moved = models.JSONField(default=dict, db_default={})  # table → ids of the rows that followed
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        db_table = "contact_merge"
        indexes = [models.Index(fields=["shop_id", "survivor_id"], name="contact_merge_survivor")]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "merged_id"], name="contact_merge_once", condition=models.Q(undone_at__isnull=True)
            )
        ]
