"""What reconciliation keeps: how far a run got, what it found, and which subscriptions the store holds."""

from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class SyncStep(TenantModel):
    """One part of a reconciliation: one kind of thing, read one way. Its position is committed with its work."""

    class Scope(models.TextChoices):
        WINDOW = "window"  # what changed since the last run
        FULL = "full"  # everything, and what vanished
        COUNT = "count"

    class Status(models.TextChoices):
        WAITING = "WAITING"
        DONE = "DONE"
        SKIPPED = "SKIPPED"  # the note says why

    run_id = models.BigIntegerField()
    kind = models.CharField(max_length=16)  # see reconcile_kinds.SUBJECTS
    scope = models.CharField(max_length=8, choices=Scope.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    since = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)  # before the store was asked, by the database's clock
    cursor = models.TextField(blank=True, default="", db_default="")  # of the page behind the last that was done
    operation_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    listing = models.BigIntegerField(null=True)  # run of staging.reconcile_listed
    position = models.BigIntegerField(default=0, db_default=0)  # bytes of the bulk file
    seen = models.BigIntegerField(default=0, db_default=0)
    drifted = models.BigIntegerField(default=0, db_default=0)  # things that differed
    mended = models.BigIntegerField(default=0, db_default=0)
    difference = models.BigIntegerField(null=True)  # things at the store less those held, after a full comparison
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_step"
        constraints = [models.UniqueConstraint(fields=["shop_id", "run_id", "kind", "scope"], name="sync_step_once")]
        indexes = [models.Index(fields=["shop_id", "kind", "scope", "id"], name="sync_step_last")]


class SyncDrift(TenantModel):
    """One field of one thing that was not as the store has it. Values that name a person are kept shortened."""

    class What(models.TextChoices):
        MISSING = "MISSING"  # at the store, not here
        STALE = "STALE"
        CONSENT = "CONSENT"
        EXTRA = "EXTRA"  # here, no longer at the store
        COUNT = "COUNT"

    run_id = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    what = models.CharField(max_length=8, choices=What.choices)
    shopify_id = models.BigIntegerField(null=True)  # null: of all of a kind
    contact_id = models.BigIntegerField(null=True)
    field = models.CharField(max_length=32, blank=True, default="", db_default="")
    held = models.CharField(max_length=255, null=True)
    told = models.CharField(max_length=255, null=True)
    topic = models.CharField(max_length=64, blank=True, default="", db_default="")  # the delivery that should have told
    changed_at = models.DateTimeField(null=True)  # at the store
    mended = models.BooleanField(default=True, db_default=True)
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sync_drift"
        indexes = [
            models.Index(fields=["shop_id", "run_id", "id"], name="sync_drift_run"),
            models.Index(fields=["shop_id", "contact_id"], name="sync_drift_contact"),
        ]


class SubscriptionState(TenantModel):
    """What is known of the subscription to one topic, as of the last look."""

    topic = models.CharField(max_length=64)  # as on the wire
    subscription_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    held_since = models.DateTimeField(null=True)  # null: the store holds none
    seen_at = models.DateTimeField(null=True)  # the last look that found it
    missing_scope = models.CharField(max_length=64, blank=True, default="", db_default="")
    problem = models.CharField(max_length=500, blank=True, default="", db_default="")
    last_delivery_at = models.DateTimeField(null=True)
    repaired_at = models.DateTimeField(null=True)
    repairs = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "shopify_subscription"
        constraints = [models.UniqueConstraint(fields=["shop_id", "topic"], name="shopify_subscription_topic")]
