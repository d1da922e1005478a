import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0003_catalogue"),
    ]

    operations = [
        migrations.CreateModel(
            name="AbandonedCheckout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("shopify_checkout_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(null=True)),
                ("shopify_customer_id", models.BigIntegerField(null=True)),
                ("name", models.CharField(blank=True, max_length=64)),
                ("url", models.CharField(max_length=2048)),
                ("total", models.DecimalField(decimal_places=3, max_digits=20)),
                ("currency", models.CharField(max_length=3)),
                ("lines", models.JSONField(default=list)),
                ("started_at", models.DateTimeField()),
                ("source_updated_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("shopify_order_id", models.BigIntegerField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "Open"),
                            ("ABANDONED", "Abandoned"),
                            ("ORDERED", "Ordered"),
                            ("COMPLETED", "Completed"),
                            ("DELETED", "Deleted"),
                        ],
                        db_default="OPEN",
                        default="OPEN",
                        max_length=16,
                    ),
                ),
                ("waits_for", models.CharField(blank=True, db_default="", default="", max_length=24)),
                ("abandoned_at", models.DateTimeField(null=True)),
                ("synced_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "abandoned_checkout",
            },
        ),
        migrations.CreateModel(
            name="Checkout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("token", models.CharField(max_length=255)),
                ("cart_token", models.CharField(max_length=255, null=True)),
                ("shopify_customer_id", models.BigIntegerField(null=True)),
                ("email", models.CharField(max_length=320, null=True)),
                ("email_key", models.BinaryField(null=True)),
                ("phone", models.CharField(max_length=64, null=True)),
                ("phone_key", models.BinaryField(null=True)),
                ("own_phone", models.BooleanField(db_default=False, default=False)),
                ("sms_phone", models.CharField(max_length=64, null=True)),
                ("sms_phone_key", models.BinaryField(null=True)),
                ("first_name", models.CharField(max_length=255, null=True)),
                ("last_name", models.CharField(max_length=255, null=True)),
                ("country", models.CharField(max_length=2, null=True)),
                ("locale", models.CharField(max_length=35, null=True)),
                ("accepts_email", models.BooleanField(null=True)),
                ("accepts_sms", models.BooleanField(null=True)),
                ("total", models.DecimalField(decimal_places=3, max_digits=20)),
                ("currency", models.CharField(max_length=3)),
                ("lines", models.JSONField(default=list)),
                ("url", models.CharField(max_length=2048, null=True)),
                ("started_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                ("consent_taken", models.BooleanField(db_default=False, default=False)),
                ("source_updated_at", models.DateTimeField()),
                ("source_sequence", models.BigIntegerField(db_default=0, default=0)),
                ("synced_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "checkout",
            },
        ),
        migrations.CreateModel(
            name="CheckoutDeletion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("cart_token", models.CharField(max_length=255, null=True)),
                ("shopify_checkout_id", models.BigIntegerField(null=True)),
                ("deleted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "checkout_deletion",
            },
        ),
        migrations.CreateModel(
            name="DeletedOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("shopify_order_id", models.BigIntegerField()),
                ("deleted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "deleted_order",
            },
        ),
        migrations.CreateModel(
            name="Fulfillment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("order_id", models.BigIntegerField()),
                ("shopify_fulfillment_id", models.BigIntegerField()),
                ("status", models.CharField(max_length=16)),
                ("shipment_status", models.CharField(max_length=32, null=True)),
                ("tracking_company", models.CharField(max_length=255, null=True)),
                (
                    "tracking_numbers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                (
                    "tracking_urls",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=2048), default=list, size=None
                    ),
                ),
                ("shipped_at", models.DateTimeField()),
                ("told", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "db_table": "fulfillment",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="cancelled_told",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="placed_told",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AlterField(
            model_name="order",
            name="total",
            field=models.DecimalField(decimal_places=3, max_digits=20),
        ),
        migrations.AlterField(
            model_name="orderline",
            name="price",
            field=models.DecimalField(decimal_places=3, max_digits=20),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("checkout_token__isnull", False), ("shopify_customer_id__isnull", True)),
                fields=["shop_id", "checkout_token"],
                name="orders_guest_checkout",
            ),
        ),
        migrations.AddIndex(
            model_name="abandonedcheckout",
            index=models.Index(
                condition=models.Q(("contact_id__isnull", False)),
                fields=["shop_id", "contact_id"],
                name="abandoned_checkout_contact",
            ),
        ),
        migrations.AddIndex(
            model_name="abandonedcheckout",
            index=models.Index(fields=["shop_id", "source_updated_at"], name="abandoned_checkout_age"),
        ),
        migrations.AddConstraint(
            model_name="abandonedcheckout",
            constraint=models.UniqueConstraint(
                fields=("shop_id", "shopify_checkout_id"), name="abandoned_checkout_shopify_id"
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("shopify_customer_id__isnull", False)),
                fields=["shop_id", "shopify_customer_id"],
                name="checkout_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("email_key__isnull", False)), fields=["shop_id", "email_key"], name="checkout_email"
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("phone_key__isnull", False)), fields=["shop_id", "phone_key"], name="checkout_phone"
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("cart_token__isnull", False)),
                fields=["shop_id", "cart_token"],
                name="checkout_cart",
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("url__isnull", False)), fields=["shop_id", "url"], name="checkout_url"
            ),
        ),
        migrations.AddIndex(
            model_name="checkout",
            index=models.Index(
                condition=models.Q(("accepts_sms__isnull", False), ("consent_taken", False)),
                fields=["shop_id", "source_updated_at"],
                name="checkout_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="checkout",
            constraint=models.UniqueConstraint(fields=("shop_id", "token"), name="checkout_token"),
        ),
        migrations.AddConstraint(
            model_name="checkoutdeletion",
            constraint=models.UniqueConstraint(
                fields=("shop_id", "cart_token", "shopify_checkout_id", "deleted_at"),
                name="checkout_deletion_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="deletedorder",
            constraint=models.UniqueConstraint(fields=("shop_id", "shopify_order_id"), name="deleted_order_once"),
        ),
        migrations.AddIndex(
            model_name="fulfillment",
            index=models.Index(fields=["shop_id", "order_id"], name="fulfillment_order"),
        ),
        migrations.AddConstraint(
            model_name="fulfillment",
            constraint=models.UniqueConstraint(
                fields=("shop_id", "shopify_fulfillment_id"), name="fulfillment_shopify_id"
            ),
        ),
        migrations.RunSQL(
            "UPDATE orders SET cancelled_told = true WHERE cancelled_at IS NOT NULL", migrations.RunSQL.noop
        ),
        tenant_keys("fulfillment", references={"order_id": "orders"}),
        tenant_keys("deleted_order"),
        tenant_keys("checkout"),
        tenant_keys("checkout_deletion"),
        tenant_keys("abandoned_checkout", references={"contact_id": "contact"}),
    ]
