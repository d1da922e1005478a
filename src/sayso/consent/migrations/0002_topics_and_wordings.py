import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="consentstate",
            name="email_opt_in_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="email_weak_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="sms_opt_in_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="sms_weak_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="whatsapp_opt_in_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="whatsapp_weak_basis",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="topic",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="suppression",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="suppression",
            name="reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.CreateModel(
            name="Topic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("key", models.SlugField(max_length=64)),
                ("title", models.CharField(max_length=120)),
                ("description", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "topic",
                "constraints": [models.UniqueConstraint(fields=("shop_id", "key"), name="topic_key")],
            },
        ),
        migrations.CreateModel(
            name="TopicChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                ("topic", models.CharField(max_length=64)),
                ("wanted", models.BooleanField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "topic_choice",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "contact_id", "channel", "topic"), name="topic_choice_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Wording",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("purpose", models.CharField(max_length=24)),
                ("channel", models.CharField(max_length=8)),
                ("language", models.CharField(max_length=35)),
                ("version", models.IntegerField()),
                ("text", models.TextField()),
                ("valid_from", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("created_by", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ],
            options={
                "db_table": "consent_wording",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "purpose", "channel", "language", "version"), name="consent_wording_version"
                    )
                ],
            },
        ),
        # One index and no other: with (shop_id, id) beside it the planner, knowing nothing of a new shop, took that one for
        # every look-up of an address, and an import slowed down with each opt-out.
        migrations.RemoveConstraint(model_name="suppression", name="suppression_once"),
        migrations.RunSQL(
            "ALTER TABLE suppression DROP CONSTRAINT suppression_pkey, ADD PRIMARY KEY (shop_id, address_key, kind)",
            migrations.RunSQL.noop,
        ),
        tenant_keys("topic"),
        tenant_keys("topic_choice"),
        tenant_keys("consent_wording"),
    ]
