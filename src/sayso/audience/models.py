"""Groups of contacts and their stored members. Written by :mod:`sayso.audience.assign` alone."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Group(TenantModel):
    """A named set of contacts (features §4).

    What is told of a segment of Shopify carries its own time, and each kind of fact keeps its newest: its name
    (``named_at``), that it exists (``seen_at``), that it is gone (``gone_at``), who is in it (``members_at``).
    """

    class Kind(models.TextChoices):
        LIST = "LIST"
        DYNAMIC = "DYNAMIC"
        CATEGORY = "CATEGORY"
        SHOPIFY_SEGMENT = "SHOPIFY_SEGMENT"
        SHOPIFY_TAG = "SHOPIFY_TAG"
        SHOPIFY_GUESTS = "SHOPIFY_GUESTS"

    class Source(models.TextChoices):
        SEGMENT = "segment"
        TAG = "tag"
        GUESTS = "guests"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    # The key of what comes from Shopify: equal names of a segment and a tag do not clash.
    source_type = models.CharField(max_length=8, choices=Source.choices, null=True)
    external_id = models.CharField(max_length=512, null=True)  # number of the segment; the tag in lower case
    name = models.TextField()
    query = models.TextField(null=True)  # of a segment, in Shopify's words
    spellings = ArrayField(models.CharField(max_length=255), default=list, db_default=[])  # of a tag
    named_at = models.DateTimeField(null=True)  # null: known by its number alone
    named_sequence = models.BigIntegerField(default=0, db_default=0)  # breaks ties of the time above
    seen_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    members_at = models.DateTimeField(null=True)  # of the last whole picture of the members
    members_count = models.BigIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)
    count_due = models.BooleanField(default=True, db_default=True)
    # A reading of all members from Shopify: asked for, begun, and how far it got; see sayso.audience.pictures.
    read_due_at = models.DateTimeField(null=True)
    read_began_at = models.DateTimeField(null=True)
    read_run = models.BigIntegerField(null=True)
    read_cursor = models.TextField(default="", db_default="")
    read_count = models.BigIntegerField(default=0, db_default=0)
    read_done = models.BooleanField(default=False, db_default=False)
    read_page_at = models.DateTimeField(null=True)
    read_silent = models.BooleanField(default=True, db_default=True)  # first members, or other rules: nobody "entered"
    read_error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "contact_group"
        indexes = [
            models.Index(fields=["shop_id", "kind", "id"], name="contact_group_kind"),
            models.Index(fields=["shop_id", "id"], name="contact_group_due", condition=models.Q(count_due=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "source_type", "external_id"],
                name="contact_group_source",
            )
        ]

    @property
    def gone(self) -> bool:
        """Whether it was deleted in Shopify; it stays here with its last members."""
        return self.gone_at is not None and (self.seen_at is None or self.gone_at >= self.seen_at)


class GroupMember(TenantModel):
    """That somebody is in a group, or, newer than the last whole picture of it, that they left.

    A member of a Shopify segment is known by the customer's number; ``contact_id`` is null until that customer is here.
    """

    group_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True)
    shopify_customer_id = models.BigIntegerField(null=True)
    member = models.BooleanField(default=True, db_default=True)
    at = models.DateTimeField(db_default=Now())  # of the fact, at its source

    class Meta:
        db_table = "group_member"
        indexes = [
            models.Index(
                fields=["shop_id", "shopify_customer_id"],
                name="group_member_waiting",
                condition=models.Q(contact_id__isnull=True),
            ),
            models.Index(
                fields=["shop_id", "contact_id"],
                name="group_member_of",
                condition=models.Q(contact_id__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "group_id", "shopify_customer_id"],
                name="group_member_customer",
                condition=models.Q(shopify_customer_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["shop_id", "group_id", "contact_id"],
                name="group_member_contact",
                condition=models.Q(contact_id__isnull=False),
            ),
        ]
