import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

from sayso.shops.keys import tenant_keys


class Migration(migrations.Migration):
    initial = True

    dependencies = [("contacts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Group",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("LIST", "List"),
                            ("DYNAMIC", "Dynamic"),
                            ("CATEGORY", "Category"),
                            ("SHOPIFY_SEGMENT", "Shopify Segment"),
                            ("SHOPIFY_TAG", "Shopify Tag"),
                            ("SHOPIFY_GUESTS", "Shopify Guests"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "source_type",
                    models.CharField(
                        choices=[("segment", "Segment"), ("tag", "Tag"), ("guests", "Guests")], max_length=8, null=True
                    ),
                ),
                ("external_id", models.CharField(max_length=512, null=True)),
                ("name", models.TextField()),
                ("query", models.TextField(null=True)),
                (
                    "spellings",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), db_default=[], default=list, size=None
                    ),
                ),
                ("named_at", models.DateTimeField(null=True)),
                ("named_sequence", models.BigIntegerField(db_default=0, default=0)),
                ("seen_at", models.DateTimeField(null=True)),
                ("gone_at", models.DateTimeField(null=True)),
                ("members_at", models.DateTimeField(null=True)),
                ("members_count", models.BigIntegerField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("count_due", models.BooleanField(db_default=True, default=True)),
                ("read_due_at", models.DateTimeField(null=True)),
                ("read_began_at", models.DateTimeField(null=True)),
                ("read_run", models.BigIntegerField(null=True)),
                ("read_cursor", models.TextField(db_default="", default="")),
                ("read_count", models.BigIntegerField(db_default=0, default=0)),
                ("read_done", models.BooleanField(db_default=False, default=False)),
                ("read_page_at", models.DateTimeField(null=True)),
                ("read_silent", models.BooleanField(db_default=True, default=True)),
                ("read_error", models.TextField(db_default="", default="")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "contact_group",
                "indexes": [
                    models.Index(fields=["shop_id", "kind", "id"], name="contact_group_kind"),
                    models.Index(
                        condition=models.Q(("count_due", True)), fields=["shop_id", "id"], name="contact_group_due"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shop_id", "source_type", "external_id"), name="contact_group_source"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shop_id", models.BigIntegerField()),
                ("group_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(null=True)),
                ("shopify_customer_id", models.BigIntegerField(null=True)),
                ("member", models.BooleanField(db_default=True, default=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "group_member",
                "indexes": [
                    models.Index(
                        condition=models.Q(("contact_id__isnull", True)),
                        fields=["shop_id", "shopify_customer_id"],
                        name="group_member_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("contact_id__isnull", False)),
                        fields=["shop_id", "contact_id"],
                        name="group_member_of",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("shopify_customer_id__isnull", False)),
                        fields=("shop_id", "group_id", "shopify_customer_id"),
                        name="group_member_customer",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("contact_id__isnull", False)),
                        fields=("shop_id", "group_id", "contact_id"),
                        name="group_member_contact",
                    ),
                ],
            },
        ),
        tenant_keys("contact_group"),
        tenant_keys("group_member", references={"group_id": "contact_group", "contact_id": "contact"}),
    ]
