"""The event log: every contact's timeline, and the outbox that consumers read."""

from django.db import models
from django.db.models.functions import Now

from sayso.shops.fields import TransactionIdField
from sayso.shops.tenancy import TenantModel


class Event(TenantModel):
    """One fact, written in the transaction that made it true.

    ``xid`` is the writing transaction: a reader that stops below the snapshot's xmin never passes over an event of a
    transaction that is still open.
    """

    app_may = "SELECT, INSERT"

    xid = TransactionIdField()
    kind = models.CharField(max_length=48)
    contact_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    actor_kind = models.CharField(max_length=16, db_default="system")
    actor_id = models.CharField(max_length=64, blank=True, db_default="")
    origin = models.CharField(max_length=48, blank=True, db_default="")
    # Events of an import start no automation.
    bulk = models.BooleanField(db_default=False)
    data = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["shop_id", "contact_id", "id"], name="event_contact"),
            # What consumers read. Imports make most events, and no consumer takes them up one by one.
            models.Index(fields=["shop_id", "xid", "id"], name="event_news", condition=models.Q(bulk=False)),
        ]


class EventCursor(TenantModel):
    """How far one consumer has read one shop's events, in the order of their transactions, see :mod:`.consumers`."""

    app_may = "SELECT, INSERT, UPDATE"

    consumer = models.CharField(max_length=48)
    xid = TransactionIdField(db_default=models.Value("0"))
    event_id = models.BigIntegerField(default=0, db_default=0)
    failures = models.IntegerField(default=0, db_default=0)  # of the event that comes next, in a row
    not_before = models.DateTimeField(null=True)

    class Meta:
        db_table = "event_cursor"
        constraints = [models.UniqueConstraint(fields=["shop_id", "consumer"], name="event_cursor_consumer")]
