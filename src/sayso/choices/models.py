"""Forms, what was handed in on them, and why people left."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Form(TenantModel):
    """A page on which people opt in by their own hand. Each change of what it shows is another ``version``."""

    class Kind(models.TextChoices):
        HOSTED = "HOSTED", "Hosted page"
        IN_STORE = "IN_STORE", "In-store tablet"

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "Draft"
        PUBLISHED = "PUBLISHED", "Published"
        CLOSED = "CLOSED", "Closed"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT)
    key = models.CharField(max_length=40)  # of its public address
    version = models.IntegerField(default=1, db_default=1)
    title = models.CharField(max_length=120)
    intro = models.CharField(max_length=500, blank=True, default="", db_default="")
    translations = models.JSONField(default=dict)  # language → {"title": …, "intro": …}, where it has its own
    channels = ArrayField(models.CharField(max_length=8))
    topics = ArrayField(models.CharField(max_length=64), default=list)
    languages = ArrayField(models.CharField(max_length=35))
    asks_name = models.BooleanField(default=False, db_default=False)
    origins = ArrayField(models.CharField(max_length=255), default=list)  # that may show it in a frame
    place = models.CharField(max_length=120, blank=True, default="", db_default="")  # of an in-store form
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "form"
        constraints = [models.UniqueConstraint(fields=["shop_id", "key"], name="form_key")]

    @property
    def purpose(self) -> str:
        """The purpose of its wordings, which is also the source that the ledger names."""
        return "hosted_form" if self.kind == Form.Kind.HOSTED else "in_store_form"


class Submission(TenantModel):
    """One handing-in of a form; its id is the reference that the evidence names.

    ``given`` (addresses, name, page, IP, browser) is emptied when the submission is taken: what is to be kept as proof is
    then evidence of the ledger, and erased there.
    """

    form_id = models.BigIntegerField()
    form_version = models.IntegerField()
    language = models.CharField(max_length=35)
    channels = ArrayField(models.CharField(max_length=8))
    topics = ArrayField(models.CharField(max_length=64), default=list)
    wordings = models.JSONField(default=dict)  # channel → name of the wording that was shown
    given = models.JSONField(null=True)
    contacts = ArrayField(models.BigIntegerField(), default=list)
    submitted_at = models.DateTimeField(db_default=Now())
    taken_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "form_submission"
        indexes = [
            models.Index(fields=["shop_id", "form_id", "submitted_at"], name="form_submission_form"),
            models.Index(
                fields=["shop_id", "id"], name="form_submission_waiting", condition=models.Q(taken_at__isnull=True)
            ),
        ]


class Feedback(TenantModel):
    """Why somebody unsubscribed, where they said so. ``text`` may name a person: erased with the contact."""

    class Reason(models.TextChoices):
        TOO_MANY = "TOO_MANY", "Too many messages"
        NOT_RELEVANT = "NOT_RELEVANT", "Not relevant"
        NEVER_SIGNED_UP = "NEVER_SIGNED_UP", "Never signed up"
        PRIVACY = "PRIVACY", "Privacy"
        OTHER = "OTHER", "Something else"

    contact_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    text = models.CharField(max_length=1000, blank=True, default="", db_default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "unsubscribe_feedback"
        indexes = [models.Index(fields=["shop_id", "contact_id"], name="unsubscribe_feedback_contact")]
