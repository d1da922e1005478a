import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("messaging", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("name", models.CharField(max_length=200)),
                ("channel", models.CharField(default="whatsapp", max_length=8)),
                ("template_id", models.BigIntegerField(null=True)),
                ("template_category", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("sender_id", models.BigIntegerField(null=True)),
                ("variables", models.JSONField(default=list)),
                ("audience", models.JSONField(default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("PENDING", "Pending"),
                            ("SENT", "Sent"),
                            ("PARTIALLY_SENT", "Partially Sent"),
                            ("FAILED", "Failed"),
                            ("STOPPED", "Stopped"),
                        ],
                        default="DRAFT",
                        max_length=16,
                    ),
                ),
                ("position", models.BigIntegerField(db_default=0, default=0)),
                ("built_at", models.DateTimeField(null=True)),
                ("created_by", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("launched_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "campaign",
                "indexes": [models.Index(fields=["shop_id", "status"], name="campaign_status")],
            },
        ),
        tenant_keys("campaign", references={"template_id": "template", "sender_id": "sender"}),
    ]
