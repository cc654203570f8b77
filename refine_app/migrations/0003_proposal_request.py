"""A proposal says what it answers; no release had proposals before, so there is nothing to fill in."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refine_app", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="proposals", to="refine_app.request"
            ),
        ),
    ]
