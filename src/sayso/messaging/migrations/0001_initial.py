import django.db.models.functions.datetime
from django.db import migrations, models

import sayso.shops.fields
from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                ("direction", models.CharField(max_length=3)),
                ("origin", models.CharField(max_length=16)),
                ("origin_id", models.BigIntegerField(null=True)),
                ("purpose", models.CharField(max_length=12, null=True)),
                ("template_id", models.BigIntegerField(null=True)),
                ("sender_id", models.BigIntegerField(null=True)),
                ("body", models.TextField(null=True)),
                ("parameters", models.JSONField(null=True)),
                ("address", models.CharField(max_length=320, null=True)),
                ("address_key", models.BinaryField(null=True)),
                ("status", models.CharField(max_length=12)),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempt", models.SmallIntegerField(db_default=0, default=0)),
                ("queued_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sending_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("provider_id", models.CharField(max_length=128, null=True)),
                ("error_code", models.CharField(max_length=40, null=True)),
                ("provider_code", models.CharField(max_length=16, null=True)),
                ("provider_text", models.TextField(null=True)),
            ],
            options={
                "db_table": "message",
                "indexes": [
                    models.Index(fields=["shop_id", "contact_id", "id"], name="message_contact"),
                    models.Index(fields=["shop_id", "origin", "origin_id", "status"], name="message_origin"),
                    models.Index(
                        condition=models.Q(("status", "QUEUED")),
                        fields=["shop_id", "sender_id", "not_before"],
                        name="message_queued",
                    ),
                    models.Index(
                        condition=models.Q(("status", "SENDING")),
                        fields=["shop_id", "sending_at"],
                        name="message_sending",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("provider_id__isnull", False)),
                        fields=("shop_id", "provider_id"),
                        name="message_provider_id",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("origin", "CAMPAIGN")),
                        fields=("shop_id", "origin_id", "address_key"),
                        name="message_campaign_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MessageSkip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("origin", models.CharField(max_length=16)),
                ("origin_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("code", models.CharField(max_length=40)),
                ("detail", models.CharField(max_length=40, null=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "message_skip",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "origin", "origin_id", "contact_id"), name="message_skip_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                ("provider_app_id", models.BigIntegerField(null=True)),
                ("phone_number_id", models.CharField(max_length=32)),
                ("account_id", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("display_number", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("token", sayso.shops.fields.EncryptedField()),
                ("base_url", models.CharField(max_length=255)),
                ("per_second", models.IntegerField(db_default=80, default=80)),
                ("status", models.CharField(db_default="CONNECTED", default="CONNECTED", max_length=12)),
                ("status_reason", models.CharField(blank=True, db_default="", default="", max_length=255)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sender",
                "constraints": [models.UniqueConstraint(fields=("shop_id", "phone_number_id"), name="sender_number")],
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                ("provider_id", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("name", models.CharField(max_length=512)),
                ("language", models.CharField(max_length=16)),
                ("category", models.CharField(max_length=16)),
                ("status", models.CharField(max_length=20)),
                ("components", models.JSONField(default=list)),
                ("synced_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "template",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "channel", "name", "language"), name="template_name")
                ],
            },
        ),
        tenant_keys("sender"),
        tenant_keys("template"),
        tenant_keys("message", references={"contact_id": "contact", "template_id": "template", "sender_id": "sender"}),
        tenant_keys("message_skip", references={"contact_id": "contact"}),
    ]
