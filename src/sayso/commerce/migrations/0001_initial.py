import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(null=True)),
                ("shopify_order_id", models.BigIntegerField()),
                ("shopify_customer_id", models.BigIntegerField(null=True)),
                ("name", models.CharField(max_length=64)),
                ("number", models.BigIntegerField(null=True)),
                ("email", models.CharField(max_length=320, null=True)),
                ("phone", models.CharField(max_length=64, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("INITIALIZED", "Initialized"),
                            ("IN_PROGRESS", "In Progress"),
                            ("DELIVERED", "Delivered"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        max_length=16,
                    ),
                ),
                ("financial_status", models.CharField(max_length=32, null=True)),
                ("fulfillment_status", models.CharField(max_length=32, null=True)),
                ("total", models.DecimalField(decimal_places=2, max_digits=20)),
                ("currency", models.CharField(max_length=3)),
                ("test", models.BooleanField(db_default=False, default=False)),
                ("source_name", models.CharField(max_length=255, null=True)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                ("checkout_token", models.CharField(max_length=255, null=True)),
                ("status_url", models.CharField(max_length=2048, null=True)),
                ("placed_at", models.DateTimeField()),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("cancel_reason", models.CharField(max_length=32, null=True)),
                ("source_updated_at", models.DateTimeField()),
                ("source_sequence", models.BigIntegerField(db_default=0, default=0)),
                ("synced_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "orders",
                "indexes": [
                    models.Index(fields=["shop_id", "contact_id", "placed_at"], name="orders_contact"),
                    models.Index(
                        condition=models.Q(("contact_id__isnull", True), ("shopify_customer_id__isnull", False)),
                        fields=["shop_id", "shopify_customer_id"],
                        name="orders_waiting",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "shopify_order_id"), name="orders_shopify_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("order_id", models.BigIntegerField()),
                ("position", models.SmallIntegerField()),
                ("product_id", models.BigIntegerField(null=True)),
                ("variant_id", models.BigIntegerField(null=True)),
                ("title", models.CharField(max_length=512)),
                ("variant_title", models.CharField(max_length=512, null=True)),
                ("vendor", models.CharField(max_length=255, null=True)),
                ("sku", models.CharField(max_length=255, null=True)),
                ("quantity", models.IntegerField()),
                ("price", models.DecimalField(decimal_places=2, max_digits=20)),
            ],
            options={
                "db_table": "order_line",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "order_id", "position"), name="order_line_position")
                ],
            },
        ),
        tenant_keys("orders", references={"contact_id": "contact"}),
        tenant_keys("order_line", references={"order_id": "orders"}),
    ]
