"""Campaigns: one approved template to one composed audience."""

from django.db import models
from django.db.models.functions import Now

from sayso.shops.tenancy import TenantModel


class Campaign(TenantModel):
    class Status(models.TextChoices):
        DRAFT = "DRAFT"
        PENDING = "PENDING"
        SENT = "SENT"
        PARTIALLY_SENT = "PARTIALLY_SENT"
        FAILED = "FAILED"
        STOPPED = "STOPPED"

    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=8, default="whatsapp")
    template_id = models.BigIntegerField(null=True)
    template_category = models.CharField(
        max_length=16, blank=True, default="", db_default=""
    )  # at selection; a later change blocks
    sender_id = models.BigIntegerField(null=True)
    # [{"initialValue": "{{1}}", "selectedValue": "customer.first_name", "fallback": "there"}]
    variables = models.JSONField(default=list)
    topic = models.CharField(
        max_length=64, null=True
    )  # key of a Topic: goes only to those who chose it, or chose nothing
    audience = models.JSONField(default=dict)  # {"all": true} or {"tag": "vip"}
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    # Building the recipients goes by contact id in chunks; a crash resumes behind the last committed one.
    position = models.BigIntegerField(default=0, db_default=0)
    built_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    launched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "campaign"
        indexes = [models.Index(fields=["shop_id", "status"], name="campaign_status")]
