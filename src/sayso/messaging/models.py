"""Senders, templates, messages and the people a message skipped."""

from django.db import models
from django.db.models.functions import Now

from sayso.shops.fields import EncryptedField
from sayso.shops.tenancy import TenantModel


class Sender(TenantModel):
    """A number the shop sends from, with the connection it is reached by."""

    channel = models.CharField(max_length=8)
    provider_app_id = models.BigIntegerField(null=True)
    phone_number_id = models.CharField(max_length=32)
    account_id = models.CharField(max_length=32, blank=True, default="", db_default="")  # the WhatsApp business account
    display_number = models.CharField(max_length=32, blank=True, default="", db_default="")
    token = EncryptedField()
    base_url = models.CharField(max_length=255)
    per_second = models.IntegerField(default=80, db_default=80)
    status = models.CharField(
        max_length=12, default="CONNECTED", db_default="CONNECTED"
    )  # CONNECTED, RESTRICTED, DISCONNECTED
    status_reason = models.CharField(max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sender"
        constraints = [models.UniqueConstraint(fields=["shop_id", "phone_number_id"], name="sender_number")]


class Template(TenantModel):
    class Category(models.TextChoices):
        MARKETING = "MARKETING"
        UTILITY = "UTILITY"

    channel = models.CharField(max_length=8)
    provider_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=16)
    category = models.CharField(max_length=16)
    status = models.CharField(max_length=20)
    components = models.JSONField(default=list)
    # Labels of the quick-reply buttons that ask for no more marketing; null: those whose label is a stop word.
    opt_out_buttons = models.JSONField(null=True)
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "template"
        constraints = [models.UniqueConstraint(fields=["shop_id", "channel", "name", "language"], name="template_name")]

    @property
    def body(self) -> str:
        """The text of the body component, with its positional variables."""
        return next((c.get("text", "") for c in self.components if c.get("type", "").upper() == "BODY"), "")


class Message(TenantModel):
    """One message to or from one contact; of a campaign it is the recipient row. States: features §9.1."""

    app_may = "SELECT, INSERT"
    """UPDATE is granted column by column in ``sql/30_guard.sql``; who gets what is settled when the row is made."""

    contact_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    direction = models.CharField(max_length=3)  # OUT, IN
    origin = models.CharField(max_length=16)  # CAMPAIGN, AUTOMATION, BACK_IN_STOCK, INBOX, SYSTEM
    origin_id = models.BigIntegerField(null=True)
    topic = models.CharField(max_length=64, null=True)  # the subject of marketing it belongs to, if any
    purpose = models.CharField(max_length=12, null=True)  # MARKETING, UTILITY, SERVICE …; null inbound
    template_id = models.BigIntegerField(null=True)
    sender_id = models.BigIntegerField(null=True)
    body = models.TextField(null=True)
    parameters = models.JSONField(null=True)
    address = models.CharField(max_length=320, null=True)
    address_key = models.BinaryField(null=True)
    status = models.CharField(max_length=12)
    not_before = models.DateTimeField(db_default=Now())
    attempt = models.SmallIntegerField(default=0, db_default=0)
    queued_at = models.DateTimeField(db_default=Now())
    sending_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=128, null=True)
    error_code = models.CharField(max_length=40, null=True)
    provider_code = models.CharField(max_length=16, null=True)
    provider_text = models.TextField(null=True)

    class Meta:
        db_table = "message"
        indexes = [
            models.Index(fields=["shop_id", "contact_id", "id"], name="message_contact"),
            models.Index(fields=["shop_id", "origin", "origin_id", "status"], name="message_origin"),
            models.Index(
                fields=["shop_id", "sender_id", "not_before"],
                name="message_queued",
                condition=models.Q(status="QUEUED"),
            ),
            models.Index(
                fields=["shop_id", "sending_at"], name="message_sending", condition=models.Q(status="SENDING")
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop_id", "provider_id"],
                name="message_provider_id",
                condition=models.Q(provider_id__isnull=False),
            ),
            models.UniqueConstraint(
                # One campaign, one address, one message, whatever the program believes.
                fields=["shop_id", "origin_id", "address_key"],
                name="message_campaign_once",
                condition=models.Q(origin="CAMPAIGN"),
            ),
            models.UniqueConstraint(
                # One ledger entry, one answer: an opt-out is acknowledged once.
                fields=["shop_id", "origin_id"],
                name="message_reply_once",
                condition=models.Q(origin="SYSTEM"),
            ),
        ]


class MessageSkip(TenantModel):
    """Somebody who was in the audience and got no message, with the reason."""

    origin = models.CharField(max_length=16)
    origin_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    code = models.CharField(max_length=40)
    detail = models.CharField(max_length=40, null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "message_skip"
        constraints = [
            models.UniqueConstraint(fields=["shop_id", "origin", "origin_id", "contact_id"], name="message_skip_once")
        ]


class PossibleOptOut(TenantModel):
    """A message that mentions leaving without plainly asking for it. It does nothing until a person decides."""

    class Decision(models.TextChoices):
        OPT_OUT = "OPT_OUT"
        NONE = "NONE"  # it was no request

    app_may = "SELECT, INSERT, UPDATE (contact_id, decision, decided_at, decided_by)"

    contact_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    word = models.CharField(max_length=60)  # what in the message suggested it
    created_at = models.DateTimeField(db_default=Now())
    decision = models.CharField(max_length=8, choices=Decision.choices, null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        db_table = "possible_opt_out"
        indexes = [
            models.Index(
                fields=["shop_id", "contact_id"],
                name="possible_opt_out_open",
                condition=models.Q(decision__isnull=True),
            )
        ]
        constraints = [models.UniqueConstraint(fields=["shop_id", "message_id"], name="possible_opt_out_message")]
