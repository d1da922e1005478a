import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AddressStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                (
                    "status",
                    models.CharField(choices=[("INVALID", "Invalid"), ("UNREACHABLE", "Unreachable")], max_length=12),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=255)),
                ("address_key", models.BinaryField()),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "address_status",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "contact_id", "channel"), name="address_status_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("shopify_customer_id", models.BigIntegerField(null=True)),
                ("external_customer_id", models.CharField(max_length=255, null=True)),
                ("contact_key", models.CharField(max_length=255, null=True)),
                ("first_name", models.CharField(max_length=255, null=True)),
                ("last_name", models.CharField(max_length=255, null=True)),
                ("email", models.CharField(max_length=320, null=True)),
                ("email_key", models.BinaryField(null=True)),
                ("phone", models.CharField(max_length=16, null=True)),
                ("phone_raw", models.CharField(max_length=255, null=True)),
                ("phone_key", models.BinaryField(null=True)),
                ("calling_code", models.SmallIntegerField(null=True)),
                ("note", models.CharField(max_length=5000, null=True)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                ("tag_changes", models.JSONField(null=True)),
                (
                    "labels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, size=None
                    ),
                ),
                ("locale", models.CharField(max_length=35, null=True)),
                ("language", models.CharField(max_length=35, null=True)),
                ("time_zone", models.CharField(max_length=64, null=True)),
                ("country", models.CharField(max_length=2, null=True)),
                ("region", models.CharField(max_length=64, null=True)),
                ("city", models.CharField(max_length=255, null=True)),
                ("address", models.CharField(max_length=512, null=True)),
                ("postcode", models.CharField(max_length=32, null=True)),
                ("excluded", models.BooleanField(db_default=False, default=False)),
                ("orders_count", models.BigIntegerField(db_default=0, default=0)),
                ("total_spent", models.DecimalField(db_default=0, decimal_places=2, default=0, max_digits=20)),
                ("last_order_at", models.DateTimeField(null=True)),
                ("last_message_received_at", models.DateTimeField(null=True)),
                ("last_engaged_at", models.DateTimeField(null=True)),
                ("source", models.CharField(max_length=16)),
                ("shopify_state", models.CharField(max_length=16, null=True)),
                ("shopify_created_at", models.DateTimeField(null=True)),
                ("shopify_updated_at", models.DateTimeField(null=True)),
                ("profile_at", models.DateTimeField(null=True)),
                ("profile_sequence", models.BigIntegerField(db_default=0, default=0)),
                ("tags_at", models.DateTimeField(null=True)),
                ("figures_at", models.DateTimeField(null=True)),
                ("synced_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("deleted_at", models.DateTimeField(null=True)),
                ("redacted_at", models.DateTimeField(null=True)),
                ("search", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "contact",
                "indexes": [
                    models.Index(
                        condition=models.Q(("phone_key__isnull", False)),
                        fields=["shop_id", "phone_key"],
                        name="contact_phone",
                    ),
                    models.Index(
                        condition=models.Q(("email_key__isnull", False)),
                        fields=["shop_id", "email_key"],
                        name="contact_email",
                    ),
                    models.Index(
                        condition=models.Q(("excluded", True)), fields=["shop_id", "id"], name="contact_excluded"
                    ),
                    models.Index(
                        condition=models.Q(
                            ("deleted_at__isnull", False), ("redacted_at__isnull", False), _connector="OR"
                        ),
                        fields=["shop_id", "id"],
                        name="contact_gone",
                    ),
                    django.contrib.postgres.indexes.GinIndex(fields=["tags"], name="contact_tags"),
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass("search", name="gin_trgm_ops"), name="contact_search"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("shopify_customer_id__isnull", False)),
                        fields=("shop_id", "shopify_customer_id"),
                        name="contact_shopify_id",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("external_customer_id__isnull", False)),
                        fields=("shop_id", "external_customer_id"),
                        name="contact_external_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=24)),
                ("value", models.CharField(max_length=320)),
                ("former", models.BooleanField(db_default=False, default=False)),
                ("first_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "identity",
                "indexes": [models.Index(fields=["shop_id", "contact_id"], name="identity_contact")],
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "kind", "value", "contact_id"), name="identity_once")
                ],
            },
        ),
        tenant_keys("contact"),
        tenant_keys("identity", references={"contact_id": "contact"}),
        tenant_keys("address_status", references={"contact_id": "contact"}),
    ]
