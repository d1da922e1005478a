import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=16)),
                ("key", models.CharField(max_length=128)),
                ("shop_id", models.BigIntegerField(null=True)),
                ("topic", models.CharField(max_length=64)),
                ("lane", models.SmallIntegerField(default=1)),
                ("fold_key", models.CharField(blank=True, default="", max_length=128)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField()),
                ("triggered_at", models.DateTimeField(null=True)),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "state",
                    models.CharField(
                        choices=[("NEW", "New"), ("DONE", "Done"), ("IGNORED", "Ignored"), ("PARKED", "Parked")],
                        db_default="NEW",
                        default="NEW",
                        max_length=8,
                    ),
                ),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("drained_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "delivery",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "NEW")),
                        fields=["lane", "shop_id", "not_before", "id"],
                        name="delivery_waiting",
                    ),
                    models.Index(fields=["shop_id", "state", "received_at"], name="delivery_state"),
                ],
                "constraints": [models.UniqueConstraint(fields=("provider", "key"), name="delivery_key")],
            },
        ),
    ]
