import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0002_topic"),
    ]

    operations = [
        migrations.AddField(
            model_name="template",
            name="opt_out_buttons",
            field=models.JSONField(null=True),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("origin", "SYSTEM")),
                fields=("shop_id", "origin_id"),
                name="message_reply_once",
            ),
        ),
        migrations.CreateModel(
            name="PossibleOptOut",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("message_id", models.BigIntegerField()),
                ("word", models.CharField(max_length=60)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "decision",
                    models.CharField(choices=[("OPT_OUT", "Opt Out"), ("NONE", "None")], max_length=8, null=True),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ],
            options={
                "db_table": "possible_opt_out",
                "indexes": [
                    models.Index(
                        condition=models.Q(("decision__isnull", True)),
                        fields=["shop_id", "contact_id"],
                        name="possible_opt_out_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "message_id"), name="possible_opt_out_message")
                ],
            },
        ),
        tenant_keys("possible_opt_out", references={"contact_id": "contact", "message_id": "message"}),
    ]
