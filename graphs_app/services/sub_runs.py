"""Runs inside runs: a node of one run starts another, under a key that finds it again after a crash or a pause."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce, Now

from graphs_app import aftermath, definitions, selectors
from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import ENTRY_BYTES, History
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.host import key_of_try, keys_of_tries
from graphs_app.jsontext import dump
from graphs_app.models import GraphVersion, Run, RunStatus
from graphs_app.services import claims, graphs
from graphs_app.snapshots import SNAPSHOT


@dataclass(frozen=True, slots=True)
class SubRun:
    """A sub-run as it was found or made: one that is over or waits has nothing to be executed with."""

    run: Run
    work: tuple[LoadedGraph, History] | None = None
    """What it is executed with, if it is to be executed."""


def open_sub_run(
    *,
    parent: Run,
    parent_key: str,
    graph: str,
    version: int | None,
    initial_state: dict[str, Any],
    consumption: Consumption,
    tries: int = 1,
) -> SubRun:
    """Finds or makes the sub-run of a key, and claims it for the parent's worker unless it is over or waits.

    One that failed is left as it is, and another is made, up to the number of tries that its node run may have made.
    Its lease needs no waiting for: whoever holds the parent's lease is the only one who may work on what hangs on it.
    Raises LeaseLost when that is no longer the caller, and RunLimitReached when there are too many already.
    """
    if not claims.fenced(parent).select_for_update(of=("self",)).exists():
        raise aftermath.lease_lost(parent.pk)
    keys = keys_of_tries(parent_key, tries)
    made = {run.parent_key: run for run in Run.objects.filter(parent_id=parent.pk, parent_key__in=keys)}
    key = key_of_try(keys, {one: run.status for one, run in made.items()})
    run = made.get(key)
    if run is None:
        size = ENTRY_BYTES + len(dump(initial_state))
        consumption.take_sub_run(size)
        run = _make(
            parent,
            key,
            graphs.version_to_run(graph=graph, number=version or _as_published(parent, graph), user_id=parent.user_id),
            initial_state,
            size,
        )
    if run.status in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED):
        return SubRun(run)
    if run.status == RunStatus.INTERRUPTED and not _is_answered(run.pk):
        return SubRun(run)
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING,
        wake_at=None,
        lease_owner=parent.lease_owner,
        lease_until=Run.objects.filter(pk=parent.pk).values("lease_until")[:1],
        lease_epoch=F("lease_epoch") + 1,
        attempt=F("attempt") + 1,
        started_at=Coalesce(F("started_at"), Now()),
        claimed_checkpoints=F("checkpoints"),
    )
    run.refresh_from_db()
    return SubRun(run, (definitions.load_for(run), claims.history_of(run)))


def _make(parent: Run, parent_key: str, version: GraphVersion, initial_state: dict[str, Any], size: int) -> Run:
    return Run.objects.create(
        session_id=parent.session_id,
        user_id=parent.user_id,
        graph_version=version,
        parent_id=parent.pk,
        parent_key=parent_key,
        priority=parent.priority,
        durability=parent.durability,
        initial_state=initial_state,
        kept_bytes=size,
        dry_run=parent.dry_run,
        metadata=parent.metadata | ({SNAPSHOT: str(version.pk)} if SNAPSHOT in parent.metadata else {}),
        progress_total=definitions.load(version.pk).compiled.progress_total,
    )


def _as_published(parent: Run, graph: str) -> int | None:
    """The version of a sub-graph by the snapshot that the run goes by, if it goes by one."""
    if SNAPSHOT not in parent.metadata:
        return None
    kept = GraphVersion.objects.filter(pk=parent.metadata[SNAPSHOT]).values_list("snapshot", flat=True).first() or {}
    found: dict[str, Any] = (kept.get("sub_graphs") or {}).get(graph) or {}
    return found.get("version")


def _is_answered(run_id: UUID) -> bool:
    """Whether people answered something that the sub-run, or one below it, has not yet gone on with."""
    return selectors.unused_answers(run_id).exists()
