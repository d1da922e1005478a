from django.db import migrations, models

import sayso.shops.fields
from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(condition=models.Q(("bulk", False)), fields=["shop_id", "xid", "id"], name="event_news"),
        ),
        migrations.CreateModel(
            name="EventCursor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("consumer", models.CharField(max_length=48)),
                (
                    "xid",
                    sayso.shops.fields.TransactionIdField(db_default=models.Value("0"), editable=False),
                ),
                ("event_id", models.BigIntegerField(db_default=0, default=0)),
                ("failures", models.IntegerField(db_default=0, default=0)),
                ("not_before", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "event_cursor",
                "constraints": [models.UniqueConstraint(fields=("shop_id", "consumer"), name="event_cursor_consumer")],
            },
        ),
        tenant_keys("event_cursor"),
    ]
