"""Budgets of graphs, and the graph that each model call is paid for."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0015_what_happens_at_a_budgets_end"),
        ("refine_app", "0007_endpoint_quirks_and_thinking"),
        ("sessions_app", "0005_a_session_without_a_language_is_plain_text"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="modelcall",
            name="graph",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="budget",
            name="scope",
            field=models.CharField(
                choices=[("session", "Session"), ("user", "User"), ("graph", "Graph"), ("site", "Site")], max_length=10
            ),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["graph", "created_at"], name="refine_app__graph_6421ae_idx"),
        ),
    ]
