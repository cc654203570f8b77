"""A run can be told from the start to end by itself where its budget does."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0014_each_attempt_is_kept"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="at_budget",
            field=models.CharField(
                choices=[("ask", "Ask"), ("stop", "Stop")], db_default="ask", default="ask", max_length=4
            ),
        ),
    ]
