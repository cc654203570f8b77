from django.db import migrations, models
from django.db.models import Sum
from django.db.models.functions import Length


def count(apps, schema_editor):
    """The log of each document, and the texts of its pinned revisions."""
    Document = apps.get_model("sessions_app", "Document")
    Update = apps.get_model("sessions_app", "DocumentUpdate")
    Revision = apps.get_model("sessions_app", "Revision")
    for pk in Document.objects.values_list("pk", flat=True).iterator():
        log = Update.objects.filter(document=pk).aggregate(size=Sum(Length("update")))["size"] or 0
        kept = Revision.objects.filter(document=pk, pinned=True).aggregate(size=Sum(Length("text")))["size"] or 0
        Document.objects.filter(pk=pk).update(held_bytes=log + kept)


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0002_guests_know_their_network"),
    ]

    operations = [
        migrations.AddField(
            model_name="document",
            name="held_bytes",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
