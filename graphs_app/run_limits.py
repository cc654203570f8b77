"""What a run and its sub-runs may take here, by the settings, and what they have taken until now.

What is certain of a graph is said when it is saved. A graph that was saved under higher limits still runs, and is
stopped where it passes one.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from graphs_app.engine.conditions import parse
from graphs_app.engine.consumption import ADVICE, Consumption
from graphs_app.engine.errors import ConditionFailed, ConditionInvalid, RunTooLarge, WritesInvalid
from graphs_app.engine.limits import Limits
from graphs_app.engine.validate import Problem
from graphs_app.engine.values import frozen_object
from graphs_app.models import Run
from sessions_app.limits import quotas
from sessions_app.models import User
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
        max_nesting=settings.RUN_MAX_NESTING,
        max_parallel=settings.RUN_MAX_PARALLEL,
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


def over_quota(*, user_ids: Collection[UUID]) -> dict[UUID, RunTooLarge]:
    """Whose runs must end because together they keep more than the person may, and why."""
    found = {}
    for user in User.objects.filter(pk__in=user_ids):
        too_much = quotas.exceeded("run_bytes", quotas.holders_of(user))
        if too_much is not None:
            limit, used = too_much.extra["limit"], too_much.extra["used"]
            told = f"All your runs together keep {used:,} bytes; the limit is {limit:,} (QUOTA_RUN_BYTES). {ADVICE}"
            found[user.pk] = RunTooLarge(told, limit=limit, used=used)
    return found


def problems(definition: Any) -> Iterator[Problem]:
    """What of a definition, which the engine would take, is over the limits here for certain."""
    if not isinstance(definition, Mapping):
        return
    for key, setting in (("nodes", "GRAPH_MAX_NODES"), ("edges", "GRAPH_MAX_EDGES")):
        found, most = definition.get(key), getattr(settings, setting)
        if isinstance(found, list) and len(found) > most:
            message = f"There are {len(found):,} {key}; at most {most:,} are allowed here ({setting})"
            yield Problem(f"/{key}", f"too_many_{key}", message)
    rounds = definition.get("max_iterations")
    if isinstance(rounds, int) and rounds > settings.GRAPH_MAX_ITERATIONS:
        message = f"max_iterations is at most {settings.GRAPH_MAX_ITERATIONS:,} here (GRAPH_MAX_ITERATIONS); "
        yield Problem("/max_iterations", "too_many_iterations", f"{message}{rounds:,} was found")
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        config = node.get("config") if isinstance(node, Mapping) else None
        if isinstance(config, Mapping):
            yield from _of_node(f"/nodes/{index}/config", node.get("tool"), config)


def _of_node(pointer: str, tool: Any, config: Mapping[str, Any]) -> Iterator[Problem]:
    if tool == "map" and isinstance(config.get("items"), str):
        count, most = _literal_items(config["items"]), settings.MAP_MAX_ITEMS
        if count > most:
            message = f"map takes at most {most:,} items here (MAP_MAX_ITEMS); there are {count:,}"
            yield Problem(f"{pointer}/items", "too_many_items", message)
    if tool == "set_state" and isinstance(config.get("values"), dict):
        size, most = _size(config["values"]), settings.RUN_STATE_MAX_BYTES
        if size > most:
            message = f"A state has at most {most:,} bytes here (RUN_STATE_MAX_BYTES); these values take {size:,}"
            yield Problem(f"{pointer}/values", "state_too_large", message)


def _literal_items(expression: str) -> int:
    """How many a list has that reads no state; 0 for everything else."""
    try:
        parsed = parse(expression)
        found = None if parsed.names else parsed.evaluate({})
    except (ConditionInvalid, ConditionFailed):
        return 0
    return len(found) if isinstance(found, list) else 0


def _size(values: dict[str, Any]) -> int:
    try:
        return frozen_object(values)[1]
    except WritesInvalid:
        return 0
