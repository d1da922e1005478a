"""Consent: the state, the ledger it is projected from, the evidence, and the suppressed addresses.

Every table here is written by functions inside the database; the application's role may only read them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.fields import TransactionIdField
from sayso.shops.tenancy import TenantModel


class ConsentState(TenantModel):
    """One row a contact: for each channel the state, and the newest times from which it follows.

    ``*_opt_in_at``, ``*_pending_at``, ``*_weak_at`` and ``*_out_at`` are the newest completed, unconfirmed and weak
    opt-in and the newest opt-out (the phone channels share theirs). Being maxima they do not depend on the order in
    which events arrive; ``consent_fold`` in ``sql/functions.sql`` turns them into the state.
    """

    app_may = "SELECT"

    contact_id = models.BigIntegerField(primary_key=True)

    whatsapp_state = models.CharField(max_length=16, default="UNKNOWN", db_default="UNKNOWN")
    whatsapp_since = models.DateTimeField(null=True)
    whatsapp_basis = models.CharField(max_length=16, null=True)
    whatsapp_source = models.CharField(max_length=32, null=True)
    whatsapp_address_key = models.BinaryField(null=True)
    whatsapp_opt_in_at = models.DateTimeField(null=True)
    whatsapp_pending_at = models.DateTimeField(null=True)
    whatsapp_weak_at = models.DateTimeField(null=True)
    whatsapp_opt_in_basis = models.CharField(max_length=16, null=True)
    whatsapp_weak_basis = models.CharField(max_length=16, null=True)
    whatsapp_invalid = models.BooleanField(default=False, db_default=False)
    whatsapp_shop_value = models.CharField(max_length=16, null=True)
    whatsapp_shop_at = models.DateTimeField(null=True)

    sms_state = models.CharField(max_length=16, default="UNKNOWN", db_default="UNKNOWN")
    sms_since = models.DateTimeField(null=True)
    sms_basis = models.CharField(max_length=16, null=True)
    sms_source = models.CharField(max_length=32, null=True)
    sms_address_key = models.BinaryField(null=True)
    sms_opt_in_at = models.DateTimeField(null=True)
    sms_pending_at = models.DateTimeField(null=True)
    sms_weak_at = models.DateTimeField(null=True)
    sms_opt_in_basis = models.CharField(max_length=16, null=True)
    sms_weak_basis = models.CharField(max_length=16, null=True)
    sms_invalid = models.BooleanField(default=False, db_default=False)
    sms_shop_value = models.CharField(max_length=16, null=True)
    sms_shop_at = models.DateTimeField(null=True)

    email_state = models.CharField(max_length=16, default="UNKNOWN", db_default="UNKNOWN")
    email_since = models.DateTimeField(null=True)
    email_basis = models.CharField(max_length=16, null=True)
    email_source = models.CharField(max_length=32, null=True)
    email_address_key = models.BinaryField(null=True)
    email_opt_in_at = models.DateTimeField(null=True)
    email_pending_at = models.DateTimeField(null=True)
    email_weak_at = models.DateTimeField(null=True)
    email_opt_in_basis = models.CharField(max_length=16, null=True)
    email_weak_basis = models.CharField(max_length=16, null=True)
    email_invalid = models.BooleanField(default=False, db_default=False)
    email_shop_value = models.CharField(max_length=16, null=True)
    email_shop_at = models.DateTimeField(null=True)

    phone_out_at = models.DateTimeField(null=True)
    email_out_at = models.DateTimeField(null=True)
    whatsapp_resumed_at = models.DateTimeField(null=True)
    redacted = models.BooleanField(default=False, db_default=False)
    head_hash = models.BinaryField(null=True)

    class Meta:
        db_table = "consent_state"
        indexes = [
            models.Index(fields=["shop_id", "whatsapp_state", "contact_id"], name="consent_state_whatsapp"),
            models.Index(fields=["shop_id", "sms_state", "contact_id"], name="consent_state_sms"),
            models.Index(fields=["shop_id", "email_state", "contact_id"], name="consent_state_email"),
        ]


class LedgerEntry(TenantModel):
    """What somebody said about being messaged, or tried to; append-only.

    ``entry`` is the RFC 8785 JSON of the fixed fields, ``hash`` its SHA-256; it names the hash of the contact's
    previous entry, so the chain shows any change. ``contact_id`` carries no foreign key: the ledger outlives the contact.
    """

    app_may = "SELECT"

    contact_id = models.BigIntegerField()
    xid = TransactionIdField()
    channel = models.CharField(max_length=8)
    topic = models.CharField(max_length=64, null=True)
    event = models.CharField(max_length=24)
    occurred_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    outcome = models.CharField(max_length=10)
    refusal_code = models.CharField(max_length=32, null=True)
    source = models.CharField(max_length=32)
    basis = models.CharField(max_length=16, null=True)
    wording_version = models.CharField(max_length=64, null=True)
    language = models.CharField(max_length=35, null=True)
    actor_kind = models.CharField(max_length=16)
    caused_by = models.BigIntegerField(null=True)
    address_key = models.BinaryField(null=True)
    evidence_digest = models.BinaryField(null=True)
    entry = models.TextField()
    prev_hash = models.BinaryField(null=True)
    hash = models.BinaryField()

    class Meta:
        db_table = "consent_ledger"
        indexes = [models.Index(fields=["shop_id", "contact_id", "id"], name="consent_ledger_contact")]


class Evidence(TenantModel):
    """What can name a person, kept beside the ledger so that it can be erased; bound by SHA-256(salt, data)."""

    app_may = "SELECT"

    ledger_id = models.BigIntegerField()
    salt = models.BinaryField()
    data = models.TextField()
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "consent_evidence"
        indexes = [models.Index(fields=["shop_id", "ledger_id"], name="consent_evidence_ledger")]


class Checkpoint(TenantModel):
    """A signed statement of which entries the ledger held; append-only, and each names the one before it.

    ``text`` is the RFC 8785 JSON that is signed, ``hash`` its SHA-256. ``leaf_ids`` are the entries covered, in the
    order of the leaves under ``root`` (RFC 6962 over their hashes). Written by ``consent_checkpoint_add`` alone.
    """

    app_may = "SELECT"

    number = models.BigIntegerField()  # 1, 2, 3 … in a shop
    text = models.TextField()
    hash = models.BinaryField()
    root = models.BinaryField()
    count = models.IntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    leaf_ids = ArrayField(models.BigIntegerField())
    signature = models.BinaryField()
    public_key = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "consent_checkpoint"
        constraints = [models.UniqueConstraint(fields=["shop_id", "number"], name="consent_checkpoint_number")]
        indexes = [models.Index(fields=["shop_id", "last_id"], name="consent_checkpoint_last")]  # which covers an entry


class Export(TenantModel):
    """A file that is being written, or was, for somebody to download within a day."""

    class State(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        FAILED = "FAILED"
        EXPIRED = "EXPIRED"

    kind = models.CharField(max_length=32)
    parameters = models.JSONField(default=dict, db_default={})
    state = models.CharField(max_length=8, default=State.QUEUED, db_default="QUEUED")
    done = models.BigIntegerField(default=0, db_default=0)  # rows
    total = models.BigIntegerField(null=True)
    position = models.JSONField(default=dict, db_default={})  # where to go on after a crash
    file = models.CharField(max_length=200, default="", db_default="", blank=True)  # below the exports' directory
    sha256 = models.CharField(max_length=64, default="", db_default="", blank=True)
    bytes = models.BigIntegerField(null=True)
    error = models.CharField(max_length=500, default="", db_default="", blank=True)
    created_by = models.CharField(max_length=64, default="", db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "export"
        indexes = [models.Index(fields=["shop_id", "state", "expires_at"], name="export_expiry")]


class Suppression(TenantModel):
    """An address that must not be messaged, by keyed hash; outlives every contact that held it.

    The key is (shop, address, kind), see the migration.
    """

    app_may = "SELECT"

    address_key = models.BinaryField()
    kind = models.CharField(max_length=12)  # OPT_OUT, COMPLAINT, LOCAL, REDACTED
    opted_out_at = models.DateTimeField()
    source = models.CharField(max_length=32)
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    ended_at = models.DateTimeField(null=True)  # LOCAL alone can be ended; the row stays
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "suppression"


class Topic(TenantModel):
    """A subject of marketing that people can choose (features §2.10): refines consent, never widens it."""

    key = models.SlugField(max_length=64)
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "topic"
        constraints = [models.UniqueConstraint(fields=["shop_id", "key"], name="topic_key")]


class TopicChoice(TenantModel):
    """What a contact last chose for a topic on a channel; a projection of the ledger's TOPIC_ON and TOPIC_OFF."""

    app_may = "SELECT"

    contact_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    topic = models.CharField(max_length=64)
    wanted = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        db_table = "topic_choice"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "contact_id", "channel", "topic"], name="topic_choice_once")
        ]


class Wording(TenantModel):
    """A text that people were shown when they agreed. A version is never changed: another text is another version.

    ``purpose``: ``checkout`` (what the shop's own checkout shows), ``hosted_form``, ``in_store_form``.
    """

    app_may = "SELECT, INSERT"

    purpose = models.CharField(max_length=24)
    channel = models.CharField(max_length=8)
    language = models.CharField(max_length=35)
    version = models.IntegerField()
    text = models.TextField()
    valid_from = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        db_table = "consent_wording"
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "purpose", "channel", "language", "version"], name="consent_wording_version"
            )
        ]

    @property
    def name(self) -> str:
        """As the ledger names it: ``hosted_form/whatsapp/pt-BR/3``."""
        return f"{self.purpose}/{self.channel}/{self.language}/{self.version}"


class Transition(models.Model):
    """The transition table, loaded from ``transitions.csv`` at every migrate. The same for all shops."""

    app_may = "SELECT"

    event = models.CharField(max_length=24)
    effect = models.CharField(max_length=12)
    basis = models.CharField(max_length=16, null=True)
    from_state = models.CharField(max_length=16)
    guard = models.CharField(max_length=24, blank=True)  # '' always holds
    outcome = models.CharField(max_length=10)
    to_state = models.CharField(max_length=16, null=True)  # null: as the fold gives
    code = models.CharField(max_length=32, null=True)
    else_outcome = models.CharField(max_length=10, null=True)
    else_code = models.CharField(max_length=32, null=True)

    class Meta:
        db_table = "consent_transition"
        constraints = [models.UniqueConstraint(fields=["event", "from_state"], name="consent_transition_cell")]
