"""Each attempt that failed and was made again is a row of its own, which goes with its run as node runs do."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

FUNCTION = """
CREATE OR REPLACE FUNCTION graphs_app_node_runs_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM graphs_app_noderun WHERE run_id IN (SELECT gone.id FROM gone);{more}
  RETURN NULL;
END $$;
"""
ATTEMPTS = "\n  DELETE FROM graphs_app_nodeattempt WHERE run_id IN (SELECT gone.id FROM gone);"


def go_with_the_run(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """See migration 0008."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.format(more=ATTEMPTS))


def stay(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.format(more=""))


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0013_runs_await_room"),
    ]

    operations = [
        migrations.CreateModel(
            name="NodeAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("activation", models.IntegerField()),
                ("node_id", models.CharField(max_length=200)),
                ("tool", models.CharField(max_length=200)),
                ("attempt", models.IntegerField()),
                ("seen", models.IntegerField(default=0)),
                ("error", models.JSONField()),
                ("text", models.TextField(blank=True, default="")),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("duration_ms", models.FloatField(blank=True, null=True)),
                ("endpoint", models.CharField(blank=True, max_length=200)),
                ("prompt_tokens", models.IntegerField(default=0)),
                ("completion_tokens", models.IntegerField(default=0)),
                ("cost_usd", models.DecimalField(blank=True, decimal_places=8, max_digits=14, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="node_attempts",
                        to="graphs_app.run",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "activation", "attempt", "started_at"), name="one_record_per_attempt"
                    )
                ],
            },
        ),
        migrations.RunPython(go_with_the_run, stay),
    ]
