import django.db.models.functions.datetime
from django.db import migrations, models

import sayso.shops.fields
from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                (
                    "xid",
                    sayso.shops.fields.TransactionIdField(
                        db_default=models.Func(function="pg_current_xact_id"), editable=False
                    ),
                ),
                ("kind", models.CharField(max_length=48)),
                ("contact_id", models.BigIntegerField(null=True)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor_kind", models.CharField(db_default="system", max_length=16)),
                ("actor_id", models.CharField(blank=True, db_default="", max_length=64)),
                ("origin", models.CharField(blank=True, db_default="", max_length=48)),
                ("bulk", models.BooleanField(db_default=False)),
                ("data", models.JSONField(db_default={}, default=dict)),
            ],
            options={
                "db_table": "event",
                "indexes": [models.Index(fields=["shop_id", "contact_id", "id"], name="event_contact")],
            },
        ),
        tenant_keys("event"),
    ]
