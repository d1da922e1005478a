import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Feedback",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=8)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("TOO_MANY", "Too many messages"),
                            ("NOT_RELEVANT", "Not relevant"),
                            ("NEVER_SIGNED_UP", "Never signed up"),
                            ("PRIVACY", "Privacy"),
                            ("OTHER", "Something else"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.CharField(blank=True, db_default="", default="", max_length=1000)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "unsubscribe_feedback",
                "indexes": [models.Index(fields=["shop_id", "contact_id"], name="unsubscribe_feedback_contact")],
            },
        ),
        migrations.CreateModel(
            name="Form",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("HOSTED", "Hosted page"), ("IN_STORE", "In-store tablet")], max_length=8
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("PUBLISHED", "Published"), ("CLOSED", "Closed")],
                        default="DRAFT",
                        max_length=9,
                    ),
                ),
                ("key", models.CharField(max_length=40)),
                ("version", models.IntegerField(db_default=1, default=1)),
                ("title", models.CharField(max_length=120)),
                ("intro", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("translations", models.JSONField(default=dict)),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), size=None),
                ),
                (
                    "topics",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, size=None
                    ),
                ),
                (
                    "languages",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=35), size=None),
                ),
                ("asks_name", models.BooleanField(db_default=False, default=False)),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                ("place", models.CharField(blank=True, db_default="", default="", max_length=120)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "form",
                "constraints": [models.UniqueConstraint(fields=("shop_id", "key"), name="form_key")],
            },
        ),
        migrations.CreateModel(
            name="Submission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("form_id", models.BigIntegerField()),
                ("form_version", models.IntegerField()),
                ("language", models.CharField(max_length=35)),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), size=None),
                ),
                (
                    "topics",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, size=None
                    ),
                ),
                ("wordings", models.JSONField(default=dict)),
                ("given", models.JSONField(null=True)),
                (
                    "contacts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("submitted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("taken_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "form_submission",
                "indexes": [
                    models.Index(fields=["shop_id", "form_id", "submitted_at"], name="form_submission_form"),
                    models.Index(
                        condition=models.Q(("taken_at__isnull", True)),
                        fields=["shop_id", "id"],
                        name="form_submission_waiting",
                    ),
                ],
            },
        ),
        tenant_keys("form"),
        tenant_keys("form_submission", references={"form_id": "form"}),
        tenant_keys("unsubscribe_feedback"),
    ]
