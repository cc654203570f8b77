"""What a run and its sub-runs may take here, by the settings, and what they have taken until now."""

from django.conf import settings
from django.db import connection

from graphs_app.engine.consumption import Consumption
from graphs_app.engine.limits import Limits
from graphs_app.models import Run
from sessions_app.plain_sql import identity

TAKEN = """
WITH RECURSIVE tree(id) AS (
  SELECT id FROM graphs_app_run WHERE id = %s
  UNION ALL
  SELECT r.id FROM graphs_app_run r JOIN tree ON r.parent_id = tree.id
)
SELECT coalesce(sum(r.kept_bytes), 0), coalesce(sum(r.checkpoints), 0), count(*) - 1
FROM graphs_app_run r JOIN tree ON r.id = tree.id"""


def limits() -> Limits:
    """The limits of every run of this site."""
    return Limits(
        max_state_bytes=settings.RUN_STATE_MAX_BYTES,
        max_kept_bytes=settings.RUN_MAX_BYTES,
        max_steps=settings.RUN_MAX_STEPS,
        max_sub_runs=settings.RUN_MAX_SUB_RUNS,
        max_items=settings.MAP_MAX_ITEMS,
        max_pending_bytes=settings.RUN_PENDING_MAX_BYTES,
    )


def consumption_of(run: Run) -> Consumption:
    """What a claimed run and all that hangs on it have taken; at its first claim that is what it begins with."""
    if run.lease_epoch <= 1:
        return Consumption(limits(), kept_bytes=run.kept_bytes, steps=run.checkpoints)
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, [identity(run.pk, connection)])
        kept_bytes, steps, sub_runs = cursor.fetchone()
    return Consumption(limits(), kept_bytes=int(kept_bytes), steps=int(steps), sub_runs=int(sub_runs))
