import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("shopify", "0003_write_back_and_merges"),
    ]

    operations = [
        migrations.CreateModel(
            name="SyncChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("run_id", models.BigIntegerField()),
                (
                    "created_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "updated_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("problems", models.JSONField(default=list)),
                ("consent", models.JSONField(default=list)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sync_chunk",
            },
        ),
        migrations.AddField(
            model_name="syncrun",
            name="day",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="failed",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="trigger",
            field=models.CharField(
                choices=[
                    ("initial", "Initial"),
                    ("manual", "Manual"),
                    ("reconcile", "Reconcile"),
                    ("live", "Live"),
                    ("dry_run", "Dry Run"),
                ],
                db_default="manual",
                default="manual",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="worked",
            field=models.FloatField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trigger", "live")), fields=("shop_id", "day"), name="sync_run_live_day"
            ),
        ),
        migrations.AddIndex(
            model_name="syncchunk",
            index=models.Index(fields=["shop_id", "run_id", "id"], name="sync_chunk_run"),
        ),
        tenant_keys("sync_chunk", references={"run_id": "sync_run"}),
    ]
