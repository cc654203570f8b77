"""What a graph holds in bytes is counted on its row."""

import json
from collections import Counter
from typing import Any

from django.db import migrations, models


def count(apps: Any, schema_editor: Any) -> None:
    """What is there already, a row at a time: definitions may have megabytes."""
    held: Counter[Any] = Counter()
    for model, fields in (
        ("GraphVersion", ("definition", "snapshot")),
        ("GraphDraft", ("definition",)),
        ("GraphProposal", ("base", "past", "changes", "before", "after", "suggested")),
    ):
        rows = apps.get_model("graphs_app", model).objects.order_by().values_list("graph_id", *fields)
        for graph, *values in rows.iterator(chunk_size=20):
            held[graph] += sum(len(json.dumps(value, separators=(",", ":"))) for value in values if value)
    for graph, size in held.items():
        apps.get_model("graphs_app", "Graph").objects.filter(pk=graph).update(kept_bytes=size)


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0016_layouts_of_versions"),
    ]

    operations = [
        migrations.AddField(model_name="graph", name="kept_bytes", field=models.BigIntegerField(default=0)),
        migrations.RunPython(count, migrations.RunPython.noop, elidable=True),
    ]
