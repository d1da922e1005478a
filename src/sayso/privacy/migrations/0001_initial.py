import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ErasureCertificate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.CharField(max_length=43, unique=True)),
                ("former_shop", models.BigIntegerField()),
                ("domain", models.CharField(max_length=255)),
                ("erased_at", models.DateTimeField()),
                ("document", models.TextField()),
                ("key_id", models.CharField(max_length=64)),
                ("signature", models.BinaryField()),
            ],
            options={
                "db_table": "erasure_certificate",
            },
        ),
        migrations.CreateModel(
            name="PackagePart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("request_id", models.BigIntegerField()),
                ("number", models.IntegerField()),
                ("data", models.BinaryField()),
            ],
            options={
                "db_table": "privacy_package_part",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "request_id", "number"), name="privacy_package_part_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PrivacyRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("ACCESS", "Access"), ("REDACT", "Erasure"), ("SHOP_REDACT", "Erasure of the shop")],
                        max_length=12,
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("shopify", "Shopify"),
                            ("staff", "By hand"),
                            ("api", "API"),
                            ("system", "Uninstalled"),
                        ],
                        max_length=8,
                    ),
                ),
                ("reference", models.CharField(blank=True, db_default="", default="", max_length=160)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("RECEIVED", "Received"),
                            ("IN_PROGRESS", "In progress"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                        ],
                        db_default="RECEIVED",
                        default="RECEIVED",
                        max_length=12,
                    ),
                ),
                ("subject", models.JSONField(null=True)),
                (
                    "contact_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), db_default=[], default=list, size=None
                    ),
                ),
                (
                    "subject_keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128), db_default=[], default=list, size=None
                    ),
                ),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField()),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("held", models.BooleanField(db_default=False, default=False)),
                ("started_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("counts", models.JSONField(db_default={}, default=dict)),
                ("error", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("note", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("package_size", models.BigIntegerField(null=True)),
                ("package_expires_at", models.DateTimeField(null=True)),
                ("downloaded_at", models.DateTimeField(null=True)),
                ("actor_kind", models.CharField(db_default="system", default="system", max_length=16)),
                ("actor_id", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ],
            options={
                "db_table": "privacy_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["RECEIVED", "IN_PROGRESS"])),
                        fields=["shop_id", "not_before"],
                        name="privacy_request_open",
                    ),
                    models.Index(fields=["shop_id", "received_at"], name="privacy_request_received"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("reference", ""), _negated=True),
                        fields=("shop_id", "kind", "reference"),
                        name="privacy_request_reference",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("kind", "SHOP_REDACT"), ("status__in", ["RECEIVED", "IN_PROGRESS", "FAILED"])
                        ),
                        fields=("shop_id", "kind"),
                        name="privacy_request_one_erasure",
                    ),
                ],
            },
        ),
        tenant_keys("privacy_request"),
        tenant_keys("privacy_package_part", references={"request_id": "privacy_request"}),
    ]
