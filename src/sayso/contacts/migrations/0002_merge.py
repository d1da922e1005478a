import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactMerge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("survivor_id", models.BigIntegerField()),
                ("merged_id", models.BigIntegerField()),
                ("cause", models.CharField(choices=[("staff", "Staff"), ("shopify", "Shopify")], max_length=8)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("merged_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("undo", models.JSONField(db_default={}, default=dict)),
                ("moved", models.JSONField(db_default={}, default=dict)),
                ("undone_at", models.DateTimeField(null=True)),
                ("undone_by", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ],
            options={
                "db_table": "contact_merge",
                "indexes": [models.Index(fields=["shop_id", "survivor_id"], name="contact_merge_survivor")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("undone_at__isnull", True)),
                        fields=("shop_id", "merged_id"),
                        name="contact_merge_once",
                    )
                ],
            },
        ),
        tenant_keys("contact_merge", references={"survivor_id": "contact", "merged_id": "contact"}),
    ]
