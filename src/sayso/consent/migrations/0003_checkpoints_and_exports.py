import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0002_topics_and_wordings"),
    ]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
                ("text", models.TextField()),
                ("hash", models.BinaryField()),
                ("root", models.BinaryField()),
                ("count", models.IntegerField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("leaf_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ("signature", models.BinaryField()),
                ("public_key", models.BinaryField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "consent_checkpoint",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "number"), name="consent_checkpoint_number")
                ],
                "indexes": [models.Index(fields=["shop_id", "last_id"], name="consent_checkpoint_last")],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("parameters", models.JSONField(db_default={}, default=dict)),
                ("state", models.CharField(db_default="QUEUED", default="QUEUED", max_length=8)),
                ("done", models.BigIntegerField(db_default=0, default=0)),
                ("total", models.BigIntegerField(null=True)),
                ("position", models.JSONField(db_default={}, default=dict)),
                ("file", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("sha256", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("bytes", models.BigIntegerField(null=True)),
                ("error", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("created_by", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "export",
                "indexes": [models.Index(fields=["shop_id", "state", "expires_at"], name="export_expiry")],
            },
        ),
        tenant_keys("consent_checkpoint"),
        tenant_keys("export"),
    ]
