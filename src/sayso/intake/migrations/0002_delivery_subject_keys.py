import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="subject_keys",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=128), null=True, size=None
            ),
        ),
    ]
