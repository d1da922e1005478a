"""The connection to a Shopify store, its sync runs with their reports, what must be read again, and what must be told to
it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.fields import EncryptedField
from sayso.shops.tenancy import TenantModel


class Connection(TenantModel):
    class Grant(models.TextChoices):
        CLIENT_CREDENTIALS = "client_credentials"
        AUTHORIZATION_CODE = "authorization_code"

    provider_app_id = models.BigIntegerField()
    domain = models.CharField(max_length=255)
    base_url = models.CharField(max_length=255)  # https://{domain}, or the sandbox on loopback
    grant = models.CharField(max_length=24, choices=Grant.choices, default=Grant.CLIENT_CREDENTIALS)
    access_token = EncryptedField(blank=True, default="", db_default="")
    expires_at = models.DateTimeField(null=True)
    # Of tokens that end within the hour: each refresh token is good for one more pair (Shopify: within 90 days).
    refresh_token = EncryptedField(blank=True, default="", db_default="")
    refresh_expires_at = models.DateTimeField(null=True)
    scopes = models.JSONField(default=list)
    status = models.CharField(max_length=16, default="CONNECTED", db_default="CONNECTED")
    status_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    polled_to = models.DateTimeField(null=True)
    scopes_checked_at = models.DateTimeField(null=True)
    subscriptions_checked_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(db_default=Now())  # by whoever gave access last
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "shopify_connection"
        constraints = [models.UniqueConstraint(fields=["shop_id", "domain"], name="shopify_connection_domain")]


class SyncRun(TenantModel):
    """One import: a bulk operation, its file, and how far it was applied; or one day of live changes."""

    class Status(models.TextChoices):
        NOT_STARTED = "NOT_STARTED"
        IN_PROGRESS = "IN_PROGRESS"
        COMPLETE = "COMPLETE"
        ERROR = "ERROR"

    class Trigger(models.TextChoices):
        INITIAL = "initial"  # the first of its kind
        MANUAL = "manual"
        RECONCILE = "reconcile"
        LIVE = "live"  # a day of what the store told by itself; has no operation and no file
        DRY_RUN = "dry_run"  # nothing of it is kept but the report

    kind = models.CharField(max_length=16)  # customers, orders, …; live
    trigger = models.CharField(max_length=12, choices=Trigger.choices, default=Trigger.MANUAL, db_default="manual")
    day = models.DateField(null=True)  # of a live one, in the shop's zone
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.NOT_STARTED)
    operation_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    url = models.TextField(blank=True, default="", db_default="")
    total = models.BigIntegerField(null=True)  # root objects, as the bulk operation counts them
    position = models.BigIntegerField(default=0, db_default=0)  # bytes of the file that are applied and committed
    seen = models.BigIntegerField(default=0, db_default=0)
    created = models.BigIntegerField(default=0, db_default=0)
    updated = models.BigIntegerField(default=0, db_default=0)
    invalid = models.BigIntegerField(default=0, db_default=0)
    failed = models.BigIntegerField(default=0, db_default=0)
    worked = models.FloatField(default=0, db_default=0)  # seconds spent on what was applied; waiting does not count
    error = models.TextField(blank=True, default="", db_default="")
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_run"
        indexes = [models.Index(fields=["shop_id", "kind", "id"], name="sync_run_kind")]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "day"], condition=models.Q(trigger="live"), name="sync_run_live_day"
            )
        ]

    @property
    def unchanged(self) -> int:
        """Of what was read. A reading of segments counts as updated who left, and those are not among the read."""
        changed = self.created + (0 if self.kind == "segments" else self.updated)
        return max(0, self.seen - changed - self.failed)


class SyncChunk(TenantModel):
    """What one committed chunk of a run did, object by object: a row a chunk, so that a report of a million contacts is
    a few hundred rows.

    The ids are those the kind lists (:attr:`.importing.kinds.Kind.lists`); of a dry run Shopify's, for nothing got one of
    ours.
    """

    run_id = models.BigIntegerField()
    created_ids = ArrayField(models.BigIntegerField(), default=list)
    updated_ids = ArrayField(models.BigIntegerField(), default=list)
    problems = models.JSONField(default=list)  # [[code, reference, contact id or null, detail], …]
    consent = models.JSONField(default=list)  # [[channel, from, to, outcome, refusal, number], …]
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sync_chunk"
        indexes = [models.Index(fields=["shop_id", "run_id", "id"], name="sync_chunk_run")]


class Refetch(TenantModel):
    """A thing whose delivery did not carry all facts; read again in folded batches."""

    kind = models.CharField(max_length=16)  # a name of refetch_kinds.KINDS
    shopify_id = models.BigIntegerField()
    requested_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0, db_default=0)
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "shopify_refetch"
        constraints = [models.UniqueConstraint(fields=["shop_id", "kind", "shopify_id"], name="shopify_refetch_once")]


class WriteBack(TenantModel):
    """What the store is to be told about one channel of one contact, and what it was last told.

    Folded: however often the state changes before its turn, it is told once, as it is then.
    """

    class State(models.TextChoices):
        WAITING = "WAITING"
        SENDING = "SENDING"
        DONE = "DONE"
        FAILED = "FAILED"

    contact_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, db_default="WAITING")
    requested_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())  # of SENDING: when it is taken up again, its worker having died
    attempts = models.SmallIntegerField(default=0, db_default=0)
    error = models.CharField(max_length=500, blank=True, default="", db_default="")  # a sentence
    # What is on its way: kept before it is sent, so that its echo is known as one however soon it comes.
    sending_state = models.CharField(max_length=16, null=True)
    # What the store last took from us, the time it was given for, and when (the database's clock).
    written_state = models.CharField(max_length=16, null=True)
    written_occurred_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)  # when it became DONE or FAILED

    class Meta:
        db_table = "shopify_write_back"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "contact_id", "channel"], name="shopify_write_back_once")
        ]
        indexes = [
            models.Index(
                fields=["shop_id", "not_before"],
                name="shopify_write_back_due",
                condition=models.Q(state__in=["WAITING", "SENDING"]),
            ),
            models.Index(
                fields=["shop_id", "settled_at"], name="shopify_write_back_failed", condition=models.Q(state="FAILED")
            ),
        ]


class CustomerMerge(TenantModel):
    """Two customers whom the store made one; carried out here once both were read again."""

    kept_id = models.BigIntegerField()  # the store's ids
    deleted_id = models.BigIntegerField()
    told_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=24, blank=True, default="", db_default="")  # why it was not carried out

    class Meta:
        db_table = "shopify_customer_merge"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "deleted_id", "kept_id"], name="shopify_customer_merge_once")
        ]
        indexes = [
            models.Index(
                fields=["shop_id", "kept_id"],
                name="shopify_customer_merge_open",
                condition=models.Q(done_at__isnull=True),
            )
        ]


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
