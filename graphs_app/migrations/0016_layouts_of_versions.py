"""The layout of a version is kept beside it."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0015_what_happens_at_a_budgets_end"),
    ]

    operations = [
        migrations.CreateModel(
            name="VersionLayout",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=models.deletion.CASCADE,
                        primary_key=True,
                        related_name="drawn",
                        serialize=False,
                        to="graphs_app.graphversion",
                    ),
                ),
                ("layout", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
