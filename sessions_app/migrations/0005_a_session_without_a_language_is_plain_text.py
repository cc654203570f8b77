from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0004_invitations_by_name"),
    ]

    operations = [
        migrations.AlterField(
            model_name="session",
            name="language",
            field=models.CharField(default="text", max_length=40),
        ),
    ]
