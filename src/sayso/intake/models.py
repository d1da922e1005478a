"""What providers delivered, kept before anybody looked into it. A system table: Meta's shop is known only later."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Delivery(models.Model):
    class State(models.TextChoices):
        NEW = "NEW"  # waits for its turn, first or again
        DONE = "DONE"
        IGNORED = "IGNORED"  # unknown topic or unknown shop: kept, counted
        PARKED = "PARKED"  # failed too often: a person looks

    provider = models.CharField(max_length=16)
    key = models.CharField(max_length=128)  # the provider's delivery id; sha256 of the body where it gives none
    shop_id = models.BigIntegerField(null=True)
    topic = models.CharField(max_length=64)
    lane = models.SmallIntegerField(default=1)  # 0: inbound messages and preferences, 1: everything else
    fold_key = models.CharField(max_length=128, blank=True, default="")
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    triggered_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW, db_default="NEW")
    attempts = models.SmallIntegerField(default=0, db_default=0)
    not_before = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, default="", db_default="")
    drained_at = models.DateTimeField(null=True)
    # The provider apps with whose secret it was signed; null where it did not come over the wire as it is.
    signed_by = ArrayField(models.BigIntegerField(), null=True)
    # Whom it is about, so that it is found when a person asks for theirs or to be erased: see sayso.intake.subjects.
    # No index: that is asked a few times a month, and drained are thousands a second.
    subject_keys = ArrayField(models.CharField(max_length=128), null=True)

    class Meta:
        db_table = "delivery"
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="delivery_key")]
        indexes = [
            models.Index(
                fields=["lane", "shop_id", "not_before", "id"], name="delivery_waiting", condition=models.Q(state="NEW")
            ),
            models.Index(fields=["shop_id", "state", "received_at"], name="delivery_state"),
        ]


class Freshness(TenantModel):
    """How soon the deliveries that came within five minutes were applied. Kept longer than the deliveries themselves.

    A histogram: bucket ``k`` counts those that took at most 2^(k/4) ms and more than the bucket before, so that any
    percentile of any number of windows is known to a fifth. See :mod:`sayso.intake.freshness`.
    """

    provider = models.CharField(max_length=16)
    at = models.DateTimeField()  # the first moment of the window
    deliveries = models.IntegerField()
    waiting = models.IntegerField()  # not applied when it was counted last; the window is then counted again
    parked = models.IntegerField()
    buckets = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.IntegerField())  # of each bucket

    class Meta:
        db_table = "delivery_freshness"
        constraints = [models.UniqueConstraint(fields=["shop_id", "provider", "at"], name="delivery_freshness_window")]
        indexes = [
            models.Index(fields=["shop_id", "at"], name="delivery_freshness_open", condition=models.Q(waiting__gt=0))
        ]
