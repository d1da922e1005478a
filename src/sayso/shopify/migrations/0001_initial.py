import django.db.models.functions.datetime
from django.db import migrations, models

import sayso.shops.fields
from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("provider_app_id", models.BigIntegerField()),
                ("domain", models.CharField(max_length=255)),
                ("base_url", models.CharField(max_length=255)),
                (
                    "grant",
                    models.CharField(
                        choices=[
                            ("client_credentials", "Client Credentials"),
                            ("authorization_code", "Authorization Code"),
                        ],
                        default="client_credentials",
                        max_length=24,
                    ),
                ),
                ("access_token", sayso.shops.fields.EncryptedField(blank=True, db_default="", default="")),
                ("expires_at", models.DateTimeField(null=True)),
                ("scopes", models.JSONField(default=list)),
                ("status", models.CharField(db_default="CONNECTED", default="CONNECTED", max_length=16)),
                ("status_reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("polled_to", models.DateTimeField(null=True)),
                ("subscriptions_checked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "shopify_connection",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "domain"), name="shopify_connection_domain")
                ],
            },
        ),
        migrations.CreateModel(
            name="Refetch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=16)),
                ("shopify_id", models.BigIntegerField()),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, db_default="", default="")),
            ],
            options={
                "db_table": "shopify_refetch",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "kind", "shopify_id"), name="shopify_refetch_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SyncRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=16)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("NOT_STARTED", "Not Started"),
                            ("IN_PROGRESS", "In Progress"),
                            ("COMPLETE", "Complete"),
                            ("ERROR", "Error"),
                        ],
                        default="NOT_STARTED",
                        max_length=16,
                    ),
                ),
                ("operation_id", models.CharField(blank=True, db_default="", default="", max_length=128)),
                ("url", models.TextField(blank=True, db_default="", default="")),
                ("total", models.BigIntegerField(null=True)),
                ("position", models.BigIntegerField(db_default=0, default=0)),
                ("seen", models.BigIntegerField(db_default=0, default=0)),
                ("created", models.BigIntegerField(db_default=0, default=0)),
                ("updated", models.BigIntegerField(db_default=0, default=0)),
                ("invalid", models.BigIntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("heartbeat_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "sync_run",
                "indexes": [models.Index(fields=["shop_id", "kind", "id"], name="sync_run_kind")],
            },
        ),
        tenant_keys("shopify_connection"),
        tenant_keys("sync_run"),
        tenant_keys("shopify_refetch"),
    ]
