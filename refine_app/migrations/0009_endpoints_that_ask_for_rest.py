"""How long an endpoint has asked not to be called, for all who call it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refine_app", "0008_budgets_of_graphs")]

    operations = [
        migrations.AddField("endpointstate", "rests_until", models.DateTimeField(blank=True, null=True)),
    ]
