"""A step costs PostgreSQL half as much to insert: no check of numbers that only the journal writes, no foreign key.

Each of the journal's statements locks the run's row and inserts only when it is there, so the foreign key asked again
what was known. What it also did, it did badly: a run that was deleted while a worker wrote to it could not be deleted.
Now its node runs go with it: the journal's lock is waited for, and what it wrote is deleted with the rest.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NUMBERS: dict[str, models.Field] = {
    "activation": models.IntegerField(),
    "attempt": models.IntegerField(default=1),
    "completion_tokens": models.IntegerField(default=0),
    "number": models.IntegerField(blank=True, null=True),
    "prompt_tokens": models.IntegerField(default=0),
    "seen": models.IntegerField(default=0),
}

GO_WITH_THE_RUN = """
CREATE FUNCTION graphs_app_node_runs_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM graphs_app_noderun WHERE run_id IN (SELECT gone.id FROM gone);
  RETURN NULL;
END $$;
CREATE TRIGGER node_runs_go AFTER DELETE ON graphs_app_run
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION graphs_app_node_runs_go();
"""
STAY = """
DROP TRIGGER node_runs_go ON graphs_app_run;
DROP FUNCTION graphs_app_node_runs_go();
"""


def go_with_the_run(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite has one writer at a time: nothing can be written between a run's node runs and the run."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(GO_WITH_THE_RUN)


def stay(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(STAY)


class Migration(migrations.Migration):
    dependencies = [
        ("graphs_app", "0007_what_models_suggest"),
    ]

    operations = [
        *(migrations.AlterField("noderun", name, field) for name, field in NUMBERS.items()),
        migrations.AlterField(
            model_name="noderun",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=models.deletion.CASCADE,
                related_name="node_runs",
                to="graphs_app.run",
            ),
        ),
        migrations.RunPython(go_with_the_run, stay),
    ]
