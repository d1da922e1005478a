import django.db.models.functions.datetime
from django.db import migrations, models

import sayso.shops.fields
from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ConsentState",
            fields=[
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("whatsapp_state", models.CharField(db_default="UNKNOWN", default="UNKNOWN", max_length=16)),
                ("whatsapp_since", models.DateTimeField(null=True)),
                ("whatsapp_basis", models.CharField(max_length=16, null=True)),
                ("whatsapp_source", models.CharField(max_length=32, null=True)),
                ("whatsapp_address_key", models.BinaryField(null=True)),
                ("whatsapp_opt_in_at", models.DateTimeField(null=True)),
                ("whatsapp_pending_at", models.DateTimeField(null=True)),
                ("whatsapp_weak_at", models.DateTimeField(null=True)),
                ("whatsapp_invalid", models.BooleanField(db_default=False, default=False)),
                ("whatsapp_shop_value", models.CharField(max_length=16, null=True)),
                ("whatsapp_shop_at", models.DateTimeField(null=True)),
                ("sms_state", models.CharField(db_default="UNKNOWN", default="UNKNOWN", max_length=16)),
                ("sms_since", models.DateTimeField(null=True)),
                ("sms_basis", models.CharField(max_length=16, null=True)),
                ("sms_source", models.CharField(max_length=32, null=True)),
                ("sms_address_key", models.BinaryField(null=True)),
                ("sms_opt_in_at", models.DateTimeField(null=True)),
                ("sms_pending_at", models.DateTimeField(null=True)),
                ("sms_weak_at", models.DateTimeField(null=True)),
                ("sms_invalid", models.BooleanField(db_default=False, default=False)),
                ("sms_shop_value", models.CharField(max_length=16, null=True)),
                ("sms_shop_at", models.DateTimeField(null=True)),
                ("email_state", models.CharField(db_default="UNKNOWN", default="UNKNOWN", max_length=16)),
                ("email_since", models.DateTimeField(null=True)),
                ("email_basis", models.CharField(max_length=16, null=True)),
                ("email_source", models.CharField(max_length=32, null=True)),
                ("email_address_key", models.BinaryField(null=True)),
                ("email_opt_in_at", models.DateTimeField(null=True)),
                ("email_pending_at", models.DateTimeField(null=True)),
                ("email_weak_at", models.DateTimeField(null=True)),
                ("email_invalid", models.BooleanField(db_default=False, default=False)),
                ("email_shop_value", models.CharField(max_length=16, null=True)),
                ("email_shop_at", models.DateTimeField(null=True)),
                ("phone_out_at", models.DateTimeField(null=True)),
                ("email_out_at", models.DateTimeField(null=True)),
                ("whatsapp_resumed_at", models.DateTimeField(null=True)),
                ("redacted", models.BooleanField(db_default=False, default=False)),
                ("head_hash", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "consent_state",
                "indexes": [
                    models.Index(fields=["shop_id", "whatsapp_state", "contact_id"], name="consent_state_whatsapp"),
                    models.Index(fields=["shop_id", "sms_state", "contact_id"], name="consent_state_sms"),
                    models.Index(fields=["shop_id", "email_state", "contact_id"], name="consent_state_email"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("ledger_id", models.BigIntegerField()),
                ("salt", models.BinaryField()),
                ("data", models.TextField()),
                ("added_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "consent_evidence",
                "indexes": [models.Index(fields=["shop_id", "ledger_id"], name="consent_evidence_ledger")],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                (
                    "xid",
                    sayso.shops.fields.TransactionIdField(
                        db_default=models.Func(function="pg_current_xact_id"), editable=False
                    ),
                ),
                ("channel", models.CharField(max_length=8)),
                ("event", models.CharField(max_length=24)),
                ("occurred_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField()),
                ("from_state", models.CharField(max_length=16)),
                ("to_state", models.CharField(max_length=16)),
                ("outcome", models.CharField(max_length=10)),
                ("refusal_code", models.CharField(max_length=32, null=True)),
                ("source", models.CharField(max_length=32)),
                ("basis", models.CharField(max_length=16, null=True)),
                ("wording_version", models.CharField(max_length=64, null=True)),
                ("language", models.CharField(max_length=35, null=True)),
                ("actor_kind", models.CharField(max_length=16)),
                ("caused_by", models.BigIntegerField(null=True)),
                ("address_key", models.BinaryField(null=True)),
                ("evidence_digest", models.BinaryField(null=True)),
                ("entry", models.TextField()),
                ("prev_hash", models.BinaryField(null=True)),
                ("hash", models.BinaryField()),
            ],
            options={
                "db_table": "consent_ledger",
                "indexes": [models.Index(fields=["shop_id", "contact_id", "id"], name="consent_ledger_contact")],
            },
        ),
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("address_key", models.BinaryField()),
                ("kind", models.CharField(max_length=12)),
                ("opted_out_at", models.DateTimeField()),
                ("source", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "suppression",
                "constraints": [
                    models.UniqueConstraint(fields=("shop_id", "address_key", "kind"), name="suppression_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Transition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(max_length=24)),
                ("effect", models.CharField(max_length=12)),
                ("basis", models.CharField(max_length=16, null=True)),
                ("from_state", models.CharField(max_length=16)),
                ("guard", models.CharField(blank=True, max_length=24)),
                ("outcome", models.CharField(max_length=10)),
                ("to_state", models.CharField(max_length=16, null=True)),
                ("code", models.CharField(max_length=32, null=True)),
                ("else_outcome", models.CharField(max_length=10, null=True)),
                ("else_code", models.CharField(max_length=32, null=True)),
            ],
            options={
                "db_table": "consent_transition",
                "constraints": [
                    models.UniqueConstraint(fields=("event", "from_state"), name="consent_transition_cell")
                ],
            },
        ),
        tenant_keys("consent_state", key="contact_id"),
        tenant_keys("consent_ledger"),
        tenant_keys("consent_evidence"),
        tenant_keys("suppression"),
    ]
