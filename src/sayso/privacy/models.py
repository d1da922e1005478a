"""Requests of people about their data, the packages made for them, and the certificates of erased shops."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class PrivacyRequest(TenantModel):
    """One thing asked of the shop, by a person or on their behalf, and what became of it.

    ``subject`` holds the identifiers that were named, until the request is done. No function that erases works without
    such a row, and the application cannot delete one.
    """

    app_may = "SELECT, INSERT, UPDATE"

    class Kind(models.TextChoices):
        ACCESS = "ACCESS", "Access"
        REDACT = "REDACT", "Erasure"
        SHOP_REDACT = "SHOP_REDACT", "Erasure of the shop"

    class Status(models.TextChoices):
        RECEIVED = "RECEIVED", "Received"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"

    class Origin(models.TextChoices):
        SHOPIFY = "shopify", "Shopify"
        STAFF = "staff", "By hand"
        API = "api", "API"
        SYSTEM = "system", "Uninstalled"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    # The asker's own name for it: the same thing asked twice is one request.
    reference = models.CharField(max_length=160, blank=True, default="", db_default="")
    status = models.CharField(
        max_length=12, choices=Status.choices, default=Status.RECEIVED, db_default=Status.RECEIVED.value
    )
    # {"customer_id", "email", "phone", "orders"}: who is meant, as the asker named them.
    subject = models.JSONField(null=True)
    contact_ids = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    # Hashes and ids under which deliveries of the person are found that are drained later; no names.
    subject_keys = ArrayField(models.CharField(max_length=128), default=list, db_default=[])
    received_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    not_before = models.DateTimeField(db_default=Now())
    # Waits for a person: the shop is installed (again), so nobody else may decide to erase it.
    held = models.BooleanField(default=False, db_default=False)
    started_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    counts = models.JSONField(default=dict, db_default={})
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    package_size = models.BigIntegerField(null=True)
    package_expires_at = models.DateTimeField(null=True)
    downloaded_at = models.DateTimeField(null=True)
    actor_kind = models.CharField(max_length=16, default="system", db_default="system")
    actor_id = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        db_table = "privacy_request"
        indexes = [
            models.Index(
                fields=["shop_id", "not_before"],
                name="privacy_request_open",
                condition=models.Q(status__in=["RECEIVED", "IN_PROGRESS"]),
            ),
            models.Index(fields=["shop_id", "received_at"], name="privacy_request_received"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "kind", "reference"],
                name="privacy_request_reference",
                condition=~models.Q(reference=""),
            ),
            models.UniqueConstraint(
                fields=["shop_id", "kind"],
                name="privacy_request_one_erasure",
                condition=models.Q(kind="SHOP_REDACT", status__in=["RECEIVED", "IN_PROGRESS", "FAILED"]),
            ),
        ]


class PackagePart(TenantModel):
    """A piece of an access package. In the database rather than a directory: whichever machine made it, any can hand it
    out, it is under the same policy as the data it is made of, and it goes with them."""

    request_id = models.BigIntegerField()
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        db_table = "privacy_package_part"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "request_id", "number"], name="privacy_package_part_once")
        ]


class ErasureCertificate(models.Model):
    """What remains of an erased shop. A system table: the tenant it speaks of is gone.

    ``document`` is the RFC 8785 JSON that was signed. ``token`` is a random name by which whoever asked may fetch it
    without an account, for theirs may have gone with the shop.
    """

    app_may = "SELECT"

    token = models.CharField(max_length=43, unique=True)
    former_shop = models.BigIntegerField()
    domain = models.CharField(max_length=255)
    erased_at = models.DateTimeField()
    document = models.TextField()
    key_id = models.CharField(max_length=64)
    signature = models.BinaryField()

    class Meta:
        db_table = "erasure_certificate"
