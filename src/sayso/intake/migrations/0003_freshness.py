import django.contrib.postgres.fields
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0002_delivery_subject_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Freshness",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("provider", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
                ("deliveries", models.IntegerField()),
                ("waiting", models.IntegerField()),
                ("parked", models.IntegerField()),
                (
                    "buckets",
                    django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None),
                ),
                ("counts", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={
                "db_table": "delivery_freshness",
                "indexes": [
                    models.Index(
                        condition=models.Q(("waiting__gt", 0)), fields=["shop_id", "at"], name="delivery_freshness_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "provider", "at"), name="delivery_freshness_window")
                ],
            },
        ),
        tenant_keys("delivery_freshness"),
    ]
