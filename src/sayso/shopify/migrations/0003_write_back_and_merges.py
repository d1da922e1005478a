import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("shopify", "0002_reconciliation"),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomerMerge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("kept_id", models.BigIntegerField()),
                ("deleted_id", models.BigIntegerField()),
                ("told_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("refusal", models.CharField(blank=True, db_default="", default="", max_length=24)),
            ],
            options={
                "db_table": "shopify_customer_merge",
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at__isnull", True)),
                        fields=["shop_id", "kept_id"],
                        name="shopify_customer_merge_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "deleted_id", "kept_id"), name="shopify_customer_merge_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WriteBack",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "Waiting"),
                            ("SENDING", "Sending"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                        ],
                        db_default="WAITING",
                        default="WAITING",
                        max_length=8,
                    ),
                ),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("error", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("sending_state", models.CharField(max_length=16, null=True)),
                ("written_state", models.CharField(max_length=16, null=True)),
                ("written_occurred_at", models.DateTimeField(null=True)),
                ("written_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "shopify_write_back",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["WAITING", "SENDING"])),
                        fields=["shop_id", "not_before"],
                        name="shopify_write_back_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "FAILED")),
                        fields=["shop_id", "settled_at"],
                        name="shopify_write_back_failed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "contact_id", "channel"), name="shopify_write_back_once")
                ],
            },
        ),
        tenant_keys("shopify_write_back"),
        tenant_keys("shopify_customer_merge"),
    ]
